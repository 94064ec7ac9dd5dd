#include "run/handshake.h"

#include "loop.h"
#include "run/secret.h"
#include "unit.h"
#include "wire/messages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OLD "the old secret, which is long enough"
#define NEW "the new secret, which is long enough"
#define WORD 7 /* a frame that is said once it is done */

static struct ev_loop *loop;

struct end {
    struct handshake handshake;
    struct link *link;
    char path[40];
    bool done;
    unsigned words, frames;
    struct buf why;
    struct buf proof; /* the mac that it was told */
};
static struct end connecting, accepting;

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct end *e = owner;
    struct link_proof proof;
    e->frames++;
    if (type == LINK_PROOF && wire_get_link_proof(body, &proof) == 0)
        buf_append_bytes(&e->proof, proof.mac);
    if (!handshake_takes(&e->handshake, type)) {
        e->words += type == WORD;
        return;
    }
    int answer = handshake_frame(&e->handshake, l, type, body, &e->why);
    e->done |= answer > 0;
    if (answer < 0) {
        link_free(l);
        e->link = NULL;
    }
}

static void on_down(void *owner, struct link *l, int error)
{
    link_free(l);
    ((struct end *)owner)->link = NULL;
}

static const struct link_handlers doors = {on_frame, NULL, on_down};

static void write_secret(struct end *e, const char *text)
{
    e->path[0] = 0;
    if (!text)
        return;
    strcpy(e->path, "/tmp/test-handshake-XXXXXX");
    int fd = mkstemp(e->path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void end(struct end *e)
{
    link_free(e->link);
    if (e->path[0])
        unlink(e->path);
    buf_fini(&e->why);
    buf_fini(&e->proof);
    *e = (struct end){0};
}

/* NULL: it has no secret */
static void start(const char *of_connecting, const char *of_accepting)
{
    int fds[2];
    loop = ev_default_loop(0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    write_secret(&connecting, of_connecting);
    write_secret(&accepting, of_accepting);
    connecting.link = link_new(loop, fds[0], &doors, &connecting);
    accepting.link = link_new(loop, fds[1], &doors, &accepting);
    handshake_accept(&accepting.handshake, accepting.path);
    handshake_connect(&connecting.handshake, connecting.path, connecting.link);
}

static void stop(void)
{
    end(&connecting);
    end(&accepting);
}

static void ck_done(void)
{
    ck_assert(loop_until(loop, connecting.done && accepting.done));
    link_send(connecting.link, WORD, BYTES("x"));
    ck_assert(loop_until(loop, accepting.words == 1));
}

static void ck_refused(const char *connecting_why, const char *accepting_why)
{
    ck_assert(loop_until(loop, !connecting.link && !accepting.link));
    ck_assert(!connecting.done && !accepting.done);
    ck_assert_msg(strstr(connecting.why.n ? connecting.why.p : "", connecting_why), "%s", connecting.why.p);
    ck_assert_msg(strstr(accepting.why.n ? accepting.why.p : "", accepting_why), "%s", accepting.why.p);
    stop();
}

START_TEST(both_know_it)
{
    start(OLD, OLD);
    ck_done();
    stop();
}
END_TEST

START_TEST(without_secrets_there_is_nothing_to_it)
{
    start(NULL, NULL);
    ck_assert_int_eq(connecting.handshake.state, HANDSHAKE_DONE);
    link_send(connecting.link, WORD, BYTES("x"));
    ck_assert(loop_until(loop, accepting.words == 1));
    ck_assert_uint_eq(accepting.frames, 1);
    stop();
}
END_TEST

START_TEST(a_new_secret_is_given_out_without_a_gap)
{
    static const char *const steps[][2] = {{OLD, OLD "\n" NEW}, {OLD "\n" NEW, OLD}, {NEW "\n" OLD, OLD "\n" NEW}, {NEW, NEW "\n" OLD}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        start(steps[i][0], steps[i][1]);
        ck_done();
        stop();
    }
}
END_TEST

START_TEST(who_does_not_know_it_is_refused_and_both_ends_say_why)
{
    start(NEW, OLD);
    ck_refused("wrong secret", "wrong secret");
    start(NULL, OLD);
    link_send(connecting.link, WORD, BYTES("x"));
    ck_refused("it brings no secret", "it brings no secret");
    start(OLD, NULL);
    ck_refused("none is known here", "none is known here");
}
END_TEST

START_TEST(a_file_that_can_not_be_read_refuses_and_its_name_is_told_to_its_own_log_alone)
{
    start(OLD, OLD);
    unlink(accepting.path);
    ck_refused("the secret of who accepts can't be read", accepting.path);
    start(OLD, OLD);
    unlink(connecting.path);
    ck_refused(connecting.path, "the secret of who connects can't be read");
}
END_TEST

/* A connecting end that says what the test says. */
static void start_bare(void)
{
    start(NULL, OLD);
    connecting.handshake.state = HANDSHAKE_WAITS_ADMIT;
}

START_TEST(who_skips_the_proof_is_refused)
{
    start_bare();
    LINK_SEND(connecting.link, LINK_START, link_start, (&(struct link_start){.nonce = BYTES("0123456789abcdef")}));
    link_send(connecting.link, WORD, BYTES("x"));
    ck_refused("no proof", "no proof");
    ck_assert_uint_eq(accepting.words, 0);
    start_bare();
    LINK_SEND(connecting.link, LINK_START, link_start, (&(struct link_start){.nonce = BYTES("short")}));
    ck_refused("nonsense", "nonsense");
    start_bare();
    LINK_SEND(connecting.link, LINK_START, link_start, (&(struct link_start){.nonce = BYTES("0123456789abcdef")}));
    LINK_SEND(connecting.link, LINK_PROOF, link_proof, (&(struct link_proof){.mac = BYTES("")}));
    ck_refused("wrong secret", "wrong secret");
}
END_TEST

/* An accepting end without the secret, which sends back what it was told. */
START_TEST(who_connects_is_not_deceived_by_his_own_proof_sent_back)
{
    start(OLD, NULL);
    accepting.handshake.state = HANDSHAKE_WAITS_ADMIT; /* says nothing by itself */
    LINK_SEND(accepting.link, LINK_CHALLENGE, link_challenge,
              (&(struct link_challenge){.nonce = bytes_of(connecting.handshake.connects, HANDSHAKE_NONCE)}));
    link_send(accepting.link, WORD, BYTES("x"));
    ck_assert(loop_until(loop, connecting.handshake.state == HANDSHAKE_WAITS_ADMIT));
    ck_assert_uint_eq(connecting.words, 0);
    ck_assert(loop_until(loop, accepting.proof.n == SECRET_MAC));
    LINK_SEND(accepting.link, LINK_ADMIT, link_admit, (&(struct link_admit){.mac = buf_bytes(&accepting.proof)}));
    ck_assert(loop_until(loop, !connecting.link));
    ck_assert_ptr_nonnull(strstr(connecting.why.p, "does not know the secret"));
    stop();
}
END_TEST

START_TEST(a_nonce_of_another_length_is_refused)
{
    static const char nonce[HANDSHAKE_NONCE + 1];
    for (size_t n = HANDSHAKE_NONCE - 1; n <= HANDSHAKE_NONCE + 1; n += 2) {
        start(NULL, OLD);
        LINK_SEND(connecting.link, LINK_START, link_start, (&(struct link_start){.nonce = bytes_of(nonce, n)}));
        ck_refused("it begins with nonsense", "it begins with nonsense");
    }
}
END_TEST

UNIT_MAIN("run/handshake", both_know_it, without_secrets_there_is_nothing_to_it, a_new_secret_is_given_out_without_a_gap,
          who_does_not_know_it_is_refused_and_both_ends_say_why,
          a_file_that_can_not_be_read_refuses_and_its_name_is_told_to_its_own_log_alone, who_skips_the_proof_is_refused,
          who_connects_is_not_deceived_by_his_own_proof_sent_back,
          a_nonce_of_another_length_is_refused)
