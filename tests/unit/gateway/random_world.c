#include "random_world.h"

#include "fairflush.h"
#include "page.h"
#include "slow.h"
#include "sweep.h"

#include "core/clock.h"
#include "core/random.h"

#include <check.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define NOTE_BYTES 600

static const char *const names[WORLD_CHANNELS] = {"x", "y", "chat:x", "chat:y", "state:x", "typing:x", "own:z"};
#define STATE 4
#define TYPING 5

/* ---- chance, and time */

/* What the gateway asks the kernel for elsewhere. */
static struct {
    struct world *world; /* under way, or NULL */
    uint64_t random;
    int64_t now_ns;
} nature = {.random = 1};

static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * 0x2545f4914f6cdd1dULL;
}

uint64_t random_u64(void)
{
    return draw(&nature.random);
}

void random_uuid(char ret_text[37])
{
    unsigned long long a = random_u64(), b = random_u64();
    snprintf(ret_text, 37, "%08llx-%04llx-4%03llx-8%03llx-%012llx", a >> 32, a >> 16 & 0xffff, a & 0xfff, b >> 48 & 0xfff,
             b & 0xffffffffffffULL);
}

/* By the linker in place of clock_gettime. It moves a little at each look, so that slices of delivery end anywhere. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
    nature.now_ns += (int64_t)(random_u64() % 40) * NS_PER_US;
    ret->tv_sec = nature.now_ns / NS_PER_S + (clock == CLOCK_REALTIME ? 1700000000 : 0);
    ret->tv_nsec = nature.now_ns % NS_PER_S;
    return 0;
}

uint32_t world_dice(struct world *w, uint32_t sides)
{
    return (uint32_t)((draw(&w->random) >> 32) * sides >> 32);
}

bool world_once_in(struct world *w, uint32_t n)
{
    return world_dice(w, n) == 0;
}

/* What the loop does each second. */
static void tick(struct world *w)
{
    w->ticked_ns = w->g.now_ns;
    sweep_heads(&w->g);
    pages_tick(&w->g);
    slow_tick(&w->g);
    fairflush_judge(&w->g);
    edges_pass(&w->g, 0);
}

void world_pass(struct world *w, int64_t ms)
{
    nature.now_ns += ms * NS_PER_MS;
    edges_pass(&w->g, ms);
    if (w->g.now_ns - w->ticked_ns >= NS_PER_S)
        tick(w);
}

/* ---- notes */

void world_note(struct world *w, const char *format, ...)
{
    struct buf *note = &w->notes[w->n_notes++ % WORLD_NOTES];
    char text[NOTE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_clear(note);
    buf_append_str(note, text);
}

static void show(void)
{
    struct world *w = nature.world;
    nature.world = NULL; /* once */
    if (!w)
        return;
    for (size_t i = w->n_notes > WORLD_NOTES ? w->n_notes - WORLD_NOTES : 0; i < w->n_notes; i++)
        fprintf(stderr, "%s\n", w->notes[i % WORLD_NOTES].p);
    fprintf(stderr, "seed %llu, faults %d\n", (unsigned long long)w->seed, w->faults);
}

_Noreturn void world_fail(struct world *w, const char *format, ...)
{
    char why[NOTE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    show();
    ck_abort_msg("seed %llu, faults %d: %s", (unsigned long long)w->seed, w->faults, why);
    abort(); /* not reached: the compiler is not told */
}

static struct sigaction before[NSIG];

/* An assertion of the gateway, or worse. Whoever was told of it before is told again. */
static void on_signal(int signal)
{
    show();
    sigaction(signal, &before[signal], NULL);
    if (signal == SIGABRT)
        raise(signal);
}

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void watch(void)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE};
    static bool watches;
    if (watches)
        return;
    watches = true;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &(struct sigaction){.sa_handler = on_signal}, &before[signals[i]]);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(show);
}

void world_init(struct world *w, uint64_t seed, int faults)
{
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->faults = faults;
    w->random = nature.random = seed * 0x9e3779b97f4a7c15ULL + (uint64_t)faults + 1;
    w->passes = true;
    nature.world = w;
    nature.now_ns = NS_PER_S;
    gateway_options_default(&w->options);
    for (int i = 0; i < WORLD_CHANNELS; i++) {
        w->logs[i].epoch = 1;
        w->logs[i].head = world_dice(w, 30);
    }
    watch();
}

void world_fini(struct world *w)
{
    for (int i = 0; i < WORLD_NOTES; i++)
        buf_fini(&w->notes[i]);
    nature.world = NULL;
}

/* ---- channels */

const char *world_name(int channel)
{
    return names[channel];
}

const char *world_full_name(int channel)
{
    static char full[40];
    snprintf(full, sizeof full, "default/%s", world_name(channel));
    return full;
}

int world_channel(struct bytes name)
{
    for (int i = 0; i < WORLD_CHANNELS; i++)
        if (bytes_is(name, world_name(i)) || bytes_is(name, world_full_name(i)))
            return i;
    return -1;
}

bool world_conflates(int channel)
{
    return channel == STATE;
}

bool world_may_pass(int channel)
{
    return channel == TYPING;
}

bool world_passes(const struct world *w, int channel)
{
    return world_may_pass(channel) && w->passes;
}

bool world_removes(const struct world *w, int channel, uint64_t epoch, uint64_t seq)
{
    return epoch < WORLD_EPOCHS && seq < WORLD_ROWS && w->logs[channel].removes[epoch][seq];
}

uint64_t world_removal_below(const struct world *w, int channel, uint64_t epoch, uint64_t seq)
{
    while (--seq && !world_removes(w, channel, epoch, seq))
        ;
    return seq;
}

void world_put_data(struct buf *into, int channel, uint64_t epoch, uint64_t seq)
{
    int more = (int)(seq * 37 % 90); /* some are worth compressing */
    buf_printf(into, "\"%d %llu %llu %.*s\"", channel, (unsigned long long)epoch, (unsigned long long)seq, more,
               "one two three one two three one two three one two three one two three one two three one two three");
}
