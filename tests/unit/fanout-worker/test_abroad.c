/* abroad.c on librdkafka's mock cluster. */
#include "abroad.h"

#include "../kafka/mock.h"
#include "kafka/consumer.h"
#include "record.h"
#include "unit.h"

#define OTHER "other.topic"
#define CONFIG                                                                                                          \
    "{\"cells\":[{\"name\":\"a\",\"topic\":\"" TOPIC "\",\"partitions\":4},{\"name\":\"b\",\"topic\":\"" OTHER          \
    "\",\"partitions\":2}],\"tenants\":[{\"name\":\"here\",\"cells\":[\"a\"]},{\"name\":\"there\",\"cells\":[\"b\"]},"  \
    "{\"name\":\"both\",\"cells\":[\"a\",\"b\"]},{\"name\":\"none\"}]}"

static struct mock m;
static struct worker_options options;
static struct worker_metrics metrics;
static struct abroad a;
static struct ev_loop *loop;
static struct lanes lanes;
static struct buf unsaid; /* tenants, one behind the other */

static void on_unsaid(void *owner, struct bytes tenant)
{
    ck_assert_ptr_eq(owner, &unsaid);
    buf_printf(&unsaid, "%.*s ", BYTES_FMT(tenant));
}

static void start(void)
{
    mock_init(&m);
    rd_kafka_mock_topic_create(m.cluster, OTHER, 2, 1);
    options = (struct worker_options){.cell = "a", .slot = 1, .kafka = m.brokers, .presence_news_max = 3, .cell_start = 7};
    metrics = (struct worker_metrics){0};
    loop = ev_default_loop(0);
    lanes_init(&lanes);
    abroad_init(&a, loop, &options, &metrics, on_unsaid, &unsaid);
}

static void stop(void)
{
    buf_fini(&unsaid);
    abroad_fini(&a);
    lanes_fini(&lanes);
    mock_fini(&m);
}

static void send_join(const char *channel)
{
    abroad_send(&a, bytes_str(channel), &lanes,
                &(struct presence_news){.what = NEWS_JOINED, .client = BYTES("c1"), .info = BYTES("{\"client\":\"c1\"}")});
}

static void wait_answered(void)
{
    for (int i = 0; i < 1000 && a.pending; i++)
        loop_for(loop, 0.01);
    ck_assert_int_eq(a.pending, 0);
}

static void on_record(void *owner, int32_t partition, int64_t offset, int64_t time_ms, struct bytes key, struct bytes value)
{
    struct presence_news news;
    ck_assert_bytes(key, "both/x");
    ck_assert_int_eq(record_news(key, value, &news), 0);
    ck_assert_uint_eq(news.what, NEWS_JOINED);
    ck_assert_bytes(news.client, "c1");
    ck_assert_bytes(news.cell, "a");
    ck_assert_uint_eq(news.cell_start, 7);
    *(bool *)owner = true;
}

static void on_caught_up(void *owner, int32_t partition)
{
}

static void on_doubt(void *owner, int32_t partition, const char *why)
{
}

static void on_turn(void *owner)
{
}

static void check_what_is_there(void)
{
    static const struct kafka_consumer_handlers handlers = {on_record, on_caught_up, on_doubt, on_turn};
    struct kafka_consumer *there;
    struct buf why = {0};
    bool read = false;
    ck_assert_int_eq(kafka_consumer_new(loop, m.brokers, "there", OTHER, &handlers, &read, &there, &why), 0);
    kafka_consumer_assign(there, (const int32_t[]){0, 1}, 2, 100, 60000);
    ck_assert(loop_wait(loop, &read, 20));
    kafka_consumer_free(there);
}

START_TEST(other_cells_of_the_tenant_are_told)
{
    start();
    abroad_configure(&a, BYTES(CONFIG));
    ck_assert_uint_eq(a.tenants.count, 1);
    for (int tries = 0; tries < 10 && metrics.presence_news_sent_total == 0; tries++) { /* the first may find no broker yet */
        send_join("both/x");
        wait_answered();
    }
    ck_assert_uint_gt(metrics.presence_news_sent_total, 0);
    check_what_is_there();
    stop();
}
END_TEST

START_TEST(tenants_of_one_cell_cost_nothing)
{
    start();
    abroad_configure(&a, BYTES("{\"cells\":[{\"name\":\"a\",\"topic\":\"x\",\"partitions\":4}],\"tenants\":[{\"name\":\"here\",\"cells\":[\"a\"]}]}"));
    send_join("here/x");
    ck_assert_ptr_null(a.producer);
    ck_assert_uint_eq(metrics.presence_news_lost_total, 0);
    abroad_configure(&a, BYTES(CONFIG));
    send_join("here/x");
    send_join("there/x");
    send_join("nobody/x");
    ck_assert_int_eq(a.pending, 0);
    ck_assert_uint_eq(metrics.presence_news_lost_total, 0);
    stop();
}
END_TEST

START_TEST(what_is_too_much_is_lost_and_counted)
{
    start();
    abroad_configure(&a, BYTES(CONFIG));
    for (int i = 0; i < 5; i++)
        send_join("both/x");
    ck_assert_int_eq(a.pending, 3);
    ck_assert_uint_eq(metrics.presence_news_lost_total, 2);
    wait_answered();
    ck_assert_uint_eq(metrics.presence_news_sent_total + metrics.presence_news_lost_total, 5);
    stop();
}
END_TEST

static void hear(const char *channel, const char *cell, uint64_t start)
{
    abroad_heard(&a, bytes_str(channel), &(struct presence_news){.what = NEWS_LEFT, .cell = bytes_str(cell), .cell_start = start});
}

START_TEST(a_cell_that_was_started_anew_has_left_something_unsaid)
{
    start();
    abroad_configure(&a, BYTES(CONFIG));
    hear("both/x", "b", 0); /* one that does not know */
    hear("both/x", "b", 100);
    hear("both/y", "b", 100);
    hear("both/x", "c", 100);
    hear("there/x", "b", 200);
    ck_assert_uint_eq(unsaid.n, 0);
    abroad_configure(&a, BYTES(CONFIG)); /* what it said is remembered */
    hear("both/y", "b", 200);
    ck_assert_bytes(buf_bytes(&unsaid), "both ");
    hear("both/x", "b", 100); /* late, of another partition */
    hear("both/x", "b", 200);
    ck_assert_bytes(buf_bytes(&unsaid), "both ");
    stop();
}
END_TEST

START_TEST(a_cell_that_is_no_more_has_left_something_unsaid_and_one_that_a_tenant_left_has_not)
{
    static const char alone[] = "{\"cells\":[{\"name\":\"a\",\"topic\":\"" TOPIC "\",\"partitions\":4}],"
                                "\"tenants\":[{\"name\":\"both\",\"cells\":[\"a\"]},{\"name\":\"here\",\"cells\":[\"a\"]}]}";
    static const char left[] = "{\"cells\":[{\"name\":\"a\",\"topic\":\"" TOPIC "\",\"partitions\":4},{\"name\":\"b\",\"topic\":\"" OTHER
                               "\",\"partitions\":2}],\"tenants\":[{\"name\":\"both\",\"cells\":[\"a\"]}]}";
    start();
    abroad_configure(&a, BYTES(CONFIG));
    abroad_configure(&a, bytes_str(left));
    ck_assert_uint_eq(unsaid.n, 0);
    abroad_configure(&a, BYTES(CONFIG));
    abroad_configure(&a, bytes_str(alone));
    ck_assert_bytes(buf_bytes(&unsaid), "both ");
    abroad_configure(&a, bytes_str(alone));
    ck_assert_bytes(buf_bytes(&unsaid), "both ");
    stop();
}
END_TEST

START_TEST(a_cell_that_is_not_there_or_has_never_run_shares_nothing)
{
    static const char *const strange[] = {"{}", "{\"cells\":[],\"tenants\":[{\"name\":\"both\",\"cells\":[\"a\",\"b\"]}]}",
                                          "{\"cells\":[{\"name\":\"b\",\"topic\":\"\",\"partitions\":1}],\"tenants\":[{\"name\":\"both\",\"cells\":[\"a\",\"b\"]},7]}",
                                          /* one that has never run */
                                          "{\"cells\":[{\"name\":\"b\",\"topic\":\"b\",\"partitions\":1,\"new\":true}],\"tenants\":[{\"name\":\"both\",\"cells\":[\"a\",\"b\"]}]}"};
    start();
    for (size_t i = 0; i < 4; i++) {
        abroad_configure(&a, bytes_str(strange[i]));
        ck_assert_uint_eq(a.tenants.count, 0);
    }
    stop();
}
END_TEST

UNIT_MAIN("fanout-worker/abroad", other_cells_of_the_tenant_are_told, tenants_of_one_cell_cost_nothing,
          what_is_too_much_is_lost_and_counted, a_cell_that_was_started_anew_has_left_something_unsaid,
          a_cell_that_is_no_more_has_left_something_unsaid_and_one_that_a_tenant_left_has_not,
          a_cell_that_is_not_there_or_has_never_run_shares_nothing)
