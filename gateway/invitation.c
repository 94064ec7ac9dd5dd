#include "invitation.h"

#include "call.h"
#include "ctl_link.h"

#include "core/clock.h"

#include <assert.h>
#include <stdlib.h>

struct invitation {
    struct gateway *gateway;
    uint64_t request, count;
    uint32_t waits;
    bool sent, answered;
    struct wheel_timer deadline;
};

static void answer(struct invitation *i)
{
    struct buf body = {0};
    if (i->answered)
        return;
    i->answered = true;
    call_answer_count(&body, i->count);
    ctl_answer_send(i->gateway->ctl, i->request, buf_bytes(&body));
    buf_fini(&body);
}

static void too_late(struct wheel_timer *t)
{
    answer(container_of(t, struct invitation, deadline));
}

static void end(struct invitation *i)
{
    wheel_cancel(&i->deadline);
    free(i);
}

struct invitation *invitation_new(struct gateway *g, uint64_t request)
{
    struct invitation *i = calloc(1, sizeof *i);
    assert(i);
    i->gateway = g;
    i->request = request;
    wheel_timer_init(&i->deadline, too_late);
    return i;
}

void invitation_waits(struct invitation *i)
{
    i->waits++;
}

void invitation_came(struct invitation *i)
{
    if (!i || --i->waits || !i->sent)
        return;
    answer(i);
    end(i);
}

bool invitation_sent(struct invitation *i, uint64_t count, struct buf *into)
{
    i->sent = true;
    i->count = count;
    if (i->waits) {
        wheel_set(&i->gateway->wheel, &i->deadline, i->gateway->now_ns + INVITATION_NS);
        return false;
    }
    call_answer_count(into, count);
    end(i);
    return true;
}
