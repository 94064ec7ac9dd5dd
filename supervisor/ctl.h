/* cellcastctl: a verb, its words, an exit code. Each verb is a function in ctl_verbs.c (ctl_status.c and ctl_top.c for the
 * tables, ctl_plain.c for what others have named, ctl_move.c for what moves clients, ctl_tenant.c for what moves tenants, ctl_export.c, ctl_webhooks.c). */
#ifndef SUPERVISOR_CTL_H
#define SUPERVISOR_CTL_H

#include "core/buf.h"
#include "run/options.h"

#include <jansson.h>

struct ctl_options {
#define OPT(flag, TYPE, field, ...) OPTION_CTYPE_##TYPE field;
#include "ctl_options.def"
#undef OPT
};

#define CTL_DONE 0
#define CTL_FAILED 1 /* refused, unreachable, not ready; said on standard error */
#define CTL_USAGE 2

/* CTL_VERB(name, words, number of words at least, at most, help) */
#define CTL_VERBS(V)                                                                               \
    V(apply, "FILE.json", 1, 1, "replaces the whole configuration: cells, tenants, namespaces, keys") \
    V(config, "", 0, 0, "prints the configuration in force")                                          \
    V(export, "", 0, 0, "prints it as the file that apply takes (keys by their SHA-256)")               \
    V(status, "", 0, 0, "processes, ports and canaries of the cell")                                  \
    V(health, "", 0, 0, "exit code 0 when messages arrive, else 1 and why they do not")               \
    V(top, "channels|connections|tenants", 1, 1, "what costs most now, by --by: deliveries and bytes a second, slow clients") \
    V(scale, "gateways|workers N", 2, 2, "how many there shall be from now on")                       \
    V(drain, "GATEWAY", 1, 1, "that gateway (3, gateway-3) gets no connections, and its clients move away, until undrain") \
    V(undrain, "GATEWAY", 1, 1, "it takes connections again, however far its drain was")              \
    V(restart, "[all|gateways|workers|gateway-3]", 0, 1, "replaces processes one by one, each when its successor is ready; from the programs and files as they are now") \
    V(lane, "CHANNEL NUMBER", 2, 2, "that channel goes through a partition of its own from now on, shared with those of the same number (1 to 64; 0: it is among the others again)") \
    V(shards, "SEQUENCER-ADMIN RANGES", 2, 2, "that sequencer leads these shards from now on: 0-31,40")   \
    V(cell, "add NAME", 2, 2, "a further cell, with a topic of its own and no tenants yet; a file that is applied later has to name it")  \
    V(tenant, "move|spread|cancel|show TENANT, map", 1, 2, "map: which cells each tenant's new clients go to; move, with --to=CELL,…: those cells serve it from now on, its clients are led over; spread, with --cells=2: the same, with so many cells as its name chooses; cancel: not, if its clients are still where they were") \
    V(webhooks, "", 0, 0, "what of each tenant's events waits for its webhook, since when, and what went wrong last") \
    V(epoch, "bump", 1, 1, "begins a new generation of the message log: every subscriber starts anew")

/* words: behind the verb, NULL-ended; at least as many as the verb takes. -> CTL_DONE, CTL_FAILED, CTL_USAGE */
#define CTL_DECLARE(name, words, least, most, help)                                                          \
    int ctl_##name(const struct ctl_options *o, char *const *words_of_it);
CTL_VERBS(CTL_DECLARE)

/* GET or POST to the admin port. -> HTTP status, or -EIO, said on standard error */
int ctl_ask(const struct ctl_options *o, const char *method, const char *path,
            struct buf *ret_answer);
/* POSTs an order and prints what it was answered. -> CTL_DONE, CTL_FAILED, said */
int ctl_order(const struct ctl_options *o, const char *path);
/* GET /status, parsed, plain, and as it came in ret_text. -> the caller's; NULL, said */
json_t *ctl_look(const struct ctl_options *o, struct buf *ret_text);
/* One statement with one parameter or NULL; the first column of its first row, or nothing, in into. -> 0, or -1, said */
int ctl_ask_postgres(const struct ctl_options *o, const char *sql, const char *param, struct buf *into);
/* The configuration in force, cellcast.config(). -> the caller's; NULL, said */
json_t *ctl_ask_config(const struct ctl_options *o);
void ctl_print_json(const json_t *root); /* indented, on standard output */
/* How far the drain of a process of /status is. -> false: it keeps its clients */
bool ctl_put_drain(const json_t *process, char *ret, size_t size);
/* Appends the text with its control characters, which a terminal would obey, as \xNN: names of users and channels are strangers'. */
void ctl_append_plain(struct buf *into, struct bytes text);
void ctl_to_plain(json_t *root); /* the same for each string in it; before anything of it is printed */
int ctl_say(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* on standard error, plain but for its lines -> CTL_FAILED */

#endif
