/* The configuration as the supervisor hands it over, and channel spellings against it: first
 * the JSON, then, behind a NUL, a spelling. */
#include "config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char fallback[] =
        "{\"tenants\":[{\"name\":\"default\"},{\"name\":\"acme\"}],\"namespaces\":["
        "{\"tenant\":\"default\",\"name\":\"\"},{\"tenant\":\"acme\",\"name\":\"chat\"}]}";
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t n = nul ? (size_t)(nul - data) : size;
    struct bytes spelling = bytes_of(data + n + (nul ? 1 : 0), size - n - (nul ? 1 : 0));
    struct config *c = NULL;
    struct buf why = {0};
    if (config_parse(bytes_of(data, n), BYTES("a"), &c, &why) < 0) {
        FUZZ_CHECK(!c && why.n > 0);
        buf_clear(&why);
        FUZZ_CHECK(config_parse(bytes_str(fallback), BYTES("a"), &c, &why) == 0);
    }
    const struct config_tenant *askers[] = {NULL, config_tenant(c, BYTES("default")),
                                            config_tenant(c, BYTES("acme"))};
    for (size_t i = 0; i < 3; i++) {
        struct config_channel ch, again;
        if (config_resolve(c, askers[i], spelling, &ch))
            continue;
        FUZZ_CHECK(ch.full.n <= CONFIG_FULL_MAX && channel_name_valid(ch.name));
        /* the full form and what is shown lead back to the same channel */
        FUZZ_CHECK(config_resolve(c, askers[i], ch.full, &again) == 0 &&
                   bytes_equal(ch.full, again.full));
        FUZZ_CHECK(
            config_resolve(c, askers[i], config_spelling(c, askers[i], ch.full), &again) == 0 &&
            bytes_equal(ch.full, again.full));
        FUZZ_CHECK(!askers[i] || ch.tenant == askers[i]);
    }
    config_unref(c);
    buf_fini(&why);
    return 0;
}
