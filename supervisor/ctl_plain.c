/* What terminals obey, made visible: names of users and channels are strangers', and nothing of theirs may move a cursor. */
#include "ctl.h"

/* -> bytes of the control character at text[i], 0 when there is none; ISO 6429's second set are two in UTF-8 */
static size_t control_at(struct bytes text, size_t i)
{
    unsigned char c = (unsigned char)text.p[i];
    if (c < 0x20 || c == 0x7f)
        return 1;
    return c == 0xc2 && i + 1 < text.n && ((unsigned char)text.p[i + 1] & 0xe0) == 0x80 ? 2 : 0;
}

void ctl_append_plain(struct buf *into, struct bytes text)
{
    for (size_t i = 0; i < text.n;) {
        size_t n = control_at(text, i);
        if (n == 0)
            buf_append(into, text.p + i++, 1);
        for (; n > 0; n--)
            buf_printf(into, "\\x%02x", (unsigned char)text.p[i++]);
    }
}

static void string_to_plain(json_t *string)
{
    struct buf plain = {0};
    ctl_append_plain(&plain, bytes_of(json_string_value(string), json_string_length(string)));
    if (plain.n != json_string_length(string))
        json_string_setn(string, plain.p, plain.n);
    buf_fini(&plain);
}

void ctl_to_plain(json_t *root)
{
    const char *name;
    json_t *value;
    size_t i;
    if (json_is_string(root))
        string_to_plain(root);
    json_array_foreach(root, i, value) ctl_to_plain(value);
    json_object_foreach(root, name, value) ctl_to_plain(value);
}
