#include "chunked.h"

static enum chunked_state line_begins(struct chunked *c, enum chunked_state state)
{
    c->digits = c->line = 0;
    return state;
}

static enum chunked_state on_size(struct chunked *c, char byte)
{
    int digit = bytes_hex_digit(byte);
    if (digit >= 0) {
        c->left = c->left << 4 | (unsigned)digit;
        return ++c->digits <= CHUNKED_SIZE_DIGITS ? CHUNKED_SIZE : CHUNKED_BROKEN;
    }
    if (c->digits == 0)
        return CHUNKED_BROKEN;
    if (byte == ';' || byte == ' ' || byte == '\t')
        return CHUNKED_EXTENSION;
    return byte == '\r' ? CHUNKED_LINE_END : CHUNKED_BROKEN;
}

static enum chunked_state on_line_end(struct chunked *c, char byte)
{
    if (byte != '\n')
        return CHUNKED_BROKEN;
    return c->left ? CHUNKED_DATA : line_begins(c, CHUNKED_TRAILER);
}

/* Of what is passed over. */
static enum chunked_state on_rest_of_line(struct chunked *c, char byte, enum chunked_state same, enum chunked_state end)
{
    return byte == '\r' ? end : byte == '\n' ? CHUNKED_BROKEN : same;
}

static enum chunked_state next_state(struct chunked *c, char byte)
{
    switch (c->state) {
    case CHUNKED_SIZE:
        return on_size(c, byte);
    case CHUNKED_EXTENSION:
        return on_rest_of_line(c, byte, CHUNKED_EXTENSION, CHUNKED_LINE_END);
    case CHUNKED_LINE_END:
        return on_line_end(c, byte);
    case CHUNKED_DATA_CR:
        return byte == '\r' ? CHUNKED_DATA_LF : CHUNKED_BROKEN;
    case CHUNKED_DATA_LF:
        return byte == '\n' ? line_begins(c, CHUNKED_SIZE) : CHUNKED_BROKEN;
    case CHUNKED_TRAILER:
        return on_rest_of_line(c, byte, CHUNKED_IN_TRAILER, CHUNKED_LAST_LF);
    case CHUNKED_IN_TRAILER:
        return on_rest_of_line(c, byte, CHUNKED_IN_TRAILER, CHUNKED_TRAILER_END);
    case CHUNKED_TRAILER_END:
        return byte == '\n' ? CHUNKED_TRAILER : CHUNKED_BROKEN;
    case CHUNKED_LAST_LF:
        return byte == '\n' ? CHUNKED_COMPLETE : CHUNKED_BROKEN;
    default:
        return c->state;
    }
}

static unsigned line_max(enum chunked_state state)
{
    return state >= CHUNKED_TRAILER ? CHUNKED_TRAILERS_MAX : CHUNKED_LINE_MAX;
}

static struct bytes take_data(struct chunked *c, struct bytes *in)
{
    size_t n = in->n < c->left ? in->n : (size_t)c->left;
    struct bytes data = bytes_of(in->p, n);
    *in = bytes_of(in->p + n, in->n - n);
    c->left -= n;
    if (c->left == 0)
        c->state = CHUNKED_DATA_CR;
    return data;
}

struct bytes chunked_take(struct chunked *c, struct bytes *in)
{
    while (in->n && c->state < CHUNKED_COMPLETE) {
        if (c->state == CHUNKED_DATA)
            return take_data(c, in);
        c->state = next_state(c, *in->p);
        if (++c->line > line_max(c->state) && c->state < CHUNKED_COMPLETE)
            c->state = CHUNKED_BROKEN;
        *in = bytes_of(in->p + 1, in->n - 1);
    }
    return (struct bytes){0};
}
