#include "run/dial.h"

#include "loop.h"
#include "run/listener.h"
#include "run/log.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* The dialling side is under test; the other is a listener that keeps what it accepts. */
static struct ev_loop *loop;
static struct listener *peer;
static int peer_fds[64];
static unsigned n_peer_fds;

struct seen {
    struct dial *dial;
    struct link *link;
    unsigned ups, frames, downs;
    int error;
    bool free_in_up, free_in_down, reset_in_frame;
};

static void on_up(void *owner, struct dial *d, struct link *l)
{
    struct seen *s = owner;
    ck_assert_ptr_eq(dial_link(d), l);
    s->ups++;
    s->link = l;
    if (s->free_in_up) {
        dial_free(d);
        s->dial = NULL;
    }
}

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct seen *s = owner;
    ck_assert_ptr_eq(s->link, l);
    s->frames++;
    if (s->reset_in_frame)
        dial_reset(s->dial);
}

static void on_down(void *owner, struct dial *d, int error)
{
    struct seen *s = owner;
    s->downs++;
    s->error = error;
    ck_assert_ptr_null(dial_link(d));
    ck_assert_uint_eq(s->downs, s->ups);
    if (s->free_in_down) {
        dial_free(d);
        s->dial = NULL;
    }
}

static const struct dial_handlers handlers = {on_up, on_frame, NULL, on_down};

static void on_accepted(void *owner, int fd, const struct address *from)
{
    ck_assert_uint_lt(n_peer_fds, 64);
    peer_fds[n_peer_fds++] = fd;
}

static const char *peer_address(void)
{
    static char address[32];
    struct buf why = {0};
    loop = ev_default_loop(EVBACKEND_EPOLL);
    log_init("test", LOG_LEVEL_ERROR);
    n_peer_fds = 0;
    ck_assert_int_eq(listener_new(loop, "127.0.0.1:0", 16, on_accepted, NULL, &peer, &why), 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", listener_port(peer));
    return address;
}

static void peer_close(void)
{
    while (n_peer_fds)
        close(peer_fds[--n_peer_fds]);
    listener_free(peer);
}

START_TEST(it_connects_from_the_loop_and_frames_go_both_ways)
{
    struct seen s = {0};
    char have[16];
    const char *address = peer_address();
    s.dial = dial_new(loop, address, 10, 100, 0, &handlers, &s);
    ck_assert_uint_eq(s.ups, 0);
    ck_assert(loop_until(loop, s.ups == 1 && n_peer_fds == 1));
    send(peer_fds[0], "\1\0\0\0\7", 5, 0);
    link_send(dial_link(s.dial), 8, BYTES("x"));
    ck_assert(loop_until(loop, s.frames == 1));
    ck_assert_int_eq(recv(peer_fds[0], have, sizeof have, 0), 6);
    dial_free(s.dial);
    ck_assert_uint_eq(s.downs, 0);
    peer_close();
}
END_TEST

START_TEST(a_name_is_looked_up_while_the_loop_goes_on)
{
    struct seen s = {0}, unknown = {0};
    char name[32];
    peer_address();
    snprintf(name, sizeof name, "localhost:%d", listener_port(peer));
    s.dial = dial_new(loop, name, 10, 100, 0, &handlers, &s);
    unknown.dial = dial_new(loop, "no-such-host.invalid:1", 1, 5, 0, &handlers, &unknown);
    ck_assert(loop_until(loop, s.ups == 1 && n_peer_fds == 1));
    for (int i = 0; i < 20; i++) {
        dial_free(unknown.dial); /* in whatever state it is */
        unknown.dial = dial_new(loop, "no-such-host.invalid:1", 1, 5, 0, &handlers, &unknown);
        loop_for(loop, i);
    }
    ck_assert_uint_eq(unknown.ups, 0);
    dial_free(unknown.dial);
    dial_free(s.dial);
    peer_close();
}
END_TEST

START_TEST(a_link_that_goes_down_is_made_again)
{
    struct seen s = {0};
    const char *address = peer_address();
    s.dial = dial_new(loop, address, 1, 5, 0, &handlers, &s);
    for (unsigned i = 1; i <= 5; i++) {
        ck_assert(loop_until(loop, s.ups == i && n_peer_fds == i));
        shutdown(peer_fds[i - 1], SHUT_RDWR);
        ck_assert(loop_until(loop, s.downs == i));
        ck_assert_int_eq(s.error, 0);
    }
    dial_free(s.dial);
    peer_close();
}
END_TEST

START_TEST(it_waits_for_a_peer_that_is_not_there_yet)
{
    struct seen s = {0};
    char path[64];
    struct buf why = {0};
    loop = ev_default_loop(EVBACKEND_EPOLL);
    snprintf(path, sizeof path, "/tmp/cellcast-dial-%d.sock", (int)getpid());
    s.dial = dial_new(loop, path, 5, 20, 0, &handlers, &s);
    ck_assert_str_eq(dial_address(s.dial), path);
    loop_for(loop, 50);
    ck_assert_uint_eq(s.ups + s.downs, 0);
    n_peer_fds = 0;
    ck_assert_int_eq(listener_new(loop, path, 16, on_accepted, NULL, &peer, &why), 0);
    ck_assert(loop_until(loop, s.ups == 1));
    dial_free(s.dial);
    peer_close();
}
END_TEST

START_TEST(a_peer_that_accepts_and_closes_is_not_asked_ever_faster)
{
    struct seen s = {0};
    const char *address = peer_address();
    s.dial = dial_new(loop, address, 20, 40, 0, &handlers, &s);
    int64_t end = clock_mono_ns() + 300 * NS_PER_MS;
    while (clock_mono_ns() < end) {
        ck_assert(loop_until(loop, n_peer_fds > 0 || clock_mono_ns() >= end));
        while (n_peer_fds)
            close(peer_fds[--n_peer_fds]);
    }
    ck_assert_uint_ge(s.ups, 2);
    ck_assert_uint_le(s.ups, 16);
    dial_free(s.dial);
    peer_close();
}
END_TEST

START_TEST(silence_for_three_beats_is_death)
{
    struct seen s = {0};
    const char *address = peer_address();
    s.dial = dial_new(loop, address, 10, 10, 30, &handlers, &s);
    ck_assert(loop_until(loop, s.ups == 1 && n_peer_fds == 1));
    for (int i = 0; i < 10; i++) {
        send(peer_fds[0], "\1\0\0\0\7", 5, 0);
        loop_for(loop, 25);
    }
    ck_assert_uint_eq(s.downs, 0);
    int64_t from = clock_mono_ns();
    ck_assert(loop_until(loop, s.downs == 1));
    ck_assert_int_eq(s.error, -ETIMEDOUT);
    ck_assert_int_lt(clock_mono_ns() - from, NS_PER_S);
    ck_assert(loop_until(loop, s.ups == 2));
    dial_free(s.dial);
    peer_close();
}
END_TEST

START_TEST(bytes_that_we_were_too_late_to_read_are_no_silence)
{
    struct seen s = {0};
    const char *address = peer_address();
    s.dial = dial_new(loop, address, 10, 10, 20, &handlers, &s);
    ck_assert(loop_until(loop, s.ups == 1 && n_peer_fds == 1));
    send(peer_fds[0], "\1\0\0\0\7", 5, 0);
    usleep(200000); /* as if the process had been stopped */
    ev_run(loop, EVRUN_NOWAIT);
    ck_assert_uint_eq(s.downs, 0);
    ck_assert(loop_until(loop, s.frames == 1));
    dial_free(s.dial);
    peer_close();
}
END_TEST

START_TEST(an_owner_that_resets_hears_down_from_the_loop_and_no_frame_after)
{
    struct seen s = {.reset_in_frame = true};
    const char *address = peer_address();
    s.dial = dial_new(loop, address, 10, 10, 0, &handlers, &s);
    ck_assert(loop_until(loop, s.ups == 1 && n_peer_fds == 1));
    send(peer_fds[0], "\1\0\0\0\7\1\0\0\0\7\1\0\0\0\7", 15, 0);
    ck_assert(loop_until(loop, s.downs == 1));
    ck_assert_int_eq(s.error, -ECANCELED);
    ck_assert_uint_eq(s.frames, 1);
    s.reset_in_frame = false;
    ck_assert(loop_until(loop, s.ups == 2));
    dial_reset(s.dial);
    dial_reset(s.dial);
    ck_assert_uint_eq(s.downs, 1);
    ck_assert_ptr_nonnull(dial_link(s.dial)); /* valid until down */
    link_send(dial_link(s.dial), 1, BYTES("still allowed"));
    ck_assert(loop_until(loop, s.downs == 2));
    dial_free(s.dial);
    peer_close();
}
END_TEST

START_TEST(a_dial_may_be_freed_in_up_and_in_down)
{
    struct seen a = {.free_in_up = true}, b = {.free_in_down = true};
    const char *address = peer_address();
    a.dial = dial_new(loop, address, 10, 10, 0, &handlers, &a);
    b.dial = dial_new(loop, address, 10, 10, 0, &handlers, &b);
    ck_assert(loop_until(loop, a.ups == 1 && b.ups == 1 && n_peer_fds == 2));
    ck_assert_ptr_null(a.dial);
    shutdown(peer_fds[0], SHUT_RDWR);
    shutdown(peer_fds[1], SHUT_RDWR);
    ck_assert(loop_until(loop, b.downs == 1));
    ck_assert_ptr_null(b.dial);
    loop_for(loop, 30);
    ck_assert_uint_eq(a.ups + b.ups, 2);
    dial_free(NULL);
    peer_close();
}
END_TEST

START_TEST(a_try_that_nobody_answers_is_given_up_in_a_second)
{
    /* A TCP listener whose backlog is full keeps silent. */
    struct seen s = {0}, fill[8] = {{0}};
    const char *address = peer_address();
    listen(listener_fd(peer), 0);
    listener_pause(peer, true);
    for (int i = 0; i < 8; i++)
        fill[i].dial = dial_new(loop, address, 10, 10, 0, &handlers, &fill[i]);
    loop_for(loop, 100);
    s.dial = dial_new(loop, address, 10, 10, 0, &handlers, &s);
    loop_for(loop, 1300);
    ck_assert_uint_eq(s.ups, 0);
    listener_pause(peer, false);
    for (int i = 0; i < 8; i++)
        dial_free(fill[i].dial);
    ck_assert(loop_until(loop, s.ups == 1));
    dial_free(s.dial);
    peer_close();
}
END_TEST

UNIT_MAIN("run/dial", it_connects_from_the_loop_and_frames_go_both_ways,
          a_name_is_looked_up_while_the_loop_goes_on, a_link_that_goes_down_is_made_again,
          it_waits_for_a_peer_that_is_not_there_yet,
          a_peer_that_accepts_and_closes_is_not_asked_ever_faster,
          silence_for_three_beats_is_death, bytes_that_we_were_too_late_to_read_are_no_silence,
          an_owner_that_resets_hears_down_from_the_loop_and_no_frame_after,
          a_dial_may_be_freed_in_up_and_in_down,
          a_try_that_nobody_answers_is_given_up_in_a_second)
