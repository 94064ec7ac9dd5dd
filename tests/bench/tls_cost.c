/* CPU of a server's side of TLS handshakes by gateway/tls.c, for bench_tls.py: full ones, and those that resume a session
 * at another gateway.
 *
 *     tls_cost ec|rsa 1.2|1.3 HANDSHAKES */
#include "tls_help.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    static struct server one, other;
    struct pem_pair pair;
    char key[TLS_TICKET_KEY_BYTES] = "ticket", name[64];
    bool resumed = false;
    if (argc != 4)
        return 2;
    int version = strcmp(argv[2], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, n = atoi(argv[3]);
    make_pair("bench", argv[1][0] == 'r', &pair);
    server_begin(&one);
    server_begin(&other);
    if (server_tell(&one, &pair, bytes_of(key, sizeof key)) < 0 || server_tell(&other, &pair, bytes_of(key, sizeof key)) < 0)
        return 1;
    for (int i = 0; i < n; i++) {
        SSL_SESSION *session = shake(&one, version, NULL, &resumed, name);
        SSL_SESSION_free(shake(&other, version, session, &resumed, name));
        SSL_SESSION_free(session);
    }
    printf("{\"full_us\":%.1f,\"resumed_us\":%.1f,\"full\":%llu,\"resumed\":%llu}\n", (double)one.cpu_ns / n / 1000,
           (double)other.cpu_ns / n / 1000, (unsigned long long)one.metrics.tls_handshakes_total,
           (unsigned long long)other.metrics.tls_resumed_total);
    server_end(&one);
    server_end(&other);
    return one.metrics.tls_handshakes_total == (unsigned)n && other.metrics.tls_resumed_total == (unsigned)n ? 0 : 1;
}
