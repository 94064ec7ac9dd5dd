/* JWK sets as a server may send them. */
#include "fuzz.h"
#include "jwks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jwks jwks;
    struct buf why = {0};
    const struct jwk *k;
    jwks_init(&jwks, 64);
    struct ctl_jwks m = {.url = BYTES("u"), .fetched_ms = 1000, .json = bytes_of(data, size)};
    int n = jwks_take(&jwks, &m, &why);
    FUZZ_CHECK(n >= 0 || why.n > 0);
    if (jwks_find(&jwks, BYTES("u"), BYTES("a"), 1, &k) == JWKS_FOUND)
        FUZZ_CHECK(n > 0 && !jwk_signed(k, signature_alg(BYTES("RS256")), BYTES("a"), BYTES("b")));
    jwks_fini(&jwks);
    buf_fini(&why);
    return 0;
}
