#include "auth.h"

#include "base64.h"
#include "core/json.h"
#include "jwks.h"
#include "signature.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define NUMBER_MAX 32   /* characters of a number that is a date */
_Static_assert(AUTH_TOKEN_MAX == 32 * 1024, "token_split says so");

/* A token taken apart. Nothing in it is true before its signature was checked with the key of
 * the tenant it names. */
struct token {
    struct bytes text;               /* all of it, as it came */
    struct bytes signed_part;        /* header.payload */
    struct bytes signature;          /* encoded */
    const struct signature_alg *alg; /* NULL: none that we know */
    struct buf kid;                  /* the key's name, or empty */
    struct buf payload;              /* decoded, checked to be a JSON object */
};

/* The claims that are used, as slices of the payload; texts are decoded where they are
 * compared. */
struct claims {
    struct buf texts; /* decoded user, tenant, channel, client, one behind the other */
    struct bytes user, tenant, channel, client;
    struct bytes info, b64info, data, b64data, override, channels, subs, meta; /* JSON */
    struct bytes audience, issuer;                                       /* JSON */
    bool has_tenant, has_channel, has_client, has_expire_at, has_exp, has_nbf;
    int64_t exp, expire_at, nbf;
};

/* One row per answer, one column per use: {error, disconnect}. protocol.md 4, 4.1, 6.6, 12.2.
 */
/* clang-format off */
static const struct auth_verdict verdicts[][4] = {
    /*                       connect      refresh      subscribe    sub_refresh */
    [AUTH_OK] =             {{0, 0},      {0, 0},      {0, 0},      {0, 0}},
    [AUTH_EXPIRED] =        {{109, 0},    {0, 3005},   {109, 0},    {109, 0}},
    [AUTH_OVER] =           {{110, 0},    {0, 3005},   {110, 0},    {110, 0}},
    [AUTH_INVALID] =        {{0, 3500},   {0, 3500},   {103, 0},    {0, 3500}},
    [AUTH_WRONG_KIND] =     {{0, 3500},   {0, 3500},   {103, 0},    {0, 3500}},
    [AUTH_MISMATCH] =       {{0, 3500},   {0, 3500},   {0, 3500},   {0, 3500}},
    [AUTH_NO_CREDENTIALS] = {{0, 3501},   {0, 3501},   {103, 0},    {107, 0}},
    [AUTH_ELSEWHERE] =      {{0, 4010},   {100, 0},    {100, 0},    {100, 0}},
    [AUTH_UNKNOWN_KEY] =    {{100, 0},    {100, 0},    {100, 0},    {100, 0}},
};
/* clang-format on */

struct auth_verdict auth_verdict(enum auth_use use, enum auth_answer answer)
{
    return verdicts[answer][use];
}

void auth_init(struct auth *a)
{
    *a = (struct auth){0};
}

void auth_fini(struct auth *a)
{
    buf_fini(&a->memory);
    wants_fini(&a->wants);
    *a = (struct auth){0};
}

uint32_t auth_ttl(int64_t expire_at, int64_t now)
{
    if (expire_at == 0)
        return 0;
    int64_t left = expire_at - now;
    if (left < 1)
        return 1;
    return (uint32_t)(left < AUTH_TTL_MAX ? left : AUTH_TTL_MAX);
}

/* ---- the token's form */

static const struct signature_alg *read_alg(struct bytes header)
{
    struct bytes alg = json_member(header, "alg");
    /* crit: extensions that must be understood; b64, zip: another payload than the one that
     * stands there */
    if (json_member(header, "crit").n || json_member(header, "b64").n ||
        json_member(header, "zip").n)
        return NULL;
    if (json_type(alg) != JSON_STRING)
        return NULL;
    return signature_alg(bytes_of(alg.p + 1, alg.n - 2));
}

static int decode_object(struct bytes part, struct buf *into)
{
    if (base64url_decode(part, into) < 0 ||
        json_check(buf_bytes(into), JSON_DEPTH_MAX, NULL) < 0)
        return -EBADMSG;
    return json_type(buf_bytes(into)) == JSON_OBJECT ? 0 : -EBADMSG;
}

/* Takes the text up to the next dot off the front; without a dot, all of it. */
static struct bytes next_part(struct bytes *rest)
{
    const char *dot = rest->n ? memchr(rest->p, '.', rest->n) : NULL;
    struct bytes part = bytes_of(rest->p, dot ? (size_t)(dot - rest->p) : rest->n);
    size_t used = part.n + (dot ? 1 : 0);
    *rest = bytes_of(rest->p + used, rest->n - used);
    return part;
}

/* -> NULL, or what is wrong with its form */
static const char *token_split(struct token *t, struct bytes text)
{
    struct bytes rest = text, header, payload;
    struct buf decoded;
    if (text.n > AUTH_TOKEN_MAX)
        return "it is longer than 32 KiB";
    header = next_part(&rest);
    payload = next_part(&rest);
    t->signature = rest;
    t->text = text;
    t->signed_part = bytes_of(text.p, header.n + 1 + payload.n);
    if (rest.n == 0)
        return "it is not header.payload.signature";
    buf_init(&decoded);
    t->alg = decode_object(header, &decoded) == 0 ? read_alg(buf_bytes(&decoded)) : NULL;
    struct bytes kid = t->alg ? json_member(buf_bytes(&decoded), "kid") : bytes_of(NULL, 0);
    bool named = json_is_absent(kid) || json_string(kid, &t->kid) == 0;
    buf_fini(&decoded);
    if (!t->alg || !named)
        return "its header names none of HS256, RS256, ES256 (or 384, 512) and EdDSA, or has crit, b64, zip, or a kid that is no string";
    return decode_object(payload, &t->payload) < 0 ? "its payload is no JSON object" : NULL;
}

/* What its signature is checked with: the tenant's own keys, or one of its JWK set. */
struct checker {
    const struct signature_keys *keys;
    const struct jwk *jwk; /* or NULL */
};

static struct bytes checker_print(const struct checker *by, const struct signature_alg *alg)
{
    return by->jwk ? bytes_of(by->jwk->print, SIGNATURE_PRINT) : signature_print(by->keys, alg);
}

static bool token_is_signed(const struct token *t, const struct checker *by)
{
    struct buf given;
    buf_init(&given);
    bool ok = base64url_decode(t->signature, &given) == 0 &&
              (by->jwk ? jwk_signed(by->jwk, t->alg, t->signed_part, buf_bytes(&given))
                       : signature_is_right(by->keys, t->alg, t->signed_part, buf_bytes(&given)));
    buf_fini(&given);
    return ok;
}

/* ---- the claims */

/* Seconds since 1970; libraries write whole numbers, some write fractions (RFC 7519 allows
 * both), which are cut off. */
static int read_date(struct bytes payload, const char *name, bool *ret_there, int64_t *ret)
{
    char text[NUMBER_MAX + 1];
    struct bytes value = json_member(payload, name);
    if (json_is_absent(value))
        return 0;
    if (json_type(value) != JSON_NUMBER || value.n > NUMBER_MAX)
        return -EBADMSG;
    memcpy(text, value.p, value.n);
    text[value.n] = 0;
    double seconds = strtod(text, NULL);
    if (!(seconds >= 0 && seconds <= 9007199254740991.0))
        return -EBADMSG;
    *ret_there = true;
    *ret = (int64_t)floor(seconds);
    return 0;
}

/* Decoded text, appended to c->texts. Slices are set when all are in, since appending moves
 * them. */
static int read_text(struct claims *c, struct bytes payload, const char *name, bool *ret_there,
                     struct bytes *ret)
{
    struct bytes value = json_member(payload, name);
    size_t start = c->texts.n;
    if (json_is_absent(value))
        return 0;
    if (json_string(value, &c->texts) < 0)
        return -EBADMSG;
    if (ret_there)
        *ret_there = true;
    *ret = bytes_of(c->texts.p + start, c->texts.n - start);
    return 0;
}

/* -> NULL, or what is wrong with them */
static const char *read_claims(struct claims *c, struct bytes payload)
{
    buf_reserve(&c->texts, payload.n); /* a decoded text is never longer, so that slices stay */
    c->audience = json_member(payload, "aud");
    c->issuer = json_member(payload, "iss");
    c->info = json_member(payload, "info");
    c->b64info = json_member(payload, "b64info");
    c->data = json_member(payload, "data");
    c->b64data = json_member(payload, "b64data");
    c->override = json_member(payload, "override");
    c->channels = json_member(payload, "channels");
    c->subs = json_member(payload, "subs");
    c->meta = json_member(payload, "meta");
    if (read_text(c, payload, "sub", NULL, &c->user) < 0 ||
        read_text(c, payload, "tenant", &c->has_tenant, &c->tenant) < 0 ||
        read_text(c, payload, "channel", &c->has_channel, &c->channel) < 0 ||
        read_text(c, payload, "client", &c->has_client, &c->client) < 0)
        return "sub, tenant, channel and client have to be strings";
    if (read_date(payload, "exp", &c->has_exp, &c->exp) < 0 ||
        read_date(payload, "expire_at", &c->has_expire_at, &c->expire_at) < 0 ||
        read_date(payload, "nbf", &c->has_nbf, &c->nbf) < 0)
        return "exp, expire_at and nbf have to be numbers, seconds since 1970";
    return NULL;
}

static enum auth_answer judge_dates(const struct claims *c, int64_t now)
{
    if ((c->has_exp && now >= c->exp) || (c->has_nbf && now < c->nbf))
        return AUTH_EXPIRED;
    return c->has_expire_at && c->expire_at && c->expire_at < now ? AUTH_OVER : AUTH_OK;
}

/* subs wins, but channels has to be well made, too. */
static int read_subscriptions(struct auth *a, struct bytes channels, struct bytes subs)
{
    struct wants unused = {0};
    int error = wants_read_subs(&a->wants, subs);
    if (error == 0)
        error = wants_read_channels(a->wants.n ? &unused : &a->wants, channels);
    wants_fini(&unused);
    return error;
}

/* What is granted by the kind of token that it is: subscriptions, or one with options. */
static int read_grants(struct auth *a, const struct claims *c)
{
    return c->has_channel ? overrides_read(&a->overrides, c->override) : read_subscriptions(a, c->channels, c->subs);
}

/* Texts and lines of JSON behind each other; slices are set when all are in, since appending moves them. */
static void place(struct auth *a, struct bytes tenant, struct bytes user, size_t info_end, size_t data_end)
{
    const char *p = a->memory.p;
    size_t user_end = tenant.n + user.n;
    a->tenant = bytes_of(p, tenant.n);
    a->user = bytes_of(p + tenant.n, user.n);
    a->info = bytes_of(p + user_end, info_end - user_end);
    a->data = bytes_of(p + info_end, data_end - info_end);
    a->meta = bytes_of(p + data_end, a->memory.n - data_end);
}

static int give(struct auth *a, int error, struct auth *ret)
{
    auth_fini(error < 0 ? a : ret);
    if (error == 0)
        *ret = *a;
    return error;
}

/* What the token says about its bearer, copied to where it may stay. What is Base64 is JSON here
 * too: presence shows it to JSON clients. */
static int fill(struct auth *ret, struct bytes tenant, const struct claims *c)
{
    struct auth a = {.expire_at = c->has_expire_at ? c->expire_at : c->has_exp ? c->exp : 0};
    buf_append_bytes(&a.memory, tenant);
    buf_append_bytes(&a.memory, c->user);
    int error = want_read_json(c->info, c->b64info, &a.memory);
    size_t info_end = a.memory.n;
    if (error == 0 && c->has_channel)
        error = want_read_json(c->data, c->b64data, &a.memory);
    size_t data_end = a.memory.n;
    if (json_type(c->meta) == JSON_OBJECT)
        json_append_line(&a.memory, c->meta);
    place(&a, tenant, c->user, info_end, data_end);
    if (error == 0)
        error = read_grants(&a, c);
    return give(&a, error, ret);
}

int auth_read_said(struct auth *ret, const struct auth_said *said)
{
    struct auth a = {.expire_at = said->expire_at};
    buf_append_bytes(&a.memory, said->tenant);
    buf_append_bytes(&a.memory, said->user);
    json_append_line(&a.memory, said->info);
    size_t info_end = a.memory.n;
    json_append_line(&a.memory, said->data);
    size_t data_end = a.memory.n;
    json_append_line(&a.memory, said->meta);
    place(&a, said->tenant, said->user, info_end, data_end);
    int error = overrides_read(&a.overrides, said->override);
    if (error == 0)
        error = read_subscriptions(&a, said->channels, said->subs);
    return give(&a, error, ret);
}

/* ---- the uses */

struct asker {
    const struct config *config;
    struct token_cache *cache;
    struct bytes tenant;  /* of the path, or of the connection; empty: default */
    bool tenant_is_fixed; /* the claim may not name another */
    const struct config_channel *channel; /* subscription tokens; else NULL */
    const struct bytes *user;             /* who it has to be for; NULL: anybody */
    struct bytes client;
    struct auth_refusal *refusal;
};

static enum auth_answer refuse(const struct asker *a, enum auth_answer answer, const char *why)
{
    a->refusal->why = why;
    return answer;
}

static const struct config_tenant *asked_tenant(const struct asker *a)
{
    return config_tenant(a->config, a->tenant.n ? a->tenant : BYTES(CONFIG_DEFAULT_TENANT));
}

/* A signature that any gateway of the cell has found right is not checked again. false: a->refusal says why. */
static bool is_signed(const struct asker *a, const struct token *t, const struct claims *c,
                      const struct checker *by, int64_t now)
{
    struct bytes print = checker_print(by, t->alg);
    if (print.n == 0) {
        a->refusal->why = "the tenant has no key for the algorithm that its header names";
        return false;
    }
    struct token_name name = token_name(a->cache, print, t->text);
    if (token_cache_has(a->cache, &name, now))
        return true;
    if (!token_is_signed(t, by)) {
        a->refusal->why = "its signature is not by the tenant's key";
        return false;
    }
    token_cache_put(a->cache, &name, c->has_exp ? c->exp : 0, now);
    return true;
}

static enum auth_answer find_checker(const struct asker *a, const struct token *t, const struct config_tenant *tenant,
                                     int64_t now, struct checker *ret)
{
    struct jwks *jwks = config_jwks(a->config);
    struct bytes url = tenant->options.token_jwks_public_endpoint;
    ret->keys = tenant->keys;
    if (!jwks || url.n == 0 || t->kid.n == 0 || signature_is_hmac(t->alg))
        return AUTH_OK;
    switch (jwks_find(jwks, url, buf_bytes(&t->kid), now, &ret->jwk)) {
    case JWKS_FOUND:
        return AUTH_OK;
    case JWKS_GONE:
        return AUTH_EXPIRED;
    default:
        return AUTH_UNKNOWN_KEY;
    }
}

/* A text, or an array of texts of which one has to be it (RFC 7519 4.1.3). */
static bool is_among(struct bytes value, struct bytes wanted)
{
    return json_string_is(value, wanted) || json_array_has(value, wanted);
}

/* Made for us, by whom we believe. */
static bool is_addressed(const struct tenant_options *o, const struct claims *c)
{
    return (o->token_audience.n == 0 || is_among(c->audience, o->token_audience)) &&
           (o->token_issuer.n == 0 || json_string_is(c->issuer, o->token_issuer));
}

static enum auth_answer judge_bearer(const struct asker *a, const struct config_tenant *tenant,
                                     const struct claims *c)
{
    struct config_channel named;
    if (c->has_channel != (a->channel != NULL))
        return refuse(a, AUTH_WRONG_KIND, a->channel ? "it has no claim channel: it is for a connection, not for a subscription"
                                                     : "it has the claim channel: it is for a subscription, not for a connection");
    if (c->has_tenant && !bytes_equal(c->tenant, tenant->name))
        return refuse(a, AUTH_MISMATCH, "its claim tenant is not the connection's tenant");
    if (a->user && !bytes_equal(*a->user, c->user))
        return refuse(a, AUTH_MISMATCH, "its claim sub is not the connection's user");
    if (!a->channel)
        return AUTH_OK;
    if (config_resolve(a->config, tenant, c->channel, &named) ||
        !bytes_equal(named.full, a->channel->full))
        return refuse(a, AUTH_MISMATCH, "its claim channel is another channel");
    if (c->has_client && c->client.n && !bytes_equal(c->client, a->client))
        return refuse(a, AUTH_MISMATCH, "its claim client is another client");
    return AUTH_OK;
}

static enum auth_answer judge(const struct asker *a, const struct token *t, int64_t now,
                              struct claims *c, struct auth *ret)
{
    const char *why = read_claims(c, buf_bytes(&t->payload));
    if (why)
        return refuse(a, AUTH_INVALID, why);
    /* The claim only says whose key to check with; a fixed tenant's key is checked whatever it
     * says. */
    bool follow = c->has_tenant && !a->tenant_is_fixed;
    const struct config_tenant *tenant =
        follow ? config_tenant(a->config, c->tenant) : asked_tenant(a);
    struct checker by = {0};
    if (!tenant)
        return refuse(a, AUTH_INVALID, "its tenant is not registered");
    a->refusal->tenant = tenant->name;
    enum auth_answer answer = find_checker(a, t, tenant, now, &by);
    if (answer != AUTH_OK)
        return answer;
    if (!is_signed(a, t, c, &by, now))
        return AUTH_INVALID;
    if (!is_addressed(&tenant->options, c))
        return refuse(a, AUTH_INVALID, "its aud or iss is not token_audience or token_issuer");
    answer = judge_dates(c, now);
    if (answer == AUTH_OK)
        answer = judge_bearer(a, tenant, c);
    if (answer != AUTH_OK)
        return answer;
    if (!tenant->here)
        return AUTH_ELSEWHERE;
    if (fill(ret, tenant->name, c) < 0)
        return refuse(a, AUTH_INVALID, "its info, data, channels, subs or override is badly made");
    return AUTH_OK;
}

static enum auth_answer check(const struct asker *a, struct bytes text, int64_t now,
                              struct auth *ret)
{
    struct token token = {0};
    struct claims claims = {0};
    const char *why = token_split(&token, text);
    enum auth_answer answer = why ? refuse(a, AUTH_INVALID, why) : judge(a, &token, now, &claims, ret);
    buf_fini(&token.kid);
    buf_fini(&token.payload);
    buf_fini(&claims.texts);
    return answer;
}

static enum auth_answer enter_without_token(const struct asker *a, struct auth *ret)
{
    const struct config_tenant *tenant = asked_tenant(a);
    const struct claims nobody = {0};
    a->refusal->tenant = tenant ? tenant->name : bytes_of(NULL, 0);
    if (!tenant || !tenant->options.allow_anonymous_connect_without_token)
        return refuse(a, AUTH_NO_CREDENTIALS, "there is none, and the tenant has not allow_anonymous_connect_without_token");
    if (!tenant->here)
        return AUTH_ELSEWHERE;
    fill(ret, tenant->name, &nobody);
    return AUTH_OK;
}

enum auth_answer auth_connect(const struct config *config, struct token_cache *cache, struct bytes path_tenant,
                              struct bytes token, int64_t now, struct auth *ret)
{
    struct asker a = {.config = config, .cache = cache, .tenant = path_tenant, .refusal = &ret->refusal};
    return token.n ? check(&a, token, now, ret) : enter_without_token(&a, ret);
}

enum auth_answer auth_refresh(const struct config *config, struct token_cache *cache, struct bytes tenant,
                              struct bytes user, struct bytes token, int64_t now,
                              struct auth *ret)
{
    struct asker a = {
        .config = config, .cache = cache, .tenant = tenant, .tenant_is_fixed = true, .user = &user, .refusal = &ret->refusal};
    return token.n ? check(&a, token, now, ret) : refuse(&a, AUTH_NO_CREDENTIALS, "there is none");
}

enum auth_answer auth_subscribe(const struct config *config, struct token_cache *cache,
                                const struct config_channel *channel, struct bytes user,
                                struct bytes client, struct bytes token, int64_t now,
                                struct auth *ret)
{
    struct asker a = {.config = config, .cache = cache,
                      .tenant = channel->tenant->name,
                      .tenant_is_fixed = true,
                      .channel = channel,
                      .user = &user,
                      .client = client,
                      .refusal = &ret->refusal};
    return token.n ? check(&a, token, now, ret) : refuse(&a, AUTH_NO_CREDENTIALS, "there is none");
}
