/* Against OpenSSL's own server over a pair of sockets, in one thread. */
#include "tls.h"

#include "pair_help.h"
#include "unit.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static SSL_CTX *context, *of_server;
static SSL_SESSION *session;
static SSL *client, *server;
static int fds[2];

static void use_pair(SSL_CTX *ctx)
{
    static struct pem_pair pair;
    make_pair("localhost", false, &pair);
    BIO *certs = BIO_new_mem_buf(pair.cert, -1), *keys = BIO_new_mem_buf(pair.key, -1);
    X509 *cert = PEM_read_bio_X509(certs, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(keys, NULL, NULL, NULL);
    ck_assert_int_eq(SSL_CTX_use_certificate(ctx, cert), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(certs);
    BIO_free(keys);
}

static void begin(void)
{
    signal(SIGPIPE, SIG_IGN);
    context = tls_context_new();
    of_server = SSL_CTX_new(TLS_server_method());
    use_pair(of_server);
    session = NULL;
}

static void open_socket(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    client = tls_new(context, fds[0], &session);
    server = SSL_new(of_server);
    SSL_set_fd(server, fds[1]);
    SSL_set_accept_state(server);
}

static void close_socket(void)
{
    tls_free(client);
    SSL_free(server);
    close(fds[0]);
    close(fds[1]);
}

static void end(void)
{
    tls_session_free(session);
    tls_context_free(context);
    SSL_CTX_free(of_server);
}

static void shake(void)
{
    int progress = TLS_READS;
    for (int i = 0; i < 10 && (progress != TLS_DONE || !SSL_is_init_finished(server)); i++) {
        progress = tls_shake(client);
        ck_assert_int_ge(progress, 0);
        SSL_do_handshake(server);
    }
    ck_assert_int_eq(progress, TLS_DONE);
}

static void ck_hears(const char *text)
{
    char room[64] = "";
    ck_assert_int_eq(SSL_write(server, text, (int)strlen(text)), (int)strlen(text));
    ck_assert_int_eq(tls_read(client, room, sizeof room - 1), (ssize_t)strlen(text));
    ck_assert_str_eq(room, text);
}

START_TEST(bytes_go_both_ways)
{
    char room[64] = "";
    begin();
    open_socket();
    shake();
    ck_assert_int_eq(tls_read(client, room, sizeof room), -EAGAIN);
    ck_hears("down");
    ck_assert_int_eq(tls_write(client, BYTES("up")), 2);
    ck_assert_int_eq(SSL_read(server, room, sizeof room), 2);
    ck_assert_str_eq(room, "up");
    close_socket();
    end();
}
END_TEST

START_TEST(who_comes_back_after_a_loss_resumes)
{
    begin();
    for (int i = 0; i < 4; i++) {
        open_socket();
        shake();
        ck_assert_int_eq(tls_has_resumed(client), i > 0);
        ck_hears("and the ticket before it");
        close_socket();
    }
    end();
}
END_TEST

START_TEST(an_end_is_told_and_a_lost_handshake_is_a_reset)
{
    char room[64];
    begin();
    open_socket();
    shake();
    ck_hears("tickets");
    shutdown(fds[1], SHUT_RDWR);
    ck_assert_int_eq(tls_read(client, room, sizeof room), 0);
    close_socket();
    open_socket();
    ck_assert_int_eq(tls_shake(client), TLS_READS);
    shutdown(fds[1], SHUT_RDWR);
    ck_assert_int_lt(tls_shake(client), 0);
    close_socket();
    end();
}
END_TEST

START_TEST(what_is_no_tls_is_no_protocol)
{
    begin();
    open_socket();
    ck_assert_int_eq(tls_shake(client), TLS_READS);
    ck_assert_int_eq(write(fds[1], "HTTP/1.1 400\r\n\r\n", 16), 16);
    ck_assert_int_eq(tls_shake(client), -EPROTO);
    close_socket();
    end();
}
END_TEST

UNIT_MAIN("bench/tls", bytes_go_both_ways, who_comes_back_after_a_loss_resumes, an_end_is_told_and_a_lost_handshake_is_a_reset,
          what_is_no_tls_is_no_protocol)
