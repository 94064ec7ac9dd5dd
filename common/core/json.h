/* A JSON scanner that never copies and never prints: it checks a text once (RFC 8259, UTF-8 included) and
 * then hands out slices of it, so that a payload travels byte for byte (big integers, 1.0, key order, escapes).
 * For configuration there is jansson; this is the data path.
 *
 *     struct bytes value, key; struct json_iter it;
 *     if (json_check(text, JSON_DEPTH_MAX) < 0) …;
 *     json_object_each(&it, text, &key, &value) if (json_key_is(key, "channel")) …;
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include "core/buf.h"
#include "core/bytes.h"

#define JSON_DEPTH_MAX 128 /* nested arrays and objects: of a payload by itself, without what it is wrapped in */

enum json_type { JSON_NONE, JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL };

struct json_iter {
    const char *at, *end;
};

/* Exactly one value, white space around it allowed. -> 0, -EBADMSG, or -E2BIG: nested deeper than depth_max, and otherwise
 * good as far as it is looked at, which inside of what is too deep is brackets and strings alone (ret_at, may be NULL: where). */
int json_check(struct bytes text, int depth_max, size_t *ret_at);
/* The functions below expect text that json_check has passed; of one that was too deep they may be used as deep as was allowed. */
enum json_type json_type(struct bytes value);
static inline bool json_is_absent(struct bytes value) /* null is as good */
{
    enum json_type type = json_type(value);
    return type == JSON_NONE || type == JSON_NULL;
}
struct bytes json_trim(struct bytes text); /* without the white space around it */
/* Walks an object or array. -> true with a trimmed slice (key: with its quotes), false at the end or if it is neither. */
bool json_iter_object(struct json_iter *it, struct bytes object);
bool json_next_member(struct json_iter *it, struct bytes *ret_key, struct bytes *ret_value);
bool json_iter_array(struct json_iter *it, struct bytes array);
bool json_next_item(struct json_iter *it, struct bytes *ret_value);
/* key: a slice with quotes; name: plain ASCII. Escapes in the key are honoured. */
bool json_key_is(struct bytes key, const char *name);
/* Member `name`; the last one wins, as in most parsers. -> an empty slice when absent (JSON_NONE). */
struct bytes json_member(struct bytes object, const char *name);
/* Appends the decoded text of a string value. -> 0, -EINVAL when it is no string, -EILSEQ for a lone surrogate or \u0000.
 * (libjansson exports a json_string of its own: under this label neither is ever linked in place of the other.) */
int json_string(struct bytes value, struct buf *into) __asm__("core_json_string");
bool json_string_is(struct bytes value, struct bytes text); /* a string of that text, decoded */
bool json_array_has(struct bytes value, struct bytes text); /* an array, one of whose items is such a string */
/* Its first object whose member "name" is such a string. -> an empty slice: there is none, or the value is no array */
struct bytes json_array_named(struct bytes value, struct bytes name);
/* A whole number in [0, UINT64_MAX] / [INT64_MIN, INT64_MAX]; "7.0" and "1e3" are not. -> false if it is not. */
bool json_u64(struct bytes value, uint64_t *ret_value);
bool json_i64(struct bytes value, int64_t *ret_value);
/* Whether s is what json_string could have appended: UTF-8 without a NUL. */
bool json_is_text(struct bytes s);
/* Appends s as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void json_append_string(struct buf *into, struct bytes s);
/* Appends a checked value with raw line breaks turned into spaces (they can stand between tokens only), since a
 * newline parts replies in a frame. */
void json_append_line(struct buf *into, struct bytes value);

#define json_object_each(it, object, key, value)                                                             \
    for (bool json_ok_ = json_iter_object(it, object); json_ok_ && json_next_member(it, key, value);)
#define json_array_each(it, array, value)                                                                    \
    for (bool json_ok_ = json_iter_array(it, array); json_ok_ && json_next_item(it, value);)

#endif
