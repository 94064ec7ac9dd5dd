/* The real supervisor of cell a, two gateways that pretend, and this test as the sequencer that connects it with cell b. */
#include "cell_run.h"

#include "unit.h"
#include "wire/messages.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define CELL(name) "{\"name\":\"" name "\",\"topic\":\"cellcast." name "\",\"partitions\":2}"
#define NEW_CELL(name) "{\"name\":\"" name "\",\"topic\":\"cellcast." name "\",\"partitions\":2,\"new\":true}"
#define TWO_CELLS                                                                                                       \
    "{\"version\":7,\"cells\":[" CELL("a") "," CELL("b") "],\"tenants\":[],\"namespaces\":[],\"api_keys\":[]}"

static struct cell_run r;
static int listener = -1, wire = -1;
static struct buf heard;

static int listen_here(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, size), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    getsockname(listener, (struct sockaddr *)&at, &size);
    return ntohs(at.sin_port);
}

static void receive(void *into, size_t n)
{
    ck_assert_int_eq(recv(wire, into, n, MSG_WAITALL), (ssize_t)n);
}

/* Its next frame but for beats, in `heard`. -> its type */
static uint8_t hear(void)
{
    char head[5];
    uint32_t n;
    do {
        receive(head, sizeof head);
        memcpy(&n, head, sizeof n);
        buf_clear(&heard);
        buf_reserve(&heard, n);
        receive(heard.p, n - 1);
        heard.n = n - 1;
    } while (head[4] == SEQ_BEAT);
    return (uint8_t)head[4];
}

static void say(uint8_t type, struct bytes body)
{
    uint32_t n = (uint32_t)body.n + 1;
    struct buf frame = {0};
    buf_append(&frame, (char *)&n, sizeof n);
    buf_append_char(&frame, (char)type);
    buf_append_bytes(&frame, body);
    ck_assert_int_eq(send(wire, frame.p, frame.n, MSG_NOSIGNAL), (ssize_t)frame.n);
    buf_fini(&frame);
}

#define SAY(TYPE, name, ...)                                                                                            \
    do {                                                                                                                \
        struct buf body_ = {0};                                                                                         \
        wire_put_##name(&body_, &(struct name){__VA_ARGS__});                                                           \
        say(TYPE, buf_bytes(&body_));                                                                                   \
        buf_fini(&body_);                                                                                               \
    } while (0)

static void say_who_is_there(const char *names)
{
    struct buf cells = {0};
    for (; *names; names++)
        wire_put_cell_name(&cells, &(struct cell_name){.name = bytes_of(names, 1)});
    SAY(SEQ_CELLS, seq_cells, .cells = buf_bytes(&cells));
    buf_fini(&cells);
}

static void accept_it(void)
{
    struct seq_cell_hello hello;
    wire = accept(listener, NULL, NULL);
    ck_assert_uint_eq(hear(), SEQ_CELL_HELLO);
    ck_assert_int_eq(wire_get_seq_cell_hello(buf_bytes(&heard), &hello), 0);
    ck_assert_uint_eq(hello.version, WIRE_VERSION);
    ck_assert_bytes(hello.cell, "a");
}

/* Both gateways are there, and the sequencer too. call_timeout: a flag. */
static void start_as(const char *config, const char *call_timeout)
{
    char sequencer[64];
    if (r.pid)
        cell_run_end(&r); /* of a test that failed */
    snprintf(sequencer, sizeof sequencer, "--sequencer=127.0.0.1:%d", listen_here());
    cell_run_prepare(&r);
    cell_run_configure(&r, config);
    cell_run_start(&r, (const char *const[]){"--gateways=2", call_timeout, sequencer, NULL});
    accept_it();
    wait_until(&r, http(&r, "GET", "/ready") == 200);
}

static void start(const char *call_timeout)
{
    start_as(TWO_CELLS, call_timeout);
}

static void stop(void)
{
    close(wire);
    close(listener);
    buf_fini(&heard);
    cell_run_end(&r);
}

static int begin_call(const char *line)
{
    return dial_only(&r, line);
}

/* want: what comes; or its beginning, when that ends with a space */
static void hears(int fd, const char *want)
{
    char text[256];
    hear_all(fd, text, sizeof text);
    bool begins = strncmp(text, want, strlen(want)) == 0, whole = want[strlen(want) - 1] != ' ';
    ck_assert_msg(whole ? strcmp(text, want) == 0 : begins, "have \"%s\", want \"%s\"", text, want);
    close(fd);
}

static struct seq_cross_call hear_call(void)
{
    struct seq_cross_call m;
    ck_assert_uint_eq(hear(), SEQ_CROSS_CALL);
    ck_assert_int_eq(wire_get_seq_cross_call(buf_bytes(&heard), &m), 0);
    return m;
}

static void answer(uint64_t request, uint32_t asked, const char *text)
{
    struct buf list = {0};
    if (*text)
        wire_put_ctl_answer(&list, &(struct ctl_answer){.request = 1, .body = bytes_str(text)});
    SAY(SEQ_CROSS_RESULT, seq_cross_result, .to = BYTES("a"), .from = BYTES("b"), .request = request, .asked = asked,
        .answers = buf_bytes(&list));
    buf_fini(&list);
}

START_TEST(a_call_gets_the_answers_of_the_other_cell_too)
{
    start("--call-timeout=10s");
    say_who_is_there("ab");
    wait_until(&r, says(&r, "/metrics", "cells_missing{cell=\"a\",process=\"supervisor\"} 0"));
    int fd = begin_call("call b");
    struct seq_cross_call m = hear_call();
    ck_assert_bytes(m.to, "b");
    ck_assert_bytes(m.from, "a");
    ck_assert_bytes(m.method, "info");
    ck_assert_uint_lt(m.patience_ms, 10000);
    answer(m.request, 1, "from b");
    hears(fd, "asked 3 ");
    fd = begin_call("call one b");
    m = hear_call();
    ck_assert_uint_eq(m.one, 1);
    answer(m.request, 1, "from b");
    hears(fd, "asked 1 from b");
    stop();
}
END_TEST

START_TEST(a_cell_that_nobody_reaches_is_missing_at_once)
{
    start("--call-timeout=60s");
    say_who_is_there("a");
    wait_until(&r, says(&r, "/metrics", "cells_missing{cell=\"a\",process=\"supervisor\"} 1"));
    hears(begin_call("call b"), "asked 3 ");
    hears(begin_call("call one b"), "asked 1 missing b");
    stop();
}
END_TEST

START_TEST(a_cell_that_has_never_run_is_asked_only_when_it_is_there)
{
    start_as("{\"version\":7,\"cells\":[" CELL("a") "," NEW_CELL("b") "],\"tenants\":[],\"namespaces\":[],\"api_keys\":[]}",
             "--call-timeout=60s");
    say_who_is_there("a");
    hears(begin_call("call one b"), "asked 0");
    ck_assert(says(&r, "/metrics", "cells_missing{cell=\"a\",process=\"supervisor\"} 0"));
    say_who_is_there("ab");
    SAY(SEQ_CROSS_CALL, seq_cross_call, .to = BYTES("a"), .from = BYTES("b"), .patience_ms = 5000, .one = 1);
    ck_assert_uint_eq(hear(), SEQ_CROSS_RESULT); /* so it knows that b is there */
    int fd = begin_call("call one b");
    struct seq_cross_call m = hear_call();
    answer(m.request, 1, "from b");
    hears(fd, "asked 1 from b");
    stop();
}
END_TEST

START_TEST(a_cell_that_does_not_answer_is_missing_in_time_and_what_comes_later_is_nobodys)
{
    start("--call-timeout=300ms");
    say_who_is_there("ab");
    wait_until(&r, says(&r, "/metrics", "cells_missing{cell=\"a\",process=\"supervisor\"} 0"));
    int fd = begin_call("call one b");
    struct seq_cross_call m = hear_call();
    uint64_t request = m.request;
    hears(fd, "asked 1 missing b");
    answer(request, 1, "too late");
    fd = begin_call("call one b");
    m = hear_call();
    answer(m.request, 0, ""); /* it has nobody to ask */
    hears(fd, "asked 1 missing b");
    stop();
}
END_TEST

START_TEST(what_is_too_long_is_said_to_be)
{
    struct buf text = {0};
    start("--call-timeout=10s");
    say_who_is_there("ab");
    wait_until(&r, says(&r, "/metrics", "cells_missing{cell=\"a\",process=\"supervisor\"} 0"));
    int fd = begin_call("call one b");
    struct seq_cross_call m = hear_call();
    buf_reserve(&text, 5 << 20);
    memset(text.p, 'x', 5 << 20);
    text.n = 5 << 20;
    text.p[text.n] = 0;
    answer(m.request, 1, text.p);
    hears(fd, "asked 1 " CTL_ANSWER_FULL);
    buf_fini(&text);
    stop();
}
END_TEST

START_TEST(another_cell_is_answered_by_every_gateway_or_by_one)
{
    struct seq_cross_result m;
    struct ctl_answer one;
    start("--call-timeout=10s");
    for (uint8_t single = 0; single <= 1; single++) {
        SAY(SEQ_CROSS_CALL, seq_cross_call, .to = BYTES("a"), .from = BYTES("b"), .request = 5, .patience_ms = 5000,
            .one = single, .method = BYTES("info"));
        ck_assert_uint_eq(hear(), SEQ_CROSS_RESULT);
        ck_assert_int_eq(wire_get_seq_cross_result(buf_bytes(&heard), &m), 0);
        ck_assert_bytes(m.to, "b");
        ck_assert_uint_eq(m.request, 5);
        ck_assert_uint_eq(m.asked, single ? 1 : 2);
        for (uint32_t i = 0; i < m.asked; i++)
            ck_assert_int_eq(wire_next_ctl_answer(&m.answers, &one), 1);
        ck_assert_int_eq(wire_next_ctl_answer(&m.answers, &one), 0);
    }
    stop();
}
END_TEST

START_TEST(who_says_nonsense_is_dialled_again)
{
    start("--call-timeout=10s");
    say(SEQ_CELLS, BYTES("x"));
    accept_it();
    stop();
}
END_TEST

START_TEST(what_a_predecessor_asked_is_not_taken_for_an_answer)
{
    uint64_t before = 0;
    for (int i = 0; i < 2; i++) {
        start("--call-timeout=10s");
        say_who_is_there("ab");
        wait_until(&r, says(&r, "/metrics", "cells_missing{cell=\"a\",process=\"supervisor\"} 0"));
        int fd = begin_call("call one b");
        struct seq_cross_call m = hear_call();
        ck_assert_uint_ne(m.request, before);
        before = m.request;
        answer(m.request, 0, "");
        hears(fd, "asked 1 missing b");
        stop();
    }
}
END_TEST

UNIT_MAIN("crossing", a_cell_that_has_never_run_is_asked_only_when_it_is_there, what_is_too_long_is_said_to_be, a_call_gets_the_answers_of_the_other_cell_too, a_cell_that_nobody_reaches_is_missing_at_once,
          a_cell_that_does_not_answer_is_missing_in_time_and_what_comes_later_is_nobodys,
          another_cell_is_answered_by_every_gateway_or_by_one, who_says_nonsense_is_dialled_again,
          what_a_predecessor_asked_is_not_taken_for_an_answer)
