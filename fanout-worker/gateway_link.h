/* The links of the gateways: what they say is checked and handed to the flow, what is said
 * to them goes through here. A gateway is greeted first (fan_hello); before that nothing
 * else of it is heard. */
#ifndef FANOUT_GATEWAY_LINK_H
#define FANOUT_GATEWAY_LINK_H

#include "channel.h"
#include "core/fair_queue.h"
#include "presence.h"
#include "run/link.h"

struct address;
struct worker;

struct gateway_link {
    struct list link; /* of struct worker::gateways */
    struct taker taker;
    struct worker *worker;
    struct link *l;
    struct lease *lease; /* NULL before the hello */
    struct list reads;   /* struct read::link: unanswered, waiting ones too, in the order of asking */
    uint32_t n_reads;    /* of them, what PostgreSQL is asked for: --reads-max */
    struct fair_queue waiting; /* the others: struct read::place */
    bool paused;      /* nothing is read from it: it does not take what it is told */
    uint64_t given;   /* bytes handed to the link */
    uint64_t taken;   /* of them by the kernel, when it was last looked */
    int64_t taken_ns; /* loop clock, when that last grew */
    char name[128];   /* for logs */
};

void gateways_accept(void *owner, int fd, const struct address *peer); /* a listener_accepted; owner: struct worker */
void gateways_close(struct worker *w);
void gateways_welcome(struct worker *w); /* to all: generation or caught_up changed */
void gateways_tick(struct worker *w,
                   int64_t now_ns); /* each second: beats, and who is cut off */

void gateways_weigh(struct worker *w); /* the shares of tenants; each second, since new ones are ordinary */

struct gateway_link *gateway_of(struct taker *t);
bool gateway_full(const struct gateway_link *g); /* it takes nothing now */
bool gateway_crowded(const struct gateway_link *g); /* what is worth nothing later gives way */
/* More or less waits for its socket than before: reads begin, its link is read, or not. Reads alone never pause it: they
 * wait in a queue while it is full, so that a subscribe does not stand behind them. */
void gateway_breathe(struct gateway_link *g);

void gateway_send_subscribed(struct gateway_link *g, struct bytes channel, uint32_t status,
                             uint64_t epoch, uint64_t seq);
void gateway_send_publication(struct gateway_link *g, const struct pub *p, uint64_t now_us);
void gateway_send_not_mine(struct gateway_link *g, struct bytes channel);
void gateway_send_range(struct gateway_link *g, const struct fan_range *m);
void gateway_send_head(struct gateway_link *g, const struct fan_head *m);
void gateway_send_presence(struct gateway_link *g, const struct fan_presence *m);
void gateway_send_join(struct gateway_link *g, const struct fan_join *m);
void gateway_send_leave(struct gateway_link *g, const struct fan_leave *m);
void gateway_send_counts(struct gateway_link *g, const struct fan_counts *m);

#endif
