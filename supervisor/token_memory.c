#include "token_memory.h"

#include "run/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int token_memory_new(int64_t bytes)
{
    if (bytes == 0)
        return -1;
    int fd = memfd_create("cellcast-tokens", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    /* sealed: a gateway that has mapped it can't lose a page of it */
    if (fd >= 0 && ftruncate(fd, bytes) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    log_warn("no_token_memory", "bytes=%lld errno=%s each token is checked each time", (long long)bytes,
             strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}
