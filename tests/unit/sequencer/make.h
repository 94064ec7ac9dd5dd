/* Messages for tests: as a gateway or an outbox row would bring them. */
#ifndef TESTS_SEQUENCER_MAKE_H
#define TESTS_SEQUENCER_MAKE_H

#include "message.h"

static inline struct message *make_publish(uint64_t origin, uint64_t counter,
                                           const char *channel, size_t size)
{
    static char data[65536];
    struct message_fields f = {
        .origin = origin,
        .counter = counter,
        .format = 1,
        .channel = bytes_str(channel),
        .data = bytes_of(data, size),
    };
    return message_new(&f, 0);
}

static inline struct message *make_keyed(uint64_t counter, const char *channel, const char *key)
{
    struct message_fields f = {
        .origin = 1,
        .counter = counter,
        .format = 1,
        .channel = bytes_str(channel),
        .key = bytes_str(key),
    };
    return message_new(&f, 0);
}

static inline struct message *make_row(int64_t row, const char *channel)
{
    struct message_fields f = {.row = row, .format = 1, .channel = bytes_str(channel)};
    return message_new(&f, 0);
}

#endif
