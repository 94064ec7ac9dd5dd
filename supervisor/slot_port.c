#include "slot_port.h"

#include "run/listener.h"
#include "run/log.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 1024

void slot_ports_init(struct slot_ports *p, unsigned base)
{
    p->base = base;
    for (unsigned i = 0; i < SLOT_PORTS_MAX; i++)
        p->fds[i] = -1;
}

int slot_port_open(struct slot_ports *p, unsigned slot)
{
    char address[32];
    assert(slot >= 1 && slot <= SLOT_PORTS_MAX);
    int *fd = &p->fds[slot - 1];
    if (*fd < 0) {
        snprintf(address, sizeof address, "127.0.0.1:%u", p->base + slot);
        *fd = listener_bind(address, BACKLOG, NULL);
        if (*fd < 0)
            log_error("slot_port", "address=%s errno=%s its gateway waits for it", address, strerror(-*fd));
    }
    return *fd;
}

void slot_port_close(struct slot_ports *p, unsigned slot)
{
    int *fd = &p->fds[slot - 1];
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void slot_ports_fini(struct slot_ports *p)
{
    for (unsigned slot = 1; slot <= SLOT_PORTS_MAX; slot++)
        slot_port_close(p, slot);
}
