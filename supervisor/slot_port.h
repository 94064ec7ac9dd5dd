/* The loopback listener of each gateway slot: the supervisor holds it while the slot is wanted and hands it to the slot's
 * processes (LISTEN_FD). So two of them may serve it for a while, and who dials between two processes waits for the next. */
#ifndef SUPERVISOR_SLOT_PORT_H
#define SUPERVISOR_SLOT_PORT_H

#define SLOT_PORTS_MAX 256

struct slot_ports {
    unsigned base;            /* slot n listens on 127.0.0.1, base + n */
    int fds[SLOT_PORTS_MAX];  /* slot - 1; negative: closed */
};

void slot_ports_init(struct slot_ports *p, unsigned base);
void slot_ports_fini(struct slot_ports *p);
/* Opens it if need be. -> descriptor, borrowed; -errno: it can't be had now. A gateway that took it by itself could never be
 * followed by another one beside it. */
int slot_port_open(struct slot_ports *p, unsigned slot);
void slot_port_close(struct slot_ports *p, unsigned slot); /* one that is closed is fine */

#endif
