#include "tags.h"

#include "core/hash.h"
#include "unit.h"

#include <stdio.h>

static struct tags *tags;

static void ck_tag(const char *key, const char *value)
{
    const struct bytes *found = tags_find(tags, bytes_str(key), hash_bytes(bytes_str(key)));
    if (!value)
        ck_assert_ptr_null(found);
    else
        ck_assert_bytes(*found, value);
}

START_TEST(a_tag_is_found_by_its_key)
{
    tags = tags_new(BYTES("{\"a\":\"1\",\"b\\u0041\":\"x\\ny\",\"empty\":\"\"}"));
    ck_tag("a", "1");
    ck_tag("bA", "x\ny");
    ck_tag("empty", "");
    ck_tag("c", NULL);
    ck_assert_uint_ge(tags_bytes(tags), sizeof *tags + 3 * sizeof(struct tag));
    tags_free(tags);
}
END_TEST

START_TEST(of_two_with_one_key_the_last_counts)
{
    tags = tags_new(BYTES("{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\",\"b\":\"4\",\"a\":\"5\"}"));
    ck_tag("a", "5");
    ck_tag("b", "4");
    tags_free(tags);
}
END_TEST

START_TEST(what_is_no_text_is_left_out)
{
    tags = tags_new(BYTES("{\"a\":1,\"b\":\"2\",\"c\":null,\"d\":\"\\ud800\"}"));
    ck_tag("a", NULL);
    ck_tag("b", "2");
    ck_tag("d", NULL);
    tags_free(tags);
    tags = tags_new(BYTES(""));
    ck_tag("a", NULL);
    tags_free(tags);
}
END_TEST

START_TEST(of_many_each_is_found)
{
    struct buf text = {0};
    char key[20], value[20];
    for (int i = 0; i < 2000; i++)
        buf_printf(&text, "%c\"key %d\":\"%d\"", i ? ',' : '{', i, i * 3);
    buf_append_char(&text, '}');
    tags = tags_new(buf_bytes(&text));
    buf_fini(&text);
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "key %d", i);
        snprintf(value, sizeof value, "%d", i * 3);
        ck_tag(key, value);
    }
    ck_tag("key 2000", NULL);
    tags_free(tags);
}
END_TEST

UNIT_MAIN("tags", a_tag_is_found_by_its_key, of_two_with_one_key_the_last_counts, what_is_no_text_is_left_out, of_many_each_is_found)
