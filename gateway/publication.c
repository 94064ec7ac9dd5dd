#include "publication.h"

#include "base64.h"
#include "core/json.h"

/* The tags object alone: the publisher's tags and ours, id and after; never empty when the id is not 0. */
static void tags_json(struct buf *into, const struct publication *p)
{
    struct bytes tags = json_trim(p->tags);
    buf_append_char(into, '{');
    if (tags.n > 2)
        json_append_line(into, json_trim(bytes_of(tags.p + 1, tags.n - 2)));
    bool comma = into->p[into->n - 1] != '{';
    if (p->id) {
        buf_append_str(into, comma ? ",\"id\":\"" : "\"id\":\"");
        buf_append_u64(into, p->id);
        buf_append_char(into, '"');
        comma = true;
    }
    if (p->after.n) {
        buf_append_str(into, comma ? ",\"after\":" : "\"after\":");
        json_append_string(into, p->after);
    }
    buf_append_char(into, '}');
}

size_t publication_json(struct buf *into, const struct publication *p, bool with_epoch)
{
    size_t mark_at = 0;
    if (format_is_binary(p->format)) {
        buf_append_str(into, "{\"b64data\":\"");
        base64_encode(p->data, into);
        buf_append_char(into, '"');
    } else {
        buf_append_str(into, "{\"data\":");
        json_append_line(into, p->data);
    }
    if (p->seq) {
        buf_append_str(into, ",\"offset\":");
        buf_append_u64(into, p->seq);
    }
    if (p->info.n) {
        buf_append_str(into, ",\"info\":");
        json_append_line(into, p->info);
    }
    if (p->tags.n || p->id || p->after.n) {
        buf_append_str(into, ",\"tags\":");
        tags_json(into, p);
        mark_at = into->n - 1;
    }
    if (with_epoch) {
        buf_append_str(into, ",\"epoch\":\"");
        buf_append_u64(into, p->epoch);
        buf_append_char(into, '"');
    }
    buf_append_char(into, '}');
    return mark_at;
}
