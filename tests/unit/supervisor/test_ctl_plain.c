#include "ctl.h"

#include "unit.h"

static void check(struct bytes text, const char *want)
{
    struct buf plain = {0};
    ctl_append_plain(&plain, text);
    ck_assert_bytes(buf_bytes(&plain), want);
    buf_fini(&plain);
}

START_TEST(what_a_terminal_obeys_is_made_visible)
{
    check(BYTES("\x1b[2J\x1b]0;title\a"), "\\x1b[2J\\x1b]0;title\\x07");
    check(BYTES("one\ntwo\r\t\x7f"), "one\\x0atwo\\x0d\\x09\\x7f");
    check(BYTES("a\0b"), "a\\x00b");
    check(BYTES("\xc2\x9b" "2J\xc2\x80\xc2\x9f"), "\\xc2\\x9b2J\\xc2\\x80\\xc2\\x9f");
}
END_TEST

START_TEST(whatever_else_somebody_is_called_stays_as_it_is)
{
    check(BYTES("default/chat:room 5"), "default/chat:room 5");
    check(BYTES("Zo\xc3\xab \xc2\xa0\xe2\x82\xac \xf0\x9f\x90\xa6"), "Zo\xc3\xab \xc2\xa0\xe2\x82\xac \xf0\x9f\x90\xa6");
    check(BYTES("\\x1b"), "\\x1b");
    check(BYTES("\xc2"), "\xc2");
}
END_TEST

START_TEST(every_string_of_an_answer_is_made_plain)
{
    json_t *root = json_loads("{\"answers\":[{\"rows\":[{\"name\":\"a\\u001bb\",\"user\":\"\\u009b\",\"n\":1}]}],\"why\":\"\\n\"}", 0, NULL);
    ctl_to_plain(root);
    char *text = json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER);
    ck_assert_str_eq(text, "{\"answers\":[{\"rows\":[{\"name\":\"a\\\\x1bb\",\"user\":\"\\\\xc2\\\\x9b\",\"n\":1}]}],\"why\":\"\\\\x0a\"}");
    free(text);
    json_decref(root);
    ctl_to_plain(NULL);
}
END_TEST

UNIT_MAIN("supervisor/ctl_plain", what_a_terminal_obeys_is_made_visible, whatever_else_somebody_is_called_stays_as_it_is,
          every_string_of_an_answer_is_made_plain)
