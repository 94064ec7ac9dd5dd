/* A dial with an introduction on one side, on the other a listener that handshakes and counts hellos. */
#include "run/introduce.h"

#include "loop.h"
#include "run/listener.h"
#include "run/log.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECRET "a secret, which is long enough"
#define HELLO 1
#define WORD 2

static struct ev_loop *loop;
static struct listener *listener;

static struct {
    struct introduction introduction;
    struct dial *dial;
    uint64_t refused_total;
    unsigned hellos, words;
    char path[40];
} ours;

static struct {
    struct link *link; /* the newest */
    struct handshake handshake;
    unsigned accepted, hellos;
    char path[40];
} theirs;

/* ---- the other end */

static void their_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct buf why = {0};
    if (handshake_takes(&theirs.handshake, type))
        handshake_frame(&theirs.handshake, l, type, body, &why);
    else
        theirs.hellos += type == HELLO;
    buf_fini(&why);
}

static void their_end(void *owner, struct link *l, int error)
{
    link_free(l);
    if (theirs.link == l)
        theirs.link = NULL;
}

static const struct link_handlers their_doors = {their_frame, NULL, their_end};

static void on_accepted(void *owner, int fd, const struct address *from)
{
    link_free(theirs.link);
    theirs.link = link_new(loop, fd, &their_doors, NULL);
    handshake_accept(&theirs.handshake, theirs.path);
    theirs.accepted++;
}

/* ---- ours */

static void say_hello(void *owner, struct link *l)
{
    ours.hellos++;
    link_send(l, HELLO, BYTES("x"));
}

static void on_up(void *owner, struct dial *d, struct link *l)
{
    introduce_up(&ours.introduction, d, l);
}

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    if (!introduce_frame(&ours.introduction, l, type, body))
        ours.words++;
}

static void on_down(void *owner, struct dial *d, int error) {}

static const struct dial_handlers doors = {on_up, on_frame, NULL, on_down};

static void write_secret(char path[40], const char *text)
{
    path[0] = 0;
    if (!text)
        return;
    strcpy(path, "/tmp/test-introduce-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void forget_secret(char path[40])
{
    if (path[0])
        unlink(path);
    path[0] = 0;
}

/* NULL: it has no secret */
static void start(const char *our_secret, const char *their_secret)
{
    char address[32];
    struct buf why = {0};
    memset(&ours, 0, sizeof ours);
    memset(&theirs, 0, sizeof theirs);
    write_secret(ours.path, our_secret);
    write_secret(theirs.path, their_secret);
    loop = ev_default_loop(EVBACKEND_EPOLL);
    log_init("test", LOG_LEVEL_ERROR);
    ck_assert_int_eq(listener_new(loop, "127.0.0.1:0", 16, on_accepted, NULL, &listener, &why), 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", listener_port(listener));
    ours.introduction = (struct introduction){
        .secret_file = ours.path, .refused_total = &ours.refused_total, .hello = say_hello, .loss = "nothing waits"};
    ours.dial = dial_new(loop, address, 10, 20, 0, &doors, NULL);
}

static void stop(void)
{
    dial_free(ours.dial);
    link_free(theirs.link);
    listener_free(listener);
    forget_secret(ours.path);
    forget_secret(theirs.path);
}

static void hears_hello_and_answers(void)
{
    ck_assert(loop_until(loop, theirs.hellos == 1));
    link_send(theirs.link, WORD, BYTES("x"));
    ck_assert(loop_until(loop, ours.words == 1));
    ck_assert_uint_eq(ours.hellos, 1);
    ck_assert_uint_eq(ours.refused_total, 0);
}

START_TEST(without_a_secret_the_hello_is_the_first_word)
{
    start(NULL, NULL);
    hears_hello_and_answers();
    stop();
}
END_TEST

START_TEST(with_a_secret_it_follows_the_handshake)
{
    start(SECRET, SECRET);
    hears_hello_and_answers();
    stop();
}
END_TEST

START_TEST(who_knows_another_secret_is_told_nothing_and_dialled_again)
{
    start(SECRET, "another one, which is long enough");
    ck_assert(loop_until(loop, ours.refused_total == 1 && theirs.accepted == 2));
    ck_assert_uint_eq(ours.hellos, 0);
    ck_assert_uint_eq(theirs.hellos, 0);
    ck_assert(ours.introduction.refused);
    forget_secret(ours.path); /* both without: it is no longer refused */
    forget_secret(theirs.path);
    ck_assert(loop_until(loop, theirs.hellos >= 1));
    ck_assert(!ours.introduction.refused);
    stop();
}
END_TEST

UNIT_MAIN("introduce", without_a_secret_the_hello_is_the_first_word, with_a_secret_it_follows_the_handshake,
          who_knows_another_secret_is_told_nothing_and_dialled_again)
