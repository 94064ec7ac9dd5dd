/* Whether the gateways go by the configuration that they were handed. Each says so with its status (ctl_config_held): one
 * that cannot go by it keeps the one of before, or never begins to take clients, and the cell has to say that. A program
 * of before says nothing, and is taken at its word. */
#ifndef SUPERVISOR_TAKEN_H
#define SUPERVISOR_TAKEN_H

#include "cell.h"

#define TAKEN_PATIENCE_MS 5000 /* so long nobody is blamed who was just handed it */

/* Every gateway that counts goes by that version, or does not say. */
bool taken_by_all(const struct cell *cell, uint64_t version);
/* Has the gateway refused that version, or not taken it in time? Then appends what is to be said of it to ret_text. */
bool taken_not(const struct child *gateway, uint64_t version, int64_t now_ns, struct buf *ret_text);
/* Of how many gateways that count this is so. */
unsigned taken_count_not(const struct cell *cell, uint64_t version, int64_t now_ns);

#endif
