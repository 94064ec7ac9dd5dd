#include "usage.h"

#include "unit.h"

static struct buf reports[4];

static void report(size_t of, const char *tenant, uint32_t connections, uint64_t deliveries)
{
    wire_put_tenant_usage(&reports[of],
                          &(struct tenant_usage){.tenant = bytes_str(tenant), .connections = connections, .deliveries = deliveries});
}

/* What the others' of that one say of the tenant; all 0 when nothing. */
static struct tenant_usage others(size_t but, const char *tenant)
{
    struct buf list = {0};
    struct tenant_usage u, found = {0};
    usage_of_others(reports, 4, but, &list);
    struct bytes rest = buf_bytes(&list);
    while (wire_next_tenant_usage(&rest, &u) > 0)
        if (bytes_is(u.tenant, tenant))
            found = u;
    found.tenant = (struct bytes){0};
    buf_fini(&list);
    return found;
}

static void forget(void)
{
    for (size_t i = 0; i < 4; i++)
        buf_fini(&reports[i]);
}

START_TEST(each_is_told_the_sum_of_the_others)
{
    report(1, "acme", 300, 10);
    report(1, "quiet", 1, 0);
    report(2, "acme", 100, 5);
    report(3, "acme", 50, 0);
    ck_assert_uint_eq(others(1, "acme").connections, 150);
    ck_assert_uint_eq(others(2, "acme").connections, 350);
    ck_assert_uint_eq(others(3, "acme").connections, 400);
    ck_assert_uint_eq(others(3, "acme").deliveries, 15);
    ck_assert_uint_eq(others(1, "quiet").connections, 0);
    ck_assert_uint_eq(others(2, "quiet").connections, 1);
    forget();
}
END_TEST

START_TEST(nobody_is_told_anything_of_nobody)
{
    struct buf list = {0};
    usage_of_others(reports, 4, 1, &list);
    ck_assert_uint_eq(list.n, 0);
}
END_TEST

UNIT_MAIN("supervisor/usage", each_is_told_the_sum_of_the_others, nobody_is_told_anything_of_nobody)
