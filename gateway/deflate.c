#include "deflate.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#define WINDOW_BITS 15
#define MEMORY_LEVEL 8
#define STORED_MOST 65535 /* bytes of one such block */
#define ROOM 4096         /* that inflating gets at a time */

/* What Z_SYNC_FLUSH ends in, and what a message on the wire goes without (RFC 7692, 7.2.1). */
static const char tail[] = {0, 0, (char)0xff, (char)0xff};

struct deflate {
    z_stream out, in;
};

struct deflate *deflate_new(int level)
{
    struct deflate *d = calloc(1, sizeof *d);
    assert(d);
    int out = deflateInit2(&d->out, level, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    int in = inflateInit2(&d->in, -WINDOW_BITS);
    assert(out == Z_OK && in == Z_OK);
    return d;
}

void deflate_free(struct deflate *d)
{
    if (!d)
        return;
    deflateEnd(&d->out);
    inflateEnd(&d->in);
    free(d);
}

void deflate_segment(struct deflate *d, struct bytes text, struct buf *into)
{
    z_stream *z = &d->out;
    deflateReset(z);
    buf_reserve(into, deflateBound(z, text.n) + sizeof tail + 1);
    z->next_in = (Bytef *)(uintptr_t)text.p;
    z->avail_in = (uInt)text.n;
    z->next_out = (Bytef *)into->p + into->n;
    z->avail_out = (uInt)(into->cap - into->n);
    int answer = deflate(z, Z_SYNC_FLUSH);
    assert(answer == Z_OK && z->avail_in == 0 && z->avail_out > 0);
    into->n = (size_t)((char *)z->next_out - into->p);
}

void deflate_stored(struct bytes text, struct buf *into)
{
    while (text.n) {
        size_t n = text.n < STORED_MOST ? text.n : STORED_MOST;
        unsigned char head[] = {0, n & 0xff, (unsigned char)(n >> 8), ~n & 0xff, (unsigned char)(~n >> 8)};
        buf_append(into, head, sizeof head);
        buf_append(into, text.p, n);
        text = bytes_of(text.p + n, text.n - n);
    }
}

void deflate_end(struct buf *message, bool segment_last)
{
    if (segment_last)
        message->n -= sizeof tail;
    else
        buf_append_char(message, 0); /* an empty stored block, without its tail */
}

/* -> 0, -EMSGSIZE, -EBADMSG */
static int inflate_part(z_stream *z, struct bytes part, size_t most, struct buf *into)
{
    z->next_in = (Bytef *)(uintptr_t)part.p;
    z->avail_in = (uInt)part.n;
    do {
        buf_reserve(into, ROOM);
        z->next_out = (Bytef *)into->p + into->n;
        z->avail_out = ROOM;
        int answer = inflate(z, Z_SYNC_FLUSH);
        into->n += ROOM - z->avail_out;
        if (into->n > most)
            return -EMSGSIZE;
        if (answer == Z_BUF_ERROR && z->avail_in == 0)
            return 0;
        if (answer != Z_OK)
            return answer == Z_STREAM_END && z->avail_in == 0 ? 0 : -EBADMSG;
    } while (z->avail_in || z->avail_out == 0);
    return 0;
}

int deflate_inflate(struct deflate *d, struct bytes message, size_t most, struct buf *into)
{
    inflateReset(&d->in);
    int error = inflate_part(&d->in, message, most, into);
    return error ? error : inflate_part(&d->in, bytes_of(tail, sizeof tail), most, into);
}
