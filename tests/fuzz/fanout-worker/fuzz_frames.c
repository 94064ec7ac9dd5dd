/* What a gateway says behind its hello: type, length (two bytes), body, and so on, over a
 * real link into a worker without Kafka and PostgreSQL. However it goes, nothing of it is
 * left when the link is gone. */
#include "flow.h"
#include "run/log.h"
#include "worker.h"

#include "fuzz.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct worker *w;

/* A thread of librdkafka that dials in vain has what it allocates in nobody's sight for a moment. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:librdkafka";
}

static void begin(void)
{
    struct buf text = {0};
    char *argv[] = {
        "fuzz",        "--run-dir=/tmp",           "--standalone-map=2", "--kafka=127.0.0.1:1",
        "--slot=9999", "--postgres=host=/nowhere", "--presence-grace=0", NULL};
    log_init("fuzz", LOG_LEVEL_ERROR + 1);
    w = calloc(1, sizeof *w);
    FUZZ_CHECK(worker_options_parse(&w->options, 7, argv, &text) == OPTIONS_RUN);
    FUZZ_CHECK(worker_init(w, &text) == 0);
    for (uint32_t i = 0; i < 2; i++)
        flow_caught_up(w, i);
    for (uint64_t seq = 3; seq < 9; seq++)
        flow_record(w, RECORD_MESSAGE, BYTES("t/x"),
                    &(struct publication){.epoch = 7, .seq = seq, .data = BYTES("{}")});
    buf_fini(&text);
}

static void put_frame(struct buf *into, uint8_t type, struct bytes body)
{
    wire_put_u32(into, (uint32_t)body.n + 1);
    wire_put_u8(into, type);
    buf_append_bytes(into, body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];
    struct buf hello = {0}, out = {0};
    if (!w)
        begin();
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    gateways_accept(w, pair[0], NULL);
    wire_put_fan_hello(
        &hello,
        &(struct fan_hello){.version = WIRE_VERSION, .gateway = BYTES("g"), .origin = 1});
    put_frame(&out, FAN_HELLO, buf_bytes(&hello));
    while (size >= 3 && out.n < 100000) {
        size_t n = data[1] | (size_t)data[2] << 8;
        n = n < size - 3 ? n : size - 3;
        put_frame(&out, data[0], bytes_of(data + 3, n));
        data += 3 + n;
        size -= 3 + n;
    }
    FUZZ_CHECK(send(pair[1], out.p, out.n, 0) == (ssize_t)out.n);
    for (int i = 0; i < 3; i++)
        ev_run(w->process.loop, EVRUN_NOWAIT);
    close(pair[1]);
    for (int i = 0; i < 5 && !list_is_empty(&w->gateways); i++)
        ev_run(w->process.loop, EVRUN_NOWAIT);
    FUZZ_CHECK(list_is_empty(&w->gateways) && w->metrics.interests == 0);
    w->presence.now_ns = INT64_MAX / 2;
    for (size_t left = w->presence.entries; left; left -= left < PRESENCE_SLICE ? left : PRESENCE_SLICE)
        presence_tick(&w->presence);
    FUZZ_CHECK(w->presence.entries == 0 && w->presence.rooms.count == 0);
    buf_fini(&hello);
    buf_fini(&out);
    return 0;
}
