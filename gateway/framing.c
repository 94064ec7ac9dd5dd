#include "framing.h"

#include <stdio.h>

#define SIZE_ROOM 10 /* bytes of a chunk's size line: 8 digits, CR, LF */
#define PUSH "{\"push\":"

static const char *const content_types[] = {
    [FRAMING_LINES] = "application/x-ndjson",
    [FRAMING_EVENTS] = "text/event-stream",
};

const char *framing_content_type(const struct transport *t, bool binary)
{
    return binary ? "application/octet-stream" : content_types[t->framing];
}

bool framing_next_line(struct bytes *lines, struct bytes *ret_line)
{
    if (lines->n == 0)
        return false;
    const char *end = memchr(lines->p, '\n', lines->n);
    size_t n = end ? (size_t)(end - lines->p) : lines->n, used = n + (end ? 1 : 0);
    *ret_line = bytes_of(lines->p, n);
    *lines = bytes_of(lines->p + used, lines->n - used);
    return true;
}

struct bytes framing_bare(struct bytes line)
{
    size_t n = sizeof PUSH - 1;
    return bytes_starts(line, BYTES(PUSH)) ? bytes_of(line.p + n, line.n - n - 1) : line;
}

static void put_line(struct buf *into, const struct transport *t, struct bytes line)
{
    bool event = t->framing == FRAMING_EVENTS;
    if (event)
        buf_append(into, "data: ", 6);
    buf_append_bytes(into, t->one_way ? framing_bare(line) : line);
    buf_append(into, "\n\n", event ? 2 : 1);
}

static void put_lines(struct buf *into, const struct transport *t, struct bytes lines)
{
    struct bytes line;
    while (framing_next_line(&lines, &line))
        put_line(into, t, line);
}

static void put_all(struct buf *into, const struct transport *t, struct bytes messages, bool binary)
{
    if (binary)
        buf_append_bytes(into, messages);
    else
        put_lines(into, t, messages);
}

/* The size stands in front and is known last. */
void framing_put(struct buf *into, const struct transport *t, struct bytes messages, bool binary, bool chunked)
{
    static const char room[SIZE_ROOM];
    char size[SIZE_ROOM + 1];
    size_t at = into->n;
    if (!chunked) {
        put_all(into, t, messages, binary);
        return;
    }
    buf_append(into, room, SIZE_ROOM);
    put_all(into, t, messages, binary);
    snprintf(size, sizeof size, "%08zx\r\n", into->n - at - SIZE_ROOM);
    memcpy(into->p + at, size, SIZE_ROOM);
    buf_append(into, "\r\n", 2);
}

void framing_begin(struct buf *into, const struct transport *t, bool chunked)
{
    if (t->framing == FRAMING_EVENTS)
        buf_append_str(into, chunked ? "2\r\n\r\n\r\n" : "\r\n");
}

void framing_end(struct buf *into, bool chunked)
{
    if (chunked)
        buf_append_str(into, "0\r\n\r\n");
}
