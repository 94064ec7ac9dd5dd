/* The body of a request to /emulation: {"session":"…","node":"…","data":"commands"}, or an EmulationRequest of Protobuf. */
#ifndef GATEWAY_EMULATED_H
#define GATEWAY_EMULATED_H

#include "encoding.h"

struct emulated {
    struct bytes session, node, data;
    struct buf text; /* memory of the three */
};

/* ret: any memory; emulated_fini is needed after success only. All three have to be there, and not be empty. -> 0, -EBADMSG */
int emulated_read(enum encoding e, struct bytes body, struct emulated *ret);
void emulated_fini(struct emulated *e);

#endif
