#include "top.h"

static void answered(void *owner, uint64_t request, uint32_t asked, struct bytes answers)
{
    struct top *t = owner;
    struct ctl_answer one;
    if (request != t->request)
        return; /* another question has been asked since */
    while (wire_next_ctl_answer(&answers, &one) > 0) {
        buf_append_str(&t->answers, t->answers.n ? "," : "");
        buf_append_bytes(&t->answers, one.body);
    }
    t->asked = asked;
    t->done = true;
}

/* -> whether it could be */
static bool ask(struct top *t, struct control *k, struct bytes question)
{
    uint64_t request = control_ask(k, &(struct ctl_call){.method = BYTES("top"), .body = question}, answered, t);
    if (request == 0)
        return false;
    t->request = request;
    t->done = false;
    t->asked = 0;
    buf_clear(&t->answers);
    return true;
}

int top_ask(struct top *t, struct control *k, struct bytes question, struct buf *body)
{
    if (!ask(t, k, question))
        return 503;
    buf_printf(body, "{\"request\":%llu}\n", (unsigned long long)t->request);
    return 200;
}

int top_tell(const struct top *t, struct buf *body)
{
    buf_printf(body, "{\"request\":%llu,\"done\":%s,\"asked\":%u,\"answers\":[", (unsigned long long)t->request,
               t->done ? "true" : "false", t->asked);
    buf_append_bytes(body, buf_bytes(&t->answers));
    buf_append_str(body, "]}\n");
    return 200;
}

int top_watch(struct top *t, struct control *k, struct bytes question, int64_t now_ns, struct buf *body)
{
    bool fresh = t->request && now_ns - t->asked_ns < TOP_FRESH_NS && bytes_equal(buf_bytes(&t->question), question);
    if (!fresh && !ask(t, k, question))
        return 503;
    if (!fresh) {
        buf_clear(&t->question);
        buf_append_bytes(&t->question, question);
        t->asked_ns = now_ns;
    }
    return top_tell(t, body);
}

void top_fini(struct top *t)
{
    buf_fini(&t->question);
    buf_fini(&t->answers);
    *t = (struct top){0};
}
