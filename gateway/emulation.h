/* POST /emulation: commands of a client that has a stream, to whichever gateway of the cell they come.
 *
 *     {"session":"…","node":"…","data":"{\"id\":2,\"subscribe\":{…}}\n…"}
 *
 * or the same as an EmulationRequest of Protobuf. session and node are those of its connect reply; node is a gateway process
 * (its uid in `info`). For this one: the session's connection hears them at once. For another: ctl_emulate to the
 * supervisor, which passes it on and says whether there is such a gateway. So a request's commands take effect in their
 * order, requests in the order in which they come to the session's gateway; a client that has several under way at a time
 * has said that it does not mind.
 *
 *     204   the session's gateway has them. Also when the session has ended: its stream has, too, and says why
 *     404   there is no such gateway any more: the client connects anew
 *     503   --emulations-max or --emulations-bytes wait here, or too much waits for that gateway at the supervisor; or it is
 *           more than the supervisor takes at a time (8 MB)
 *
 * What waits here has its answer soon or this process ends: the supervisor keeps nothing, and needs nobody for its word. */
#ifndef GATEWAY_EMULATION_H
#define GATEWAY_EMULATION_H

#include "encoding.h"

#include "core/map.h"
#include "wire/messages.h"

struct gateway;
struct ws_socket;
struct ws_request;

struct emulations {
    struct map waiting;    /* struct emulation::by_request */
    uint64_t last_request;
    size_t bytes;          /* of the bodies that wait */
};

void emulations_init(struct emulations *e);
void emulations_fini(struct emulations *e);

void emulation_asked(struct gateway *g, struct ws_socket *s, enum encoding e, struct bytes body); /* answers s, now or later */
void emulation_heard(struct gateway *g, const struct ctl_emulate *m);            /* for a session of ours */
void emulation_answered(struct gateway *g, const struct ctl_emulated *m);        /* what became of one that we passed on */

#endif
