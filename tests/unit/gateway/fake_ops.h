/* The cluster as the API's tests see it: every operation of ops.h is written down and answered
 * when the test says so. What is handed over lives in memory of its own that is gone after the
 * call, so that a borrowed slice that is kept shows under AddressSanitizer. */
#ifndef TESTS_GATEWAY_FAKE_OPS_H
#define TESTS_GATEWAY_FAKE_OPS_H

#include "core/buf.h"
#include "ops.h"
#include "tables.h"

#define FAKE_MAX 4096

enum fake_kind { FAKE_PUBLISH = 1, FAKE_READ, FAKE_PRESENCE, FAKE_CALL };

struct fake_op {
    enum fake_kind kind;
    struct buf channel, data, tags, after, key; /* publish; channel: read and presence too */
    struct buf method, tenant, body;            /* call */
    uint8_t format;
    bool ephemeral;
    uint64_t epoch, since; /* since: presence's after too */
    uint32_t limit;
    bool reverse;
    bool answered, cancelled;
    void *fn, *ctx;
};

extern struct fake_op fake_ops[FAKE_MAX];
extern size_t fake_n;                      /* operations begun since fake_reset */
extern struct gateway *const fake_gateway; /* nothing of it is looked into but its options */
extern struct gateway_options fake_options; /* the defaults, unless a test sets them before it asks */

void fake_reset(void);
size_t fake_waiting(void); /* neither answered nor cancelled */
void fake_published(size_t at, uint32_t code, uint64_t epoch, uint64_t seq);
void fake_range(size_t at, uint32_t code, uint64_t epoch, uint64_t head,
                struct bytes publications);
void fake_presence(size_t at, uint32_t code, uint32_t clients, uint32_t users,
                   struct bytes entries);
void fake_presence_page(size_t at, struct bytes entries, uint64_t next); /* of 3 clients, 2 users */
/* bodies: as many answers as there are, NULL at the end */
void fake_called(size_t at, uint32_t asked, const char *const *bodies);

#endif
