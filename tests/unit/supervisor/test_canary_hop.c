#include "canary_hop.h"

#include "unit.h"

#include <stddef.h>

/* Everything is well, and yet it does not arrive anywhere. */
#define EVIDENCE(...)                                                                              \
    (&(struct hop_evidence){__VA_ARGS__})

static void ck_stuck(const struct hop_evidence *e, enum hop want)
{
    const char *why = NULL;
    enum hop have = hop_stuck(e, &why);
    ck_assert_str_eq(hop_name(have), hop_name(want));
    ck_assert_ptr_nonnull(why);
}

START_TEST(what_others_see_is_stuck_at_the_gateway_that_does_not)
{
    ck_stuck(EVIDENCE(.others_see = true), HOP_GATEWAY);
    ck_stuck(EVIDENCE(.others_see = true, .no_publisher = true), HOP_GATEWAY);
}
END_TEST

START_TEST(without_a_gateway_nothing_is_published)
{
    ck_stuck(EVIDENCE(.no_publisher = true, .postgres_away = true), HOP_PUBLISH);
}
END_TEST

START_TEST(the_table_tells_commit_from_relay)
{
    ck_stuck(EVIDENCE(.table_known = true), HOP_COMMIT);
    ck_stuck(EVIDENCE(.table_known = true, .committed = true), HOP_RELAY);
}
END_TEST

START_TEST(a_broker_that_is_away_is_the_reason_of_what_stands_before_it)
{
    ck_stuck(EVIDENCE(.table_known = true, .committed = true, .kafka_away = true), HOP_KAFKA);
    ck_stuck(EVIDENCE(.table_known = true, .committed = true, .relayed = true, .kafka_away = true), HOP_KAFKA);
    ck_stuck(EVIDENCE(.table_known = true, .kafka_away = true), HOP_COMMIT);
    ck_stuck(EVIDENCE(.kafka_away = true), HOP_KAFKA);
}
END_TEST

START_TEST(what_was_relayed_is_stuck_at_a_worker_that_says_so_or_that_others_make_suspicious)
{
    ck_stuck(EVIDENCE(.table_known = true, .committed = true, .relayed = true, .worker_unready = true), HOP_WORKER);
    ck_stuck(EVIDENCE(.table_known = true, .committed = true, .relayed = true, .others_seen = true), HOP_WORKER);
    ck_stuck(EVIDENCE(.table_known = true, .committed = true, .relayed = true), HOP_KAFKA);
}
END_TEST

START_TEST(without_the_table_the_reports_decide)
{
    ck_stuck(EVIDENCE(.postgres_away = true, .kafka_away = true), HOP_COMMIT);
    ck_stuck(EVIDENCE(.worker_unready = true), HOP_WORKER);
    ck_stuck(EVIDENCE(.others_seen = true), HOP_WORKER);
    ck_stuck(EVIDENCE(.table_known = false), HOP_COMMIT);
}
END_TEST

UNIT_MAIN("supervisor/canary_hop", what_others_see_is_stuck_at_the_gateway_that_does_not,
          without_a_gateway_nothing_is_published, the_table_tells_commit_from_relay,
          a_broker_that_is_away_is_the_reason_of_what_stands_before_it,
          what_was_relayed_is_stuck_at_a_worker_that_says_so_or_that_others_make_suspicious,
          without_the_table_the_reports_decide)
