/* The worker as a whole in this process, over its real socket, without Kafka (records are
 * handed in) and without PostgreSQL (which stays away). */
#include "flow.h"
#include "unit.h"
#include "worker.h"

#include "core/clock.h"
#include "run/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PARTITIONS 4

static struct worker *w;
static char dir[64];

/* The gateway's end of a link. */
struct peer {
    int fd;
    struct buf in, out;
};

static void spin(int ms)
{
    int64_t until_ns = clock_mono_ns() + ms * NS_PER_MS;
    do
        ev_run(w->process.loop, EVRUN_NOWAIT);
    while (clock_mono_ns() < until_ns);
}

static void begin_with(const char *option)
{
    char run_dir[96];
    struct buf text = {0};
    snprintf(dir, sizeof dir, "/tmp/test-flow-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(run_dir, sizeof run_dir, "--run-dir=%s", dir);
    char *argv[] = {"test",
                    run_dir,
                    "--standalone-map=4",
                    "--kafka=127.0.0.1:1",
                    "--postgres=host=/nowhere",
                    (char *)option,
                    NULL};
    log_init("test", LOG_LEVEL_ERROR + 1);
    w = calloc(1, sizeof *w);
    ck_assert_int_eq(worker_options_parse(&w->options, option ? 6 : 5, argv, &text),
                     OPTIONS_RUN);
    ck_assert_int_eq(worker_init(w, &text), 0);
    buf_fini(&text);
    for (uint32_t i = 0; i < PARTITIONS; i++)
        flow_caught_up(w, i);
}

static void begin(void)
{
    begin_with(NULL);
}

static void end(void)
{
    worker_fini(w);
    ck_assert_int_eq(w->metrics.interests, 0);
    free(w);
    rmdir(dir);
}

static void say(struct peer *p, uint8_t type)
{
    uint32_t n = (uint32_t)p->out.n + 1;
    ck_assert_int_eq(send(p->fd, &n, sizeof n, 0), sizeof n);
    ck_assert_int_eq(send(p->fd, &type, 1, 0), 1);
    ck_assert_int_eq(send(p->fd, p->out.p, p->out.n, 0), (ssize_t)p->out.n);
    buf_clear(&p->out);
    spin(5);
}

#define SAY(p, TYPE, name, ...)                                                                \
    do {                                                                                       \
        wire_put_##name(&(p)->out, &(struct name){__VA_ARGS__});                               \
        say(p, TYPE);                                                                          \
    } while (0)

static void dial(struct peer *p)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s/worker-1.sock", dir);
    *p = (struct peer){.fd = socket(AF_UNIX, SOCK_STREAM, 0)};
    ck_assert_int_eq(connect(p->fd, (struct sockaddr *)&at, sizeof at), 0);
    spin(5);
}

static void greet(struct peer *p, const char *name, uint64_t origin)
{
    dial(p);
    SAY(p, FAN_HELLO, fan_hello, .version = WIRE_VERSION, .gateway = bytes_str(name),
        .origin = origin);
}

static void hang_up(struct peer *p)
{
    close(p->fd);
    buf_fini(&p->in);
    buf_fini(&p->out);
    spin(5);
}

/* Takes what has come. -> false when the worker closed */
static bool hear(struct peer *p)
{
    char chunk[65536];
    for (;;) {
        ssize_t n = recv(p->fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        buf_append(&p->in, chunk, (size_t)n);
        spin(1);
    }
}

/* The body of the next frame of that type; others before it are passed over. */
static struct bytes expect(struct peer *p, uint8_t type)
{
    static struct buf frame;
    for (int tries = 0; tries < 200; tries++) {
        bool open = hear(p);
        uint32_t n = 0;
        while (p->in.n > 4 && (memcpy(&n, p->in.p, 4), p->in.n >= n + 4)) {
            bool it = (uint8_t)p->in.p[4] == type;
            buf_clear(&frame);
            buf_append(&frame, p->in.p + 5, n - 1);
            buf_consume(&p->in, n + 4);
            if (it)
                return buf_bytes(&frame);
        }
        ck_assert(open);
        spin(5);
    }
    ck_abort_msg("no such frame came");
    return bytes_of(NULL, 0);
}

#define EXPECT(p, TYPE, name)                                                                  \
    ({                                                                                         \
        struct name expected_;                                                                 \
        ck_assert_int_eq(wire_get_##name(expect(p, TYPE), &expected_), 0);                     \
        expected_;                                                                             \
    })

static void publish(const char *channel, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last; seq++)
        flow_record(w, RECORD_MESSAGE, bytes_str(channel),
                    &(struct publication){.epoch = 7, .seq = seq, .data = BYTES("{}")});
}

START_TEST(a_gateway_is_welcomed)
{
    struct peer p;
    begin();
    greet(&p, "a-1", 1);
    struct fan_welcome m = EXPECT(&p, FAN_WELCOME, fan_welcome);
    ck_assert_uint_eq(m.worker, 1);
    ck_assert_uint_eq(m.generation, 1);
    ck_assert_uint_eq(m.caught_up, 1);
    hang_up(&p);
    end();
}
END_TEST

START_TEST(nothing_is_heard_before_the_hello)
{
    struct peer p;
    begin();
    dial(&p);
    SAY(&p, FAN_SUBSCRIBE, fan_subscribe, .channel = BYTES("t/x"), .from_head = 1);
    ck_assert(!hear(&p));
    hang_up(&p);
    end();
}
END_TEST

START_TEST(who_says_hello_twice_is_cut)
{
    struct peer p;
    begin();
    greet(&p, "a-1", 1);
    SAY(&p, FAN_HELLO, fan_hello, .version = WIRE_VERSION, .gateway = BYTES("a-2"), .origin = 2);
    ck_assert(!hear(&p));
    ck_assert_int_eq(w->metrics.gateways, 0);
    hang_up(&p);
    end();
}
END_TEST

START_TEST(another_wire_version_is_refused)
{
    struct peer p;
    begin();
    dial(&p);
    SAY(&p, FAN_HELLO, fan_hello, .version = WIRE_VERSION + 1, .gateway = BYTES("a-1"));
    ck_assert(!hear(&p));
    hang_up(&p);
    end();
}
END_TEST

START_TEST(what_cannot_be_read_cuts_that_gateway_alone)
{
    struct peer p, other;
    begin();
    greet(&p, "a-1", 1);
    greet(&other, "a-2", 2);
    SAY(&p, FAN_SUBSCRIBE, fan_subscribe, .channel = BYTES("no full name"), .from_head = 1);
    ck_assert(!hear(&p));
    ck_assert(hear(&other));
    buf_append_str(&other.out, "abc");
    say(&other, FAN_READ);
    ck_assert(!hear(&other));
    ck_assert_uint_eq(w->metrics.gateways_cut_total, 2);
    hang_up(&p);
    hang_up(&other);
    end();
}
END_TEST

START_TEST(a_record_goes_out_with_its_stamps)
{
    struct peer p;
    struct publication pub;
    begin();
    publish("t/x", 5, 9);
    greet(&p, "a-1", 1);
    SAY(&p, FAN_SUBSCRIBE, fan_subscribe, .channel = BYTES("t/x"), .epoch = 7, .since = 9);
    struct fan_subscribed s = EXPECT(&p, FAN_SUBSCRIBED, fan_subscribed);
    ck_assert_uint_eq(s.status, 0);
    ck_assert_uint_eq(s.seq, 9);
    uint64_t before_us = clock_real_us();
    publish("t/x", 10, 10);
    spin(5);
    struct fan_publication m = EXPECT(&p, FAN_PUBLICATION, fan_publication);
    ck_assert_bytes(m.channel, "t/x");
    ck_assert_int_eq(wire_get_publication(m.publication, &pub), 0);
    ck_assert_uint_eq(pub.seq, 10);
    ck_assert_uint_ge(pub.consumed_us, before_us);
    ck_assert_uint_ge(pub.sent_us, pub.consumed_us);
    ck_assert_uint_le(pub.sent_us, clock_real_us());
    hang_up(&p);
    ck_assert_int_eq(w->metrics.interests, 0);
    end();
}
END_TEST

START_TEST(reads_come_from_the_ring_while_postgresql_is_away)
{
    struct peer p;
    struct publication pub;
    begin();
    publish("t/x", 5, 9);
    greet(&p, "a-1", 1);
    SAY(&p, FAN_READ, fan_read, .request = 1, .channel = BYTES("t/x"), .since = 6, .limit = 2);
    struct fan_range m = EXPECT(&p, FAN_RANGE, fan_range);
    ck_assert_uint_eq(m.request, 1);
    ck_assert_uint_eq(m.head, 9);
    ck_assert_uint_eq(m.more, 1);
    ck_assert_int_eq(wire_next_publication(&m.publications, &pub), 1);
    ck_assert_uint_eq(pub.seq, 7);
    ck_assert_int_eq(wire_next_publication(&m.publications, &pub), 1);
    ck_assert_int_eq(wire_next_publication(&m.publications, &pub), 0);
    SAY(&p, FAN_READ, fan_read, .request = 2, .channel = BYTES("t/x"), .since = 1, .limit = 2);
    ck_assert_uint_eq(EXPECT(&p, FAN_RANGE, fan_range).status, STATUS_AWAY);
    SAY(&p, FAN_READ, fan_read, .request = 3, .channel = BYTES("t/x"), .epoch = 6, .limit = 2);
    ck_assert_uint_eq(EXPECT(&p, FAN_RANGE, fan_range).status, STATUS_UNRECOVERABLE);
    SAY(&p, FAN_READ, fan_read, .request = 4, .channel = BYTES("t/x"), .limit = 100,
        .reverse = 1);
    m = EXPECT(&p, FAN_RANGE, fan_range);
    ck_assert_uint_eq(m.status, 0);
    ck_assert_uint_eq(m.more, 1);
    hang_up(&p);
    end();
}
END_TEST

START_TEST(a_head_is_answered_when_it_is_high_enough)
{
    struct peer p;
    begin();
    publish("t/x", 5, 9);
    greet(&p, "a-1", 1);
    SAY(&p, FAN_ASK_HEAD, fan_ask_head, .request = 1, .channel = BYTES("t/x"), .at_least = 9);
    struct fan_head m = EXPECT(&p, FAN_HEAD, fan_head);
    ck_assert_uint_eq(m.status, 0);
    ck_assert_uint_eq(m.epoch, 7);
    ck_assert_uint_eq(m.head, 9);
    SAY(&p, FAN_ASK_HEAD, fan_ask_head, .request = 2, .channel = BYTES("t/x"), .at_least = 10);
    ck_assert_uint_eq(EXPECT(&p, FAN_HEAD, fan_head).status, STATUS_AWAY);
    hang_up(&p);
    end();
}
END_TEST

START_TEST(what_it_does_not_know_is_passed_over)
{
    struct peer p;
    begin();
    publish("t/x", 1, 9);
    greet(&p, "a-1", 1);
    SAY(&p, FAN_FORGET, fan_forget, .request = 77); /* answered long ago */
    SAY(&p, 99, fan_forget, .request = 1);          /* of a newer gateway */
    SAY(&p, FAN_ASK_HEAD, fan_ask_head, .request = 2, .channel = BYTES("t/x"), .at_least = 1);
    ck_assert_uint_eq(EXPECT(&p, FAN_HEAD, fan_head).request, 2);
    hang_up(&p);
    end();
}
END_TEST

START_TEST(joins_go_to_who_is_interested_and_presence_is_answered)
{
    struct peer p, other;
    begin();
    publish("t/x", 1, 1);
    greet(&p, "a-1", 1);
    greet(&other, "a-2", 2);
    SAY(&p, FAN_SUBSCRIBE, fan_subscribe, .channel = BYTES("t/x"), .from_head = 1);
    SAY(&other, FAN_PRESENCE_SET, fan_presence_set, .channel = BYTES("t/x"),
        .client = BYTES("c1"), .user = BYTES("u"), .info = BYTES("{\"user\":\"u\"}"), .tells = 1);
    ck_assert_bytes(EXPECT(&p, FAN_JOIN, fan_join).info, "{\"user\":\"u\"}");
    SAY(&p, FAN_ASK_PRESENCE, fan_ask_presence, .request = 4, .channel = BYTES("t/x"),
        .limit = 9);
    struct fan_presence m = EXPECT(&p, FAN_PRESENCE, fan_presence);
    struct presence_entry e;
    ck_assert_uint_eq(m.request, 4);
    ck_assert_uint_eq(m.clients, 1);
    ck_assert_uint_eq(m.complete, 0); /* just started */
    ck_assert_int_eq(wire_next_presence_entry(&m.entries, &e), 1);
    ck_assert_bytes(e.client, "c1");
    SAY(&other, FAN_PRESENCE_CLEAR, fan_presence_clear, .channel = BYTES("t/x"),
        .client = BYTES("c1"));
    EXPECT(&p, FAN_LEAVE, fan_leave);
    hang_up(&p);
    hang_up(&other);
    end();
}
END_TEST

START_TEST(what_goes_to_another_worker_is_told_and_refused_from_then_on)
{
    struct peer p;
    struct buf owners = {0};
    begin();
    publish("t/x", 1, 1);
    greet(&p, "a-1", 1);
    SAY(&p, FAN_SUBSCRIBE, fan_subscribe, .channel = BYTES("t/x"), .from_head = 1);
    EXPECT(&p, FAN_SUBSCRIBED, fan_subscribed);
    for (int i = 0; i < PARTITIONS; i++)
        wire_put_u32(&owners, 2);
    struct ctl_map map = {
        .generation = 9, .partitions = PARTITIONS, .owners = buf_bytes(&owners)};
    ck_assert_int_eq(flow_map(w, &map), 0);
    ck_assert_uint_eq(EXPECT(&p, FAN_NOT_MINE, fan_not_mine).generation, 9);
    ck_assert_uint_eq(EXPECT(&p, FAN_WELCOME, fan_welcome).generation, 9);
    SAY(&p, FAN_SUBSCRIBE, fan_subscribe, .channel = BYTES("t/x"), .from_head = 1);
    EXPECT(&p, FAN_NOT_MINE, fan_not_mine);
    SAY(&p, FAN_READ, fan_read, .request = 1, .channel = BYTES("t/x"), .limit = 1);
    ck_assert_uint_eq(EXPECT(&p, FAN_RANGE, fan_range).status, STATUS_AWAY);
    ck_assert_int_eq(flow_map(w, &(struct ctl_map){.generation = 10,
                                                   .partitions = 3,
                                                   .owners = buf_bytes(&owners)}),
                     -EBADMSG);
    buf_fini(&owners);
    hang_up(&p);
    end();
}
END_TEST

START_TEST(a_gateway_that_takes_nothing_costs_a_bounded_number_of_bytes)
{
    struct peer p;
    static char data[60000];
    begin_with("--gateway-patience=500ms");
    publish("t/x", 1, 1);
    greet(&p, "a-1", 1);
    SAY(&p, FAN_SUBSCRIBE, fan_subscribe, .channel = BYTES("t/x"), .from_head = 1);
    for (uint64_t seq = 2; seq < 200; seq++) {
        flow_record(
            w, RECORD_MESSAGE, BYTES("t/x"),
            &(struct publication){.epoch = 7, .seq = seq, .data = bytes_of(data, sizeof data)});
        flow_turn(w);
        struct gateway_link *g = list_first(&w->gateways, struct gateway_link, link);
        ck_assert_uint_le(link_pending(g->l), (size_t)w->options.link_pending_max + 100000);
    }
    ck_assert_uint_le(w->routes.cached_bytes, (size_t)w->options.ring_bytes + 1000);
    for (int tries = 0; tries < 500 && !list_is_empty(&w->gateways); tries++)
        spin(10);
    ck_assert(list_is_empty(&w->gateways));
    ck_assert_uint_eq(w->metrics.gateways_cut_total, 1);
    hang_up(&p);
    end();
}
END_TEST

START_TEST(a_second_link_of_a_name_replaces_the_first)
{
    struct peer p, again;
    begin();
    greet(&p, "a-1", 1);
    greet(&again, "a-1", 1);
    ck_assert(!hear(&p));
    ck_assert(hear(&again));
    ck_assert_int_eq(w->metrics.gateways, 1);
    hang_up(&p);
    hang_up(&again);
    end();
}
END_TEST

UNIT_MAIN("fanout-worker/flow", what_it_does_not_know_is_passed_over, a_gateway_is_welcomed, nothing_is_heard_before_the_hello, another_wire_version_is_refused, what_cannot_be_read_cuts_that_gateway_alone, who_says_hello_twice_is_cut,
          a_record_goes_out_with_its_stamps, reads_come_from_the_ring_while_postgresql_is_away,
          a_head_is_answered_when_it_is_high_enough,
          joins_go_to_who_is_interested_and_presence_is_answered,
          what_goes_to_another_worker_is_told_and_refused_from_then_on,
          a_gateway_that_takes_nothing_costs_a_bounded_number_of_bytes,
          a_second_link_of_a_name_replaces_the_first)
