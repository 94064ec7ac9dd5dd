/* Commands about which the tenant's application is asked first (proxy.h). Each keeps its command in an errand, asks, and
 * goes on with the answer, or tells the client what the application told. */
#ifndef GATEWAY_VERB_PROXY_H
#define GATEWAY_VERB_PROXY_H

#include "auth.h"
#include "errand.h"
#include "proxy.h"

#include "core/clock.h"

/* Without an answer a connection, or a subscription, goes on so long; then the application is asked again. */
#define VERB_PROXY_AGAIN_NS (60 * NS_PER_S)

/* The application has refused, or there was no answer: the client is told. -> whether it is so */
bool verb_proxy_refused(struct connection *c, uint32_t id, const struct proxy_answer *a);
void verb_proxy_disconnect(struct connection *c, const struct proxy_answer *a); /* with its code and reason */
const struct config_tenant *verb_proxy_tenant(const struct connection *c); /* the connection's, of the present configuration */
/* What the application grants. -> 0, or -EBADMSG: it is none */
int verb_proxy_grant(struct connection *c, struct bytes tenant, const struct proxy_result *r, struct auth *ret);

/* verb_connect_proxy.c: of a connection with an entrance */
bool verb_connect_asks(const struct connection *c);
void verb_connect_ask(struct connection *c);
/* When a connection's time runs out, the application decides, where it is to: its client has nothing to bring then, and is
 * told no ttl; there is no grace. One that was told a ttl before the application was to may bring what it was asked for. */
bool verb_refresh_asks(const struct connection *c);
uint32_t verb_connect_ttl(const struct connection *c, int64_t expire_at);   /* s; 0: nothing to bring */
int64_t verb_connect_end_of(const struct connection *c, int64_t expire_at); /* on the loop's clock; 0: never */

/* verb_subscribe_proxy.c */
bool verb_subscribe_asks(const struct config_channel *ch, struct bytes token); /* whoever comes with this token, or none */
void verb_subscribe_ask(struct connection *c, const struct command *m, const struct config_channel *ch);
bool verb_subscribe_asked(const struct connection *c, struct bytes full); /* whether it is under way */
bool verb_sub_refresh_asks(const struct sub *s); /* as for a connection */
/* verb_subscribe.c: goes on with the answer. */
void verb_subscribe_granted(struct connection *c, const struct command *m, const struct auth *a);

#endif
