/* A read that says when the kernel got what was read. */
#ifndef BENCH_READING_H
#define BENCH_READING_H

#include "connection.h"

#include <sys/types.h>

int reading_init(int fd); /* SO_TIMESTAMPNS. -> 0, or -errno */
/* Without blocking. Where the kernel gave no stamp, kernel_us is user_us. -> bytes, 0 at the end, or -errno */
ssize_t reading_take(int fd, void *room, size_t size, struct stamp *ret_at);
/* The same through TLS, which keeps the kernel's stamp to itself: kernel_us is user_us. */
ssize_t reading_take_tls(struct ssl_st *tls, void *room, size_t size, struct stamp *ret_at);

#endif
