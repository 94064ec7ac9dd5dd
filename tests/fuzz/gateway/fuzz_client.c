/* A whole life of two clients: lines of input, the first letter says what happens. m, M: the first, the second client
 * says the rest of the line (| parts commands); s, p: the worker says where the channel stands, publishes; r: the oldest
 * read is answered; x: it is answered with an error; t: time passes; f: a socket is full, w: is writable; l: a client
 * leaves and comes anew; d: a publish is done; a: the application subscribes a client. Of the ephemeral typing:x: S: the worker answers, P: something passes by;
 * C: its namespace changes sides. */
#include "fake_edges.h"
#include "fuzz.h"
#include "server_sub.h"

#include <stdlib.h>

static struct gateway_options options;
static struct gateway g;
static struct ws_socket *clients[2];
static uint64_t head, epoch, last[2];

static void say(struct ws_socket *s, char *text)
{
    for (char *at = text; *at; at++)
        if (*at == '|')
            *at = '\n';
    edges_say(s, text);
}

static void come_anew(int i)
{
    edges_leave(clients[i]);
    clients[i] = edges_connect(&g);
    last[i] = 0;
}

/* Between two (un)subscribes a client gets every publication once and in order. */
static void check_order(int i)
{
    struct buf *b = &clients[i]->written;
    for (char *line = b->p, *end; b->n && line < b->p + b->n; line = end + 1) {
        end = memchr(line, '\n', (size_t)(b->p + b->n - line));
        *end = 0;
        char *at = strstr(line, "\"pub\":{\"data\":");
        if (strstr(line, "\"channel\":\"typing:")) {
            FUZZ_CHECK(!at || !strstr(at, "offset\":"));
        } else if (strncmp(line, "{\"push\"", 7) == 0 && at) {
            uint64_t offset = strtoull(strstr(at, "offset\":") + 8, NULL, 10);
            FUZZ_CHECK(last[i] == 0 || offset == last[i] + 1);
            last[i] = offset;
        } else if (strstr(line, "subscribe\"") || strstr(line, "\"subs\":")) {
            last[i] = 0;
        }
    }
    buf_clear(b);
}

static void subscribe(struct connection *c, uint64_t since)
{
    struct config_channel ch;
    struct want want = {.channel = BYTES("x"), .since = {.recover = since % 2, .offset = since / 2}};
    if (connection_is_open(c) && config_resolve(g.config, NULL, want.channel, &ch) == 0)
        server_sub_add(c, &ch, &want, NULL);
    edges_pass(&g, 0);
}

static void act(char *line)
{
    switch (line[0]) {
    case 'm':
    case 'M':
        say(clients[line[0] == 'M'], line + 1);
        break;
    case 's':
        edges_subscribed(&g, "default/x", epoch, head += (unsigned char)line[1] % 4);
        break;
    case 'p':
        edges_publish(&g, "default/x", epoch, head += 1 + (line[1] == 'h' ? 3 : 0), "{}");
        break;
    case 'e':
        edges_publish(&g, "default/x", ++epoch, head = 1, "{}");
        break;
    case 'S':
        edges_subscribed(&g, "default/typing:x", 0, 0);
        break;
    case 'P':
        edges_publish(&g, "default/typing:x", 0, 0, "{}");
        break;
    case 'C':
        edges_configure(&g, line[1] != 'd');
        break;
    case 'r':
        edges_serve(&g, epoch, head);
        break;
    case 'x':
        edges_range(&g, line[1] == 'g' ? 112 : 100, epoch, head, 0, 0);
        break;
    case 't':
        edges_pass(&g, (unsigned char)line[1] * 100);
        break;
    case 'f':
        clients[line[1] & 1]->full = true;
        break;
    case 'w':
        clients[line[1] & 1]->full = false;
        connection_writable(clients[line[1] & 1]->connection);
        break;
    case 'l':
        come_anew(line[1] & 1);
        break;
    case 'a':
        subscribe(clients[line[1] & 1]->connection, line[1] ? (unsigned char)line[2] : 0);
        break;
    case 'd':
        ops_publish_done(&g, edges.publish_ticket, &(struct ops_published){.seq = head});
        break;
    }
    for (int i = 0; i < 2; i++)
        check_order(i);
}

/* Once: their texts are kept, and libFuzzer looks for leaks after each run that keeps something. */
static void set_options(void)
{
    static bool ready;
    if (ready)
        return;
    ready = true;
    gateway_options_default(&options);
    options.page_messages = 10;
    options.ring_messages = 4;
    options.pages_max = 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = malloc(n + 1), *rest = text, *line;
    if (!text)
        abort();
    memcpy(text, data, n);
    text[n] = 0;
    set_options();
    edges_start(&g, &options);
    head = 5;
    epoch = 1;
    last[0] = last[1] = 0;
    for (int i = 0; i < 2; i++)
        clients[i] = edges_connect(&g);
    for (int i = 0; i < 200 && (line = strsep(&rest, "\n")); i++)
        act(line);
    edges_stop(&g);
    free(text);
    return 0;
}
