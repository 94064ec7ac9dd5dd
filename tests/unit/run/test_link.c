#include "run/link.h"

#include "loop.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* One end is a link, the other a bare descriptor in the test's hand, or another link. */
struct end {
    struct link *link;
    unsigned frames, drained, downs;
    int error;
    uint8_t last_type;
    size_t bytes;               /* of all bodies */
    uint64_t checksum;          /* of all bodies, order included */
    unsigned pause_at, free_at; /* frame number at which it pauses, frees itself; 0: never */
    bool free_when_drained, echo;
    unsigned most_in_a_turn, in_turn;
    int64_t turn;
    struct ev_loop *loop;
};

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct end *e = owner;
    e->frames++;
    e->last_type = type;
    e->bytes += body.n;
    for (size_t i = 0; i < body.n; i++)
        e->checksum = e->checksum * 31 + (unsigned char)body.p[i];
    if (ev_iteration(e->loop) != e->turn)
        e->in_turn = 0;
    e->turn = ev_iteration(e->loop);
    if (++e->in_turn > e->most_in_a_turn)
        e->most_in_a_turn = e->in_turn;
    if (e->echo)
        link_send(l, type, body);
    if (e->frames == e->pause_at)
        link_pause(l, true);
    if (e->frames == e->free_at) {
        link_free(l);
        e->link = NULL;
        ck_assert_bytes(body, "body"); /* borrowed until the end of the call */
    }
}

static void on_drained(void *owner, struct link *l)
{
    struct end *e = owner;
    e->drained++;
    ck_assert_uint_eq(link_pending(l), 0);
    if (e->free_when_drained) {
        link_free(l);
        e->link = NULL;
    }
}

static void on_down(void *owner, struct link *l, int error)
{
    struct end *e = owner;
    e->downs++;
    e->error = error;
    link_free(l);
    e->link = NULL;
}

static const struct link_handlers handlers = {on_frame, on_drained, on_down};
static struct ev_loop *loop;

/* -> the other end's descriptor */
static int end_init(struct end *e)
{
    int fds[2];
    if (!loop)
        loop = ev_default_loop(EVBACKEND_EPOLL);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    *e = (struct end){.loop = loop, .link = link_new(loop, fds[0], &handlers, e)};
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    return fds[1];
}

static void put_frame(struct buf *b, uint8_t type, struct bytes body)
{
    uint32_t n = (uint32_t)body.n + 1;
    buf_append(b, &n, sizeof n);
    buf_append(b, &type, 1);
    buf_append_bytes(b, body);
}

static void say(int fd, const void *p, size_t n)
{
    ck_assert_int_eq(send(fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

START_TEST(a_frame_is_little_endian_length_type_and_body)
{
    struct end e;
    char have[32];
    int fd = end_init(&e);
    link_send(e.link, 7, BYTES("abc"));
    ev_run(e.loop, EVRUN_NOWAIT);
    ck_assert_int_eq(recv(fd, have, sizeof have, 0), 8);
    ck_assert_int_eq(memcmp(have, "\4\0\0\0\7abc", 8), 0);
    ck_assert_uint_eq(link_pending(e.link), 0);
    link_free(e.link);
    close(fd);
}
END_TEST

/* ---- a long turn of the loop: of ten events, after each of which the link is looked at */

static int events_before_the_frame;

static void on_event(struct ev_loop *l, ev_timer *w, int events)
{
    struct end *e = w->data;
    if (e->frames == 0)
        events_before_the_frame++;
    link_look(e->link);
}

START_TEST(a_link_that_is_looked_at_goes_before_events_that_are_pending)
{
    ev_timer other[10];
    struct end e;
    int fd = end_init(&e);
    events_before_the_frame = 0;
    for (int i = 0; i < 10; i++) {
        ev_timer_init(&other[i], on_event, 0., 0.);
        other[i].data = &e;
        ev_feed_event(loop, &other[i], EV_TIMER);
    }
    say(fd, "\1\0\0\0\7", 5);
    ev_invoke_pending(loop); /* the loop has not seen it */
    ck_assert_int_eq(events_before_the_frame, 1);
    ck_assert_uint_eq(e.frames, 1);
    link_free(e.link);
    close(fd);
}
END_TEST

START_TEST(a_paused_link_is_not_looked_at)
{
    struct end e;
    int fd = end_init(&e);
    say(fd, "\1\0\0\0\7", 5);
    link_pause(e.link, true);
    link_look(e.link);
    ev_invoke_pending(loop);
    ck_assert_uint_eq(e.frames, 0);
    link_free(e.link);
    link_look(NULL);
    close(fd);
}
END_TEST

START_TEST(a_frame_may_be_built_in_place)
{
    struct end e;
    char have[32];
    int fd = end_init(&e);
    buf_append_str(link_begin(e.link, 9), "in ");
    link_end(e.link);
    link_begin(e.link, 1);
    link_end(e.link);
    ev_run(e.loop, EVRUN_NOWAIT);
    ck_assert_int_eq(recv(fd, have, sizeof have, 0), 13);
    ck_assert_int_eq(memcmp(have, "\4\0\0\0\11in \1\0\0\0\1", 13), 0);
    link_free(e.link);
    close(fd);
}
END_TEST

START_TEST(frames_of_a_turn_go_in_one_write_and_never_more_than_16_kib_wait)
{
    struct end e;
    static char have[128 << 10], body[1000];
    int fd = end_init(&e);
    link_send(e.link, 7, BYTES("abc"));
    link_send(e.link, 8, BYTES("de"));
    ck_assert_int_eq(recv(fd, have, sizeof have, 0), -1);
    ck_assert_uint_eq(link_pending(e.link), 0); /* the kernel has refused nothing */
    ev_run(e.loop, EVRUN_NOWAIT);
    ck_assert_int_eq(recv(fd, have, sizeof have, 0), 15);
    ck_assert_int_eq(memcmp(have, "\4\0\0\0\7abc\3\0\0\0\10de", 15), 0);
    for (int i = 0; i < 20; i++)
        link_send(e.link, 9, bytes_of(body, sizeof body));
    ck_assert_int_ge(recv(fd, have, sizeof have, 0), 16 << 10);
    link_free(e.link);
    ck_assert_int_eq(recv(fd, have, sizeof have, 0), 3 * 1005); /* leaving takes nothing along */
    close(fd);
}
END_TEST

START_TEST(frames_arrive_whole_however_the_bytes_are_cut)
{
    struct end e;
    struct buf b;
    int fd = end_init(&e);
    buf_init(&b);
    put_frame(&b, 1, BYTES("first"));
    put_frame(&b, 2, BYTES(""));
    put_frame(&b, 3, BYTES("third one"));
    for (size_t i = 0; i < b.n; i++) {
        say(fd, b.p + i, 1);
        ev_run(loop, EVRUN_ONCE);
    }
    ck_assert(loop_until(loop, e.frames == 3));
    ck_assert_uint_eq(e.bytes, 14);
    ck_assert_uint_eq(e.last_type, 3);
    link_free(e.link);
    close(fd);
    buf_fini(&b);
}
END_TEST

START_TEST(at_most_256_frames_are_handed_over_in_a_turn)
{
    struct end e;
    struct buf b;
    int fd = end_init(&e);
    buf_init(&b);
    for (int i = 0; i < 1000; i++)
        put_frame(&b, 1, BYTES("x"));
    say(fd, b.p, b.n);
    ck_assert(loop_until(loop, e.frames == 1000));
    ck_assert_uint_eq(e.most_in_a_turn, 256);
    link_free(e.link);
    close(fd);
    buf_fini(&b);
}
END_TEST

START_TEST(megabytes_go_both_ways_in_order_and_drained_is_called)
{
    struct end a = {.loop = loop}, b = {.loop = loop, .echo = true};
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    a.link = link_new(loop, fds[0], &handlers, &a);
    b.link = link_new(loop, fds[1], &handlers, &b);
    char *body = calloc(1, 200000);
    size_t sent = 0;
    uint64_t want = 0;
    for (unsigned i = 0; i < 200; i++) {
        size_t n = i * 997 % 200000;
        for (size_t at = 0; at < n; at++) {
            body[at] = (char)(at * i);
            want = want * 31 + (unsigned char)body[at];
        }
        link_send(a.link, (uint8_t)i, bytes_of(body, n));
        sent += n;
    }
    ck_assert_uint_gt(link_pending(a.link), 0);
    ck_assert(loop_until(loop, a.frames == 200));
    ck_assert_uint_eq(b.bytes, sent);
    ck_assert_uint_eq(a.bytes, sent);
    ck_assert_uint_eq(a.checksum, want);
    ck_assert_uint_ge(a.drained, 1);
    link_free(a.link);
    link_free(b.link);
    free(body);
}
END_TEST

START_TEST(a_link_may_be_freed_inside_frame)
{
    struct end e;
    struct buf b;
    int fd = end_init(&e);
    buf_init(&b);
    for (int i = 0; i < 10; i++)
        put_frame(&b, 1, BYTES("body"));
    e.free_at = 3;
    say(fd, b.p, b.n);
    ck_assert(loop_until(loop, e.frames == 3));
    loop_for(loop, 20);
    ck_assert_uint_eq(e.frames, 3);
    ck_assert_uint_eq(e.downs, 0);
    ck_assert_int_le(recv(fd, b.p, 1, 0), 0); /* closed */
    close(fd);
    buf_fini(&b);
}
END_TEST

START_TEST(a_link_may_be_freed_inside_drained)
{
    struct end e;
    int fd = end_init(&e);
    e.free_when_drained = true;
    char *much = calloc(1, 4 << 20), sink[65536];
    link_send(e.link, 1, bytes_of(much, 4 << 20));
    ck_assert_uint_gt(link_pending(e.link), 0);
    while (!e.drained) {
        while (recv(fd, sink, sizeof sink, 0) > 0)
            ;
        ev_run(loop, EVRUN_NOWAIT);
    }
    ck_assert_ptr_null(e.link);
    close(fd);
    free(much);
}
END_TEST

START_TEST(down_comes_once_from_the_loop_and_after_the_last_frame)
{
    struct end e;
    struct buf b;
    int fd = end_init(&e);
    buf_init(&b);
    for (int i = 0; i < 600; i++)
        put_frame(&b, 1, BYTES("last words"));
    say(fd, b.p, b.n);
    close(fd);
    ck_assert(loop_until(loop, e.downs));
    ck_assert_uint_eq(e.frames, 600);
    ck_assert_int_eq(e.error, 0);
    loop_for(loop, 10);
    ck_assert_uint_eq(e.downs, 1);
    buf_fini(&b);
}
END_TEST

START_TEST(a_write_that_fails_hears_the_peers_last_words_first_and_calls_nothing_back)
{
    struct end e;
    struct buf b;
    int fd = end_init(&e);
    buf_init(&b);
    put_frame(&b, 5, BYTES("bye"));
    say(fd, b.p, b.n);
    close(fd);
    link_send(e.link, 1, BYTES("too late"));
    link_send(e.link, 1, BYTES("and this"));
    ck_assert_uint_eq(e.downs + e.frames, 0);
    ck_assert_uint_eq(link_pending(e.link), 0);
    ck_assert(loop_until(loop, e.downs));
    ck_assert_int_eq(e.error, -EPIPE);
    ck_assert_uint_eq(e.frames, 1);
    buf_fini(&b);
}
END_TEST

START_TEST(a_frame_above_the_bound_ends_the_link_and_what_stood_before_it_counts)
{
    struct end e;
    struct buf b;
    int fd = end_init(&e);
    uint32_t n = LINK_FRAME_MAX + 1;
    buf_init(&b);
    put_frame(&b, 1, BYTES("good"));
    buf_append(&b, &n, sizeof n);
    put_frame(&b, 1, BYTES("never read"));
    say(fd, b.p, b.n);
    ck_assert(loop_until(loop, e.downs));
    ck_assert_int_eq(e.error, -EMSGSIZE);
    ck_assert_uint_eq(e.frames, 1);
    close(fd);
    buf_fini(&b);
}
END_TEST

START_TEST(a_frame_without_a_type_ends_the_link)
{
    struct end e;
    int fd = end_init(&e);
    say(fd, "\0\0\0\0", 4);
    ck_assert(loop_until(loop, e.downs));
    ck_assert_int_eq(e.error, -EBADMSG);
    close(fd);
}
END_TEST

START_TEST(the_largest_frame_goes_through)
{
    struct end a = {.loop = loop}, b = {.loop = loop};
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    a.link = link_new(loop, fds[0], &handlers, &a);
    b.link = link_new(loop, fds[1], &handlers, &b);
    char *body = calloc(1, LINK_FRAME_MAX);
    link_send(a.link, 1, bytes_of(body, LINK_FRAME_MAX - 1));
    ck_assert(loop_until(loop, b.frames == 1));
    ck_assert_uint_eq(b.bytes, LINK_FRAME_MAX - 1);
    link_free(a.link);
    ck_assert(loop_until(loop, b.downs));
    free(body);
}
END_TEST

START_TEST(a_paused_link_hands_over_nothing_and_goes_on_where_it_stopped)
{
    struct end e;
    struct buf b;
    int fd = end_init(&e);
    buf_init(&b);
    for (int i = 0; i < 10; i++)
        put_frame(&b, (uint8_t)i, BYTES("x"));
    e.pause_at = 4;
    say(fd, b.p, b.n);
    ck_assert(loop_until(loop, e.frames == 4));
    say(fd, b.p, b.n);
    loop_for(loop, 20);
    ck_assert_uint_eq(e.frames, 4);
    link_pause(e.link, false);
    ck_assert_uint_eq(e.frames, 4); /* never from inside the call */
    ck_assert(loop_until(loop, e.frames == 20));
    ck_assert_uint_eq(e.last_type, 9);
    link_free(e.link);
    close(fd);
    buf_fini(&b);
}
END_TEST

START_TEST(a_paused_link_puts_back_pressure_on_its_peer)
{
    struct end e;
    char much[65536] = {0};
    ssize_t sent = 0, n;
    int fd = end_init(&e);
    link_pause(e.link, true);
    for (int i = 0; i < 100; i++) {
        while ((n = send(fd, much, sizeof much, MSG_NOSIGNAL)) > 0)
            sent += n;
        ev_run(loop, EVRUN_NOWAIT);
    }
    ck_assert_int_lt(sent, 4 << 20);
    link_free(e.link);
    close(fd);
}
END_TEST

START_TEST(a_peer_that_never_reads_costs_only_what_its_producer_sends)
{
    struct end e;
    char body[1000] = {0};
    int fd = end_init(&e);
    while (link_pending(e.link) < 100000)
        link_send(e.link, 1, bytes_of(body, sizeof body));
    ck_assert_uint_lt(link_pending(e.link), 102000);
    ck_assert_uint_eq(e.drained, 0);
    link_free(e.link);
    close(fd);
}
END_TEST

START_TEST(hearing_is_remembered)
{
    struct end e;
    int fd = end_init(&e);
    int64_t before = link_heard_ns(e.link);
    ck_assert_int_le(before, clock_mono_ns());
    loop_for(loop, 5);
    say(fd, "\1", 1); /* not even a frame */
    ck_assert(loop_until(loop, link_heard_ns(e.link) > before));
    link_free(e.link);
    link_free(NULL);
    close(fd);
}
END_TEST

UNIT_MAIN("run/link", a_frame_is_little_endian_length_type_and_body,
          a_link_that_is_looked_at_goes_before_events_that_are_pending,
          a_paused_link_is_not_looked_at, a_frame_may_be_built_in_place, frames_of_a_turn_go_in_one_write_and_never_more_than_16_kib_wait, frames_arrive_whole_however_the_bytes_are_cut,
          at_most_256_frames_are_handed_over_in_a_turn,
          megabytes_go_both_ways_in_order_and_drained_is_called,
          a_link_may_be_freed_inside_frame, a_link_may_be_freed_inside_drained,
          down_comes_once_from_the_loop_and_after_the_last_frame,
          a_write_that_fails_hears_the_peers_last_words_first_and_calls_nothing_back,
          a_frame_above_the_bound_ends_the_link_and_what_stood_before_it_counts,
          a_frame_without_a_type_ends_the_link, the_largest_frame_goes_through,
          a_paused_link_hands_over_nothing_and_goes_on_where_it_stopped,
          a_paused_link_puts_back_pressure_on_its_peer,
          a_peer_that_never_reads_costs_only_what_its_producer_sends, hearing_is_remembered)
