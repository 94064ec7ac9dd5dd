/* kafka_link.c on librdkafka's mock cluster; the rest of the gateway is fake_edges.c. */
#include "kafka_link.h"

#include "../kafka/mock.h"
#include "fake_edges.h"
#include "unit.h"

#define OTHER "other.topic"

struct asker {
    unsigned answers;
    uint32_t codes[8];
    bool done;
};

static struct gateway_options options;
static struct gateway g;
static struct mock m;

static struct config *configuration(bool ephemeral)
{
    struct buf text = {0}, why = {0};
    struct config *c = NULL;
    buf_printf(&text,
               "{\"cells\":[{\"name\":\"a\",\"topic\":\"" TOPIC "\",\"partitions\":4},"
               "{\"name\":\"b\",\"topic\":\"" OTHER "\",\"partitions\":2}],"
               "\"tenants\":[{\"name\":\"one\",\"cells\":[\"a\"]},{\"name\":\"both\",\"cells\":[\"a\",\"b\"]},{\"name\":\"none\"}],"
               "\"namespaces\":[{\"tenant\":\"one\",\"name\":\"\",\"options\":{\"ephemeral\":%s}}]}",
               ephemeral ? "true" : "false");
    ck_assert_msg(config_parse(buf_bytes(&text), BYTES("a"), &c, &why) == 0, "%s", why.p);
    buf_fini(&text);
    buf_fini(&why);
    return c;
}

static void configure(bool ephemeral)
{
    config_unref(g.config);
    g.config = configuration(ephemeral);
    kafka_link_configured(g.kafka);
}

static void start(void)
{
    mock_init(&m);
    rd_kafka_mock_topic_create(m.cluster, OTHER, 2, 1);
    gateway_options_default(&options);
    edges_start(&g, &options);
    options.kafka = m.brokers;
    g.loop = ev_default_loop(0);
    g.kafka = kafka_link_new(&g);
}

static void stop(void)
{
    kafka_link_free(g.kafka);
    edges_stop(&g);
    mock_fini(&m);
}

static void published(void *ctx, const struct ops_published *answer)
{
    struct asker *a = ctx;
    ck_assert_uint_lt(a->answers, 8);
    a->codes[a->answers++] = answer->code;
    a->done = true;
    ck_assert_uint_eq(answer->seq, 0);
}

static uint64_t publish(struct asker *a, const char *tenant, const char *channel, struct bytes data)
{
    a->done = false;
    uint64_t ticket = ops_publish(&g,
                                  &(struct ops_publish){.channel = bytes_str(channel),
                                                        .data = data,
                                                        .ephemeral = config_tenant(g.config, bytes_str(tenant))},
                                  published, a);
    ck_assert(!a->done); /* never from inside the call */
    ops_turn(&g);
    return ticket;
}

static uint32_t answer_of(struct asker *a, double seconds)
{
    ck_assert(loop_wait(g.loop, &a->done, seconds));
    return a->codes[a->answers - 1];
}

/* The first may find no broker yet. */
static void warm_up(void)
{
    struct asker a = {0};
    double end = ev_time() + 10;
    do {
        a.answers = 0;
        publish(&a, "one", "one/x", BYTES("0"));
        loop_for(g.loop, 0.02);
    } while (answer_of(&a, 5) && ev_time() < end);
    ck_assert_uint_eq(a.codes[0], 0);
}

START_TEST(a_publish_is_answered_when_the_broker_has_it)
{
    struct asker a = {0};
    start();
    configure(true);
    warm_up();
    publish(&a, "one", "one/x", BYTES("{}"));
    ck_assert_uint_eq(kafka_link_pending(g.kafka), 1);
    ck_assert_uint_eq(answer_of(&a, 5), 0);
    ck_assert_uint_eq(kafka_link_pending(g.kafka), 0);
    publish(&a, "both", "both/x", BYTES("{}"));
    ck_assert_uint_eq(answer_of(&a, 5), 0);
    ck_assert_uint_eq(a.answers, 2); /* one answer, whatever the number of cells */
    ck_assert_uint_ge(g.metrics.ephemeral_published_total, 3);
    stop();
}
END_TEST

START_TEST(a_broker_that_is_away_is_an_error_and_then_it_works_again)
{
    struct asker a = {0};
    start();
    configure(true);
    warm_up();
    rd_kafka_mock_broker_set_down(m.cluster, 1);
    double before = ev_time();
    publish(&a, "one", "one/x", BYTES("{}"));
    ck_assert_uint_eq(answer_of(&a, 5), 100);
    ck_assert(ev_time() - before < 4);
    publish(&a, "one", "one/x", BYTES("{}"));
    ck_assert(a.done); /* it is known by now */
    ck_assert_uint_eq(a.codes[1], 100);
    rd_kafka_mock_broker_set_up(m.cluster, 1);
    warm_up();
    stop();
}
END_TEST

START_TEST(one_cell_that_does_not_take_it_is_an_error)
{
    struct asker a = {0};
    start();
    configure(true);
    warm_up();
    rd_kafka_mock_push_request_errors(m.cluster, 0 /* produce */, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    publish(&a, "both", "both/x", BYTES("{}"));
    ck_assert_uint_eq(answer_of(&a, 5), 100);
    ck_assert_uint_eq(a.answers, 1);
    stop();
}
END_TEST

START_TEST(what_waits_is_bounded)
{
    struct asker a = {0};
    start();
    configure(true);
    warm_up();
    options.ephemeral_max = 2;
    publish(&a, "one", "one/x", BYTES("1"));
    publish(&a, "one", "one/x", BYTES("2"));
    publish(&a, "one", "one/x", BYTES("3"));
    ck_assert_uint_eq(a.answers, 1);
    ck_assert_uint_eq(a.codes[0], 111);
    a.done = false;
    while (kafka_link_pending(g.kafka))
        loop_for(g.loop, 0.01);
    ck_assert_uint_eq(a.answers, 3);
    char big[5000];
    memset(big, '1', sizeof big);
    options.ephemeral_max = 100;
    options.ephemeral_bytes = 8000;
    publish(&a, "one", "one/x", bytes_of(big, sizeof big));
    publish(&a, "one", "one/x", bytes_of(big, sizeof big));
    ck_assert_uint_eq(a.codes[3], 111);
    ck_assert_uint_eq(kafka_link_pending(g.kafka), 1);
    stop(); /* with one on its way: it is forgotten */
}
END_TEST

START_TEST(an_asker_that_has_gone_is_not_told)
{
    struct asker a = {0};
    start();
    configure(true);
    warm_up();
    ops_cancel(&g, publish(&a, "one", "one/x", BYTES("1")));
    while (kafka_link_pending(g.kafka))
        loop_for(g.loop, 0.01);
    ck_assert_uint_eq(a.answers, 0);
    stop();
}
END_TEST

START_TEST(without_need_nobody_is_dialled)
{
    struct asker a = {0};
    start();
    configure(false);
    loop_for(g.loop, 0.1);
    publish(&a, "one", "one/x", BYTES("1"));
    ck_assert_uint_eq(a.codes[0], 100);
    configure(true);
    warm_up();
    publish(&a, "none", "none/x", BYTES("1")); /* no cell hosts it */
    ck_assert_uint_eq(a.codes[1], 100);
    configure(false);
    configure(true);
    warm_up();
    stop();
}
END_TEST

UNIT_MAIN("gateway/kafka_link", a_publish_is_answered_when_the_broker_has_it,
          a_broker_that_is_away_is_an_error_and_then_it_works_again, one_cell_that_does_not_take_it_is_an_error,
          what_waits_is_bounded, an_asker_that_has_gone_is_not_told, without_need_nobody_is_dialled)
