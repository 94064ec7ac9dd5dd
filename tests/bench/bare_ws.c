/* What a WebSocket costs in libwebsockets alone, for bench_memory.py: the gateway's own settings (ws_context.h), and
 * nothing else; what comes is sent back. Prints its port, ends with its standard input. */
#include "ws_context.h"

#include "run/listener.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    static unsigned char frame[LWS_PRE + 4096];
    if (reason != LWS_CALLBACK_RECEIVE || n > sizeof frame - LWS_PRE)
        return 0;
    memcpy(frame + LWS_PRE, in, n);
    return lws_write(wsi, frame + LWS_PRE, n, LWS_WRITE_TEXT) < 0 ? -1 : 0;
}

static void on_accepted(void *owner, int fd, const struct address *peer)
{
    ws_context_adopt(owner, fd, false);
}

static void on_input(struct ev_loop *loop, ev_io *w, int events)
{
    char byte;
    if (read(w->fd, &byte, 1) <= 0)
        ev_break(loop, EVBREAK_ALL);
}

int main(void)
{
    struct ws_context c;
    struct listener *listener;
    struct buf error = {0};
    struct ev_loop *loop = ev_default_loop(0);
    ev_io input;
    lws_set_log_level(LLL_ERR, NULL);
    if (ws_context_init(&c, loop, NULL, NULL, 16384, on_event) < 0 ||
        listener_new(loop, "127.0.0.1:0", 1024, on_accepted, &c, &listener, &error) < 0)
        return 1;
    printf("%d\n", listener_port(listener));
    fflush(stdout);
    ev_io_init(&input, on_input, STDIN_FILENO, EV_READ);
    ev_io_start(loop, &input);
    ev_run(loop, 0);
    listener_free(listener);
    ws_context_fini(&c);
    return 0;
}
