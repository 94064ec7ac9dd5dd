#include "run/admin.h"

#include "loop.h"
#include "run/log.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BIG (3 << 20)

static struct ev_loop *loop;
static struct admin *admin;
static struct buf answer, why;
static char last_method[8], last_path[64];
static struct buf last_query, last_request;

static int on_call(void *owner, const char *method, const char *path, struct bytes query,
                   struct bytes request, struct buf *body, const char **content_type)
{
    snprintf(last_method, sizeof last_method, "%s", method);
    snprintf(last_path, sizeof last_path, "%s", path);
    buf_clear(&last_query);
    buf_append_bytes(&last_query, query);
    buf_clear(&last_request);
    buf_append_bytes(&last_request, request);
    if (strcmp(path, "/metrics") == 0) {
        *content_type = "text/plain; version=0.0.4";
        buf_append_str(body, "x 1\n");
        return 200;
    }
    if (strcmp(path, "/big") == 0) {
        for (int i = 0; i < BIG; i++)
            buf_append_char(body, (char)('a' + i % 26));
        return 200;
    }
    if (strcmp(path, "/ready") == 0) {
        buf_append_str(body, "{\"ready\":false}");
        return 503;
    }
    if (strcmp(path, "/empty") == 0)
        return 204;
    return strcmp(path, "/echo") == 0 ? buf_append_bytes(body, request), 200 : 404;
}

static void start(void)
{
    loop = ev_default_loop(EVBACKEND_EPOLL);
    log_init("test", LOG_LEVEL_ERROR);
    ck_assert_int_eq(admin_new(loop, "127.0.0.1:0", on_call, NULL, &admin, &why), 0);
    ck_assert_int_gt(admin_port(admin), 0);
}

static int connect_admin(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)admin_port(admin)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Reads into `answer`. -> false at the end of the connection */
static bool more(int fd)
{
    char part[65536];
    ssize_t n = recv(fd, part, sizeof part, 0);
    if (n > 0)
        buf_append(&answer, part, (size_t)n);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

/* Sends a request and reads until the server closes. */
static const char *ask(const char *head, struct bytes body)
{
    int fd = connect_admin();
    struct buf request = {0};
    buf_clear(&answer);
    buf_append_str(&request, head);
    buf_append_bytes(&request, body);
    size_t sent = 0;
    bool open = loop_until(loop, ({
                               if (sent < request.n) {
                                   ssize_t n = send(fd, request.p + sent, request.n - sent,
                                                    MSG_NOSIGNAL);
                                   sent += n > 0 ? (size_t)n : 0;
                               }
                               !more(fd);
                           }));
    ck_assert(open);
    close(fd);
    buf_fini(&request);
    return answer.p ? answer.p : "";
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

static const char *body_of(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    return end ? end + 4 : "";
}

START_TEST(the_owner_answers_with_status_type_and_body)
{
    start();
    ck_assert_int_eq(strncmp(ask(GET("/metrics?a=1&b=two"), BYTES("")), "HTTP/1.1 200 ", 13),
                     0);
    ck_assert_ptr_nonnull(
        strcasestr(answer.p, "\r\ncontent-type: text/plain; version=0.0.4\r\n"));
    ck_assert_ptr_nonnull(strcasestr(answer.p, "\r\ncontent-length: 4\r\n"));
    ck_assert_str_eq(body_of(answer.p), "x 1\n");
    ck_assert_str_eq(last_method, "GET");
    ck_assert_str_eq(last_path, "/metrics");
    ck_assert_str_eq(last_query.p, "a=1&b=two");
    ck_assert_int_eq(strncmp(ask(GET("/ready"), BYTES("")), "HTTP/1.1 503 ", 13), 0);
    ck_assert_str_eq(body_of(answer.p), "{\"ready\":false}");
    ck_assert_ptr_nonnull(strcasestr(answer.p, "\r\ncontent-type: application/json\r\n"));
    ck_assert_int_eq(strncmp(ask(GET("/empty"), BYTES("")), "HTTP/1.1 204 ", 13), 0);
    admin_free(admin);
}
END_TEST

START_TEST(health_is_answered_by_whoever_turns_and_other_paths_are_404)
{
    start();
    ck_assert_int_eq(strncmp(ask(GET("/health"), BYTES("")), "HTTP/1.1 200 ", 13), 0);
    ck_assert_str_eq(body_of(answer.p), "{\"status\":\"ok\"}\n");
    ck_assert_int_eq(strncmp(ask(GET("/"), BYTES("")), "HTTP/1.1 404 ", 13), 0);
    ck_assert_str_eq(body_of(answer.p), "{\"error\":\"no such path\"}\n");
    admin_free(admin);
}
END_TEST

START_TEST(a_body_is_taken_up_to_64_kib_and_no_further)
{
    static char much[70000];
    char head[128];
    start();
    memset(much, 'm', sizeof much);
    ck_assert_int_eq(strncmp(ask("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: "
                                 "close\r\nContent-Length: 5\r\n\r\n",
                                 BYTES("hello")),
                             "HTTP/1.1 200 ", 13),
                     0);
    ck_assert_str_eq(body_of(answer.p), "hello");
    ck_assert_str_eq(last_method, "POST");
    ask("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 65536\r\n\r\n",
        bytes_of(much, 65536));
    ck_assert_uint_eq(strlen(body_of(answer.p)), 65536);
    snprintf(
        head, sizeof head,
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
        sizeof much);
    ck_assert_int_eq(strncmp(ask(head, bytes_of(much, sizeof much)), "HTTP/1.1 413 ", 13), 0);
    admin_free(admin);
}
END_TEST

START_TEST(a_post_without_a_body_is_asked_too)
{
    start();
    ck_assert_int_eq(strncmp(ask("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: "
                                 "close\r\nContent-Length: 0\r\n\r\n",
                                 BYTES("")),
                             "HTTP/1.1 200 ", 13),
                     0);
    ck_assert_str_eq(last_method, "POST");
    admin_free(admin);
}
END_TEST

START_TEST(an_answer_of_megabytes_arrives_whole)
{
    start();
    const char *body = body_of(ask(GET("/big"), BYTES("")));
    ck_assert_uint_eq(strlen(body), BIG);
    int wrong = 0;
    for (int i = 0; i < BIG; i++)
        wrong += body[i] != 'a' + i % 26;
    ck_assert_int_eq(wrong, 0);
    admin_free(admin);
}
END_TEST

START_TEST(a_connection_serves_many_requests)
{
    start();
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
    int fd = connect_admin();
    for (int i = 0; i < 20; i++) {
        buf_clear(&answer);
        ck_assert_int_gt(send(fd, request, strlen(request), MSG_NOSIGNAL), 0);
        ck_assert(loop_until(loop, more(fd) && answer.n && strstr(answer.p, "x 1\n")));
    }
    close(fd);
    admin_free(admin);
}
END_TEST

START_TEST(no_other_method_and_no_websocket)
{
    start();
    ck_assert_int_eq(
        strncmp(
            ask("DELETE /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", BYTES("")),
            "HTTP/1.1 405 ", 13),
        0);
    ck_assert_ptr_null(strstr(
        ask("GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            BYTES("")),
        " 101 "));
    ask("nonsense\r\n\r\n", BYTES(""));
    admin_free(admin);
}
END_TEST

static void answers(const char *head, const char *body, const char *status, const char *expected)
{
    ck_assert_msg(strncmp(ask(head, bytes_str(body)), status, strlen(status)) == 0, "%s", answer.p);
    ck_assert_str_eq(body_of(answer.p), expected);
}

START_TEST(clients_are_taken_as_they_are)
{
    start();
    answers("HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "", "HTTP/1.1 200 ", "");
    ck_assert_ptr_nonnull(strcasestr(answer.p, "\r\ncontent-length: 4\r\n"));
    answers("HEAD /elsewhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "", "HTTP/1.1 404 ", "");
    answers("GET /metrics HTTP/1.0\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n\r\n", "", "HTTP/1.0 200 ", "x 1\n");
    ask("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", BYTES("hello"));
    ck_assert_ptr_nonnull(strstr(answer.p, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "));
    ck_assert_ptr_nonnull(strstr(answer.p, "\r\n\r\nhello"));
    answers("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nOrigin: http://elsewhere.example\r\nContent-Length: 5\r\n\r\n", "hello", "HTTP/1.1 403 ",
            "{\"error\":\"no page may ask for that\"}\n");
    admin_free(admin);
}
END_TEST

START_TEST(a_connection_too_many_is_closed_and_the_next_one_after_served)
{
    int fds[65];
    start();
    for (int i = 0; i < 65; i++)
        fds[i] = connect_admin();
    buf_clear(&answer);
    ck_assert(loop_until(loop, !more(fds[64])));
    for (int i = 0; i < 65; i++)
        close(fds[i]);
    loop_for(loop, 100);
    ck_assert_int_eq(strncmp(ask(GET("/metrics"), BYTES("")), "HTTP/1.1 200 ", 13), 0);
    admin_free(admin);
}
END_TEST

START_TEST(an_address_that_is_taken_or_no_tcp_one_is_refused_with_the_reason)
{
    char address[32];
    struct admin *second = NULL;
    start();
    snprintf(address, sizeof address, "127.0.0.1:%d", admin_port(admin));
    buf_clear(&why);
    ck_assert_int_eq(admin_new(loop, address, on_call, NULL, &second, &why), -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(why.p, address));
    buf_clear(&why);
    ck_assert_int_eq(admin_new(loop, "/tmp/x", on_call, NULL, &second, &why), -EINVAL);
    ck_assert_str_eq(why.p, "can't listen on /tmp/x: the admin port is TCP, host:port");
    ck_assert_ptr_null(second);
    admin_free(admin);
    admin_free(NULL);
    buf_fini(&why);
    buf_fini(&answer);
    buf_fini(&last_query);
    buf_fini(&last_request);
}
END_TEST

UNIT_MAIN("run/admin", the_owner_answers_with_status_type_and_body,
          health_is_answered_by_whoever_turns_and_other_paths_are_404,
          a_body_is_taken_up_to_64_kib_and_no_further, a_post_without_a_body_is_asked_too,
          an_answer_of_megabytes_arrives_whole, a_connection_serves_many_requests,
          no_other_method_and_no_websocket, clients_are_taken_as_they_are,
          a_connection_too_many_is_closed_and_the_next_one_after_served,
          an_address_that_is_taken_or_no_tcp_one_is_refused_with_the_reason)
