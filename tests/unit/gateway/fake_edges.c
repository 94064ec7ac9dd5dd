#include "fake_edges.h"

#include "ctl_link.h"
#include "deflate.h"
#include "fan_link.h"
#include "flow.h"
#include "proxy.h"
#include "seq_link.h"
#include "ws.h"

#include "core/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct edges edges;

/* ---- sockets */

/* What comes out at the client takes its place. */
static void unpack(struct ws_socket *s, struct buf *b)
{
    struct buf message = {0};
    int error = deflate_inflate(s->connection->gateway->deflate, bytes_of(b->p + WS_HEAD, b->n - WS_HEAD), SIZE_MAX, &message);
    assert(error == 0);
    s->packed++;
    b->n = WS_HEAD;
    buf_append_bytes(b, buf_bytes(&message));
    buf_fini(&message);
}

enum ws_written ws_write(struct ws_socket *s, struct buf *b, bool binary, bool packed)
{
    if (packed)
        unpack(s, b);
    buf_append(&s->written, b->p + WS_HEAD, b->n - WS_HEAD);
    if (!binary)
        buf_append_char(&s->written, '\n');
    s->writes++;
    if (b->n - WS_HEAD > s->largest)
        s->largest = b->n - WS_HEAD;
    return s->full ? WS_KEPT : WS_WRITTEN;
}

void ws_fetch(const struct ws_socket *s)
{
}

void ws_close(struct ws_socket *s, uint32_t code, const char *reason)
{
    s->close_code = code;
    snprintf(s->close_reason, sizeof s->close_reason, "%s", reason);
}

void ws_pause(struct ws_socket *s, bool paused)
{
    s->paused = paused;
}

void ws_cut(struct ws_socket *s)
{
    s->cut = true;
}

struct ws_progress ws_progress(const struct ws_socket *s)
{
    return (struct ws_progress){.acked = s->acked, .silent_ms = s->silent_ms, .waiting = s->waiting};
}

struct source ws_source(const struct ws_socket *s)
{
    return s->from;
}

void ws_one_way(struct ws_socket *s)
{
}

bool ws_request_header(const struct ws_socket *s, struct bytes name, struct buf *into)
{
    return false;
}

void ws_header(struct ws_socket *s, const char *name, struct bytes value)
{
    buf_printf(&s->headers, "%s: %.*s\n", name, BYTES_FMT(value));
}

void ws_answer(struct ws_socket *s, int status, const char *content_type, struct bytes body)
{
    s->status = status;
}

void ws_answer_text(struct ws_socket *s, int status, const char *text)
{
    s->status = status;
}

void ws_keep(struct ws_socket *s, void *data, void (*drop)(void *data))
{
    s->kept = data;
    s->drop = drop;
}

void ws_stream_open(struct ws_socket *s, const struct transport *transport, struct connection *c)
{
    s->connection = c;
    s->transport = transport;
}

/* ---- links */

void fan_subscribe(struct fan_links *f, struct channel *c)
{
    buf_printf(&edges.asked, "subscribe %.*s%s\n", BYTES_FMT(channel_full(c)), c->ephemeral ? " ephemeral" : "");
}

void fan_unsubscribe(struct fan_links *f, struct channel *c)
{
    buf_printf(&edges.asked, "unsubscribe %.*s\n", BYTES_FMT(channel_full(c)));
}

void fan_presence_set(struct fan_links *f, struct channel *c, const struct fan_presence_set *m)
{
    buf_printf(&edges.asked, "present %.*s%s\n", BYTES_FMT(channel_full(c)), m->silent ? " silently" : "");
}

void fan_presence_clear(struct fan_links *f, struct channel *c, const struct fan_presence_clear *m)
{
    buf_printf(&edges.asked, "absent %.*s\n", BYTES_FMT(channel_full(c)));
}

void fan_client_set(struct fan_links *f, const struct fan_presence_set *m)
{
    buf_printf(&edges.asked, "client %.*s%s\n", BYTES_FMT(m->info), m->silent ? " silently" : "");
}

void fan_client_clear(struct fan_links *f, const struct fan_presence_clear *m)
{
    buf_printf(&edges.asked, "gone %.*s%s\n", BYTES_FMT(m->channel), m->left ? "" : " for now");
}

int fan_read(struct fan_links *f, const struct fan_read *m)
{
    if (edges.worker_away)
        return -ENOTCONN;
    buf_printf(&edges.asked, "read %.*s since %llu\n", BYTES_FMT(m->channel), (unsigned long long)m->since);
    edges.request = m->request;
    edges.reads++;
    assert(edges.n_open < 64);
    edges.open[edges.n_open].request = m->request;
    snprintf(edges.open[edges.n_open].channel, sizeof edges.open[0].channel, "%.*s", BYTES_FMT(m->channel));
    edges.open[edges.n_open++].since = m->since;
    return 1;
}

int fan_ask_head(struct fan_links *f, const struct fan_ask_head *m)
{
    if (edges.worker_away)
        return -ENOTCONN;
    buf_printf(&edges.asked, "head %.*s at least %llu\n", BYTES_FMT(m->channel), (unsigned long long)m->at_least);
    edges.request = m->request;
    edges.heads[m->request % EDGES_HEADS].request = m->request;
    snprintf(edges.heads[m->request % EDGES_HEADS].channel, sizeof edges.heads[0].channel, "%.*s", BYTES_FMT(m->channel));
    return 1;
}

int fan_ask_presence(struct fan_links *f, const struct fan_ask_presence *m)
{
    if (edges.worker_away)
        return -ENOTCONN;
    edges.request = m->request;
    edges.presence_after = m->after;
    edges.presence_limit = m->limit;
    edges.presence_bytes = m->bytes;
    edges.presence_users = m->users;
    edges.presence_seed = m->seed;
    return 1;
}

void fan_forget(struct fan_links *f, uint32_t slot, uint64_t request)
{
    edges.forgotten++;
    for (int i = 0; i < edges.n_open; i++)
        if (edges.open[i].request == request)
            memmove(&edges.open[i], &edges.open[i + 1], (size_t)(--edges.n_open - i) * sizeof edges.open[0]);
}

uint32_t fan_lane(const struct fan_links *f, struct bytes full)
{
    return 0;
}

bool fan_mapped(const struct fan_links *f)
{
    return true;
}

bool fan_linked(const struct fan_links *f)
{
    return !edges.worker_away;
}

int seq_publish(struct seq_links *s, uint64_t ticket, const struct ops_publish *what)
{
    if (edges.sequencer_full)
        return -ENOBUFS;
    buf_printf(&edges.asked, "publish %.*s %.*s shown %llu\n", BYTES_FMT(what->channel), BYTES_FMT(what->data),
               (unsigned long long)what->shown);
    edges.publish_ticket = ticket;
    edges.publishes++;
    return 0;
}

bool seq_linked(const struct seq_links *s)
{
    return true;
}

uint32_t seq_pending(const struct seq_links *s)
{
    return 0;
}

void ctl_emulate_send(struct ctl_link *c, const struct ctl_emulate *m)
{
    buf_printf(&edges.asked, "emulate %llu %.*s %.*s %.*s\n", (unsigned long long)m->request, BYTES_FMT(m->node),
               BYTES_FMT(m->session), BYTES_FMT(m->data));
}

static void set(struct buf *b, struct bytes text)
{
    buf_clear(b);
    buf_append_bytes(b, text);
}

bool ctl_ask_send(struct ctl_link *c, const struct ctl_ask *m)
{
    edges.call.request = m->request;
    edges.call.one = m->one;
    set(&edges.call.cells, m->cells);
    set(&edges.call.body, m->body);
    return edges.supervisor;
}

void ctl_answer_send(struct ctl_link *c, uint64_t request, struct bytes body)
{
    set(&edges.answer, body);
}

void ctl_canary_send(struct ctl_link *c, const struct ctl_canary_seen *m)
{
    buf_printf(&edges.canary, "%.*s\n", BYTES_FMT(m->channel));
}

/* ---- the application */

static void forget_proxied(size_t at)
{
    struct edges_proxied *p = &edges.proxied[at];
    buf_fini(&p->body);
    buf_fini(&p->headers);
    edges.n_proxied--;
    memmove(p, p + 1, (edges.n_proxied - at) * sizeof *p);
}

int proxy_send(struct gateway *g, const struct http_request *r, http_done *done, void *owner, struct http_transfer **ret_transfer)
{
    static size_t last;
    if (edges.application_full)
        return -EAGAIN;
    assert(edges.n_proxied < EDGES_PROXIED);
    struct edges_proxied *p = &edges.proxied[edges.n_proxied++];
    *p = (struct edges_proxied){.done = done, .owner = owner, .transfer = (struct http_transfer *)++last};
    snprintf(p->url, sizeof p->url, "%s", r->url);
    buf_append_bytes(&p->body, r->body);
    for (const char *const *h = r->headers; *h; h++)
        buf_printf(&p->headers, "%s\n", *h);
    *ret_transfer = p->transfer;
    return 0;
}

void proxy_unsend(struct http_transfer *t)
{
    for (size_t i = 0; i < edges.n_proxied; i++)
        if (edges.proxied[i].transfer == t) {
            forget_proxied(i);
            return;
        }
    assert(!"it is not under way");
}

const char *edges_question(void)
{
    return edges.n_proxied ? edges.proxied[0].body.p : "";
}

/* ---- a gateway */

#define MAY                                                                                                  \
    "\"allow_subscribe_for_client\":true,\"allow_subscribe_for_anonymous\":true,\"allow_publish_for_client\":true,"   \
    "\"allow_publish_for_anonymous\":true,\"allow_history_for_client\":true,\"allow_history_for_anonymous\":true,"     \
    "\"allow_presence_for_client\":true,\"allow_presence_for_anonymous\":true"

static const char config_text[] =
    "{\"version\":1,\"cells\":[],\"api_keys\":[],"
    "\"tenants\":[{\"name\":\"default\",\"cells\":[\"a\"],\"options\":{\"allow_anonymous_connect_without_token\":true%s}},"
    "{\"name\":\"acme\",\"cells\":[\"a\"],\"options\":{\"allow_anonymous_connect_without_token\":true}},"
    "{\"name\":\"slow\",\"cells\":[\"a\"],\"options\":{\"allow_anonymous_connect_without_token\":true,\"connect_rate\":10,\"weight\":300}}],"
    "\"namespaces\":[{\"tenant\":\"default\",\"name\":\"\",\"options\":{" MAY "%s}},"
    "{\"tenant\":\"default\",\"name\":\"recovery\",\"options\":{" MAY "}},"
    "{\"tenant\":\"default\",\"name\":\"chat\",\"options\":{" MAY ",\"presence\":true,\"join_leave\":true}},"
    "{\"tenant\":\"default\",\"name\":\"state\",\"options\":{" MAY ",\"force_recovery\":false,\"slow_reader\":\"conflate\"}},"
    "{\"tenant\":\"default\",\"name\":\"typing\",\"options\":{" MAY "%s,\"ephemeral\":%s}}]}";

static struct config *parse(struct bytes json)
{
    struct buf why = {0};
    struct config *config;
    int error = config_parse(json, BYTES("a"), &config, &why);
    assert(error == 0);
    buf_fini(&why);
    return config;
}

/* tenant, namespace: further options of tenant default, and of its namespaces '' and typing; each begins with a comma. */
static struct config *configuration(bool ephemeral, const char *tenant, const char *namespace)
{
    struct buf text = {0};
    buf_printf(&text, config_text, tenant, namespace, namespace, ephemeral ? "true" : "false");
    struct config *config = parse(buf_bytes(&text));
    buf_fini(&text);
    return config;
}

static void turn(struct gateway *g)
{
    for (int i = 0; i < 1000 && flow_turn(g); i++)
        ;
}

void edges_application(struct gateway *g, int error, int status, const char *body)
{
    assert(edges.n_proxied);
    http_done *done = edges.proxied[0].done;
    void *owner = edges.proxied[0].owner;
    forget_proxied(0);
    done(owner, &(struct http_response){.error = error, .why = "test", .status = status, .body = bytes_str(body), .took_us = 1000});
    turn(g);
}

static void configure(struct gateway *g, struct config *fresh)
{
    config_unref(g->config);
    g->config = fresh;
    flow_configured(g);
    turn(g);
}

void edges_configure(struct gateway *g, bool ephemeral)
{
    configure(g, configuration(ephemeral, "", ""));
}

void edges_quotas(struct gateway *g, const char *tenant, const char *namespace)
{
    configure(g, configuration(true, tenant, namespace));
}

void edges_configure_text(struct gateway *g, const char *json)
{
    configure(g, parse(bytes_str(json)));
}

void edges_start(struct gateway *g, struct gateway_options *options)
{
    options->connect_rate = 0;
    edges_start_gated(g, options);
}

void edges_start_gated(struct gateway *g, struct gateway_options *options)
{
    edges = (struct edges){0};
    gateway_init(g, options, NS_PER_S, 1700000000ULL * 1000000);
    g->capacity = 1000;
    g->config = configuration(true, "", "");
}

void edges_stop(struct gateway *g)
{
    struct connection *c, *spare;
    list_for_each_safe(c, spare, &g->connections, all)
        edges_leave(c->socket);
    gateway_fini(g);
    buf_fini(&edges.asked);
    buf_fini(&edges.canary);
    buf_fini(&edges.call.cells);
    buf_fini(&edges.call.body);
    buf_fini(&edges.answer);
}

void edges_pass(struct gateway *g, int64_t ms)
{
    g->now_ns += ms * NS_PER_MS;
    g->now_us += (uint64_t)ms * 1000;
    wheel_turn(&g->wheel, g->now_ns);
    turn(g);
}

static struct ws_socket *upgraded(struct gateway *g, const char *tenant, enum encoding encoding)
{
    struct ws_socket *s = calloc(1, sizeof *s);
    assert(s);
    s->connection = connection_new(g, s, bytes_str(tenant), TRANSPORT_WEBSOCKET, encoding);
    return s;
}

struct ws_socket *edges_connect_to(struct gateway *g, const char *tenant)
{
    return upgraded(g, tenant, ENCODING_JSON);
}

struct ws_socket *edges_connect_protobuf(struct gateway *g)
{
    return upgraded(g, "", ENCODING_PROTOBUF);
}

struct ws_socket *edges_connect(struct gateway *g)
{
    return edges_connect_to(g, "");
}

static void subscribe(struct gateway *g, struct ws_socket *s, int id, const char *channel, uint64_t epoch)
{
    char text[200];
    snprintf(text, sizeof text, "{\"id\":%d,\"subscribe\":{\"channel\":\"%s\"}}", id, channel);
    edges_say(s, text);
    snprintf(text, sizeof text, "default/%s", channel);
    edges_subscribed(g, text, epoch, 0);
}

static struct ws_socket *connect_client(struct gateway *g)
{
    struct ws_socket *s = edges_connect(g);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    return s;
}

static struct ws_socket *forget(struct ws_socket *s)
{
    free(edges_take(s));
    s->writes = 0;
    s->largest = 0;
    return s;
}

struct ws_socket *edges_reader(struct gateway *g, const char *channel)
{
    struct ws_socket *s = connect_client(g);
    subscribe(g, s, 2, channel, strncmp(channel, "typing:", 7) != 0);
    return forget(s);
}

struct ws_socket *edges_reader_of_all(struct gateway *g, const char *channels)
{
    struct ws_socket *s = connect_client(g);
    for (int i = 0; channels[i]; i++)
        subscribe(g, s, i + 2, (char[]){channels[i], 0}, 1);
    return forget(s);
}
void edges_leave(struct ws_socket *s)
{
    connection_free(s->connection);
    buf_fini(&s->written);
    free(s);
}

void edges_say(struct ws_socket *s, const char *message)
{
    connection_message(s->connection, bytes_str(message), false);
    turn(s->connection->gateway);
}

void edges_say_binary(struct ws_socket *s, struct bytes message)
{
    connection_message(s->connection, message, true);
    turn(s->connection->gateway);
}

char *edges_take(struct ws_socket *s)
{
    if (s->written.n)
        s->written.n--;
    return buf_take(&s->written);
}

void edges_subscribed(struct gateway *g, const char *channel, uint64_t epoch, uint64_t seq)
{
    flow_subscribed(g, &(struct fan_subscribed){.channel = bytes_str(channel), .epoch = epoch, .seq = seq});
    turn(g);
}

static void put(struct buf *b, uint64_t epoch, uint64_t seq, const char *data, const char *after)
{
    struct publication p = {.epoch = epoch, .seq = seq, .id = seq, .data = bytes_str(data)};
    if (after)
        p.after = bytes_str(after);
    wire_put_publication(b, &p);
}

void edges_say_publication(struct gateway *g, const char *channel, struct buf *b)
{
    flow_publication(g, &(struct fan_publication){.channel = bytes_str(channel), .publication = buf_bytes(b)});
    buf_fini(b);
    turn(g);
}

void edges_publish(struct gateway *g, const char *channel, uint64_t epoch, uint64_t seq, const char *data)
{
    struct buf b = {0};
    put(&b, epoch, seq, data, NULL);
    edges_say_publication(g, channel, &b);
}

void edges_answer(struct gateway *g, const char *channel, uint64_t epoch, uint64_t seq, const char *after)
{
    struct buf b = {0};
    put(&b, epoch, seq, "1", after);
    edges_say_publication(g, channel, &b);
}

static void forget_open(int i)
{
    memmove(&edges.open[i], &edges.open[i + 1], (size_t)(--edges.n_open - i) * sizeof edges.open[0]);
}

static void answer_read(struct gateway *g, struct buf *publications, uint32_t status, uint64_t epoch, uint64_t head)
{
    struct fan_range m = {.request = edges.request, .status = status, .epoch = epoch, .head = head, .publications = buf_bytes(publications)};
    for (int i = 0; i < edges.n_open; i++)
        if (edges.open[i].request == edges.request)
            forget_open(i);
    ops_range_came(g, &m);
    buf_fini(publications);
    turn(g);
}

void edges_serve_list(struct gateway *g, uint64_t epoch, uint64_t head, struct buf *b)
{
    edges.request = edges.open[0].request;
    answer_read(g, b, 0, epoch, head);
}

bool edges_serve_channel(struct gateway *g, const char *channel, uint64_t epoch, uint64_t head, const char *after)
{
    struct buf b = {0};
    int i = 0;
    while (i < edges.n_open && strcmp(edges.open[i].channel, channel) != 0)
        i++;
    if (i == edges.n_open)
        return false;
    uint64_t since = edges.open[i].since;
    edges.request = edges.open[i].request;
    for (uint64_t seq = since + 1; seq <= head && seq <= since + 10; seq++) {
        char text[200];
        if (after)
            snprintf(text, sizeof text, after, (unsigned long long)seq);
        put(&b, epoch, seq, "1", after ? text : NULL);
    }
    answer_read(g, &b, 0, epoch, head);
    return true;
}

bool edges_serve(struct gateway *g, uint64_t epoch, uint64_t head)
{
    if (edges.n_open == 0)
        return false;
    uint64_t since = edges.open[0].since, last = since + 10 < head ? since + 10 : head;
    edges.request = edges.open[0].request;
    edges_range(g, 0, epoch, head, since < head ? since + 1 : 0, last);
    return true;
}

void edges_range(struct gateway *g, uint32_t status, uint64_t epoch, uint64_t head, uint64_t first, uint64_t last)
{
    struct buf b = {0};
    for (uint64_t seq = first; seq && seq <= last; seq++)
        put(&b, epoch, seq, "1", NULL);
    answer_read(g, &b, status, epoch, head);
}
