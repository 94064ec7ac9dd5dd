/* What one tenant has of a taker: those of its cursors whose publications may be sent take turns, as tenants do
 * (core/drr.h), by bytes. It decides in which order a link is filled: what is on it already, up to --link-pending-max and
 * what the kernel holds, goes out in that order whoever comes. */
#ifndef FANOUT_SHARE_H
#define FANOUT_SHARE_H

#include "core/bytes.h"
#include "core/drr.h"
#include "core/map.h"

#define SHARE_QUANTUM 16384 /* bytes of a turn; above most publications */

struct taker;

struct share {
    struct map_node by_tenant; /* struct taker::shares */
    struct drr_flow turn;      /* struct taker::turns */
    struct drr ready;          /* struct cursor::ready */
    uint32_t cursors;          /* that belong to it */
    struct bytes tenant;
    char text[];
};

/* The share of a channel's (full form) tenant, for one cursor more. in_order: all tenants have one together, in which who
 * came first is served first, to the end. */
struct share *share_hold(struct taker *t, struct bytes channel, bool in_order);
void share_let_go(struct taker *t, struct share *s);
void shares_weigh(struct taker *t, int64_t (*weight)(void *ctx, struct bytes tenant), void *ctx);

#endif
