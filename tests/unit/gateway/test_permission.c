#include "permission.h"

#include "unit.h"

enum { NO = 103, OFF = 108, YES = 0 };

struct row {
    struct namespace_options options;
    const char *channel, *user;
    bool given; /* subscribe: token; others: subscribed */
    uint32_t code;
};

static struct config_namespace ns;

/* A channel as config_resolve would hand it over. */
static struct config_channel channel_of(const struct row *r)
{
    const char *hash = strrchr(r->channel, '#');
    struct config_channel c = {
        .ns = &ns, .name = bytes_str(r->channel), .with_token = r->channel[0] == '$'};
    ns.options = r->options;
    c.user_limited = hash && r->options.allow_user_limited_channels;
    c.users = bytes_str(c.user_limited ? hash + 1 : "");
    return c;
}

#define NOTHING .presence = false
#define CLIENT .allow_subscribe_for_client = true
#define ANONYMOUS .allow_subscribe_for_anonymous = true
#define LIMITED .allow_user_limited_channels = true

START_TEST(who_may_subscribe)
{
    static const struct row rows[] = {
        {{NOTHING}, "news", "u", false, NO},
        {{NOTHING}, "news", "", false, NO},
        {{CLIENT}, "news", "u", false, YES},
        {{CLIENT}, "news", "", false, NO},
        {{CLIENT, ANONYMOUS}, "news", "", false, YES},
        {{ANONYMOUS}, "news", "", false, NO},
        {{ANONYMOUS}, "news", "u", false, NO},
        /* a token admits, whatever the namespace says */
        {{NOTHING}, "news", "", true, YES},
        {{NOTHING}, "$news", "u", true, YES},
        {{LIMITED}, "news#1", "2", true, YES},
        /* $ needs it */
        {{CLIENT, ANONYMOUS}, "$news", "u", false, NO},
        {{CLIENT, ANONYMOUS}, "$news", "", false, NO},
        {{CLIENT, LIMITED}, "$news#u", "u", false, NO},
        /* # admits whom it names, and nobody else */
        {{LIMITED}, "news#42", "42", false, YES},
        {{LIMITED}, "news#41,42", "42", false, YES},
        {{LIMITED}, "news#42,43", "42", false, YES},
        {{LIMITED}, "news#42", "4", false, NO},
        {{LIMITED}, "news#4", "42", false, NO},
        {{LIMITED}, "news#42,43", "42,43", false, NO},
        {{LIMITED}, "news#1#2", "1", false, NO},
        {{LIMITED}, "news#1#2", "2", false, YES},
        {{CLIENT, ANONYMOUS, LIMITED}, "news#42", "43", false, NO},
        /* nobody is not a name */
        {{CLIENT, ANONYMOUS, LIMITED}, "news#", "", false, NO},
        {{CLIENT, ANONYMOUS, LIMITED}, "news#42,", "", false, NO},
        {{CLIENT, ANONYMOUS, LIMITED}, "news#,", "", false, NO},
        /* where the namespace has no such channels, # is a character */
        {{CLIENT}, "news#42", "43", false, YES},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config_channel c = channel_of(&rows[i]);
        uint32_t code = permission_subscribe(&c, bytes_str(rows[i].user), rows[i].given);
        ck_assert_msg(code == rows[i].code, "row %zu: %u", i, code);
    }
}
END_TEST

/* publish, history and presence share one rule: all 32 cells of it. */
static uint32_t shared_rule(bool for_client, bool for_subscriber, bool for_anonymous, bool user,
                            bool subscribed)
{
    if (!user && !for_anonymous)
        return NO;
    if (for_client)
        return YES;
    return for_subscriber && subscribed ? YES : NO;
}

#define BIT(i, n) (((i) >> (n)) & 1)

START_TEST(who_may_publish_call_history_and_see_presence)
{
    for (unsigned i = 0; i < 32; i++) {
        bool client = BIT(i, 0), subscriber = BIT(i, 1), anonymous = BIT(i, 2),
             subscribed = BIT(i, 4);
        struct bytes user = bytes_str(BIT(i, 3) ? "u" : "");
        uint32_t want = shared_rule(client, subscriber, anonymous, user.n > 0, subscribed);
        struct row r = {.channel = "x",
                        .options = {.history_limit = 10, .history_ttl = 10, .presence = true}};
        struct config_channel c = channel_of(&r);
        ck_assert_uint_eq(permission_publish(&c, user, subscribed), NO);
        ck_assert_uint_eq(permission_history(&c, user, subscribed), NO);
        ck_assert_uint_eq(permission_presence(&c, user, subscribed), NO);
        ns.options.allow_publish_for_client = ns.options.allow_history_for_client =
            ns.options.allow_presence_for_client = client;
        ns.options.allow_publish_for_subscriber = ns.options.allow_history_for_subscriber =
            ns.options.allow_presence_for_subscriber = subscriber;
        ns.options.allow_publish_for_anonymous = ns.options.allow_history_for_anonymous =
            ns.options.allow_presence_for_anonymous = anonymous;
        ck_assert_msg(permission_publish(&c, user, subscribed) == want, "cell %u", i);
        ck_assert_msg(permission_history(&c, user, subscribed) == want, "cell %u", i);
        ck_assert_msg(permission_presence(&c, user, subscribed) == want, "cell %u", i);
    }
}
END_TEST

START_TEST(each_right_is_its_own)
{
    struct row r = {.channel = "x",
                    .options = {.history_limit = 1,
                                .history_ttl = 1,
                                .presence = true,
                                .allow_publish_for_client = true}};
    struct config_channel c = channel_of(&r);
    ck_assert_uint_eq(permission_publish(&c, BYTES("u"), true), YES);
    ck_assert_uint_eq(permission_history(&c, BYTES("u"), true), NO);
    ck_assert_uint_eq(permission_presence(&c, BYTES("u"), true), NO);
    ck_assert_uint_eq(permission_subscribe(&c, BYTES("u"), false), NO);
}
END_TEST

START_TEST(what_is_off_is_not_available_before_it_is_forbidden)
{
    struct row r = {.channel = "x"};
    struct config_channel c = channel_of(&r);
    ck_assert_uint_eq(permission_presence(&c, BYTES("u"), true), OFF);
    ck_assert_uint_eq(permission_history(&c, BYTES("u"), true), OFF);
    ns.options.history_limit = 10;
    ck_assert_uint_eq(permission_history(&c, BYTES("u"), true), OFF);
    ns.options.history_limit = 0;
    ns.options.history_ttl = 10;
    ck_assert_uint_eq(permission_history(&c, BYTES("u"), true), OFF);
}
END_TEST

START_TEST(joins_go_to_those_who_asked_and_may_see_presence_or_to_all)
{
    struct row r = {.channel = "x"};
    struct config_channel c = channel_of(&r);
    ck_assert(!permission_join_leave(&c, &ns.options, BYTES("u"), true));
    ns.options.join_leave = true;
    ck_assert(!permission_join_leave(&c, &ns.options, BYTES("u"), true));
    ns.options.allow_presence_for_subscriber = true;
    ck_assert(permission_join_leave(&c, &ns.options, BYTES("u"), true));
    ck_assert(!permission_join_leave(&c, &ns.options, BYTES("u"), false));
    ck_assert(!permission_join_leave(&c, &ns.options, BYTES(""), true));
    ns.options.allow_presence_for_anonymous = true;
    ck_assert(permission_join_leave(&c, &ns.options, BYTES(""), true));
    ns.options = (struct namespace_options){.force_push_join_leave = true};
    ck_assert(permission_join_leave(&c, &ns.options, BYTES(""), false));
}
END_TEST

START_TEST(a_payload_is_of_the_namespaces_format)
{
    struct row r = {.channel = "x"};
    struct config_channel c = channel_of(&r);
    ns.format = FORMAT_JSON;
    ck_assert_uint_eq(permission_data(&c, BYTES("1"), true), 0);
    ck_assert_uint_eq(permission_data(&c, BYTES("x"), false), 107);
    ns.objects = true;
    ck_assert_uint_eq(permission_data(&c, BYTES("[1]"), true), 107);
    ck_assert_uint_eq(permission_data(&c, BYTES(" {\"a\":1} "), true), 0);
    ns.objects = false;
    ns.format = FORMAT_BINARY;
    ck_assert_uint_eq(permission_data(&c, BYTES("x"), false), 0);
    ns.format = FORMAT_JSON;
}
END_TEST

START_TEST(clients_name_channels_as_channel_regex_says)
{
    struct row r = {.channel = "orders:42"};
    struct config_channel c = channel_of(&r);
    struct buf why = {0};
    ck_assert_uint_eq(permission_name(&c), 0);
    ns.regex = channel_regex_new(BYTES("^[0-9]+$"), &why);
    ck_assert_uint_eq(permission_name(&c), 0);
    c.name = BYTES("orders:x");
    ck_assert_uint_eq(permission_name(&c), 107);
    channel_regex_free(ns.regex);
    ns.regex = NULL;
}
END_TEST

UNIT_MAIN("gateway/permission", a_payload_is_of_the_namespaces_format, clients_name_channels_as_channel_regex_says, who_may_subscribe,
          who_may_publish_call_history_and_see_presence, each_right_is_its_own,
          what_is_off_is_not_available_before_it_is_forbidden,
          joins_go_to_those_who_asked_and_may_see_presence_or_to_all)
