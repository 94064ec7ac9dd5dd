#include "run/resolver.h"

#include "loop.h"
#include "unit.h"

#include <errno.h>

struct seen {
    unsigned answers;
    int n;
    int port;
};

static void done(void *owner, const struct address *addresses, int n)
{
    struct seen *s = owner;
    s->answers++;
    s->n = n;
    s->port = n > 0 ? address_port(&addresses[0]) : 0;
}

START_TEST(a_name_is_answered_in_a_later_turn)
{
    struct ev_loop *loop = ev_default_loop(EVBACKEND_EPOLL);
    struct seen s = {0};
    ck_assert_ptr_nonnull(resolver_new(loop, "localhost:7100", done, &s));
    ck_assert_uint_eq(s.answers, 0);
    ck_assert(loop_until(loop, s.answers == 1));
    ck_assert_int_ge(s.n, 1);
    ck_assert_int_eq(s.port, 7100);
}
END_TEST

START_TEST(a_name_that_nobody_knows_is_an_error)
{
    struct ev_loop *loop = ev_default_loop(EVBACKEND_EPOLL);
    struct seen s = {0};
    ck_assert_ptr_nonnull(resolver_new(loop, "no-such-host.invalid:1", done, &s));
    ck_assert(loop_until(loop, s.answers == 1));
    ck_assert_int_eq(s.n, -EHOSTUNREACH);
}
END_TEST

START_TEST(what_was_given_up_is_never_answered)
{
    struct ev_loop *loop = ev_default_loop(EVBACKEND_EPOLL);
    struct seen s = {0};
    for (int i = 0; i < 50; i++) {
        struct resolver *l = resolver_new(loop, "localhost:1", done, &s);
        loop_for(loop, 0);
        if (s.answers == 0)
            resolver_free(l);
        s.answers = 0;
        struct resolver *late = resolver_new(loop, "localhost:1", done, &s);
        for (int64_t end = clock_mono_ns() + i * 20000; clock_mono_ns() < end;)
            continue;
        resolver_free(late); /* before, at or after its answer, which no turn has brought */
        loop_for(loop, 1);
        ck_assert_uint_eq(s.answers, 0);
    }
    resolver_free(NULL);
}
END_TEST

UNIT_MAIN("run/resolver", a_name_is_answered_in_a_later_turn, a_name_that_nobody_knows_is_an_error,
          what_was_given_up_is_never_answered)
