#include "run/http_client.h"

#include "http_server.h"
#include "loop.h"
#include "pair_help.h"
#include "run/thread.h"
#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>

#define BODY_MAX 1024

static struct ev_loop *loop;
static struct server server;
static struct http_client *client;

struct seen {
    unsigned answers;
    int error, status;
    struct buf body;
    char why[128];
    struct http_transfer *transfer, *cancels; /* another one, in its answer */
    unsigned again;                           /* requests to send in its answers */
};

static void ask(struct seen *s, const char *path);

static void done(void *owner, const struct http_response *r)
{
    struct seen *s = owner;
    s->answers++;
    s->error = r->error;
    s->status = r->status;
    buf_clear(&s->body);
    buf_append_bytes(&s->body, r->body);
    snprintf(s->why, sizeof s->why, "%s", r->why);
    http_transfer_cancel(s->cancels);
    s->cancels = NULL;
    if (s->again && s->again--)
        ask(s, "/hello/again");
}

static int send_request(struct seen *s, const char *path, struct http_request r)
{
    char url[128];
    if (!r.url)
        snprintf(url, sizeof url, "http://127.0.0.1:%d%s", listener_port(server.listener), path);
    r.method = r.method ? r.method : "POST";
    r.url = r.url ? r.url : url;
    r.timeout_ms = r.timeout_ms ? r.timeout_ms : 8000;
    r.body_max = BODY_MAX;
    r.concurrency = r.concurrency ? r.concurrency : 8;
    return http_client_send(client, &r, done, s, &s->transfer);
}

static void ask(struct seen *s, const char *path)
{
    ck_assert_int_eq(send_request(s, path, (struct http_request){0}), 0);
}

static void start(void)
{
    struct http_client_options options = {.transfers_max = 20, .running_max = 100, .connections_idle = 8};
    loop = ev_default_loop(EVBACKEND_EPOLL);
    ev_now_update(loop);
    server_start(&server, loop);
    client = http_client_new(loop, &options);
}

static void stop(void)
{
    http_client_free(client);
    server_stop(&server);
}

static void end(struct seen *s)
{
    buf_fini(&s->body);
}

START_TEST(a_request_is_answered_in_a_later_turn)
{
    struct seen s = {0};
    start();
    ask(&s, "/hello");
    ck_assert_uint_eq(s.answers, 0);
    ck_assert_uint_eq(http_client_inflight(client), 1);
    ck_assert(loop_until(loop, s.answers == 1));
    ck_assert_int_eq(s.error, 0);
    ck_assert_int_eq(s.status, 200);
    ck_assert_bytes(buf_bytes(&s.body), "hello");
    ck_assert_uint_eq(http_client_inflight(client), 0);
    end(&s);
    stop();
}
END_TEST

START_TEST(method_headers_and_body_go_as_they_are)
{
    struct seen s = {0};
    static const char *const headers[] = {"Content-Type: application/json", "X-Empty:", NULL};
    start();
    ck_assert_int_eq(send_request(&s, "/echo?a=1", (struct http_request){.headers = headers, .body = BYTES("{\"a\":1}")}), 0);
    ck_assert(loop_until(loop, s.answers == 1));
    ck_assert_int_eq(s.status, 201);
    ck_assert_ptr_eq(strstr(s.body.p, "POST /echo?a=1 HTTP/1.1\r\n"), s.body.p);
    ck_assert_ptr_nonnull(strstr(s.body.p, "\r\nContent-Type: application/json\r\n"));
    ck_assert_ptr_nonnull(strstr(s.body.p, "\r\nX-Empty:\r\n"));
    ck_assert_ptr_nonnull(strstr(s.body.p, "\r\n\r\n{\"a\":1}"));
    ck_assert_ptr_null(strcasestr(s.body.p, "expect"));
    ck_assert_int_eq(send_request(&s, "/echo", (struct http_request){.method = "GET"}), 0);
    ck_assert(loop_until(loop, s.answers == 2));
    ck_assert_ptr_eq(strstr(s.body.p, "GET /echo HTTP/1.1\r\n"), s.body.p);
    ck_assert_ptr_null(strcasestr(s.body.p, "content-length"));
    end(&s);
    stop();
}
END_TEST

START_TEST(a_connection_is_used_again)
{
    struct seen s = {0};
    start();
    for (unsigned i = 1; i <= 5; i++) {
        ask(&s, "/hello");
        ck_assert(loop_until(loop, s.answers == i));
        ck_assert_int_eq(s.status, 200);
    }
    ck_assert_uint_eq(server.accepted, 1);
    end(&s);
    stop();
}
END_TEST

START_TEST(a_destination_has_so_many_under_way_and_so_many_waiting_and_no_more)
{
    struct seen s = {0}, other = {0};
    struct http_request r = {.destination = BYTES("slow"), .concurrency = 2, .queue = 3};
    start();
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(send_request(&s, "/hang", r), 0);
    ck_assert_int_eq(send_request(&s, "/hang", r), -EAGAIN);
    ck_assert_uint_eq(http_client_inflight(client), 2);
    ck_assert_uint_eq(http_client_waiting(client), 3);
    ask(&other, "/hello");
    ck_assert(loop_until(loop, other.answers == 1 && server.requests == 3));
    ck_assert_int_eq(other.status, 200);
    ck_assert(loop_until(loop, (server_answer(&server), s.answers == 5)));
    ck_assert_bytes(buf_bytes(&s.body), "late");
    ck_assert_uint_eq(http_client_waiting(client), 0);
    end(&s);
    end(&other);
    stop();
}
END_TEST

START_TEST(who_waits_goes_in_order)
{
    struct seen s = {0};
    struct http_request r = {.destination = BYTES("one"), .concurrency = 1, .queue = 10};
    start();
    for (char c = 'a'; c <= 'f'; c++) {
        char path[] = "/hello/_";
        path[7] = c;
        ck_assert_int_eq(send_request(&s, path, r), 0);
    }
    ck_assert(loop_until(loop, s.answers == 6));
    ck_assert_int_eq(memcmp(server.seen, "abcdef", 6), 0);
    end(&s);
    stop();
}
END_TEST

START_TEST(all_destinations_together_have_a_bound_too)
{
    struct seen s = {0};
    start();
    for (int i = 0; i < 20; i++) {
        char name = (char)('a' + i);
        ck_assert_int_eq(send_request(&s, "/hang", (struct http_request){.destination = bytes_of(&name, 1)}), 0);
    }
    ck_assert_int_eq(send_request(&s, "/hang", (struct http_request){.destination = BYTES("z")}), -EAGAIN);
    end(&s);
    stop();
}
END_TEST

START_TEST(above_what_may_run_who_has_its_share_waits_and_others_do_not)
{
    struct seen s = {0}, other = {0};
    struct http_client_options few = {.transfers_max = 20, .running_max = 4, .connections_idle = 8};
    struct http_request r = {.destination = BYTES("many"), .queue = 10};
    start();
    http_client_free(client);
    client = http_client_new(loop, &few);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(send_request(&s, "/hang", r), 0);
    ck_assert_uint_eq(http_client_inflight(client), 4);
    ck_assert_uint_eq(http_client_waiting(client), 4);
    r.destination = BYTES("other");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(send_request(&other, "/hang", r), 0);
    ck_assert_uint_eq(http_client_inflight(client), 6);
    ck_assert_uint_eq(http_client_waiting(client), 5);
    ck_assert(loop_until(loop, (server_answer(&server), s.answers == 8 && other.answers == 3)));
    end(&s);
    end(&other);
    stop();
}
END_TEST

START_TEST(time_runs_out_for_who_hangs_and_for_who_waits)
{
    struct seen s = {0}, waits = {0};
    struct http_request r = {.concurrency = 1, .queue = 1, .timeout_ms = 60};
    start();
    ck_assert_int_eq(send_request(&s, "/hang", r), 0);
    r.timeout_ms = 30;
    ck_assert_int_eq(send_request(&waits, "/hang", r), 0);
    ck_assert(loop_until(loop, s.answers && waits.answers));
    ck_assert_int_eq(s.error, -ETIMEDOUT);
    ck_assert_int_eq(waits.error, -EBUSY);
    ck_assert_uint_eq(server.requests, 1);
    ck_assert(loop_until(loop, server.closed == 1));
    end(&s);
    end(&waits);
    stop();
}
END_TEST

START_TEST(an_answer_that_is_too_long_is_an_error)
{
    static const char *const paths[] = {"/drip", "/long"};
    start();
    for (size_t i = 0; i < 2; i++) {
        struct seen s = {0};
        struct http_request r = {.method = "GET", .timeout_ms = 8000, .concurrency = 1};
        char url[128];
        snprintf(url, sizeof url, "http://127.0.0.1:%d%s", listener_port(server.listener), paths[i]);
        r.url = url;
        r.body_max = 31;
        r.too_long = "above --x";
        ck_assert_int_eq(http_client_send(client, &r, done, &s, &s.transfer), 0);
        ck_assert(loop_until(loop, s.answers == 1));
        ck_assert_int_eq(s.error, -EMSGSIZE);
        ck_assert_str_eq(s.why, "above --x");
        r.body_max = 32;
        ck_assert_int_eq(http_client_send(client, &r, done, &s, &s.transfer), 0);
        ck_assert(loop_until(loop, s.answers == 2));
        ck_assert_int_eq(s.error, 0);
        ck_assert_bytes(buf_bytes(&s.body), "0123456789abcdef0123456789abcdef");
        end(&s);
    }
    stop();
}
END_TEST

START_TEST(what_is_cancelled_is_never_answered_and_makes_room)
{
    struct seen s = {0}, waits = {0}, next = {0};
    struct http_request r = {.concurrency = 1, .queue = 2, .destination = BYTES("one")};
    start();
    ck_assert_int_eq(send_request(&s, "/hang", r), 0);
    ck_assert_int_eq(send_request(&waits, "/hang", r), 0);
    ck_assert_int_eq(send_request(&next, "/hello", r), 0);
    ck_assert(loop_until(loop, server.requests == 1));
    http_transfer_cancel(waits.transfer);
    http_transfer_cancel(s.transfer);
    ck_assert(loop_until(loop, next.answers == 1));
    ck_assert_uint_eq(s.answers + waits.answers, 0);
    ck_assert_uint_eq(server.requests, 2);
    http_transfer_cancel(NULL);
    end(&next);
    stop();
}
END_TEST

START_TEST(an_answer_may_send_and_cancel_others)
{
    struct seen s = {.again = 3}, hangs = {0};
    start();
    ask(&hangs, "/hang");
    ask(&s, "/hello");
    s.cancels = hangs.transfer;
    ck_assert(loop_until(loop, s.answers == 4));
    ck_assert_uint_eq(hangs.answers, 0);
    ck_assert_uint_eq(http_client_inflight(client), 0);
    end(&s);
    stop();
}
END_TEST

START_TEST(who_is_not_there_is_an_error)
{
    struct seen s = {0};
    start();
    ck_assert_int_eq(send_request(&s, "", (struct http_request){.url = "http://127.0.0.1:1/"}), 0);
    ck_assert(loop_until(loop, s.answers == 1));
    ck_assert_int_eq(s.error, -ECONNREFUSED);
    ck_assert_int_eq(send_request(&s, "", (struct http_request){.url = "http://no-such-host.invalid/"}), 0);
    ck_assert(loop_until(loop, s.answers == 2));
    ck_assert_int_eq(s.error, -EHOSTUNREACH);
    ask(&s, "/cut");
    ck_assert(loop_until(loop, s.answers == 3));
    ck_assert_int_eq(s.error, -EIO);
    ck_assert_str_ne(s.why, "");
    end(&s);
    stop();
}
END_TEST

START_TEST(a_name_is_looked_up)
{
    struct seen s = {0};
    char url[64];
    start();
    snprintf(url, sizeof url, "http://localhost:%d/hello", listener_port(server.listener));
    ck_assert_int_eq(send_request(&s, "", (struct http_request){.url = url}), 0);
    ck_assert(loop_until(loop, s.answers == 1));
    ck_assert_int_eq(s.error, 0);
    end(&s);
    stop();
}
END_TEST

START_TEST(giving_up_a_lookup_does_not_wait_for_it)
{
    struct seen s = {0};
    start();
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(send_request(&s, "", (struct http_request){.url = "http://no-such-host.invalid/"}), 0);
        loop_for(loop, 0);
        if (s.answers == 0)
            http_transfer_cancel(s.transfer);
        s.answers = 0;
    }
    end(&s);
    stop();
}
END_TEST

START_TEST(a_redirect_is_an_answer_like_any)
{
    struct seen s = {0};
    start();
    ask(&s, "/move");
    ck_assert(loop_until(loop, s.answers == 1));
    ck_assert_int_eq(s.status, 302);
    ck_assert_uint_eq(server.requests, 1);
    end(&s);
    stop();
}
END_TEST

START_TEST(what_is_no_request_is_refused)
{
    struct seen s = {0};
    static const char *const split[] = {"X-A: b\r\nX-C: d", NULL}, *const none[] = {"X-A", NULL};
    static const char *const urls[] = {"", "no url", "ftp://host/", "file:///etc/passwd", "http://", "/path"};
    start();
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        ck_assert_int_eq(send_request(&s, "", (struct http_request){.url = urls[i]}), -EINVAL);
    ck_assert_int_eq(send_request(&s, "/hello", (struct http_request){.headers = split}), -EINVAL);
    ck_assert_int_eq(send_request(&s, "/hello", (struct http_request){.headers = none}), -EINVAL);
    ck_assert(http_url_is_good("https://example.com:8443/a?b=c"));
    stop();
}
END_TEST

START_TEST(freeing_it_cancels_what_is_under_way)
{
    struct seen s = {0};
    struct http_request r = {.concurrency = 1, .queue = 3};
    start();
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(send_request(&s, "/hang", r), 0);
    ck_assert(loop_until(loop, server.requests == 1));
    http_client_free(client);
    loop_for(loop, 20);
    ck_assert_uint_eq(s.answers, 0);
    http_client_free(NULL);
    server_stop(&server);
}
END_TEST

/* ---- TLS: a server on a thread, for two connections */

static struct pem_pair pair;

static SSL_CTX *tls_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BIO *certs = BIO_new_mem_buf(pair.cert, -1), *keys = BIO_new_mem_buf(pair.key, -1);
    X509 *cert = PEM_read_bio_X509(certs, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(keys, NULL, NULL, NULL);
    ck_assert_int_eq(SSL_CTX_use_certificate(ctx, cert), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(certs);
    BIO_free(keys);
    return ctx;
}

static void *serve_two(void *arg)
{
    static const char text[] = "HTTP/1.1 200 x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    SSL_CTX *ctx = tls_context();
    for (int i = 0; i < 2; i++) {
        char request[4096];
        int fd = accept(*(int *)arg, NULL, NULL);
        SSL *ssl = SSL_new(ctx);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof request) > 0)
            SSL_write(ssl, text, sizeof text - 1);
        SSL_free(ssl);
        close(fd);
    }
    SSL_CTX_free(ctx);
    return NULL;
}

static void write_certificate(char path[])
{
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, pair.cert, strlen(pair.cert)), (ssize_t)strlen(pair.cert));
    close(fd);
}

static void ask_tls(struct seen *s, const char *url, const char *ca_file)
{
    struct http_client_options options = {.transfers_max = 1, .running_max = 1, .ca_file = ca_file};
    client = http_client_new(loop, &options);
    ck_assert_int_eq(send_request(s, "", (struct http_request){.url = url}), 0);
    ck_assert(loop_until(loop, s->answers == 1));
    http_client_free(client);
}

START_TEST(a_certificate_has_to_be_trusted)
{
    struct seen stranger = {0}, trusted = {0};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    char path[] = "/tmp/cellcast-ca-XXXXXX", url[64];
    pthread_t thread;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, n), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    getsockname(fd, (struct sockaddr *)&at, &n);
    make_pair("127.0.0.1", false, &pair);
    write_certificate(path);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", ntohs(at.sin_port));
    loop = ev_default_loop(EVBACKEND_EPOLL);
    ev_now_update(loop);
    ck_assert_int_eq(thread_start(serve_two, &fd, &thread), 0);
    ask_tls(&stranger, url, NULL);
    ck_assert_int_eq(stranger.error, -EPROTO);
    ask_tls(&trusted, url, path);
    ck_assert_msg(trusted.error == 0, "%s", trusted.why);
    ck_assert_bytes(buf_bytes(&trusted.body), "ok");
    pthread_join(thread, NULL);
    close(fd);
    unlink(path);
    end(&stranger);
    end(&trusted);
}
END_TEST

UNIT_MAIN("run/http_client", a_request_is_answered_in_a_later_turn, method_headers_and_body_go_as_they_are,
          a_connection_is_used_again, a_destination_has_so_many_under_way_and_so_many_waiting_and_no_more,
          who_waits_goes_in_order, all_destinations_together_have_a_bound_too,
          above_what_may_run_who_has_its_share_waits_and_others_do_not,
          time_runs_out_for_who_hangs_and_for_who_waits, an_answer_that_is_too_long_is_an_error,
          what_is_cancelled_is_never_answered_and_makes_room, an_answer_may_send_and_cancel_others,
          who_is_not_there_is_an_error, a_name_is_looked_up, giving_up_a_lookup_does_not_wait_for_it,
          a_redirect_is_an_answer_like_any, what_is_no_request_is_refused, freeing_it_cancels_what_is_under_way,
          a_certificate_has_to_be_trusted)
