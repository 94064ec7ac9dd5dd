#include "message.h"

#include "core/json.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

void message_begin(struct buf *body, struct bytes tenant, int64_t time_ms, int64_t dropped)
{
    buf_printf(body, "{\"time_ms\":%" PRId64 ",\"tenant\":", time_ms);
    json_append_string(body, tenant);
    buf_printf(body, ",\"dropped\":%" PRId64 ",\"events\":[", dropped);
}

void message_event(struct buf *body, const struct event *e)
{
    struct json_iter it;
    struct bytes key, value;
    if (body->p[body->n - 1] == '}')
        buf_append_char(body, ',');
    buf_printf(body, "{\"id\":\"%" PRId64 "\",\"name\":", e->id);
    json_append_string(body, e->name);
    buf_printf(body, ",\"time_ms\":%" PRId64, e->time_ms);
    json_object_each(&it, e->detail, &key, &value)
    {
        buf_append_char(body, ',');
        buf_append_bytes(body, key);
        buf_append_char(body, ':');
        buf_append_bytes(body, value);
    }
    buf_append_char(body, '}');
}

void message_end(struct buf *body)
{
    buf_append_str(body, "]}");
}

void message_sign(struct bytes key, struct bytes body, char ret_hex[SIGNATURE_HEX + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    const unsigned char *done =
        HMAC(EVP_sha256(), key.p ? key.p : "", (int)key.n, (const unsigned char *)body.p, body.n, digest, &n);
    assert(done && n * 2 == SIGNATURE_HEX);
    for (unsigned i = 0; i < n; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}
