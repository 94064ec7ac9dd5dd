/* One stream on disk for the cell, a subject for each channel. A publish is a request whose
 * answer is JetStream's acknowledgement; an id makes the server drop repeats. The reader is an
 * ordered consumer, which keeps no state there. */
#include "leg.h"

#include "mailbox.h"

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWERS "_leg.answers"

static void must(natsStatus status, const char *what)
{
    char why[200];
    if (status == NATS_OK)
        return;
    snprintf(why, sizeof why, "%s: %s, %s", what, natsStatus_GetText(status),
             nats_GetLastError(NULL));
    leg_fail(why);
}

static natsConnection *dial(const struct place *where, natsConnectionHandler returned,
                            void *owner)
{
    natsConnection *nc;
    natsOptions *options;
    char url[64];
    snprintf(url, sizeof url, "nats://%s:%d", where->host, where->port);
    must(natsOptions_Create(&options), "options");
    natsOptions_SetURL(options, url);
    natsOptions_SetMaxReconnect(options, -1);
    natsOptions_SetReconnectWait(options, 50);
    natsOptions_SetReconnectJitter(options, 20, 20);
    if (returned)
        natsOptions_SetReconnectedCB(options, returned, owner);
    must(natsConnection_Connect(&nc, options), "connect");
    return nc;
}

/* ---- publisher */

struct way {
    struct publisher *owner;
    natsConnection *nc;
    const struct place *where;
    struct mailbox box;
};

/* "": the connection came back; else the number that is acknowledged */
static void take_answer(void *owner, struct bytes text)
{
    struct way *w = owner;
    uint64_t number;
    if (text.n == 0)
        publisher_lost(w->owner);
    else if (bytes_u64(text, &number))
        publisher_acked(w->owner, number);
}

/* A refusal (the stream is not there yet after a restart) is no acknowledgement. */
static void on_answer(natsConnection *nc, natsSubscription *sub, natsMsg *m, void *owner)
{
    struct way *w = owner;
    const char *number = strrchr(natsMsg_GetSubject(m), '.') + 1;
    struct bytes json = bytes_of(natsMsg_GetData(m), (size_t)natsMsg_GetDataLength(m));
    if (memmem(json.p, json.n, "\"seq\":", 6) && !memmem(json.p, json.n, "\"error\"", 7))
        mailbox_put(&w->box, bytes_str(number));
    else
        mailbox_put(&w->box, BYTES(""));
    natsMsg_Destroy(m);
}

static void returned(natsConnection *nc, void *owner)
{
    struct way *w = owner;
    mailbox_put(&w->box, BYTES(""));
}

static void *publisher_new(const struct place *where, struct publisher *p)
{
    static struct way w;
    natsSubscription *answers;
    w.owner = p;
    w.where = where;
    mailbox_init(&w.box, where->loop, take_answer, &w);
    w.nc = dial(where, returned, &w);
    must(natsConnection_Subscribe(&answers, w.nc, ANSWERS ".*", on_answer, &w), "subscribe");
    return &w;
}

static bool publish(void *publisher, unsigned channel, uint64_t number, struct bytes payload)
{
    struct way *w = publisher;
    char subject[64], answer[64], id[32];
    natsMsg *m;
    if (natsConnection_Status(w->nc) != NATS_CONN_STATUS_CONNECTED)
        return false;
    snprintf(subject, sizeof subject, "%s.%u", w->where->name, channel);
    snprintf(answer, sizeof answer, ANSWERS ".%llu", (unsigned long long)number);
    snprintf(id, sizeof id, "%s-%llu", w->where->name, (unsigned long long)number);
    must(natsMsg_Create(&m, subject, answer, payload.p, (int)payload.n), "message");
    must(natsMsgHeader_Set(m, "Nats-Msg-Id", id), "header");
    natsStatus status = natsConnection_PublishMsg(w->nc, m);
    natsMsg_Destroy(m);
    return status == NATS_OK;
}

/* ---- reader */

static struct mailbox messages;

static void take_message(void *owner, struct bytes text)
{
    reader_message(owner, text);
}

static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *m, void *owner)
{
    mailbox_put(&messages, bytes_of(natsMsg_GetData(m), (size_t)natsMsg_GetDataLength(m)));
    natsMsg_Destroy(m);
}

static void reader_new(const struct place *where, struct reader *r)
{
    jsCtx *js;
    jsStreamConfig stream;
    jsSubOptions options;
    natsSubscription *sub;
    char subjects[64];
    snprintf(subjects, sizeof subjects, "%s.*", where->name);
    const char *list[] = {subjects};
    mailbox_init(&messages, where->loop, take_message, r);
    natsConnection *nc = dial(where, NULL, NULL);
    must(natsConnection_JetStream(&js, nc, NULL), "JetStream");
    must(jsStreamConfig_Init(&stream), "stream");
    stream.Name = where->name;
    stream.Subjects = list;
    stream.SubjectsLen = 1;
    stream.Storage = js_FileStorage;
    must(js_AddStream(NULL, js, &stream, NULL, NULL), "stream");
    must(jsSubOptions_Init(&options), "options");
    options.Ordered = true;
    must(js_Subscribe(&sub, js, subjects, on_message, NULL, NULL, &options, NULL), "subscribe");
    natsSubscription_SetPendingLimits(sub, -1,
                                      -1); /* else what it can't hand over at once is dropped */
    reader_ready(r);
}

const struct broker broker_jetstream = {"jetstream", publisher_new, publish, reader_new};
