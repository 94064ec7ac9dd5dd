#include "leg.h"

#include "run/log.h"

#include <stdio.h>
#include <stdlib.h>

static const struct broker *const brokers[] = {&broker_kafka, &broker_redis_pubsub,
                                               &broker_redis_streams, &broker_jetstream};

void leg_fail(const char *why)
{
    fprintf(stderr, "broker_leg: %s\n", why);
    exit(1);
}

/* *settings: what stands behind the first colon, or "" */
static const struct broker *find_broker(char *name, const char **ret_settings)
{
    char *colon = strchr(name, ':');
    if (colon)
        *colon = 0;
    *ret_settings = colon ? colon + 1 : "";
    for (size_t i = 0; i < sizeof brokers / sizeof *brokers; i++)
        if (strcmp(brokers[i]->name, name) == 0)
            return brokers[i];
    return NULL;
}

int main(int argc, char **argv)
{
    bool publishes = argc == 10 && strcmp(argv[1], "publish") == 0,
         reads = argc == 7 && strcmp(argv[1], "read") == 0;
    struct place where = {.loop = ev_default_loop(0), .host = "127.0.0.1"};
    const struct broker *b = publishes || reads ? find_broker(argv[2], &where.settings) : NULL;
    if (!b) {
        fprintf(stderr,
                "broker_leg publish BROKER PORT PLACE CHANNELS COUNT RATE WARMUP BYTES\n"
                "broker_leg read BROKER PORT PLACE CHANNELS COUNT\n"
                "BROKER: kafka[:name=value,…], redis-pubsub, redis-streams, jetstream\n");
        return 2;
    }
    log_init("broker-leg", LOG_LEVEL_ERROR);
    where.port = atoi(argv[3]);
    where.name = argv[4];
    where.channels = (unsigned)atoi(argv[5]);
    return publishes ? publisher_run(b, &where, argv + 6) : reader_run(b, &where, argv + 6);
}
