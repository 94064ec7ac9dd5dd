/* Frames of a stranger against both ends of a handshake: nobody who has not the secret gets through, whatever he says. */
#include "run/handshake.h"
#include "wire/messages.h"

#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static char path[40];

struct heard {
    struct handshake handshake;
    bool down;
};

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct heard *h = owner;
    struct buf why = {0};
    FUZZ_CHECK(handshake_takes(&h->handshake, type));
    int answer = handshake_frame(&h->handshake, l, type, body, &why);
    FUZZ_CHECK(answer <= 0 && h->handshake.state != HANDSHAKE_DONE && (answer == 0) == (why.n == 0));
    buf_fini(&why);
    if (answer == 0)
        return;
    h->down = true;
    link_free(l);
}

static void on_down(void *owner, struct link *l, int error)
{
    ((struct heard *)owner)->down = true;
    link_free(l);
}

static void make_secret(void)
{
    static const char secret[] = "a secret of cells, thirty-two by";
    int fd = memfd_create("secret", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && write(fd, secret, sizeof secret - 1) == sizeof secret - 1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
}

/* The first byte says which end it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct link_handlers handlers = {on_frame, NULL, on_down};
    static struct ev_loop *loop;
    struct heard h = {0};
    int fds[2];
    if (!loop) {
        loop = ev_default_loop(EVBACKEND_SELECT);
        make_secret();
    }
    if (size < 1 || size > 32768 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
        return 0;
    struct link *l = link_new(loop, fds[0], &handlers, &h);
    if (data[0] & 1)
        handshake_accept(&h.handshake, path);
    else
        handshake_connect(&h.handshake, path, l);
    FUZZ_CHECK(send(fds[1], data + 1, size - 1, MSG_NOSIGNAL) == (ssize_t)size - 1);
    close(fds[1]);
    while (!h.down)
        ev_run(loop, EVRUN_ONCE);
    return 0;
}
