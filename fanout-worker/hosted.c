#include "hosted.h"

#include "core/json.h"
#include "wire/channel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool serves(struct bytes tenant, struct bytes cell)
{
    return json_array_has(json_member(tenant, "cells"), cell) && !json_array_has(json_member(tenant, "joining"), cell);
}

static bool was_here(const struct hosted *h, const char *spaced)
{
    return h->tenants.n && strstr(h->tenants.p, spaced);
}

static void take_one(const struct hosted *h, struct bytes name, struct buf *into,
                     void (*came)(void *owner, struct bytes tenant), void *owner)
{
    char spaced[TENANT_MAX + 3];
    snprintf(spaced, sizeof spaced, " %.*s ", BYTES_FMT(name));
    buf_append_str(into, spaced);
    if (h->known && !was_here(h, spaced))
        came(owner, name);
}

int hosted_take(struct hosted *h, struct bytes json, struct bytes cell, void (*came)(void *owner, struct bytes tenant),
                void *owner)
{
    struct json_iter it;
    struct bytes one;
    struct buf now = {0}, name = {0};
    if (json_check(json, JSON_DEPTH_MAX, NULL) < 0 || json_type(json) != JSON_OBJECT ||
        json_type(json_member(json, "tenants")) != JSON_ARRAY)
        return -EBADMSG;
    json_array_each(&it, json_member(json, "tenants"), &one)
    {
        buf_clear(&name);
        if (json_type(one) == JSON_OBJECT && serves(one, cell) && json_string(json_member(one, "name"), &name) == 0 &&
            tenant_name_valid(buf_bytes(&name)))
            take_one(h, buf_bytes(&name), &now, came, owner);
    }
    buf_fini(&name);
    buf_fini(&h->tenants);
    h->tenants = now;
    h->known = true;
    return 0;
}

void hosted_fini(struct hosted *h)
{
    buf_fini(&h->tenants);
}
