#include "order.h"

#include "unit.h"

#include <errno.h>

static struct scale scale;
static struct buf error;

static int read_it(const char *query)
{
    buf_clear(&error);
    scale = (struct scale){77, 77};
    return scale_read(bytes_str(query), &scale, &error);
}

START_TEST(one_or_both_roles_are_scaled)
{
    ck_assert_int_eq(read_it("gateways=5"), 0);
    ck_assert(scale.gateways == 5 && scale.workers == 0);
    ck_assert_int_eq(read_it("workers=256&gateways=1"), 0);
    ck_assert(scale.gateways == 1 && scale.workers == 256);
}
END_TEST

START_TEST(whatever_else_is_refused_with_what_would_be_right)
{
    static const char *const bad[] = {"", "gateways", "gateways=", "gateways=0", "gateways=257", "gateways=-1",
                                      "gateways=5&x=1", "gatewys=5", "gateways=5x", "&", "=5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(read_it(bad[i]) == -EINVAL, "%s", bad[i]);
        ck_assert_ptr_nonnull(strstr(error.p, "from 1 to 256"));
        ck_assert_uint_eq(scale.gateways, 77);
    }
}
END_TEST

UNIT_MAIN("supervisor/scale", one_or_both_roles_are_scaled,
          whatever_else_is_refused_with_what_would_be_right)
