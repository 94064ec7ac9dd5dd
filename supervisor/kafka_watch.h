/* Whether a Kafka broker takes connections: a thread tries the brokers one after the other, every second. A thread,
 * because a broker's name is resolved anew each time, which may take seconds, and the accepting loop never waits. */
#ifndef SUPERVISOR_KAFKA_WATCH_H
#define SUPERVISOR_KAFKA_WATCH_H

#include <stdbool.h>

struct kafka_watch;

struct kafka_watch *kafka_watch_new(const char *brokers); /* host:port,… */
void kafka_watch_free(struct kafka_watch *w);             /* does not wait for the thread */
bool kafka_watch_up(const struct kafka_watch *w);         /* true until a first round has failed */

#endif
