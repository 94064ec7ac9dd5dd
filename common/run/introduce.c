#include "run/introduce.h"

#include "run/log.h"

static void say_hello(struct introduction *i, struct link *l)
{
    i->refused = false;
    i->hello(i->owner, l);
}

void introduce_up(struct introduction *i, struct dial *d, struct link *l)
{
    i->dial = d;
    handshake_connect(&i->handshake, i->secret_file, l);
    if (i->handshake.state == HANDSHAKE_DONE)
        say_hello(i, l);
}

static void refuse(struct introduction *i, const char *why)
{
    *i->refused_total += 1;
    if (!i->refused)
        log_error("secret_refused", "peer=%s why=\"%s\" %s", dial_address(i->dial), why, i->loss);
    i->refused = true;
    dial_refuse(i->dial);
}

bool introduce_frame(struct introduction *i, struct link *l, uint8_t type, struct bytes body)
{
    struct buf why = {0};
    if (!handshake_takes(&i->handshake, type))
        return false;
    int answer = handshake_frame(&i->handshake, l, type, body, &why);
    if (answer > 0)
        say_hello(i, l);
    if (answer < 0)
        refuse(i, why.p);
    buf_fini(&why);
    return true;
}
