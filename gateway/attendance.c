#include "attendance.h"

#include "client_info.h"
#include "fan_link.h"
#include "gateway.h"

#include <stdio.h>

static bool is_wanted(const struct connection *c)
{
    const struct config_tenant *t =
        c->gateway->config && connection_is_open(c) ? config_tenant(c->gateway->config, connection_tenant(c)) : NULL;
    return t && t->tells_clients;
}

struct bytes attendance_name(const struct connection *c, char *text)
{
    int n = snprintf(text, ATTENDANCE_MAX, ATTENDANCE "%.*s:%.*s", BYTES_FMT(connection_tenant(c)),
                     BYTES_FMT(connection_client(c)));
    return bytes_of(text, (size_t)n);
}

/* Without a user and linger: nobody takes its place, and who has gone has gone. */
void attendance_tell(const struct connection *c, bool silent)
{
    char name[ATTENDANCE_MAX];
    struct buf info = {0};
    client_info_json(&info, &(struct client_info){.user = connection_user(c), .client = connection_client(c)});
    fan_client_set(c->gateway->fan, &(struct fan_presence_set){.channel = attendance_name(c, name),
                                                               .client = connection_client(c),
                                                               .info = buf_bytes(&info),
                                                               .silent = silent,
                                                               .tells = 1});
    buf_fini(&info);
}

void attendance_came(struct connection *c)
{
    if (!is_wanted(c))
        return;
    c->announced = true;
    attendance_tell(c, false);
}

void attendance_went(struct connection *c)
{
    char name[ATTENDANCE_MAX];
    if (!c->announced)
        return;
    c->announced = false;
    fan_client_clear(c->gateway->fan, &(struct fan_presence_clear){.channel = attendance_name(c, name),
                                                                   .client = connection_client(c),
                                                                   .left = 1});
}

void attendance_configured(struct gateway *g)
{
    struct connection *c;
    list_for_each(c, &g->connections, all)
    {
        bool wanted = is_wanted(c);
        if (wanted && !c->announced)
            attendance_came(c);
        else if (!wanted)
            attendance_went(c);
    }
}
