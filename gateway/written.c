#include "written.h"

#include "core/hash.h"

#include <assert.h>
#include <stdlib.h>

struct written_mark {
    uint64_t channel; /* its hash: another one that has the same waits in vain, for a moment */
    uint64_t epoch, seq;
    int64_t at_ns;
};

void written_fini(struct written *w)
{
    free(w->marks);
    w->marks = NULL;
}

void written_note(struct written *w, struct bytes channel, uint64_t epoch, uint64_t seq, int64_t now_ns)
{
    uint64_t hash = hash_bytes(channel);
    if (!w->marks)
        w->marks = calloc(WRITTEN_PLACES, sizeof *w->marks); /* pages that nobody touches are not there */
    assert(w->marks);
    struct written_mark *m = &w->marks[hash % WRITTEN_PLACES];
    bool newer = m->channel != hash || epoch > m->epoch || (epoch == m->epoch && seq > m->seq);
    if (newer)
        *m = (struct written_mark){.channel = hash, .epoch = epoch, .seq = seq, .at_ns = now_ns};
}

uint64_t written_seq(const struct written *w, struct bytes channel, uint64_t epoch, int64_t now_ns)
{
    if (!w->marks)
        return 0;
    uint64_t hash = hash_bytes(channel);
    const struct written_mark *m = &w->marks[hash % WRITTEN_PLACES];
    return m->channel == hash && m->epoch == epoch && now_ns - m->at_ns < WRITTEN_FOR_NS ? m->seq : 0;
}
