/* Signatures that were found right, remembered for all gateways of the cell in memory that the supervisor made
 * (TOKENS_FD) and that outlives each of them: who comes back after a gateway has died brings a token that another one
 * has checked, and that check, up to 100 µs, is not made again. Decision 0017.
 *
 * Only the fact is kept, not what the token says: that is read from the token each time, so dates, tenant, channel,
 * user and configuration are judged as ever, and the answer is the same with and without this. The fact is named by the
 * key too: a tenant whose key was changed has none left at that moment.
 *
 *     set ──▶ ┌ name (24 bytes of SHA-256 of key's print and token) │ until ┐  × TOKEN_CACHE_WAYS
 *
 * There is no lock and nothing to repair. Any gateway writes any entry at any time, in words of 8 bytes, and may be
 * killed between two of them: what is then there has the name of no token. Reading is comparing the name. A new entry
 * takes the place of one that is over, else of one of its set by chance. Gateways of two releases may share it during a
 * rolling restart: with another layout, something else is hashed. */
#ifndef GATEWAY_TOKEN_CACHE_H
#define GATEWAY_TOKEN_CACHE_H

#include "core/bytes.h"
#include "tables.h"

#include <stdatomic.h>

#define TOKEN_CACHE_WAYS 8
#define TOKEN_CACHE_STAY_S 86400 /* longest that a token is remembered, whatever its exp */

struct token_name {
    uint64_t words[3];
};

struct token_entry {
    _Atomic uint64_t name[3];
    _Atomic uint64_t until; /* s since 1970; 0: free */
};

struct token_cache {
    struct token_entry *entries; /* NULL: nothing is remembered */
    size_t sets, bytes;
    struct evp_md_ctx_st *hash;
    struct gateway_metrics *metrics;
};

void token_cache_init(struct token_cache *c, struct gateway_metrics *metrics); /* without memory: remembers nothing */
void token_cache_fini(struct token_cache *c);
/* fd: TOKENS_FD, not taken. -> whether it is such memory: a file without a name that can't shrink */
bool token_cache_map(struct token_cache *c, int fd);

/* print: of the key (signature.h). */
struct token_name token_name(struct token_cache *c, struct bytes print, struct bytes token);
/* Whether the signature was found right before; counts the answer. now: s since 1970. */
bool token_cache_has(struct token_cache *c, const struct token_name *name, int64_t now);
/* until: end of the token, 0: none. */
void token_cache_put(struct token_cache *c, const struct token_name *name, int64_t until, int64_t now);

#endif
