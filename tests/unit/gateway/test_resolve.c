#include "config.h"

#include "unit.h"

static struct config *config;

static void setup(void)
{
    struct buf why = {0};
    static const char json[] = "{\"tenants\":[{\"name\":\"default\"},{\"name\":\"acme\"},{"
                               "\"name\":\"bare\"}],\"namespaces\":["
                               "{\"tenant\":\"default\",\"name\":\"\"},"
                               "{\"tenant\":\"default\",\"name\":\"chat\",\"options\":{\"allow_"
                               "user_limited_channels\":true}},"
                               "{\"tenant\":\"acme\",\"name\":\"\",\"options\":{\"allow_user_"
                               "limited_channels\":true}},"
                               "{\"tenant\":\"bare\",\"name\":\"only\"}]}";
    ck_assert_int_eq(config_parse(bytes_str(json), BYTES(""), &config, &why), 0);
    buf_fini(&why);
}

/* want: the full name, or NULL with the error in code. asker NULL: all tenants */
static const struct {
    const char *asker, *spelling, *full;
    uint32_t code;
} cases[] = {
    {"default", "news", "default/news", 0},
    {"default", "default/news", "default/news", 0},
    {"default", "chat:room/5", "default/chat:room/5", 0},
    {"default", "$chat:room", "default/$chat:room", 0},
    {"default", "a/b/c", "default/a/b/c", 0},
    {"default", "/news", "default//news", 0},
    {"default", "default//news", "default//news", 0},
    {"default", ":x", "default/:x", 0},
    {"default", "Acme/news", "default/Acme/news", 0},
    {"acme", "news", "acme/news", 0},
    {"acme", "acme/news", "acme/news", 0},
    {"acme", "acme/acme/news", "acme/acme/news", 0},
    {NULL, "news", "default/news", 0},
    {NULL, "acme/news", "acme/news", 0},
    {NULL, "nobody/news", "default/nobody/news", 0},
    {"bare", "only:x", "bare/only:x", 0},
    {"acme", "default/news", NULL, 103},
    {"acme", "bare/zz", NULL, 103},
    {"default", "acme/news", NULL, 103},
    {"default", "acme/nope:x", NULL, 103},
    {"default", "nope:x", NULL, 102},
    {"default", "$nope:x", NULL, 102},
    {"default", "news#a:b", NULL, 102},
    {"bare", "news", NULL, 102},
    {NULL, "bare/x", NULL, 102},
    {"default", "", NULL, 107},
    {"default", "default/", NULL, 107},
    {"default", "a b", NULL, 107},
    {"default", "a\n", NULL, 107},
    {"default", "a\x7f", NULL, 107},
    {"default", "caf\xc3\xa9", NULL, 107},
};

START_TEST(a_spelling_is_a_channel_of_its_tenant_or_an_error)
{
    setup();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config_channel c;
        const struct config_tenant *asker =
            cases[i].asker ? config_tenant(config, bytes_str(cases[i].asker)) : NULL;
        uint32_t code = config_resolve(config, asker, bytes_str(cases[i].spelling), &c);
        ck_assert_msg(code == cases[i].code, "%s: %u", cases[i].spelling, code);
        if (cases[i].full)
            ck_assert_bytes(c.full, cases[i].full);
    }
    config_unref(config);
}
END_TEST

START_TEST(the_limit_counts_the_part_behind_the_tenant)
{
    setup();
    char text[400] = "default/";
    struct config_channel c;
    memset(text + 8, 'x', 300);
    ck_assert_uint_eq(config_resolve(config, NULL, bytes_of(text, 8 + 255), &c), 0);
    ck_assert_uint_eq(c.full.n, 263);
    ck_assert_uint_eq(config_resolve(config, NULL, bytes_of(text, 8 + 256), &c), 107);
    ck_assert_uint_eq(config_resolve(config, NULL, bytes_of(text + 8, 255), &c), 0);
    ck_assert_uint_eq(config_resolve(config, NULL, bytes_of(text + 8, 256), &c), 107);
    config_unref(config);
}
END_TEST

START_TEST(users_stand_behind_the_last_hash_where_the_namespace_has_them)
{
    setup();
    struct config_channel c;
    ck_assert_uint_eq(config_resolve(config, NULL, BYTES("chat:dialog#42,43"), &c), 0);
    ck_assert(c.user_limited && !c.with_token);
    ck_assert_bytes(c.users, "42,43");
    ck_assert_bytes(c.name, "chat:dialog#42,43");
    ck_assert_uint_eq(config_resolve(config, NULL, BYTES("acme/$a#b#c"), &c), 0);
    ck_assert(c.user_limited && c.with_token);
    ck_assert_bytes(c.users, "c");
    ck_assert_uint_eq(config_resolve(config, NULL, BYTES("chat:dialog#"), &c), 0);
    ck_assert(c.user_limited && c.users.n == 0);
    ck_assert_uint_eq(config_resolve(config, NULL, BYTES("news#42"), &c), 0);
    ck_assert(!c.user_limited && c.users.n == 0);
    config_unref(config);
}
END_TEST

START_TEST(an_asker_of_an_older_configuration_is_known_by_its_name)
{
    setup();
    struct config *old = config;
    setup();
    struct config_channel c;
    ck_assert_uint_eq(
        config_resolve(config, config_tenant(old, BYTES("acme")), BYTES("acme/x"), &c), 0);
    ck_assert_ptr_eq(c.tenant, config_tenant(config, BYTES("acme")));
    config_unref(old);
    config_unref(config);
}
END_TEST

START_TEST(what_is_shown_leads_back_to_the_same_channel)
{
    setup();
    static const struct {
        const char *asker, *full, *shown;
    } shows[] = {
        {NULL, "default/news", "news"},         {NULL, "acme/news", "acme/news"},
        {"acme", "acme/news", "news"},          {"acme", "default/news", "default/news"},
        {NULL, "default/a/b", "a/b"},           {NULL, "default/acme/b", "default/acme/b"},
        {"acme", "acme/acme/b", "acme/acme/b"}, {NULL, "odd", "odd"},
    };
    for (size_t i = 0; i < sizeof shows / sizeof *shows; i++) {
        const struct config_tenant *asker =
            shows[i].asker ? config_tenant(config, bytes_str(shows[i].asker)) : NULL;
        ck_assert_bytes(config_spelling(config, asker, bytes_str(shows[i].full)),
                        shows[i].shown);
    }
    config_unref(config);
}
END_TEST

UNIT_MAIN("gateway/resolve", a_spelling_is_a_channel_of_its_tenant_or_an_error,
          the_limit_counts_the_part_behind_the_tenant,
          users_stand_behind_the_last_hash_where_the_namespace_has_them,
          an_asker_of_an_older_configuration_is_known_by_its_name,
          what_is_shown_leads_back_to_the_same_channel)
