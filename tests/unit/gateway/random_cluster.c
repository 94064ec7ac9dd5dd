/* The cluster behind the gateway in its random test: worker, sequencer and broker. */
#include "random_world.h"

#include "flow.h"
#include "ops.h"

#include <assert.h>
#include <errno.h>

#define TICKETS 30   /* of the newest ones some are answered at a time */
#define PAGE_ROWS 10 /* of an answer to a read */

/* ---- publications */

static void put_row(struct world *w, struct buf *into, int channel, uint64_t seq)
{
    struct buf data = {0}, after = {0};
    uint64_t epoch = w->logs[channel].epoch;
    bool removal = world_removes(w, channel, epoch, seq);
    world_put_data(&data, channel, epoch, seq);
    if (seq % 5 == 0) {
        int other = (int)(seq / 5) % WORLD_CHANNELS;
        buf_printf(&after, "%s@%llu", world_full_name(other), (unsigned long long)w->logs[other].head + seq % 3);
    }
    struct publication p = {.epoch = epoch,
                            .seq = seq,
                            .id = seq,
                            .format = removal ? FORMAT_REMOVAL : 0,
                            .data = removal ? BYTES("null") : buf_bytes(&data),
                            .after = removal ? (struct bytes){0} : buf_bytes(&after)};
    wire_put_publication(into, &p);
    buf_fini(&data);
    buf_fini(&after);
}

/* What is not told here is found to be missing by the next one. */
static uint64_t commit(struct world *w, int channel)
{
    struct world_log *log = &w->logs[channel];
    if ((w->faults & REMOVALS) && world_once_in(w, 120) && log->epoch + 1 < WORLD_EPOCHS) {
        log->epoch++;
        log->head = 0;
    }
    log->head += 1 + (world_once_in(w, 12) ? world_dice(w, 20) : 0);
    assert(log->head < WORLD_ROWS);
    if ((w->faults & REMOVALS) && world_once_in(w, 15))
        log->removes[log->epoch][log->head] = true;
    return log->head;
}

void world_publish(struct world *w, int channel)
{
    struct buf b = {0};
    for (uint32_t n = 1 + world_dice(w, 6); n > 0; n--) {
        if (world_passes(w, channel)) {
            world_note(w, "worker: %s ephemeral", world_name(channel));
            edges_publish(&w->g, world_full_name(channel), 0, 0, "1");
            continue;
        }
        uint64_t seq = commit(w, channel), epoch = w->logs[channel].epoch;
        world_note(w, "worker: %s epoch %llu seq %llu%s", world_name(channel), (unsigned long long)epoch, (unsigned long long)seq,
                   world_removes(w, channel, epoch, seq) ? " removes" : "");
        put_row(w, &b, channel, seq);
        edges_say_publication(&w->g, world_full_name(channel), &b);
    }
}

void world_subscribed(struct world *w, int channel)
{
    const struct world_log *log = &w->logs[channel];
    uint64_t late = w->settles ? 0 : world_dice(w, 4);
    uint64_t head = log->head > late ? log->head - late : log->head;
    bool passes = world_passes(w, channel);
    if (!w->settles)
        world_note(w, "worker: %s stands at %llu", world_name(channel), (unsigned long long)head);
    edges_subscribed(&w->g, world_full_name(channel), passes ? 0 : log->epoch, passes ? 0 : head);
}

/* ---- answers */

/* What is asked for is what edges_serve_list answers: the oldest. */
static void bring_forward(int read)
{
    __typeof__(edges.open[0]) it = edges.open[read];
    memmove(&edges.open[1], &edges.open[0], (size_t)read * sizeof it);
    edges.open[0] = it;
}

/* Rows below a removal are gone. Of the newest the worker may not have heard. */
static void serve_rows(struct world *w, int channel, uint64_t since)
{
    struct buf rows = {0};
    const struct world_log *log = &w->logs[channel];
    uint64_t late = w->settles || log->head < 4 ? 0 : world_dice(w, 4), head = log->head - late;
    uint64_t first = since + 1, removal = world_removal_below(w, channel, log->epoch, head + 1);
    if (first < removal)
        first = removal;
    for (uint64_t seq = first; seq <= head && seq < first + PAGE_ROWS; seq++)
        put_row(w, &rows, channel, seq);
    world_note(w, "worker: %s from %llu, head %llu", world_name(channel), (unsigned long long)first, (unsigned long long)head);
    edges_serve_list(&w->g, log->epoch, head, &rows);
}

bool world_serve(struct world *w, int read)
{
    static const uint32_t refusals[] = {100, 111, 112};
    if (read >= edges.n_open)
        return false;
    bring_forward(read);
    int channel = world_channel(bytes_str(edges.open[0].channel));
    if ((w->faults & REFUSALS) && !w->settles && world_once_in(w, 6)) {
        uint32_t status = refusals[world_dice(w, 3)];
        world_note(w, "worker: %s refuses a read with %u", world_name(channel), status);
        edges.request = edges.open[0].request;
        edges_range(&w->g, status, w->logs[channel].epoch, w->logs[channel].head, 0, 0);
        return true;
    }
    serve_rows(w, channel, edges.open[0].since);
    return true;
}

static void answer_head(struct world *w, uint64_t ticket, uint32_t refusal)
{
    const char *channel = edges.heads[ticket % EDGES_HEADS].channel;
    if (edges.heads[ticket % EDGES_HEADS].request != ticket)
        return;
    const struct world_log *log = &w->logs[world_channel(bytes_str(channel))];
    if (!w->settles)
        world_note(w, "worker: head of %s, %llu, code %u", channel, (unsigned long long)log->head, refusal);
    ops_head_came(&w->g, &(struct fan_head){.request = ticket, .status = refusal, .epoch = log->epoch, .head = log->head});
}

static void answer_ticket(struct world *w, uint64_t ticket)
{
    bool refuses = (w->faults & REFUSALS) && !w->settles;
    uint32_t refusal = refuses && world_once_in(w, 6) ? 100 : 0;
    ops_publish_done(&w->g, ticket, &(struct ops_published){.code = refusal, .seq = ticket, .epoch = 1, .id = ticket});
    answer_head(w, ticket, refusal);
    ops_presence_came(&w->g, &(struct fan_presence){.request = ticket, .status = refusal, .complete = 1});
}

void world_answer(struct world *w, bool all)
{
    uint64_t newest = edges.publish_ticket > edges.request ? edges.publish_ticket : edges.request;
    uint64_t from = newest > TICKETS ? newest - TICKETS : 0;
    for (uint64_t ticket = (all ? w->answered : from) + 1; ticket <= newest; ticket++)
        if (all || !world_once_in(w, 3))
            answer_ticket(w, ticket);
    if (all)
        w->answered = newest;
    edges_pass(&w->g, 0);
}

void world_talk(struct world *w, int channel)
{
    struct bytes full = bytes_str(world_full_name(channel)), info = BYTES("{\"user\":\"u\",\"client\":\"c\"}");
    switch (world_dice(w, 3)) {
    case 0:
        flow_join(&w->g, &(struct fan_join){.channel = full, .info = info});
        break;
    case 1:
        flow_leave(&w->g, &(struct fan_leave){.channel = full, .info = info});
        break;
    default:
        flow_counts(&w->g, &(struct fan_counts){.channel = full, .clients = 2, .users = 1});
    }
    edges_pass(&w->g, 0);
}

void world_refuse(struct world *w)
{
    bool away = !(edges.worker_away || edges.sequencer_full || edges.broker_error) && !w->settles;
    edges.worker_away = away && world_once_in(w, 2);
    edges.sequencer_full = away && world_once_in(w, 2);
    edges.broker_error = away && world_once_in(w, 2) ? -ENOTCONN : 0;
    world_note(w, "away:%s%s%s", edges.worker_away ? " worker" : "", edges.sequencer_full ? " sequencer" : "",
               edges.broker_error ? " broker" : "");
    if (edges.worker_away)
        ops_worker_lost(&w->g, 1);
    edges_pass(&w->g, 0);
}
