/* NATS over its WebSocket: lines, and messages behind MSG lines, several to a frame. The server
 * sends whole ones in a frame as long as it is not behind. No offsets. */
#include "delivery.h"
#include "dialect.h"
#include "payload.h"
#include "scan.h"
#include "swarm.h"

static const struct bytes line_end = BYTES("\r\n");

static void join(struct connection *c)
{
    struct buf text = {0};
    buf_append_str(
        &text,
        "CONNECT {\"verbose\":false,\"pedantic\":false,\"name\":\"cellcast-bench\"}\r\n");
    for (size_t i = 0; i < (size_t)c->swarm->options->subscriptions; i++) {
        buf_append_str(&text, "SUB ");
        connection_append_channel(c, i, &text);
        buf_printf(&text, " %zu\r\n", i);
    }
    buf_append_str(&text, "PING\r\n");
    connection_say(c, buf_bytes(&text));
    buf_fini(&text);
}

/* The answer to the PING behind our SUBs: they have all been taken. */
static void on_pong(struct connection *c)
{
    connection_accepted(c);
    for (int64_t i = 0; i < c->swarm->options->subscriptions && c->state == CONNECTION_JOINING;
         i++)
        connection_subscribed(c);
}

static bool take_line(struct bytes *text, struct bytes *ret_line)
{
    const char *at = memmem(text->p, text->n, line_end.p, line_end.n);
    if (!at)
        return false;
    *ret_line = bytes_of(text->p, (size_t)(at - text->p));
    size_t n = ret_line->n + line_end.n;
    *text = bytes_of(text->p + n, text->n - n);
    return true;
}

/* "MSG SUBJECT SID SIZE" */
static bool split(struct bytes line, struct delivery *d, uint64_t *ret_size)
{
    const char *subject = line.p + strlen("MSG "), *end = line.p + line.n;
    const char *space = memchr(subject, ' ', (size_t)(end - subject)),
               *last = memrchr(line.p, ' ', line.n);
    if (!space || last <= space)
        return false;
    d->channel = bytes_of(subject, (size_t)(space - subject));
    return bytes_u64(bytes_of(last + 1, (size_t)(end - last - 1)), ret_size);
}

/* Takes the data behind a MSG line. -> false when it is not all there */
static bool on_message(struct connection *c, struct bytes line, struct bytes *text,
                       const struct stamp *at)
{
    struct delivery d = {0};
    uint64_t size;
    size_t read;
    if (!split(line, &d, &size) || text->n < size + line_end.n)
        return false;
    if (payload_read(bytes_of(text->p, size), &d.number, &d.stamp_us, &read))
        delivery_take(c, delivery_find(c, d.channel), &d, at);
    else
        c->swarm->report->unreadable++;
    *text = bytes_of(text->p + size + line_end.n, text->n - size - line_end.n);
    return true;
}

static void receive(struct connection *c, struct bytes text, const struct stamp *at)
{
    struct bytes line;
    while (c->state >= CONNECTION_JOINING && c->state != CONNECTION_ENDED && text.n) {
        bool whole = take_line(&text, &line);
        if (whole && bytes_starts(line, BYTES("MSG ")))
            whole = on_message(c, line, &text, at);
        else if (whole && bytes_is(line, "PING"))
            connection_say(c, BYTES("PONG\r\n"));
        else if (whole && bytes_is(line, "PONG"))
            on_pong(c);
        else if (whole && !bytes_starts(line, BYTES("INFO ")))
            whole = false; /* -ERR, or what we do not know */
        if (!whole)
            connection_error(c);
    }
}

const struct dialect dialect_nats = {
    .name = "nats", .path = "/", .join = join, .receive = receive};
