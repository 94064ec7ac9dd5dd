/* Supervisors of cells on one side of a socket pair each, crossing.c on the other. */
#include "crossing.h"

#include "unit.h"
#include "wire/messages.h"

#include <sys/socket.h>
#include <unistd.h>

static struct crossing crossing;
static struct sequencer_metrics metrics;
static struct ev_loop *loop;

static void stop(void)
{
    ev_loop_destroy(loop);
}

struct cell {
    struct seat seat;
    struct link *wire; /* ours */
    int fd;            /* its */
};

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body) {}
static void on_down(void *owner, struct link *l, int error) {}
static const struct link_handlers handlers = {on_frame, NULL, on_down};

static void start(void)
{
    metrics = (struct sequencer_metrics){0};
    loop = ev_loop_new(0);
    crossing_init(&crossing, &metrics);
}

static void connect_one(struct cell *c)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    c->wire = link_new(loop, pair[0], &handlers, c);
    c->fd = pair[1];
    seat_init(&c->seat);
}

static const char *enter(struct cell *c, const char *name, uint32_t version)
{
    struct buf hello = {0};
    wire_put_seq_cell_hello(&hello, &(struct seq_cell_hello){.version = version, .cell = bytes_str(name)});
    const char *wrong = crossing_enter(&crossing, &c->seat, c->wire, buf_bytes(&hello));
    buf_fini(&hello);
    return wrong;
}

static void begin(struct cell *c, const char *name)
{
    connect_one(c);
    ck_assert_ptr_null(enter(c, name, WIRE_VERSION));
}

static void end(struct cell *c)
{
    crossing_leave(&crossing, &c->seat);
    link_free(c->wire);
    close(c->fd);
}

/* The next frame that it hears. -> its type; 0: none */
static uint8_t hear(struct cell *c, struct buf *ret_body)
{
    char head[5];
    uint32_t n;
    ev_run(loop, EVRUN_NOWAIT);
    if (recv(c->fd, head, sizeof head, MSG_DONTWAIT) != sizeof head)
        return 0;
    memcpy(&n, head, sizeof n);
    buf_clear(ret_body);
    buf_reserve(ret_body, n);
    ck_assert_int_eq(recv(c->fd, ret_body->p, n - 1, MSG_DONTWAIT), n - 1);
    ret_body->n = n - 1;
    return (uint8_t)head[4];
}

/* The names of the last list that it was told, one behind the other. */
static void hears_of(struct cell *c, const char *want)
{
    struct buf body = {0}, names = {0};
    struct seq_cells m;
    struct cell_name one;
    while (hear(c, &body) == SEQ_CELLS) {
        ck_assert_int_eq(wire_get_seq_cells(buf_bytes(&body), &m), 0);
        buf_clear(&names);
        while (wire_next_cell_name(&m.cells, &one) > 0)
            buf_append_bytes(&names, one.name);
    }
    ck_assert_bytes(buf_bytes(&names), want);
    buf_fini(&body);
    buf_fini(&names);
}

static const char *call(struct cell *c, const char *from, const char *to, struct bytes what)
{
    struct buf body = {0};
    struct seq_cross_call m = {.to = bytes_str(to), .from = bytes_str(from), .request = 5, .body = what};
    wire_put_seq_cross_call(&body, &m);
    const char *wrong = crossing_pass(&crossing, &c->seat, SEQ_CROSS_CALL, buf_bytes(&body));
    buf_fini(&body);
    return wrong;
}

START_TEST(everybody_is_told_who_is_there)
{
    struct cell a, b;
    start();
    begin(&a, "a");
    hears_of(&a, "a");
    begin(&b, "b");
    hears_of(&a, "ab");
    hears_of(&b, "ab");
    end(&b);
    hears_of(&a, "a");
    end(&a);
    stop();
}
END_TEST

START_TEST(what_one_says_to_another_is_passed_on_as_it_is)
{
    struct cell a, b;
    struct buf body = {0};
    struct seq_cross_call m;
    start();
    begin(&a, "a");
    begin(&b, "b");
    hears_of(&b, "ab");
    hears_of(&a, "ab");
    ck_assert_ptr_null(call(&a, "a", "b", BYTES("{}")));
    ck_assert_uint_eq(hear(&b, &body), SEQ_CROSS_CALL);
    ck_assert_int_eq(wire_get_seq_cross_call(buf_bytes(&body), &m), 0);
    ck_assert_bytes(m.from, "a");
    ck_assert_bytes(m.body, "{}");
    ck_assert_uint_eq(hear(&a, &body), 0);
    ck_assert_uint_eq(metrics.crossings_total, 1);
    buf_fini(&body);
    end(&b);
    end(&a);
    stop();
}
END_TEST

START_TEST(who_is_not_there_or_does_not_read_gets_nothing)
{
    struct cell a, b;
    static char megabyte[1 << 20];
    start();
    begin(&a, "a");
    ck_assert_ptr_null(call(&a, "a", "b", BYTES("{}")));
    ck_assert_uint_eq(metrics.crossings_dropped_total, 1);
    begin(&b, "b");
    for (int i = 0; i < 64 && metrics.crossings_dropped_total == 1; i++)
        ck_assert_ptr_null(call(&a, "a", "b", bytes_of(megabyte, sizeof megabyte)));
    ck_assert_uint_eq(metrics.crossings_dropped_total, 2);
    ck_assert_uint_le(link_pending(b.wire), CROSSING_UNREAD_MAX);
    end(&b);
    end(&a);
    stop();
}
END_TEST

START_TEST(a_cell_that_connects_again_has_its_seat_at_once)
{
    struct cell a, older, newer;
    struct buf body = {0};
    start();
    begin(&a, "a");
    begin(&older, "b");
    begin(&newer, "b");
    hears_of(&a, "ab");
    hears_of(&newer, "ab");
    hears_of(&older, "ab");
    ck_assert_ptr_null(call(&a, "a", "b", BYTES("{}")));
    ck_assert_uint_eq(hear(&newer, &body), SEQ_CROSS_CALL);
    ck_assert_uint_eq(hear(&older, &body), 0);
    end(&older);
    ck_assert_uint_eq(hear(&a, &body), 0);
    buf_fini(&body);
    end(&newer);
    end(&a);
    stop();
}
END_TEST

START_TEST(nonsense_is_named)
{
    struct cell a, stranger;
    start();
    connect_one(&stranger);
    ck_assert_str_eq(call(&stranger, "b", "a", BYTES("{}")), "bad frame of a cell");
    ck_assert_str_eq(enter(&stranger, "No name", WIRE_VERSION), "bad hello of a cell");
    ck_assert_str_eq(enter(&stranger, "b", WIRE_VERSION + 1), "another version of the wire format");
    begin(&a, "a");
    ck_assert_str_eq(enter(&a, "a", WIRE_VERSION), "bad hello of a cell");
    ck_assert_str_eq(call(&a, "b", "a", BYTES("{}")), "bad frame of a cell");
    ck_assert_str_eq(crossing_pass(&crossing, &a.seat, SEQ_CROSS_RESULT, BYTES("x")), "bad frame of a cell");
    end(&a);
    end(&stranger);
    stop();
}
END_TEST

UNIT_MAIN("crossing", everybody_is_told_who_is_there, what_one_says_to_another_is_passed_on_as_it_is,
          who_is_not_there_or_does_not_read_gets_nothing, a_cell_that_connects_again_has_its_seat_at_once, nonsense_is_named)
