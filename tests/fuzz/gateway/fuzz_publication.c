/* A publication in JSON and in Protobuf: three lines of input are tags, ClientInfo and data, of which those that could not have
 * come so far are left out. What is made is a line, or a message that can be read. */
#include "client.pb-c.h"
#include "fuzz.h"
#include "publication.h"

#include "core/json.h"

static struct bytes line(struct bytes *rest)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    struct bytes one = bytes_of(rest->p, end ? (size_t)(end - rest->p) : rest->n);
    size_t used = one.n + (end ? 1 : 0);
    *rest = bytes_of(rest->p + used, rest->n - used);
    return one;
}

static struct bytes object(struct bytes text)
{
    bool good = json_check(text, JSON_DEPTH_MAX, NULL) == 0 && json_type(json_trim(text)) == JSON_OBJECT;
    return good ? json_trim(text) : (struct bytes){0};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes rest = bytes_of(data, n);
    struct publication p = {.seq = 1, .id = n, .epoch = 1};
    struct buf json = {0}, protobuf = {0};
    p.tags = object(line(&rest));
    p.info = object(line(&rest));
    p.data = rest;
    if (json_check(rest, JSON_DEPTH_MAX, NULL) < 0)
        p.format = FORMAT_BINARY;
    publication_json(&json, &p, true);
    FUZZ_CHECK(json_check(buf_bytes(&json), JSON_DEPTH_MAX + 2, NULL) == 0 && !memchr(json.p, '\n', json.n));
    publication_protobuf(&protobuf, buf_bytes(&json), NULL);
    Pb__Publication *m = pb__publication__unpack(NULL, protobuf.n, (const uint8_t *)protobuf.p);
    FUZZ_CHECK(m && m->offset == 1 && m->epoch.len == 1);
    FUZZ_CHECK(p.format == FORMAT_JSON || (m->data.len == rest.n && (rest.n == 0 || memcmp(m->data.data, rest.p, rest.n) == 0)));
    pb__publication__free_unpacked(m, NULL);
    buf_fini(&json);
    buf_fini(&protobuf);
    return 0;
}
