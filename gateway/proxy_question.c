#include "proxy_question.h"

#include "base64.h"

#include "core/json.h"

static const char *const names[PROXY_EVENTS] = {
#define PROXY(NAME, name) [PROXY_##NAME] = #name,
#include "proxy.def"
#undef PROXY
};

const char *proxy_event_name(enum proxy_event event)
{
    return names[event];
}

static void begin_member(struct buf *b, const char *name)
{
    buf_append_str(b, b->p[b->n - 1] == '{' ? "\"" : ",\"");
    buf_append_str(b, name);
    buf_append_str(b, "\":");
}

static void text_member(struct buf *b, const char *name, struct bytes text)
{
    begin_member(b, name);
    json_append_string(b, text);
}

static void text_if_any(struct buf *b, const char *name, struct bytes text)
{
    if (text.n)
        text_member(b, name, text);
}

static void raw_if_any(struct buf *b, const char *name, struct bytes json)
{
    if (json.n == 0)
        return;
    begin_member(b, name);
    buf_append_bytes(b, json);
}

static void data_if_any(struct buf *b, const struct proxy_question *q)
{
    if (!q->binary) {
        raw_if_any(b, "data", q->data);
        return;
    }
    if (q->data.n == 0)
        return;
    begin_member(b, "b64data");
    buf_append_char(b, '"');
    base64_encode(q->data, b);
    buf_append_char(b, '"');
}

void proxy_question_json(struct buf *into, const struct proxy_question *q)
{
    buf_append_char(into, '{');
    text_member(into, "client", q->client);
    text_member(into, "transport", q->transport);
    text_member(into, "protocol", q->protocol);
    text_member(into, "encoding", q->binary ? BYTES("binary") : BYTES("json"));
    if (q->event != PROXY_CONNECT)
        text_member(into, "user", q->user);
    text_if_any(into, "channel", q->channel);
    text_if_any(into, "method", q->method);
    text_if_any(into, "token", q->token);
    text_if_any(into, "name", q->name);
    text_if_any(into, "version", q->version);
    raw_if_any(into, "channels", q->channels);
    data_if_any(into, q);
    raw_if_any(into, "meta", q->meta);
    buf_append_char(into, '}');
}
