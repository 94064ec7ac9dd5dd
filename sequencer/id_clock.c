#include "id_clock.h"

#include "wire/id.h"

#define JUMP_MS 1000  /* less is the way of clocks that are kept right */
#define MINUTE_MS 60000
#define NEWER_MS 2000 /* that others went on for: they are read each second, or later */

void id_clock_init(struct id_clock *c, int64_t step_ms)
{
    *c = (struct id_clock){.step_ms = step_ms, .allowance_ms = step_ms};
}

void id_clock_forget(struct id_clock *c)
{
    c->known = false;
}

static void begin(struct id_clock *c, int64_t measured_ms, int64_t mono_ms)
{
    c->known = true;
    c->offset_ms = c->database_ms = measured_ms;
    c->allowance_ms = c->step_ms;
    c->read_ms = mono_ms;
    for (int i = 0; i < ID_CLOCK_MINUTES; i++)
        c->least_ms[i] = measured_ms;
    c->minute = mono_ms / MINUTE_MS;
}

static void remember(struct id_clock *c, int64_t mono_ms)
{
    int64_t minute = mono_ms / MINUTE_MS;
    if (minute - c->minute > ID_CLOCK_MINUTES)
        c->minute = minute - ID_CLOCK_MINUTES;
    while (c->minute < minute)
        c->least_ms[++c->minute % ID_CLOCK_MINUTES] = c->offset_ms;
    int64_t *least_ms = &c->least_ms[minute % ID_CLOCK_MINUTES];
    if (c->offset_ms < *least_ms)
        *least_ms = c->offset_ms;
}

static bool is_jump(int64_t by_ms)
{
    return by_ms > JUMP_MS || by_ms < -JUMP_MS;
}

void id_clock_read(struct id_clock *c, int64_t database_ms, int64_t asked_ms, int64_t mono_ms)
{
    int64_t least_ms = database_ms - mono_ms, most_ms = database_ms - asked_ms;
    if (!c->known) {
        begin(c, least_ms, mono_ms);
        return;
    }
    remember(c, mono_ms); /* what was followed until now */
    int64_t measured_ms = c->database_ms;
    if (measured_ms < least_ms)
        measured_ms = least_ms;
    if (measured_ms > most_ms)
        measured_ms = most_ms;
    c->jumps += is_jump(measured_ms - c->database_ms);
    c->database_ms = measured_ms;
    c->allowance_ms += mono_ms - c->read_ms;
    if (c->allowance_ms > c->step_ms)
        c->allowance_ms = c->step_ms;
    c->read_ms = mono_ms;
    int64_t ahead_ms = measured_ms - c->offset_ms;
    if (ahead_ms > c->allowance_ms)
        ahead_ms = c->allowance_ms;
    c->offset_ms += ahead_ms;
    c->allowance_ms -= ahead_ms > 0 ? ahead_ms : 0;
    remember(c, mono_ms);
}

uint64_t id_clock_now(const struct id_clock *c, int64_t mono_ms)
{
    int64_t ms = mono_ms + c->offset_ms;
    return c->known && ms > 0 ? (uint64_t)ms : 0;
}

uint64_t id_clock_was(const struct id_clock *c, int64_t mono_ms, int64_t ago_ms)
{
    int64_t least_ms = c->offset_ms;
    for (int64_t minute = (mono_ms - ago_ms) / MINUTE_MS; minute <= c->minute; minute++)
        if (minute >= 0 && minute > c->minute - ID_CLOCK_MINUTES && c->least_ms[minute % ID_CLOCK_MINUTES] < least_ms)
            least_ms = c->least_ms[minute % ID_CLOCK_MINUTES];
    int64_t ms = mono_ms - ago_ms + least_ms;
    return c->known && ms > 0 ? (uint64_t)ms : 0;
}

int64_t id_clock_held_back(const struct id_clock *c)
{
    return c->database_ms - c->offset_ms;
}

void id_clock_saw(struct id_clock *c, uint64_t highest)
{
    c->highest = highest;
}

void id_clock_gave(struct id_clock *c, uint64_t id)
{
    if (id > c->given)
        c->given = id;
}

bool id_clock_believes(const struct id_clock *c, uint64_t shown, int64_t mono_ms)
{
    uint64_t ms = id_ms(shown);
    if (!c->known || ms <= id_clock_now(c, mono_ms) + (uint64_t)c->step_ms || shown <= c->given)
        return true;
    return c->highest && ms <= id_ms(c->highest) + NEWER_MS;
}
