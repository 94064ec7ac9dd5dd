#include "run/handshake.h"

#include "core/random.h"
#include "run/secret.h"
#include "wire/messages.h"

#include <errno.h>
#include <string.h>

/* What each end proves its knowledge on: the other one's word can't be sent back to it. */
#define CONNECTS "cellcast connects"
#define ACCEPTS "cellcast accepts "

static void draw(char nonce[HANDSHAKE_NONCE])
{
    for (size_t at = 0; at < HANDSHAKE_NONCE; at += sizeof(uint64_t)) {
        uint64_t word = random_u64();
        memcpy(nonce + at, &word, sizeof word);
    }
}

static struct bytes nonce_bytes(const char nonce[HANDSHAKE_NONCE])
{
    return bytes_of(nonce, HANDSHAKE_NONCE);
}

static void proof_text(const struct handshake *h, const char *who, struct buf *into)
{
    buf_append_str(into, who);
    buf_append_bytes(into, nonce_bytes(h->connects));
    buf_append_bytes(into, nonce_bytes(h->accepts));
}

static bool take_nonce(struct bytes from, char nonce[HANDSHAKE_NONCE])
{
    if (from.n != HANDSHAKE_NONCE)
        return false;
    memcpy(nonce, from.p, HANDSHAKE_NONCE);
    return true;
}

/* Both ends have the reason, each in its log; none of it says more than that. */
static int refuse(struct link *l, const char *why, struct buf *ret_why)
{
    LINK_SEND(l, LINK_REFUSED, link_refused, (&(struct link_refused){.why = bytes_str(why)}));
    if (ret_why->n == 0)
        buf_append_str(ret_why, why);
    return -EACCES;
}

/* ---- accepts */

static int on_start(struct handshake *h, struct link *l, struct bytes body, struct buf *ret_why)
{
    struct link_start m;
    if (wire_get_link_start(body, &m) < 0 || !take_nonce(m.nonce, h->connects))
        return refuse(l, "it begins with nonsense", ret_why);
    draw(h->accepts);
    LINK_SEND(l, LINK_CHALLENGE, link_challenge, (&(struct link_challenge){.nonce = nonce_bytes(h->accepts)}));
    h->state = HANDSHAKE_WAITS_PROOF;
    return 0;
}

static int on_proof(struct handshake *h, struct link *l, struct bytes body, struct buf *ret_why)
{
    struct link_proof m;
    struct secrets secrets;
    struct buf text = {0};
    unsigned char mac[SECRET_MAC];
    if (wire_get_link_proof(body, &m) < 0)
        return refuse(l, "its proof is nonsense", ret_why);
    if (secrets_read(h->path, &secrets, ret_why) < 0)
        return refuse(l, "the secret of who accepts can't be read", ret_why);
    proof_text(h, CONNECTS, &text);
    int which = secret_check(&secrets, buf_bytes(&text), m.mac);
    buf_clear(&text);
    proof_text(h, ACCEPTS, &text);
    secret_mac(&secrets, which < 0 ? 0 : (unsigned)which, buf_bytes(&text), mac);
    secrets_wipe(&secrets);
    buf_fini(&text);
    if (which < 0)
        return refuse(l, "wrong secret", ret_why);
    LINK_SEND(l, LINK_ADMIT, link_admit, (&(struct link_admit){.mac = bytes_of((const char *)mac, sizeof mac)}));
    h->state = HANDSHAKE_DONE;
    return 1;
}

/* ---- connects */

static int on_challenge(struct handshake *h, struct link *l, struct bytes body, struct buf *ret_why)
{
    struct link_challenge m;
    struct secrets secrets;
    struct buf text = {0};
    unsigned char mac[SECRET_MAC];
    if (wire_get_link_challenge(body, &m) < 0 || !take_nonce(m.nonce, h->accepts))
        return refuse(l, "its challenge is nonsense", ret_why);
    if (secrets_read(h->path, &secrets, ret_why) < 0)
        return refuse(l, "the secret of who connects can't be read", ret_why);
    proof_text(h, CONNECTS, &text);
    secret_mac(&secrets, 0, buf_bytes(&text), mac);
    secrets_wipe(&secrets);
    buf_fini(&text);
    LINK_SEND(l, LINK_PROOF, link_proof, (&(struct link_proof){.mac = bytes_of((const char *)mac, sizeof mac)}));
    h->state = HANDSHAKE_WAITS_ADMIT;
    return 0;
}

static int on_admit(struct handshake *h, struct link *l, struct bytes body, struct buf *ret_why)
{
    struct link_admit m;
    struct secrets secrets;
    struct buf text = {0};
    if (wire_get_link_admit(body, &m) < 0)
        return refuse(l, "its proof is nonsense", ret_why);
    if (secrets_read(h->path, &secrets, ret_why) < 0)
        return refuse(l, "the secret of who connects can't be read", ret_why);
    proof_text(h, ACCEPTS, &text);
    int which = secret_check(&secrets, buf_bytes(&text), m.mac);
    secrets_wipe(&secrets);
    buf_fini(&text);
    if (which < 0)
        return refuse(l, "who accepts does not know the secret", ret_why);
    h->state = HANDSHAKE_DONE;
    return 1;
}

static int on_refused(struct bytes body, struct buf *ret_why)
{
    struct link_refused m;
    buf_append_str(ret_why, "the other end says: ");
    if (wire_get_link_refused(body, &m) == 0)
        buf_append_bytes(ret_why, m.why.n > 128 ? bytes_of(m.why.p, 128) : m.why);
    return -EACCES;
}

/* ---- both */

void handshake_accept(struct handshake *h, const char *path)
{
    *h = (struct handshake){.state = path[0] ? HANDSHAKE_WAITS_START : HANDSHAKE_DONE, .path = path};
}

void handshake_connect(struct handshake *h, const char *path, struct link *l)
{
    *h = (struct handshake){.state = path[0] ? HANDSHAKE_WAITS_CHALLENGE : HANDSHAKE_DONE, .path = path};
    if (h->state == HANDSHAKE_DONE)
        return;
    draw(h->connects);
    LINK_SEND(l, LINK_START, link_start, (&(struct link_start){.nonce = nonce_bytes(h->connects)}));
}

bool handshake_takes(const struct handshake *h, uint8_t type)
{
    return h->state != HANDSHAKE_DONE || (type >= LINK_START && type <= LINK_REFUSED);
}

int handshake_frame(struct handshake *h, struct link *l, uint8_t type, struct bytes body, struct buf *ret_why)
{
    if (type == LINK_REFUSED)
        return on_refused(body, ret_why);
    switch (h->state) {
    case HANDSHAKE_WAITS_START:
        return type == LINK_START ? on_start(h, l, body, ret_why) : refuse(l, "it brings no secret, and one is asked for", ret_why);
    case HANDSHAKE_WAITS_PROOF:
        return type == LINK_PROOF ? on_proof(h, l, body, ret_why) : refuse(l, "it brings no proof of its secret", ret_why);
    case HANDSHAKE_WAITS_CHALLENGE:
        return type == LINK_CHALLENGE ? on_challenge(h, l, body, ret_why) : 0; /* a beat */
    case HANDSHAKE_WAITS_ADMIT:
        return type == LINK_ADMIT ? on_admit(h, l, body, ret_why) : 0;
    case HANDSHAKE_DONE:
        return refuse(l, "it brings a secret, and none is known here", ret_why);
    }
    return -EACCES;
}
