#include "jwks.h"

#include "core/json.h"
#include "run/http_server.h"
#include "run/log.h"
#include "run/loop.h"
#include "unit.h"
#include "wire/messages.h"

#include <stdio.h>
#include <unistd.h>

#define SET "{\"keys\":[]}"
#define OTHER "{\"keys\":[{\"kid\":\"a\"}]}"

static struct ev_loop *loop;
static struct server server;
static struct supervisor_options options;
static struct supervisor_metrics metrics;
static struct jwks jwks;
static char folder[64], url[64];
static unsigned told;
static struct buf last;

static void changed(void *owner, struct bytes body)
{
    struct ctl_jwks m;
    ck_assert_int_eq(wire_get_ctl_jwks(body, &m), 0);
    ck_assert_bytes(m.url, url);
    ck_assert_uint_gt(m.fetched_ms, 0);
    told++;
    buf_clear(&last);
    buf_append_bytes(&last, m.json);
}

static void start(const char *set)
{
    loop = ev_default_loop(EVBACKEND_EPOLL);
    log_init("test", LOG_LEVEL_ERROR + 1);
    ev_now_update(loop);
    server_start(&server, loop);
    server.set = set;
    snprintf(folder, sizeof folder, "/tmp/cellcast-jwks-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/set", listener_port(server.listener));
    options = (struct supervisor_options){.run_dir = folder, .jwks_interval = 60000, .jwks_timeout = 5000, .jwks_bytes = 128 << 10,
                                          .jwks_urls_max = 1000, .jwks_ca_file = ""};
    metrics = (struct supervisor_metrics){0};
    told = 0;
    jwks_init(&jwks, loop, &options, &metrics, changed, NULL);
}

static void stop(void)
{
    char path[80];
    jwks_fini(&jwks);
    server_stop(&server);
    snprintf(path, sizeof path, "%s/jwks.json", folder);
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
    buf_fini(&last);
}

static void configure(bool wanted)
{
    char text[256];
    snprintf(text, sizeof text, "{\"tenants\":[{\"options\":{}},{\"options\":{\"token_jwks_public_endpoint\":\"%s\"}},{\"name\":\"x\"}]}",
             wanted ? url : "");
    jwks_configured(&jwks, bytes_str(text));
}

static void ask(int64_t now_ns)
{
    struct buf body = {0};
    wire_put_ctl_jwks_ask(&body, &(struct ctl_jwks_ask){.url = bytes_str(url)});
    ck_assert_int_eq(jwks_asked(&jwks, buf_bytes(&body), now_ns), 0);
    buf_fini(&body);
}

static void count(void *ctx, struct bytes body)
{
    ++*(unsigned *)ctx;
}

static unsigned sets(void)
{
    unsigned n = 0;
    jwks_each(&jwks, count, &n);
    return n;
}

START_TEST(a_set_is_fetched_told_and_kept_over_a_restart)
{
    start(SET);
    configure(true);
    ck_assert(loop_until(loop, told == 1));
    ck_assert_bytes(buf_bytes(&last), SET);
    ck_assert_uint_eq(metrics.jwks_fetched_total, 1);
    jwks_fini(&jwks);
    jwks_init(&jwks, loop, &options, &metrics, changed, NULL);
    ck_assert_uint_eq(sets(), 1); /* before anything was asked */
    configure(false);
    ck_assert_uint_eq(sets(), 0);
    stop();
}
END_TEST

START_TEST(what_is_no_set_leaves_the_old_one_and_is_counted)
{
    start(SET);
    configure(true);
    ck_assert(loop_until(loop, told == 1));
    const char *const bad[] = {NULL, "", "nonsense", "{}", "{\"keys\":{}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        server.set = bad[i];
        jwks_tick(&jwks, clock_mono_ns() + 600 * NS_PER_S);
        ck_assert(loop_until(loop, metrics.jwks_failed_total == i + 1));
        ck_assert_int_eq(metrics.jwks_stale, 1);
    }
    ck_assert_uint_eq(sets(), 1);
    ck_assert_uint_eq(told, 1);
    server.set = OTHER;
    jwks_tick(&jwks, clock_mono_ns() + 600 * NS_PER_S);
    ck_assert(loop_until(loop, told == 2));
    ck_assert_bytes(buf_bytes(&last), OTHER);
    ck_assert_int_eq(metrics.jwks_stale, 0);
    stop();
}
END_TEST

START_TEST(a_set_of_one_tenant_does_not_spoil_the_copy_of_all)
{
    struct buf deep = {0};
    start(NULL);
    buf_append_str(&deep, "{\"keys\":[],\"x\":");
    for (int i = 1; i < JSON_DEPTH_MAX; i++)
        buf_append_char(&deep, '[');
    for (int i = 1; i < JSON_DEPTH_MAX; i++)
        buf_append_char(&deep, ']');
    buf_append_char(&deep, '}');
    ck_assert_int_eq(json_check(buf_bytes(&deep), JSON_DEPTH_MAX, NULL), 0);
    server.set = deep.p;
    configure(true);
    ck_assert(loop_until(loop, told + metrics.jwks_failed_total == 1));
    unsigned had = sets();
    jwks_fini(&jwks);
    jwks_init(&jwks, loop, &options, &metrics, changed, NULL);
    ck_assert_uint_eq(sets(), had);
    buf_fini(&deep);
    stop();
}
END_TEST

START_TEST(a_set_that_is_too_long_leaves_the_old_one)
{
    start(SET);
    options.jwks_bytes = (int64_t)strlen(SET);
    configure(true);
    ck_assert(loop_until(loop, told == 1));
    options.jwks_bytes--;
    jwks_tick(&jwks, clock_mono_ns() + 600 * NS_PER_S);
    ck_assert(loop_until(loop, metrics.jwks_failed_total == 1));
    ck_assert_uint_eq(sets(), 1);
    stop();
}
END_TEST

START_TEST(urls_beyond_the_bound_are_left_out)
{
    static const char two[] = "{\"tenants\":[{\"options\":{\"token_jwks_public_endpoint\":\"http://127.0.0.1:1/a\"}},"
                              "{\"options\":{\"token_jwks_public_endpoint\":\"http://127.0.0.1:1/b\"}}]}";
    start(SET);
    options.jwks_urls_max = 1;
    jwks_configured(&jwks, bytes_str(two));
    ck_assert_uint_eq(jwks.n_sources, 1);
    ck_assert_uint_eq(jwks.n_left_out, 1);
    options.jwks_urls_max = 2;
    jwks_configured(&jwks, bytes_str(two));
    ck_assert_uint_eq(jwks.n_sources, 2);
    ck_assert_uint_eq(jwks.n_left_out, 0);
    stop();
}
END_TEST

START_TEST(all_sets_together_are_no_more_than_the_copy_can_hold)
{
    static const char other[] = "http://127.0.0.1:1/";
    static char much[JWKS_SETS_MAX], path[80], text[256];
    start(SET);
    jwks_fini(&jwks);
    snprintf(path, sizeof path, "%s/jwks.json", folder);
    FILE *copy = fopen(path, "w");
    memset(much, 'x', sizeof much - 1);
    fprintf(copy, "[{\"url\":\"%s\",\"fetched\":1,\"set\":{\"keys\":[],\"x\":\"%s\"}}]", other, much);
    fclose(copy);
    jwks_init(&jwks, loop, &options, &metrics, changed, NULL);
    ck_assert_uint_eq(sets(), 1);
    snprintf(text, sizeof text, "{\"tenants\":[{\"options\":{\"token_jwks_public_endpoint\":\"%s\"}},"
             "{\"options\":{\"token_jwks_public_endpoint\":\"%s\"}}]}", other, url);
    jwks_configured(&jwks, bytes_str(text));
    ck_assert(loop_until(loop, metrics.jwks_failed_total + metrics.jwks_fetched_total == 2));
    ck_assert_uint_eq(metrics.jwks_failed_total, 2);
    ck_assert_uint_eq(sets(), 1);
    stop();
}
END_TEST

START_TEST(who_misses_a_key_makes_it_look_again_but_not_at_once)
{
    start(SET);
    configure(true);
    int64_t asked = clock_mono_ns();
    ck_assert(loop_until(loop, told == 1));
    ask(asked);
    jwks_tick(&jwks, asked);
    loop_for(loop, 20);
    ck_assert_uint_eq(server.requests, 1);
    jwks_tick(&jwks, asked + 2 * JWKS_PAUSE_NS); /* long before its interval */
    ck_assert(loop_until(loop, told == 2));
    ck_assert_int_lt(jwks_asked(&jwks, BYTES("x"), asked), 0);
    stop();
}
END_TEST

START_TEST(nobody_who_is_not_configured_is_asked)
{
    start(SET);
    ask(clock_mono_ns() + 600 * NS_PER_S);
    configure(false);
    jwks_tick(&jwks, clock_mono_ns() + 600 * NS_PER_S);
    loop_for(loop, 20);
    ck_assert_uint_eq(server.requests, 0);
    stop();
}
END_TEST

UNIT_MAIN("supervisor/jwks", a_set_is_fetched_told_and_kept_over_a_restart, what_is_no_set_leaves_the_old_one_and_is_counted,
          a_set_of_one_tenant_does_not_spoil_the_copy_of_all, a_set_that_is_too_long_leaves_the_old_one, urls_beyond_the_bound_are_left_out,
          all_sets_together_are_no_more_than_the_copy_can_hold, who_misses_a_key_makes_it_look_again_but_not_at_once, nobody_who_is_not_configured_is_asked)
