/* Tokens for tests and benchmarks, signed by another implementation (librhonabwy) than the one under test. */
#ifndef TESTS_SIGN_HELP_H
#define TESTS_SIGN_HELP_H

#include <assert.h>
#include <rhonabwy.h>
#include <string.h>

/* A key pair made here. type: R_KEY_TYPE_RSA, R_KEY_TYPE_EC. The caller frees both; ret_pem: of the public one. */
static inline jwk_t *key_pair(int type, unsigned bits, char **ret_pem)
{
    jwk_t *private, *public;
    size_t n = 0;
    r_jwk_init(&private);
    r_jwk_init(&public);
    int made = r_jwk_generate_key_pair(private, public, type, bits, NULL);
    assert(made == RHN_OK);
    r_jwk_export_to_pem_der(public, R_FORMAT_PEM, NULL, &n, 0);
    *ret_pem = calloc(1, n + 1);
    r_jwk_export_to_pem_der(public, R_FORMAT_PEM, (unsigned char *)*ret_pem, &n, 0);
    r_jwk_free(public);
    return private;
}

/* The caller frees. */
static inline char *sign_jwk(const char *payload, jwk_t *key, jwa_alg alg)
{
    jws_t *jws;
    r_jws_init(&jws);
    r_jws_set_alg(jws, alg);
    r_jws_set_payload(jws, (const unsigned char *)payload, strlen(payload));
    char *text = r_jws_serialize(jws, key, 0), *mine = text ? strdup(text) : NULL;
    r_free(text);
    r_jws_free(jws);
    assert(mine);
    return mine;
}

/* A PEM inside a JSON string: its line breaks escaped. The caller frees. */
static inline char *json_pem(const char *pem)
{
    char *text = calloc(2, strlen(pem) + 1), *to = text;
    for (; *pem; pem++) {
        if (*pem == '\n')
            *to++ = '\\';
        *to++ = *pem == '\n' ? 'n' : *pem;
    }
    return text;
}

#endif
