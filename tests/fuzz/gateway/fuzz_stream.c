/* A client without a WebSocket. The first byte says how it comes: bits 0 and 1 the transport, bit 2 Protobuf, bit 3 that what
 * follows is the body of a request to /emulation instead, bit 4 that it is data for its session. */
#include "http.h"

#include "fake_edges.h"
#include "fuzz.h"
#include "session.h"

#include <stdlib.h>

static struct gateway_options options;
static struct gateway g;

static struct ws_socket *ask(const char *method, const char *path, bool binary, struct bytes words)
{
    struct ws_socket *s = calloc(1, sizeof *s);
    struct ws_request r = {.method = bytes_str(method),
                           .path = bytes_str(path),
                           .cf_connect = words,
                           .body = words,
                           .content_type = bytes_str(binary ? "application/octet-stream" : "application/json")};
    if (!s)
        abort();
    http_handlers.request(&g, s, &r);
    return s;
}

static void done(struct ws_socket *s)
{
    buf_fini(&s->headers);
    if (s->connection)
        edges_leave(s);
    else
        free(s);
}

static void emulate(bool binary, bool whole, struct bytes data)
{
    struct ws_socket *s = ask("POST", "/connection/http_stream", false, BYTES("{\"id\":1,\"connect\":{}}"));
    struct connection *c = s->connection;
    struct ws_socket *asker = NULL;
    if (!c || !c->extras || !c->extras->session)
        abort();
    if (whole)
        asker = ask("POST", "/emulation", binary, data);
    else
        emulation_heard(&g, &(struct ctl_emulate){.session = c->extras->session->id, .data = data});
    edges_pass(&g, 10);
    if (asker)
        done(asker);
    done(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct {
        const char *method, *path;
    } ways[] = {{"POST", "/connection/http_stream"}, {"GET", "/connection/sse"}, {"POST", "/connection/uni_http_stream"}, {"GET", "/connection/uni_sse"}};
    if (n == 0)
        return 0;
    char *copy = malloc(n); /* its own memory: a read behind the end shows */
    if (!copy)
        abort();
    memcpy(copy, data + 1, n - 1);
    struct bytes words = bytes_of(copy, n - 1);
    gateway_options_default(&options);
    edges_start(&g, &options);
    if (data[0] & 8) {
        emulate(data[0] & 4, data[0] & 16, words);
    } else {
        struct ws_socket *s = ask(ways[data[0] & 3].method, ways[data[0] & 3].path, data[0] & 4, words);
        edges_pass(&g, 10);
        done(s);
    }
    edges_stop(&g);
    free(copy);
    return 0;
}
