#include "reading.h"

#include "tls.h"

#include "core/clock.h"

#include <errno.h>
#include <sys/socket.h>

int reading_init(int fd)
{
    int one = 1;
    return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) < 0 ? -errno : 0;
}

static uint64_t kernel_stamp(struct msghdr *message, uint64_t otherwise)
{
    struct timespec t;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&t, CMSG_DATA(at), sizeof t);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
    }
    return otherwise;
}

ssize_t reading_take(int fd, void *room, size_t size, struct stamp *ret_at)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct timespec))];
        struct cmsghdr align;
    } control;
    struct iovec into = {room, size};
    struct msghdr message = {.msg_iov = &into,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
    if (n < 0)
        return -errno;
    uint64_t now = clock_real_us();
    *ret_at = (struct stamp){.kernel_us = kernel_stamp(&message, now), .user_us = now};
    return n;
}

ssize_t reading_take_tls(struct ssl_st *tls, void *room, size_t size, struct stamp *ret_at)
{
    ssize_t n = tls_read(tls, room, size);
    if (n < 0)
        return n;
    uint64_t now = clock_real_us();
    *ret_at = (struct stamp){.kernel_us = now, .user_us = now};
    return n;
}
