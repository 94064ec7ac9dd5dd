#include "head.h"

#include "core/buf.h"
#include "unit.h"

static struct buf kept;

static void known(const char *value)
{
    buf_append(&kept, value, strlen(value) + 1);
}

static void other(const char *name, const char *value)
{
    size_t n = strlen(name), v = strlen(value);
    const char head[8] = {(char)(n >> 8), (char)n, (char)(v >> 8), (char)v, 0, 0, 3, 7};
    buf_append(&kept, head, sizeof head);
    buf_append_str(&kept, name);
    buf_append_str(&kept, value);
}

static const char *ended(void)
{
    static const char end[] = "\0\0\0\0\0\0\0\0\r\nx-old\r\n : y";
    buf_append(&kept, end, sizeof end - 1);
    const char *why = head_fault(buf_bytes(&kept));
    buf_fini(&kept);
    return why;
}

static const char *fault_of(const char *name)
{
    known("/path");
    known("1.1");
    other("x-mine:", "a : b");
    other("x-yours:", "");
    known("");
    other(name, "v");
    known("localhost : 8");
    return ended();
}

START_TEST(names_that_are_right_are_no_fault_whatever_their_values)
{
    char longest[700] = "x-";
    ck_assert_ptr_null(ended());
    ck_assert_ptr_null(fault_of("x:"));
    memset(longest + 2, 'a', 600);
    strcat(longest, ":");
    ck_assert_ptr_null(fault_of(longest));
}
END_TEST

START_TEST(a_name_goes_up_to_its_colon)
{
    static const char *const bad[] = {"x :", "x\t:", " x:", ":", "x y:", "x\r\ny:", "x\ny:", "x(:", "\xc3\xa9:", "x-auth: a\r\n b:", "x-auth: a\r\n\r\nget /:", "x-auth: a\n\nb:"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(fault_of(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(what_is_lost_behind_a_name_is_a_fault_if_it_is_needed)
{
    static const char *const needed[] = {"x-auth: a\r\ncontent-length:", "x-auth: a\ntransfer-encoding:", "auth:\r\norigin:", "p: a\r\nsec-websocket-key:", "user: a\r\nupgrade:"};
    static const char *const others[] = {"x-auth: a:", "x-auth: a\r\ncookie:", "x-auth: content-length:", "user: a\r\nx-content-length:"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        ck_assert_msg(fault_of(needed[i]), "%s", needed[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!fault_of(others[i]), "%s", others[i]);
}
END_TEST

START_TEST(memory_without_an_end_is_read_to_its_own)
{
    other("x:", "y");
    for (size_t n = 0; n <= kept.n; n++)
        ck_assert_ptr_null(head_fault(bytes_of(kept.p, n)));
    kept.p[3] = 100; /* a value that is longer than what there is */
    buf_append_str(&kept, "more than ten bytes");
    ck_assert_ptr_null(head_fault(buf_bytes(&kept)));
    buf_fini(&kept);
}
END_TEST

UNIT_MAIN("head", names_that_are_right_are_no_fault_whatever_their_values, a_name_goes_up_to_its_colon, what_is_lost_behind_a_name_is_a_fault_if_it_is_needed,
          memory_without_an_end_is_read_to_its_own)
