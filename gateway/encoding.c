#include "encoding.h"

#include "command.h"
#include "protobuf.h"
#include "publication.h"
#include "reply.h"

static size_t whole_lines(struct bytes lines, size_t most)
{
    if (lines.n <= most)
        return lines.n;
    const char *end = memrchr(lines.p, '\n', most);
    if (!end)
        end = memchr(lines.p, '\n', lines.n);
    return (size_t)(end - lines.p) + 1;
}

static size_t whole_protobuf(struct bytes messages, size_t most)
{
    struct bytes rest = messages, one;
    size_t n = 0;
    while (n < messages.n && protobuf_take(&rest, &one) > 0 && (n == 0 || messages.n - rest.n <= most))
        n = messages.n - rest.n;
    return n;
}

static void whole_publication_protobuf(struct buf *b, struct bytes json)
{
    publication_protobuf(b, json, NULL);
}

const struct encoder encoders[ENCODINGS] = {
    [ENCODING_JSON] = {.separator = '\n',
                       .whole = whole_lines,
                       .take_command = command_take_json,
                       .reply = reply_json,
                       .entry = entry_json,
                       .push = push_json,
                       .publication = buf_append_bytes,
                       .frame = frame_json},
    [ENCODING_PROTOBUF] = {.binary = true,
                           .whole = whole_protobuf,
                           .take_command = command_take_protobuf,
                           .reply = reply_protobuf,
                           .entry = entry_protobuf,
                           .push = push_protobuf,
                           .publication = whole_publication_protobuf,
                           .frame = frame_protobuf},
};
