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

int top_ask(struct top *t, struct control *k, struct bytes question, struct buf *body)
{
    uint64_t request = control_ask(k, &(struct ctl_call){.method = BYTES("top"), .body = question}, answered, t);
    if (request == 0)
        return 503;
    top_fini(t);
    t->request = request;
    buf_printf(body, "{\"request\":%llu}\n", (unsigned long long)request);
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

void top_fini(struct top *t)
{
    buf_fini(&t->answers);
    *t = (struct top){0};
}
