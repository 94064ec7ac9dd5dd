#include "tls.h"

#include "core/clock.h"
#include "pair_help.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define S NS_PER_S

static char cert_path[64], key_path[64];
static struct supervisor_options options;
static struct supervisor_metrics metrics;
static struct tls tls;
static struct buf error;
static struct pem_pair first, second;

/* A new file takes the old one's place. */
static void put(const char *path, const char *text)
{
    char fresh[80];
    snprintf(fresh, sizeof fresh, "%s.fresh", path);
    FILE *f = fopen(fresh, "w");
    fputs(text, f);
    fclose(f);
    ck_assert_int_eq(rename(fresh, path), 0);
}

static void setup(void)
{
    char folder[] = "/tmp/cellcast-tls-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(cert_path, sizeof cert_path, "%s/cert", folder);
    snprintf(key_path, sizeof key_path, "%s/key", folder);
    options = (struct supervisor_options){.tls_cert = cert_path, .tls_key = key_path, .tls_ticket_rotate = 3600000};
    metrics = (struct supervisor_metrics){0};
    buf_clear(&error);
    make_pair("first", false, &first);
    make_pair("second", true, &second);
    put(cert_path, first.cert);
    put(key_path, first.key);
}

static void teardown(void)
{
    tls_fini(&tls);
    unlink(cert_path);
    unlink(key_path);
    *strrchr(cert_path, '/') = 0;
    rmdir(cert_path);
    buf_fini(&error);
}

/* What a gateway would be told. */
static struct ctl_tls told(struct buf *body)
{
    struct ctl_tls m;
    buf_clear(body);
    tls_put(&tls, body);
    ck_assert_int_eq(wire_get_ctl_tls(buf_bytes(body), &m), 0);
    return m;
}

START_TEST(gateways_are_told_what_stands_in_the_files)
{
    struct buf body = {0};
    setup();
    ck_assert_int_eq(tls_init(&tls, &options, &metrics, 0, &error), 0);
    ck_assert(tls_is_on(&tls));
    struct ctl_tls m = told(&body);
    ck_assert_bytes(m.chain, first.cert);
    ck_assert_bytes(m.key, first.key);
    ck_assert_uint_eq(m.tickets.n, TLS_TICKET_KEY_BYTES);
    ck_assert_uint_eq(m.ticket_s, 3600);
    ck_assert_int_gt(metrics.tls_ends, 0);
    ck_assert(!tls_tick(&tls, 1 * S));
    buf_fini(&body);
    teardown();
}
END_TEST

START_TEST(without_both_options_there_is_none)
{
    setup();
    options.tls_cert = options.tls_key = "";
    ck_assert_int_eq(tls_init(&tls, &options, &metrics, 0, &error), 0);
    ck_assert(!tls_is_on(&tls));
    ck_assert(!tls_tick(&tls, 100000 * S));
    options.tls_cert = cert_path;
    ck_assert_int_eq(tls_init(&tls, &options, &metrics, 0, &error), -EINVAL);
    ck_assert_bytes(buf_bytes(&error), "--tls-cert and --tls-key go together");
    teardown();
}
END_TEST

START_TEST(files_that_can_not_be_used_stop_the_start)
{
    setup();
    put(key_path, second.key);
    ck_assert_int_eq(tls_init(&tls, &options, &metrics, 0, &error), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(error.p, "the key is not that of the first certificate ("));
    ck_assert_ptr_nonnull(strstr(error.p, cert_path));
    buf_clear(&error);
    unlink(key_path);
    ck_assert_int_eq(tls_init(&tls, &options, &metrics, 0, &error), -ENOENT);
    ck_assert_ptr_nonnull(strstr(error.p, key_path));
    teardown();
}
END_TEST

START_TEST(a_changed_pair_is_taken_when_it_has_settled)
{
    struct buf body = {0};
    setup();
    ck_assert_int_eq(tls_init(&tls, &options, &metrics, 0, &error), 0);
    put(cert_path, second.cert);
    put(key_path, second.key);
    ck_assert(!tls_tick(&tls, 1 * S)); /* it may still be being written */
    ck_assert(tls_tick(&tls, 2 * S));
    ck_assert(!tls_tick(&tls, 3 * S));
    ck_assert_bytes(told(&body).chain, second.cert);
    ck_assert_bytes(told(&body).key, second.key);
    ck_assert_uint_eq(metrics.tls_refused_total, 0);
    buf_fini(&body);
    teardown();
}
END_TEST

START_TEST(half_a_change_keeps_the_old_pair_and_says_so_once)
{
    struct buf body = {0};
    setup();
    ck_assert_int_eq(tls_init(&tls, &options, &metrics, 0, &error), 0);
    put(cert_path, second.cert);
    for (int i = 1; i < 5; i++)
        ck_assert(!tls_tick(&tls, i * S));
    ck_assert_int_eq(metrics.tls_stale, 1);
    ck_assert_uint_eq(metrics.tls_refused_total, 1);
    ck_assert_bytes(told(&body).chain, first.cert);
    put(key_path, second.key);
    ck_assert(!tls_tick(&tls, 5 * S));
    ck_assert(tls_tick(&tls, 6 * S));
    ck_assert_int_eq(metrics.tls_stale, 0);
    ck_assert_bytes(told(&body).chain, second.cert);
    unlink(cert_path);
    ck_assert(!tls_tick(&tls, 7 * S));
    ck_assert(!tls_tick(&tls, 8 * S));
    ck_assert_int_eq(metrics.tls_stale, 1);
    ck_assert_bytes(told(&body).chain, second.cert);
    buf_fini(&body);
    teardown();
}
END_TEST

START_TEST(ticket_keys_are_replaced_and_the_last_ones_still_told)
{
    struct buf body = {0}, next = {0};
    setup();
    ck_assert_int_eq(tls_init(&tls, &options, &metrics, 0, &error), 0);
    ck_assert(!tls_tick(&tls, 3599 * S));
    for (unsigned i = 1; i <= 5; i++) {
        struct bytes before = told(&body).tickets;
        ck_assert(tls_tick(&tls, (int64_t)i * 3600 * S));
        struct bytes after = told(&next).tickets;
        size_t n = i + 1 < TLS_TICKET_KEYS_MAX ? i + 1 : TLS_TICKET_KEYS_MAX;
        ck_assert_uint_eq(after.n, n * TLS_TICKET_KEY_BYTES);
        ck_assert_mem_eq(after.p + TLS_TICKET_KEY_BYTES, before.p, after.n - TLS_TICKET_KEY_BYTES);
        ck_assert_mem_ne(after.p, before.p, TLS_TICKET_KEY_BYTES);
    }
    buf_fini(&body);
    buf_fini(&next);
    teardown();
}
END_TEST

UNIT_MAIN("supervisor/tls", gateways_are_told_what_stands_in_the_files, without_both_options_there_is_none,
          files_that_can_not_be_used_stop_the_start, a_changed_pair_is_taken_when_it_has_settled,
          half_a_change_keeps_the_old_pair_and_says_so_once, ticket_keys_are_replaced_and_the_last_ones_still_told)
