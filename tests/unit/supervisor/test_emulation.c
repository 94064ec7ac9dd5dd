#include "emulation.h"

#include "unit.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two gateways and a worker whose processes are the other ends of sockets. */
static struct supervisor_options options;
static struct supervisor_metrics metrics;
static struct cell cell;
static struct child children[3];
static int ends[3];

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
}

static void on_down(void *owner, struct link *l, int error)
{
}

static void setup(void)
{
    static const struct link_handlers handlers = {.frame = on_frame, .down = on_down};
    struct ev_loop *loop = ev_loop_new(0);
    options = (struct supervisor_options){.emulation_backlog = 262144};
    metrics = (struct supervisor_metrics){0};
    cell = (struct cell){.loop = loop, .options = &options};
    for (int i = 0; i < 3; i++) {
        int pair[2];
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        children[i] = (struct child){.role = i < 2 ? ROLE_GATEWAY : ROLE_WORKER, .loop = loop, .greeted = true, .link = link_new(loop, pair[0], &handlers, NULL)};
        ends[i] = pair[1];
        struct crew *crew = &cell.crews[children[i].role];
        crew->at[crew->made++] = &children[i];
    }
    strcpy(children[0].node, "one");
    strcpy(children[1].node, "two");
}

static void teardown(void)
{
    for (int i = 0; i < 3; i++) {
        link_free(children[i].link);
        close(ends[i]);
    }
    ev_loop_destroy(cell.loop);
}

/* The next frame that the child was sent. -> its type, or 0: none */
static uint8_t take(int i, struct buf *ret_body)
{
    uint8_t head[5];
    uint32_t n;
    ev_run(cell.loop, EVRUN_NOWAIT);
    if (recv(ends[i], head, sizeof head, MSG_DONTWAIT) != sizeof head)
        return 0;
    memcpy(&n, head, sizeof n);
    buf_clear(ret_body);
    buf_reserve(ret_body, n);
    ck_assert_int_eq(recv(ends[i], ret_body->p, n - 1, MSG_WAITALL), n - 1);
    ret_body->n = n - 1;
    return head[4];
}

static int ask(struct child *asker, const char *node, struct bytes data)
{
    struct buf body = {0};
    wire_put_ctl_emulate(&body, &(struct ctl_emulate){.request = 7, .node = bytes_str(node), .session = BYTES("s"), .data = data});
    int error = emulation_pass(&cell, &metrics, asker, buf_bytes(&body));
    buf_fini(&body);
    return error;
}

static uint32_t told(int i)
{
    struct buf body = {0};
    struct ctl_emulated m;
    ck_assert_int_eq(take(i, &body), CTL_EMULATED);
    ck_assert_int_eq(wire_get_ctl_emulated(buf_bytes(&body), &m), 0);
    ck_assert_int_eq(m.request, 7);
    buf_fini(&body);
    return m.status;
}

START_TEST(commands_go_to_the_gateway_of_that_node_and_the_asker_is_told)
{
    struct buf body = {0};
    struct ctl_emulate m;
    setup();
    ck_assert_int_eq(ask(&children[0], "two", BYTES("{}")), 0);
    ck_assert_int_eq(told(0), 204);
    ck_assert_int_eq(take(1, &body), CTL_EMULATE);
    ck_assert_int_eq(wire_get_ctl_emulate(buf_bytes(&body), &m), 0);
    ck_assert_bytes(m.session, "s");
    ck_assert_bytes(m.data, "{}");
    ck_assert_int_eq(metrics.emulations_total, 1);
    buf_fini(&body);
    teardown();
}
END_TEST

START_TEST(a_node_that_nobody_is_or_that_has_not_greeted_is_404)
{
    struct buf body = {0};
    setup();
    ck_assert_int_eq(ask(&children[0], "three", BYTES("{}")), 0);
    ck_assert_int_eq(told(0), 404);
    children[1].greeted = false;
    ck_assert_int_eq(ask(&children[0], "two", BYTES("{}")), 0);
    ck_assert_int_eq(told(0), 404);
    ck_assert_int_eq(take(1, &body), 0);
    buf_fini(&body);
    teardown();
}
END_TEST

START_TEST(what_waits_for_a_gateway_that_does_not_read_is_bounded)
{
    setup();
    struct buf large = {0};
    while (large.n < 65536)
        buf_append_char(&large, 'x');
    int taken = 0;
    for (;; taken++) {
        ck_assert_int_eq(ask(&children[0], "two", buf_bytes(&large)), 0);
        if (told(0) != 204)
            break;
        ck_assert_int_lt(taken, 1000);
    }
    ck_assert_int_gt(taken, 0);
    ck_assert_uint_le(child_pending(&children[1]), 262144);
    ck_assert_int_eq(metrics.emulations_refused_total, 1);
    buf_fini(&large);
    teardown();
}
END_TEST

START_TEST(only_gateways_ask_and_only_for_somebody)
{
    setup();
    ck_assert_int_eq(ask(&children[2], "one", BYTES("{}")), -EBADMSG);
    ck_assert_int_eq(ask(&children[0], "", BYTES("{}")), -EBADMSG);
    ck_assert_int_eq(emulation_pass(&cell, &metrics, &children[0], BYTES("x")), -EBADMSG);
    teardown();
}
END_TEST

UNIT_MAIN("emulation", commands_go_to_the_gateway_of_that_node_and_the_asker_is_told,
          a_node_that_nobody_is_or_that_has_not_greeted_is_404, what_waits_for_a_gateway_that_does_not_read_is_bounded,
          only_gateways_ask_and_only_for_somebody)
