/* With the producer and the consumer that relay and worker have. Settings: of librdkafka's
 * producer, and partitions=N. */
#include "leg.h"

#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "wire/channel.h"

#include <stdio.h>
#include <stdlib.h>

#define PARTITIONS 16
#define SETTINGS_MAX 8

struct settings {
    int partitions;
    char text[256];
    const char *rows[SETTINGS_MAX + 1][2];
};

static void parse(const char *text, struct settings *ret)
{
    int n = 0;
    *ret = (struct settings){.partitions = PARTITIONS};
    snprintf(ret->text, sizeof ret->text, "%s", text);
    for (char *save, *word = strtok_r(ret->text, ",", &save); word && n < SETTINGS_MAX;
         word = strtok_r(NULL, ",", &save)) {
        char *value = strchr(word, '=');
        if (!value)
            leg_fail("a setting without a value");
        *value++ = 0;
        if (strcmp(word, "partitions") == 0) {
            ret->partitions = atoi(value);
            continue;
        }
        ret->rows[n][0] = word;
        ret->rows[n++][1] = value;
    }
}

static void address(const struct place *where, char ret_address[64])
{
    snprintf(ret_address, 64, "%s:%d", where->host, where->port);
}

/* ---- publisher */

struct way {
    struct publisher *owner;
    struct kafka_producer *producer;
    struct kafka_topic *topic;
    struct settings settings;
    char keys[256][16];
    int32_t partitions[256]; /* by channel */
};

static void delivered(void *owner, uint64_t token, int error, const char *why)
{
    struct way *w = owner;
    if (error)
        leg_fail(why);
    publisher_acked(w->owner, token);
}

static void fatal(void *owner, const char *why)
{
    leg_fail(why);
}

static void *publisher_new(const struct place *where, struct publisher *p)
{
    static const struct kafka_producer_handlers handlers = {delivered, fatal};
    static struct way w;
    struct buf error;
    char brokers[64];
    w.owner = p;
    buf_init(&error);
    address(where, brokers);
    parse(where->settings, &w.settings);
    if (where->channels > 256)
        leg_fail("256 channels at most");
    for (unsigned i = 0; i < where->channels; i++) {
        snprintf(w.keys[i], sizeof w.keys[i], "default/c%u", i);
        w.partitions[i] = (int32_t)(channel_place(bytes_str(w.keys[i])).partition_hash %
                                    (uint32_t)w.settings.partitions);
    }
    if (kafka_producer_new_with(where->loop, brokers, "leg", w.settings.rows, &handlers, &w,
                                &w.producer, &error) < 0)
        leg_fail(error.p);
    w.topic = kafka_producer_topic(w.producer, where->name);
    return &w;
}

static bool publish(void *publisher, unsigned channel, uint64_t number, struct bytes payload)
{
    struct way *w = publisher;
    return kafka_produce(w->producer, w->topic, w->partitions[channel],
                         bytes_str(w->keys[channel]), payload, number) == 0;
}

/* ---- reader */

static int unread; /* partitions that have not been read up to their end */

static void on_record(void *owner, int32_t partition, int64_t offset, int64_t time_ms,
                      struct bytes key, struct bytes value)
{
    reader_message(owner, value);
}

static void caught_up(void *owner, int32_t partition)
{
    if (--unread == 0)
        reader_ready(owner);
}

static void doubt(void *owner, int32_t partition, const char *why)
{
}

static void turn(void *owner)
{
}

static void reader_new(const struct place *where, struct reader *r)
{
    static const struct kafka_consumer_handlers handlers = {on_record, caught_up, doubt, turn};
    static struct settings settings;
    struct kafka_consumer *consumer;
    int32_t partitions[256];
    char brokers[64];
    struct buf error;
    buf_init(&error);
    address(where, brokers);
    parse(where->settings, &settings);
    unread = settings.partitions;
    for (int32_t i = 0; i < settings.partitions; i++)
        partitions[i] = i;
    if (kafka_topic_make(brokers, where->name, settings.partitions, settings.partitions, 1, 3600000, &error) < 0 ||
        kafka_consumer_new(where->loop, brokers, "leg", where->name, &handlers, r, &consumer,
                           &error) < 0)
        leg_fail(error.p);
    kafka_consumer_assign(consumer, partitions, (size_t)settings.partitions, 1000, 60000);
}

const struct broker broker_kafka = {"kafka", publisher_new, publish, reader_new};
