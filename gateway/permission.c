#include "permission.h"

#include "core/json.h"

/* Whether `who` stands in a list parted by commas. The anonymous user stands in none, though
 * `news#` has an empty one. */
static bool is_listed(struct bytes list, struct bytes who)
{
    while (who.n && list.n) {
        const char *comma = memchr(list.p, ',', list.n);
        size_t n = comma ? (size_t)(comma - list.p) : list.n;
        if (bytes_equal(bytes_of(list.p, n), who))
            return true;
        size_t used = comma ? n + 1 : n;
        list = bytes_of(list.p + used, list.n - used);
    }
    return false;
}

/* The rule that publish, history and presence share: clients, or subscribers, with a user
 * unless anonymous ones may. */
static uint32_t decide(bool for_client, bool for_subscriber, bool for_anonymous,
                       struct bytes user, bool subscribed)
{
    if (user.n == 0 && !for_anonymous)
        return 103;
    return for_client || (for_subscriber && subscribed) ? 0 : 103;
}

uint32_t permission_name(const struct config_channel *c)
{
    return c->ns->regex && !channel_regex_matches(c->ns->regex, c->name) ? 107 : 0;
}

uint32_t permission_data(const struct config_channel *c, struct bytes data, bool data_is_json)
{
    if (c->ns->format == FORMAT_BINARY)
        return 0;
    if (!data_is_json)
        return 107;
    return c->ns->objects && json_type(data) != JSON_OBJECT ? 107 : 0;
}

uint32_t permission_subscribe(const struct config_channel *c, struct bytes user, bool token)
{
    const struct namespace_options *o = &c->ns->options;
    if (token)
        return 0;
    if (c->with_token)
        return 103;
    if (c->user_limited)
        return is_listed(c->users, user) ? 0 : 103;
    return o->allow_subscribe_for_client && (user.n || o->allow_subscribe_for_anonymous) ? 0
                                                                                         : 103;
}

uint32_t permission_publish(const struct config_channel *c, struct bytes user, bool subscribed)
{
    const struct namespace_options *o = &c->ns->options;
    return decide(o->allow_publish_for_client, o->allow_publish_for_subscriber,
                  o->allow_publish_for_anonymous, user, subscribed);
}

bool permission_has_history(const struct config_channel *c)
{
    const struct namespace_options *o = &c->ns->options;
    return !o->ephemeral && o->history_limit != 0 && o->history_ttl != 0;
}

uint32_t permission_history(const struct config_channel *c, struct bytes user, bool subscribed)
{
    const struct namespace_options *o = &c->ns->options;
    if (!permission_has_history(c))
        return 108;
    return decide(o->allow_history_for_client, o->allow_history_for_subscriber,
                  o->allow_history_for_anonymous, user, subscribed);
}

static uint32_t presence_access(const struct config_channel *c, struct bytes user,
                                bool subscribed)
{
    const struct namespace_options *o = &c->ns->options;
    return decide(o->allow_presence_for_client, o->allow_presence_for_subscriber,
                  o->allow_presence_for_anonymous, user, subscribed);
}

uint32_t permission_presence(const struct config_channel *c, struct bytes user, bool subscribed)
{
    return c->ns->options.presence ? presence_access(c, user, subscribed) : 108;
}

bool permission_join_leave(const struct config_channel *c, const struct namespace_options *options, struct bytes user,
                           bool asked)
{
    return options->force_push_join_leave ||
           (asked && options->join_leave && presence_access(c, user, true) == 0);
}
