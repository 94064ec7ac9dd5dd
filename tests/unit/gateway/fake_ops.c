#include "fake_ops.h"

#include "gateway.h"

#include <assert.h>
#include <stdlib.h>

struct fake_op fake_ops[FAKE_MAX];
size_t fake_n;
struct gateway_options fake_options;
static struct gateway nobody = {.options = &fake_options};
struct gateway *const fake_gateway = &nobody;

__attribute__((constructor)) static void set_defaults(void)
{
    gateway_options_default(&fake_options);
}

void fake_reset(void)
{
    for (size_t i = 0; i < fake_n; i++) {
        struct fake_op *op = &fake_ops[i];
        struct buf *texts[] = {&op->channel, &op->data,   &op->tags,   &op->after,
                               &op->key,     &op->method, &op->tenant, &op->body};
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
            buf_fini(texts[t]);
        *op = (struct fake_op){0};
    }
    fake_n = 0;
}

size_t fake_waiting(void)
{
    size_t n = 0;
    for (size_t i = 0; i < fake_n; i++)
        n += !fake_ops[i].answered && !fake_ops[i].cancelled;
    return n;
}

static struct fake_op *begin(enum fake_kind kind, void *fn, void *ctx)
{
    assert(fake_n < FAKE_MAX);
    struct fake_op *op = &fake_ops[fake_n++];
    op->kind = kind;
    op->fn = fn;
    op->ctx = ctx;
    return op;
}

uint64_t ops_publish(struct gateway *g, const struct ops_publish *what, ops_published_fn *done,
                     void *ctx)
{
    struct fake_op *op = begin(FAKE_PUBLISH, (void *)done, ctx);
    buf_append_bytes(&op->channel, what->channel);
    buf_append_bytes(&op->data, what->data);
    buf_append_bytes(&op->tags, what->tags);
    buf_append_bytes(&op->after, what->after);
    buf_append_bytes(&op->key, what->key);
    op->format = what->format;
    op->ephemeral = what->ephemeral;
    return fake_n;
}

uint64_t ops_read(struct gateway *g, struct bytes channel, uint64_t epoch, uint64_t since,
                  uint32_t limit, bool reverse, ops_range_fn *done, void *ctx)
{
    struct fake_op *op = begin(FAKE_READ, (void *)done, ctx);
    buf_append_bytes(&op->channel, channel);
    op->epoch = epoch;
    op->since = since;
    op->limit = limit;
    op->reverse = reverse;
    return fake_n;
}

uint64_t ops_presence(struct gateway *g, struct bytes channel, uint64_t after, uint32_t limit,
                      ops_presence_fn *done, void *ctx)
{
    struct fake_op *op = begin(FAKE_PRESENCE, (void *)done, ctx);
    buf_append_bytes(&op->channel, channel);
    op->since = after;
    op->limit = limit;
    return fake_n;
}

uint64_t ops_call(struct gateway *g, struct bytes method, struct bytes tenant,
                  struct bytes body, ops_called_fn *done, void *ctx)
{
    struct fake_op *op = begin(FAKE_CALL, (void *)done, ctx);
    buf_append_bytes(&op->method, method);
    buf_append_bytes(&op->tenant, tenant);
    buf_append_bytes(&op->body, body);
    return fake_n;
}

void ops_cancel(struct gateway *g, uint64_t ticket)
{
    assert(g == fake_gateway && ticket <= fake_n);
    if (ticket > 0 && !fake_ops[ticket - 1].answered)
        fake_ops[ticket - 1].cancelled = true;
}

static struct fake_op *answer(size_t at, enum fake_kind kind)
{
    struct fake_op *op = &fake_ops[at];
    assert(at < fake_n && op->kind == kind && !op->answered && !op->cancelled);
    op->answered = true;
    return op;
}

static struct bytes copy(struct bytes s)
{
    char *p = s.n ? malloc(s.n) : NULL;
    if (s.n)
        memcpy(p, s.p, s.n);
    return bytes_of(p, s.n);
}

void fake_published(size_t at, uint32_t code, uint64_t epoch, uint64_t seq)
{
    struct fake_op *op = answer(at, FAKE_PUBLISH);
    struct bytes text = copy(code ? BYTES("the sequencer said no") : BYTES(""));
    struct ops_published a = {.code = code, .text = text, .epoch = epoch, .seq = seq, .id = 77};
    ((ops_published_fn *)op->fn)(op->ctx, &a);
    free((char *)text.p);
}

void fake_range(size_t at, uint32_t code, uint64_t epoch, uint64_t head,
                struct bytes publications)
{
    struct fake_op *op = answer(at, FAKE_READ);
    struct bytes list = copy(publications);
    struct ops_range a = {.code = code, .epoch = epoch, .head = head, .publications = list};
    ((ops_range_fn *)op->fn)(op->ctx, &a);
    free((char *)list.p);
}

void fake_presence(size_t at, uint32_t code, uint32_t clients, uint32_t users,
                   struct bytes entries)
{
    struct fake_op *op = answer(at, FAKE_PRESENCE);
    struct bytes list = copy(entries);
    struct ops_presence a = {.code = code, .clients = clients, .users = users, .entries = list};
    ((ops_presence_fn *)op->fn)(op->ctx, &a);
    free((char *)list.p);
}

void fake_presence_page(size_t at, struct bytes entries, uint64_t next)
{
    struct fake_op *op = answer(at, FAKE_PRESENCE);
    struct ops_presence a = {.clients = 3, .users = 2, .entries = entries, .next = next};
    ((ops_presence_fn *)op->fn)(op->ctx, &a);
}

void fake_called(size_t at, uint32_t asked, const char *const *bodies)
{
    struct fake_op *op = answer(at, FAKE_CALL);
    struct buf list;
    buf_init(&list);
    for (; *bodies; bodies++) {
        struct ctl_answer one = {.request = 1, .body = bytes_str(*bodies)};
        wire_put_ctl_answer(&list, &one);
    }
    struct ops_called a = {.asked = asked, .answers = buf_bytes(&list)};
    ((ops_called_fn *)op->fn)(op->ctx, &a);
    buf_fini(&list);
}
