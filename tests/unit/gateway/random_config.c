/* Options and configurations of the gateway in its random test. */
#include "random_world.h"

#define MAYS                                                                                                          \
    "\"allow_subscribe_for_client\":true,\"allow_subscribe_for_anonymous\":true,\"allow_publish_for_client\":true,"   \
    "\"allow_publish_for_anonymous\":true,\"allow_history_for_client\":true,\"allow_history_for_anonymous\":true,"    \
    "\"allow_presence_for_client\":true,\"allow_presence_for_anonymous\":true"

static const char *const tenant_options[] = {
    ",\"proxy_connect_endpoint\":\"http://a/connect\"",
    ",\"proxy_refresh_endpoint\":\"http://a/refresh\"",
    ",\"proxy_subscribe_endpoint\":\"http://a/subscribe\"",
    ",\"proxy_publish_endpoint\":\"http://a/publish\",\"proxy_rpc_endpoint\":\"http://a/rpc\"",
    ",\"proxy_sub_refresh_endpoint\":\"http://a/sub_refresh\"",
    ",\"user_connection_limit\":3,\"connection_limit\":8",
    ",\"delivery_rate\":20",
    ",\"connect_rate\":5",
    ",\"subscribe_to_user_personal_channel\":true",
};

static void put_tenant(struct world *w, struct buf *b)
{
    buf_append_str(b, "\"tenants\":[{\"name\":\"default\",\"cells\":[\"a\"],\"options\":{"
                      "\"allow_anonymous_connect_without_token\":true,\"channel_limit\":5,\"proxy_concurrency\":3");
    for (size_t i = 0; i < sizeof tenant_options / sizeof *tenant_options; i++)
        buf_append_str(b, world_once_in(w, 2) ? tenant_options[i] : "");
    buf_append_str(b, "}}]");
}

/* Of two of them the configuration may know nothing. */
static void put_namespaces(struct world *w, struct buf *b)
{
    bool changes = w->faults & CONFIGURATIONS;
    w->passes = !changes || !world_once_in(w, 4);
    buf_printf(b, "\"namespaces\":[{\"tenant\":\"default\",\"name\":\"\",\"options\":{" MAYS
                  ",\"allow_user_limited_channels\":true,\"allowed_delta_types\":%s,\"delta_publish\":%s}}",
               world_once_in(w, 2) ? "[\"fossil\"]" : "[]", world_once_in(w, 2) ? "true" : "false");
    if (!changes || !world_once_in(w, 8))
        buf_printf(b, ",{\"tenant\":\"default\",\"name\":\"chat\",\"options\":{" MAYS
                      ",\"presence\":true,\"join_leave\":true,\"batch_delay\":%u}}", world_dice(w, 2) * 60);
    buf_printf(b, ",{\"tenant\":\"default\",\"name\":\"state\",\"options\":{" MAYS
                  ",\"force_recovery\":false,\"slow_reader\":\"conflate\",\"force_recovery_mode\":\"%s\"}}",
               world_once_in(w, 3) ? "cache" : "stream");
    if (w->passes || world_once_in(w, 2))
        buf_printf(b, ",{\"tenant\":\"default\",\"name\":\"typing\",\"options\":{" MAYS ",\"ephemeral\":%s}}",
                   w->passes ? "true" : "false");
    buf_append_str(b, ",{\"tenant\":\"default\",\"name\":\"own\",\"options\":{" MAYS
                      ",\"subscribe_proxy_enabled\":true,\"publish_proxy_enabled\":true,\"sub_refresh_proxy_enabled\":true,"
                      "\"presence\":true}}]");
}

void world_configure(struct world *w)
{
    struct buf b = {0};
    buf_append_str(&b, "{\"cells\":[],\"api_keys\":[],");
    put_tenant(w, &b);
    buf_append_char(&b, ',');
    put_namespaces(w, &b);
    buf_append_char(&b, '}');
    world_note(w, "configuration: %s", b.p + 30);
    edges_configure_text(&w->g, b.p);
    buf_fini(&b);
}

void world_choose_options(struct world *w)
{
    struct gateway_options *o = &w->options;
    o->page_messages = 10;
    o->ring_messages = 1 + world_dice(w, 6);
    o->pages_max = 1 + world_dice(w, 3);
    o->strangers_max = 2 + world_dice(w, 10);
    o->commands_max = 2 + world_dice(w, 5);
    o->connect_queue = 1 + world_dice(w, 4);
    o->connect_rate = world_once_in(w, 3) ? 5 : 0;
    o->connect_rate_start = 1 + world_dice(w, 3);
    o->histories_max = 1 + world_dice(w, 3);
    o->recovered_bytes = world_dice(w, 2) * 300;
    o->write_max_bytes = 1024;
    o->compression = world_once_in(w, 2);
    o->compression_min = 40;
    o->channel_linger = world_dice(w, 3) * 200;
    o->lifetime = world_once_in(w, 4) ? 20000 : 0;
    o->expiry_grace = world_dice(w, 2) * 2000;
    o->stale_timeout = 8000;
    o->ping_interval = 1000 + world_dice(w, 3000);
    o->subscribe_timeout = 500 + world_dice(w, 3000);
    o->fair_queuing = !world_once_in(w, 4);
    o->hold_max = world_dice(w, 3) * 200;
    o->flush_slice_us = 100 + world_dice(w, 400);
}
