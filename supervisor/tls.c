#include "tls.h"

#include "core/clock.h"
#include "run/log.h"
#include "wire/identity.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1 << 20)

/* ---- ticket keys */

static void rotate(struct tls *t, int64_t now_ns)
{
    size_t kept = t->n_tickets < TLS_TICKET_KEYS_MAX ? t->n_tickets : TLS_TICKET_KEYS_MAX - 1;
    memmove(t->tickets[1], t->tickets[0], kept * TLS_TICKET_KEY_BYTES);
    ssize_t n = getrandom(t->tickets[0], TLS_TICKET_KEY_BYTES, 0);
    assert(n == TLS_TICKET_KEY_BYTES);
    t->n_tickets = kept + 1;
    t->rotated_ns = now_ns;
}

/* ---- files */

static struct tls_stamp look(const char *path)
{
    struct stat s;
    if (stat(path, &s) < 0)
        return (struct tls_stamp){0};
    return (struct tls_stamp){
        .mtime_ns = s.st_mtim.tv_sec * NS_PER_S + s.st_mtim.tv_nsec, .size = s.st_size, .inode = s.st_ino};
}

static void look_at_both(const struct tls *t, struct tls_stamp ret[2])
{
    ret[0] = look(t->options->tls_cert);
    ret[1] = look(t->options->tls_key);
}

/* -> 0, or -errno with the path in why */
static int read_file(const char *path, struct buf *into, struct buf *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 1;
    buf_clear(into);
    while (n > 0 && into->n <= FILE_MAX_BYTES) {
        buf_reserve(into, 4096);
        n = read(fd, into->p + into->n, 4096);
        into->n += n > 0 ? (size_t)n : 0;
    }
    int error = n < 0 ? -errno : into->n > FILE_MAX_BYTES ? -EFBIG : 0;
    if (error < 0)
        buf_printf(why, "%s: %s", path, strerror(-error));
    if (fd >= 0)
        close(fd);
    return error;
}

static void wipe(struct buf *b)
{
    if (b->p)
        OPENSSL_cleanse(b->p, b->n);
    buf_fini(b);
}

static int check(const struct tls *t, const struct buf *chain, const struct buf *key, struct buf *why)
{
    struct identity id;
    int error = identity_read(buf_bytes(chain), buf_bytes(key), &id, why);
    if (error < 0) {
        buf_printf(why, " (%s, %s)", t->options->tls_cert, t->options->tls_key);
        return error;
    }
    t->metrics->tls_ends = identity_ends(&id);
    identity_fini(&id);
    return 0;
}

/* Takes both files when they are a pair. -> 0, or -errno, and the old ones stay */
static int take(struct tls *t, struct buf *why)
{
    struct buf chain = {0}, key = {0};
    look_at_both(t, t->taken); /* before reading: what changes meanwhile is seen the next time */
    int error = read_file(t->options->tls_cert, &chain, why);
    if (error == 0)
        error = read_file(t->options->tls_key, &key, why);
    if (error == 0)
        error = check(t, &chain, &key, why);
    if (error < 0) {
        buf_fini(&chain);
        wipe(&key);
        return error;
    }
    buf_fini(&t->chain);
    wipe(&t->key);
    t->chain = chain;
    t->key = key;
    return 0;
}

static bool same(const struct tls_stamp a[2], const struct tls_stamp b[2])
{
    return memcmp(a, b, 2 * sizeof *a) == 0;
}

static bool take_what_changed(struct tls *t)
{
    struct tls_stamp now[2];
    struct buf why = {0};
    look_at_both(t, now);
    bool settled = same(now, t->seen);
    memcpy(t->seen, now, sizeof now);
    if (!settled || same(now, t->taken))
        return false;
    bool ok = take(t, &why) == 0;
    t->metrics->tls_stale = !ok;
    if (ok) {
        log_info("tls_taken", "cert=%s new handshakes get it", t->options->tls_cert);
    } else {
        t->metrics->tls_refused_total++;
        log_error("tls_refused", "why=\"%.*s\" the old certificate stays", BYTES_FMT(buf_bytes(&why)));
    }
    buf_fini(&why);
    return ok;
}

/* ---- life */

int tls_init(struct tls *t, const struct supervisor_options *options, struct supervisor_metrics *metrics, int64_t now_ns,
             struct buf *ret_error)
{
    *t = (struct tls){.options = options, .metrics = metrics};
    if (!options->tls_cert[0] && !options->tls_key[0])
        return 0;
    if (!options->tls_cert[0] || !options->tls_key[0]) {
        buf_append_str(ret_error, "--tls-cert and --tls-key go together");
        return -EINVAL;
    }
    rotate(t, now_ns);
    int error = take(t, ret_error);
    memcpy(t->seen, t->taken, sizeof t->seen);
    return error;
}

void tls_fini(struct tls *t)
{
    buf_fini(&t->chain);
    wipe(&t->key);
    OPENSSL_cleanse(t->tickets, sizeof t->tickets);
}

bool tls_tick(struct tls *t, int64_t now_ns)
{
    if (!tls_is_on(t))
        return false;
    bool changed = take_what_changed(t);
    if (now_ns - t->rotated_ns < t->options->tls_ticket_rotate * NS_PER_MS)
        return changed;
    rotate(t, now_ns);
    return true;
}

void tls_put(const struct tls *t, struct buf *into)
{
    struct ctl_tls m = {.chain = buf_bytes(&t->chain),
                        .key = buf_bytes(&t->key),
                        .tickets = bytes_of(t->tickets, t->n_tickets * TLS_TICKET_KEY_BYTES),
                        .ticket_s = (uint32_t)(t->options->tls_ticket_rotate / 1000)};
    wire_put_ctl_tls(into, &m);
}
