#include "proxied.h"

#include "config.h"
#include "gateway.h"
#include "ws.h"

#include "core/json.h"
#include "run/log.h"
#include "wire/proxy_option.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

static struct proxied *get(struct connection *c)
{
    struct connection_extras *e = connection_extras(c);
    if (!e->proxied)
        e->proxied = calloc(1, sizeof *e->proxied);
    assert(e->proxied);
    return e->proxied;
}

static const struct proxied *look(const struct connection *c)
{
    return c->extras ? c->extras->proxied : NULL;
}

void proxied_free(struct proxied *p)
{
    if (!p)
        return;
    buf_fini(&p->headers);
    buf_fini(&p->meta);
    free(p);
}

/* ---- headers */

static bool is_same(struct bytes a, struct bytes b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

static bool is_among(struct bytes name, struct texts names)
{
    for (size_t i = 0; i < names.n; i++)
        if (is_same(name, names.items[i]))
            return true;
    return false;
}

static struct bytes name_of(const char *line)
{
    return bytes_of(line, (size_t)(strchr(line, ':') - line));
}

static const char *next_line(const struct connection *c, struct texts names, size_t *at)
{
    const struct proxied *p = look(c);
    while (p && *at < p->headers.n) {
        const char *line = p->headers.p + *at;
        *at += strlen(line) + 1;
        if (is_among(name_of(line), names))
            return line;
    }
    return NULL;
}

static bool has(const struct connection *c, struct bytes name)
{
    size_t at = 0;
    return next_line(c, (struct texts){&name, 1}, &at) != NULL;
}

const char *proxied_next_header(const struct connection *c, struct texts names, size_t *at)
{
    const char *line;
    while ((line = next_line(c, names, at)) && bytes_equal(name_of(line), BYTES(FORWARDED_FOR)))
        ;
    return line;
}

static void add_forwarded(struct buf *into, const char *address)
{
    if (*address)
        buf_printf(into, "%s%s", into->n ? ", " : FORWARDED_FOR ": ", address);
}

void proxied_forwarded_for(const struct connection *c, struct texts names, struct buf *into)
{
    struct bytes name = BYTES(FORWARDED_FOR);
    char text[SOURCE_TEXT_MAX];
    const char *line;
    size_t at = 0;
    while (is_among(name, names) && (line = next_line(c, (struct texts){&name, 1}, &at)))
        add_forwarded(into, line + strlen(FORWARDED_FOR ": "));
    source_text(ws_source(c->socket), text);
    add_forwarded(into, text);
}

static void put(struct connection *c, struct bytes name, struct bytes value)
{
    struct buf *headers = &get(c)->headers;
    for (size_t i = 0; i < name.n; i++)
        buf_append_char(headers, (char)tolower((unsigned char)name.p[i]));
    buf_append_str(headers, ": ");
    buf_append_bytes(headers, value);
    buf_append_char(headers, 0);
}

static bool has_room(const struct connection *c, struct bytes name, struct bytes value)
{
    size_t used = look(c) ? look(c)->headers.n : 0;
    return used + name.n + value.n <= (size_t)c->gateway->options->proxy_headers_max;
}

static void tell(struct gateway *g, struct bytes name)
{
    if (episode_happens(&g->headers_cut, g->now_ns))
        log_warn("header_cut", "name=%.*s --proxy-headers-max=%lld applications are not told it", BYTES_FMT(name),
                 (long long)g->options->proxy_headers_max);
}

void proxied_header(struct connection *c, struct bytes name, struct bytes value)
{
    bool good = proxy_header_name_is_good(name) && proxy_header_value_is_good(value), fits = has_room(c, name, value);
    if (good && fits)
        put(c, name, value);
    else
        get(c)->cut = true;
    if (!fits)
        tell(c->gateway, name);
}

static bool put_emulated(struct connection *c, struct bytes key, struct bytes value, struct texts names)
{
    struct buf name = {0}, text = {0};
    bool good = json_string(key, &name) == 0 && json_string(value, &text) == 0;
    if (good && is_among(buf_bytes(&name), names) && !has(c, buf_bytes(&name)) && !(look(c) && look(c)->cut)) {
        good = proxy_header_value_is_good(buf_bytes(&text)) && has_room(c, buf_bytes(&name), buf_bytes(&text));
        if (good)
            put(c, buf_bytes(&name), buf_bytes(&text));
    }
    buf_fini(&name);
    buf_fini(&text);
    return good;
}

bool proxied_emulated(struct connection *c, struct bytes headers, struct texts names)
{
    struct json_iter it;
    struct bytes key, value;
    if (headers.n == 0)
        return true;
    if (json_type(headers) != JSON_OBJECT)
        return false;
    json_object_each(&it, headers, &key, &value)
    {
        if (!put_emulated(c, key, value, names))
            return false;
    }
    return true;
}

/* ---- meta */

void proxied_set_meta(struct connection *c, struct bytes meta)
{
    if (meta.n == 0 && !look(c))
        return;
    struct buf *to = &get(c)->meta;
    buf_clear(to);
    json_append_line(to, meta);
}

struct bytes proxied_meta(const struct connection *c)
{
    return look(c) ? buf_bytes(&look(c)->meta) : (struct bytes){0};
}
