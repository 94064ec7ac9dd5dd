/* A stream of frames, cut as the first byte says, against a reader of ten lines. */
#include "run/link.h"

#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

struct heard {
    struct buf frames; /* type and body, one behind the other */
    bool down;
};

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct heard *h = owner;
    buf_append(&h->frames, &type, 1);
    buf_append_bytes(&h->frames, body);
}

static void on_down(void *owner, struct link *l, int error)
{
    struct heard *h = owner;
    h->down = true;
    link_free(l);
}

static void read_plainly(struct bytes in, struct buf *into)
{
    uint32_t n;
    while (in.n >= 4) {
        memcpy(&n, in.p, 4);
        if (n == 0 || n > LINK_FRAME_MAX || n > in.n - 4)
            return;
        buf_append(into, in.p + 4, n);
        in = bytes_of(in.p + 4 + n, in.n - 4 - n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct link_handlers handlers = {on_frame, NULL, on_down};
    static struct ev_loop *loop;
    struct heard h = {0};
    struct buf want = {0};
    int fds[2];
    if (!loop)
        loop = ev_default_loop(EVBACKEND_SELECT);
    if (size < 1 || size > 32768 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
        return 0;
    size_t part = data[0] ? (size_t)data[0] * 16 : size;
    struct bytes in = bytes_of(data + 1, size - 1);
    link_new(loop, fds[0], &handlers, &h);
    for (size_t at = 0; at < in.n && !h.down; at += part) {
        ssize_t sent =
            send(fds[1], in.p + at, at + part < in.n ? part : in.n - at, MSG_NOSIGNAL);
        FUZZ_CHECK(sent > 0);
        ev_run(loop, EVRUN_NOWAIT);
    }
    close(fds[1]);
    while (!h.down)
        ev_run(loop, EVRUN_ONCE);
    read_plainly(in, &want);
    FUZZ_CHECK(bytes_equal(buf_bytes(&h.frames), buf_bytes(&want)));
    buf_fini(&h.frames);
    buf_fini(&want);
    return 0;
}
