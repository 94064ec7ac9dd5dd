#include "token_refusal.h"

#include "fake_edges.h"
#include "unit.h"

START_TEST(the_log_is_told_of_one_a_second_and_how_many_there_were_besides)
{
    struct token_refusals r = {0};
    uint64_t untold = 99;
    int64_t now = 1000 * NS_PER_S;
    ck_assert(token_refusals_tell(&r, now, &untold));
    ck_assert_uint_eq(untold, 0);
    for (int i = 1; i <= 5; i++)
        ck_assert(!token_refusals_tell(&r, now + i * NS_PER_S / 6, &untold));
    ck_assert(token_refusals_tell(&r, now + NS_PER_S, &untold));
    ck_assert_uint_eq(untold, 5);
    ck_assert(token_refusals_tell(&r, now + 9 * NS_PER_S, &untold));
    ck_assert_uint_eq(untold, 0);
}
END_TEST

START_TEST(a_bad_token_is_counted_and_none_is_not_where_it_need_not_be)
{
    static struct gateway_options options;
    static struct gateway g;
    gateway_options_default(&options);
    edges_start(&g, &options);
    edges_say(edges_connect(&g), "{\"id\":1,\"connect\":{}}");
    ck_assert_uint_eq(g.metrics.tokens_refused_total, 0);
    struct ws_socket *s = edges_connect(&g);
    edges_say(s, "{\"id\":1,\"connect\":{\"token\":\"nonsense\"}}");
    ck_assert_uint_eq(s->close_code, 3500);
    ck_assert_uint_eq(g.metrics.tokens_refused_total, 1);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("gateway/token_refusal", the_log_is_told_of_one_a_second_and_how_many_there_were_besides,
          a_bad_token_is_counted_and_none_is_not_where_it_need_not_be)
