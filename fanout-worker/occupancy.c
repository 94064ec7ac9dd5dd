#include "occupancy.h"

#include "core/clock.h"
#include "core/json.h"
#include "run/option_value.h"
#include "wire/channel.h"
#include "wire/option_bounds.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define LINGER_MS 15000 /* where webhook_linger is not said; wire/tenant.def */

/* A tenant that has a webhook. */
struct watched {
    struct map_node by_name; /* of struct occupancy::tenants */
    struct list leaving;     /* struct subject::link, told and held no longer, who went first first */
    int64_t linger_ns;
    bool channels, clients; /* which subjects */
    bool kept;              /* by the new configuration */
    struct bytes name;
    char text[TENANT_MAX];
};

/* ---- subjects */

static bool is_client(struct bytes subject)
{
    return bytes_starts(subject, BYTES(OCCUPANCY_CLIENT));
}

static struct watched *find_watched(const struct occupancy *o, struct bytes tenant)
{
    return map_find_bytes(&o->tenants, tenant, struct watched, by_name, name);
}

static bool watches(const struct watched *w, struct bytes subject)
{
    return is_client(subject) ? w->clients : w->channels;
}

/* -> NULL: nobody wants to know of it */
static struct watched *watched_of(const struct occupancy *o, struct bytes subject)
{
    struct bytes tenant = subject, rest;
    const char *end;
    if (is_client(subject)) {
        size_t skip = sizeof OCCUPANCY_CLIENT - 1;
        tenant = bytes_of(subject.p + skip, subject.n - skip);
        end = memchr(tenant.p, ':', tenant.n);
        tenant.n = end ? (size_t)(end - tenant.p) : 0;
    } else if (!channel_split(subject, &tenant, &rest)) {
        return NULL;
    }
    struct watched *w = find_watched(o, tenant);
    return w && watches(w, subject) ? w : NULL;
}

static struct subject *find(const struct occupancy *o, struct bytes name)
{
    return map_find_bytes(&o->subjects, name, struct subject, by_name, name);
}

static struct subject *make(struct occupancy *o, struct watched *w, struct bytes name, struct bytes detail)
{
    struct subject *s = calloc(1, sizeof *s + name.n + detail.n);
    assert(s);
    char *text = memcpy((char *)(s + 1), name.p, name.n);
    s->name = bytes_of(text, name.n);
    s->detail = bytes_of(detail.n ? memcpy(text + name.n, detail.p, detail.n) : text, detail.n);
    s->watched = w;
    list_init(&s->link);
    map_insert(&o->subjects, &s->by_name, hash_bytes(s->name));
    return s;
}

/* Off whatever list it is on. */
static void unlist(struct occupancy *o, struct subject *s)
{
    o->n_ready -= s->ready;
    o->n_flying -= s->flying;
    s->ready = s->flying = false;
    list_remove(&s->link);
}

static void forget(struct occupancy *o, struct subject *s)
{
    unlist(o, s);
    map_remove(&o->subjects, &s->by_name);
    free(s);
}

static void get_ready(struct occupancy *o, struct subject *s)
{
    list_append(&o->ready, &s->link);
    s->ready = true;
    o->n_ready++;
}

/* Goes where it belongs by what is so and what was told. now: without lingering */
static void settle(struct occupancy *o, struct subject *s, bool now)
{
    unlist(o, s);
    if (s->held == s->told && !s->held)
        forget(o, s);
    else if (s->held && !s->told)
        get_ready(o, s);
    else if (!s->held && now)
        get_ready(o, s);
    else if (!s->held)
        list_append(&s->watched->leaving, &s->link);
}

void occupancy_held(struct occupancy *o, struct bytes subject, struct bytes detail)
{
    if (occupancy_is_off(o))
        return;
    struct subject *s = find(o, subject);
    if (!s) {
        struct watched *w = watched_of(o, subject);
        if (!w)
            return;
        s = make(o, w, subject, detail);
    } else if (s->held) {
        return;
    }
    s->held = true;
    if (!s->flying)
        settle(o, s, false);
}

void occupancy_gone(struct occupancy *o, struct bytes subject)
{
    struct subject *s = occupancy_is_off(o) ? NULL : find(o, subject);
    if (!s || !s->held)
        return;
    s->held = false;
    s->gone_ns = o->now_ns;
    if (!s->flying)
        settle(o, s, is_client(subject));
}

static void end_lingering(struct occupancy *o, struct watched *w)
{
    struct subject *s;
    while ((s = list_first(&w->leaving, struct subject, link)) && o->now_ns - s->gone_ns >= w->linger_ns)
        settle(o, s, true);
}

void occupancy_tick(struct occupancy *o)
{
    struct watched *w;
    map_for_each(w, &o->tenants, by_name)
        end_lingering(o, w);
}

void occupancy_keep(struct occupancy *o, bool (*mine)(void *ctx, struct bytes subject), void *ctx)
{
    struct subject *s;
    map_for_each(s, &o->subjects, by_name)
        if (!mine(ctx, s->name))
            forget(o, s);
}

/* ---- telling */

size_t occupancy_fly(struct occupancy *o, size_t most)
{
    struct subject *s;
    assert(o->n_flying == 0);
    while (o->n_flying < most && (s = list_first(&o->ready, struct subject, link))) {
        unlist(o, s);
        list_append(&o->flying, &s->link);
        s->flying = true;
        s->says = s->held;
        o->n_flying++;
    }
    return o->n_flying;
}

void occupancy_landed(struct occupancy *o)
{
    struct subject *s;
    while ((s = list_first(&o->flying, struct subject, link))) {
        s->told = s->says;
        s->seen = o->round;
        settle(o, s, is_client(s->name));
    }
}

/* Said again whichever it is now: to the table it makes no difference how often. */
void occupancy_lost(struct occupancy *o)
{
    struct subject *s;
    while ((s = list_first(&o->flying, struct subject, link))) {
        s->told = !s->held;
        settle(o, s, !s->says);
    }
}

/* ---- comparing */

void occupancy_round_begins(struct occupancy *o)
{
    o->round++;
}

void occupancy_row(struct occupancy *o, struct bytes subject)
{
    struct subject *s = find(o, subject);
    struct watched *w = s ? s->watched : watched_of(o, subject);
    if (!w)
        return;
    if (!s) {
        s = make(o, w, subject, (struct bytes){0});
        s->gone_ns = o->now_ns;
    }
    s->seen = o->round;
    if (s->told || s->flying)
        return;
    s->told = true;
    settle(o, s, false);
}

void occupancy_round_ends(struct occupancy *o)
{
    struct subject *s;
    map_for_each(s, &o->subjects, by_name)
    {
        if (!s->told || s->flying || s->seen == o->round)
            continue;
        o->healed++;
        s->told = false;
        settle(o, s, false);
    }
}

/* ---- which tenants */

static bool wants(struct bytes events, const char *one, const char *other)
{
    struct json_iter it;
    struct bytes event;
    bool any = false, found = false;
    json_array_each(&it, events, &event)
    {
        any = true;
        found |= json_key_is(event, one) || json_key_is(event, other);
    }
    return found || !any;
}

static int64_t linger_of(struct bytes given)
{
    int64_t ms = LINGER_MS;
    struct buf text = {0};
    if (json_type(given) == JSON_STRING && json_string(given, &text) == 0)
        option_parse_duration(buf_bytes(&text), &ms);
    else if (json_type(given) == JSON_NUMBER)
        json_i64(given, &ms);
    buf_fini(&text);
    return ms < 0 ? 0 : ms > WEBHOOK_LINGER_MAX ? WEBHOOK_LINGER_MAX : ms;
}

static struct watched *watch(struct occupancy *o, struct bytes name)
{
    struct watched *w = find_watched(o, name);
    if (w)
        return w;
    w = calloc(1, sizeof *w);
    assert(w);
    memcpy(w->text, name.p, name.n);
    w->name = bytes_of(w->text, name.n);
    list_init(&w->leaving);
    map_insert(&o->tenants, &w->by_name, hash_bytes(w->name));
    return w;
}

/* -> whether it watches more than before */
static bool take_tenant(struct occupancy *o, struct bytes name, struct bytes options)
{
    struct bytes events = json_member(options, "webhook_events"), url = json_member(options, "webhook_url");
    if (json_type(url) != JSON_STRING || url.n <= 2)
        return false;
    struct watched *w = watch(o, name);
    struct watched before = *w;
    w->kept = true;
    w->channels = wants(events, "channel_occupied", "channel_vacated");
    w->clients = wants(events, "client_connected", "client_disconnected");
    w->linger_ns = linger_of(json_member(options, "webhook_linger")) * NS_PER_MS;
    if (w->linger_ns < o->grace_ns)
        w->linger_ns = o->grace_ns;
    return (w->channels && !before.channels) || (w->clients && !before.clients);
}

static void drop_unwatched(struct occupancy *o)
{
    struct subject *s;
    struct watched *w;
    map_for_each(s, &o->subjects, by_name)
        if (!s->watched->kept || !watches(s->watched, s->name))
            forget(o, s);
    map_for_each(w, &o->tenants, by_name)
    {
        if (w->kept)
            continue;
        map_remove(&o->tenants, &w->by_name);
        free(w);
    }
}

int occupancy_configure(struct occupancy *o, struct bytes json)
{
    struct json_iter it;
    struct bytes one;
    struct buf name = {0};
    struct watched *w;
    bool more = false;
    if (json_check(json, JSON_DEPTH_MAX, NULL) < 0 || json_type(json_member(json, "tenants")) != JSON_ARRAY)
        return -EBADMSG;
    map_for_each(w, &o->tenants, by_name)
        w->kept = false;
    json_array_each(&it, json_member(json, "tenants"), &one)
    {
        buf_clear(&name);
        if (json_string(json_member(one, "name"), &name) == 0 && tenant_name_valid(buf_bytes(&name)))
            more |= take_tenant(o, buf_bytes(&name), json_member(one, "options"));
    }
    buf_fini(&name);
    drop_unwatched(o);
    return more;
}

bool occupancy_is_off(const struct occupancy *o)
{
    return o->tenants.count == 0;
}

/* ---- life */

void occupancy_init(struct occupancy *o, int64_t grace_ns)
{
    *o = (struct occupancy){.grace_ns = grace_ns};
    map_init(&o->tenants);
    map_init(&o->subjects);
    list_init(&o->ready);
    list_init(&o->flying);
}

static bool nobodys(void *ctx, struct bytes subject)
{
    return false;
}

void occupancy_fini(struct occupancy *o)
{
    struct watched *w;
    occupancy_keep(o, nobodys, NULL);
    map_for_each(w, &o->tenants, by_name)
    {
        map_remove(&o->tenants, &w->by_name);
        free(w);
    }
    map_fini(&o->tenants);
    map_fini(&o->subjects);
}
