#include "emulated.h"

#include "client.pb-c.h"

#include "core/json.h"

#include <errno.h>

/* Decoded text is never longer than the body, for which there is room: its memory does not move. */
static int read_text(struct emulated *e, struct bytes body, const char *name, struct bytes *ret)
{
    size_t start = e->text.n;
    if (json_string(json_member(body, name), &e->text) < 0)
        return -EBADMSG;
    *ret = bytes_of(e->text.p + start, e->text.n - start);
    return 0;
}

static int read_json(struct bytes body, struct emulated *e)
{
    if (json_check(body, JSON_DEPTH_MAX, NULL) < 0 || json_type(body) != JSON_OBJECT)
        return -EBADMSG;
    if (read_text(e, body, "session", &e->session) < 0 || read_text(e, body, "node", &e->node) < 0)
        return -EBADMSG;
    return read_text(e, body, "data", &e->data);
}

static struct bytes keep(struct emulated *e, ProtobufCBinaryData field)
{
    size_t start = e->text.n;
    buf_append(&e->text, field.data, field.len);
    return bytes_of(e->text.p + start, field.len);
}

static int read_protobuf(struct bytes body, struct emulated *e)
{
    Pb__EmulationRequest *m = pb__emulation_request__unpack(NULL, body.n, (const uint8_t *)body.p);
    if (!m)
        return -EBADMSG;
    e->session = keep(e, m->session);
    e->node = keep(e, m->node);
    e->data = keep(e, m->data);
    pb__emulation_request__free_unpacked(m, NULL);
    return 0;
}

int emulated_read(enum encoding encoding, struct bytes body, struct emulated *ret)
{
    struct emulated e = {0};
    buf_reserve(&e.text, body.n);
    int error = encoding == ENCODING_JSON ? read_json(body, &e) : read_protobuf(body, &e);
    if (error == 0 && e.session.n && e.node.n && e.data.n) {
        *ret = e;
        return 0;
    }
    emulated_fini(&e);
    return -EBADMSG;
}

void emulated_fini(struct emulated *e)
{
    buf_fini(&e->text);
}
