#include "kafka_watch.h"

#include "run/address.h"
#include "run/thread.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUND_S 1
#define CONNECT_MS 1000

/* Shared by two threads, the last of which frees it: the thread may be inside the resolver for seconds. */
struct kafka_watch {
    atomic_bool up, ended;
    atomic_int holders;
    char brokers[];
};

static bool connects(const struct address *a)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true; /* our own want of descriptors says nothing about Kafka */
    int error = connect(fd, &a->any, a->n) < 0 ? errno : 0;
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    socklen_t n = sizeof error;
    if (error == EINPROGRESS) {
        error = ETIMEDOUT;
        if (poll(&p, 1, CONNECT_MS) == 1)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n);
    }
    close(fd);
    return error == 0;
}

static bool broker_answers(const char *broker)
{
    struct address all[ADDRESSES_MAX];
    int n = address_resolve(broker, false, all, NULL);
    for (int i = 0; i < n; i++)
        if (connects(&all[i]))
            return true;
    return false;
}

static bool any_answers(const char *brokers)
{
    char one[300];
    while (*brokers) {
        size_t n = strcspn(brokers, ",");
        if (n > 0 && n < sizeof one) {
            memcpy(one, brokers, n);
            one[n] = 0;
            if (broker_answers(one))
                return true;
        }
        brokers += n + (brokers[n] == ',');
    }
    return false;
}

static void let_go(struct kafka_watch *w)
{
    if (atomic_fetch_sub(&w->holders, 1) == 1)
        free(w);
}

static void *run(void *arg)
{
    struct kafka_watch *w = arg;
    while (!atomic_load(&w->ended)) {
        atomic_store(&w->up, any_answers(w->brokers));
        sleep(ROUND_S);
    }
    let_go(w);
    return NULL;
}

struct kafka_watch *kafka_watch_new(const char *brokers)
{
    size_t n = strlen(brokers);
    struct kafka_watch *w = malloc(sizeof *w + n + 1);
    assert(w);
    memcpy(w->brokers, brokers, n + 1);
    atomic_init(&w->up, true);
    atomic_init(&w->ended, false);
    atomic_init(&w->holders, 2);
    if (thread_start_detached(run, w) < 0)
        atomic_store(&w->holders, 1);
    return w;
}

void kafka_watch_free(struct kafka_watch *w)
{
    if (!w)
        return;
    atomic_store(&w->ended, true);
    let_go(w);
}

bool kafka_watch_up(const struct kafka_watch *w)
{
    return atomic_load(&w->up);
}
