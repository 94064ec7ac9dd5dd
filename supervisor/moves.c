#include "moves.h"

#include "taken.h"

#include "core/json.h"
#include "run/log.h"

#include <string.h>

/* ---- what came goes the whole way */

static void on_confirmed(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct moves *m = ctx;
    m->telling = false;
    if (status == PG_REFUSED)
        log_warn("confirm_refused", "version=%llu why=\"%s\" tenants that move to this cell wait",
                 (unsigned long long)m->confirming, pg_message(r));
    if (status != PG_OK)
        return;
    m->told = m->confirming;
    m->metrics->config_proved = (int64_t)m->told;
    log_info("config_proved", "version=%llu", (unsigned long long)m->told);
}

static void confirm(struct moves *m)
{
    uint64_t version = m->config->facts.version;
    if (m->telling || m->told == version || m->config->source != CONFIG_FROM_POSTGRES || !canary_proved(m->canary))
        return;
    if (!taken_by_all(m->cell, version))
        return;
    m->telling = true;
    m->confirming = version;
    pg_add_text(m->params, bytes_str(m->cell->options->cell));
    pg_add_i64(m->params, (int64_t)version);
    pg_query(m->config->pg, "SELECT cellcast.cell_confirms($1, $2)", m->params, on_confirmed, m);
}

/* ---- who leaves has gone */

static void on_left(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct moves *m = ctx;
    m->telling = false;
    if (status == PG_REFUSED)
        log_warn("leave_refused", "tenant=%.*s why=\"%s\"", BYTES_FMT(buf_bytes(&m->asked)), pg_message(r));
}

static void tell_left(struct moves *m)
{
    log_info("tenant_left", "tenant=%.*s its last client has gone", BYTES_FMT(buf_bytes(&m->asked)));
    m->telling = true;
    pg_add_text(m->params, bytes_str(m->cell->options->cell));
    pg_add_text(m->params, buf_bytes(&m->asked));
    pg_query(m->config->pg, "SELECT cellcast.cell_left($1, $2)", m->params, on_left, m);
}

/* -> false: one of the gateways has not said */
static bool count_clients(uint32_t asked, struct bytes answers, uint64_t *ret_n)
{
    struct ctl_answer one;
    uint64_t n = 0, all = 0;
    while (wire_next_ctl_answer(&answers, &one) > 0) {
        if (json_check(one.body, JSON_DEPTH_MAX, NULL) < 0 || json_type(one.body) != JSON_OBJECT ||
            !json_u64(json_member(json_member(one.body, "node"), "num_clients"), &n))
            return false;
        all += n;
        asked--;
    }
    *ret_n = all;
    return asked == 0;
}

static void answered(void *owner, uint64_t request, uint32_t asked, struct bytes answers)
{
    struct moves *m = owner;
    struct bytes tenant = buf_bytes(&m->asked);
    uint64_t n;
    m->request = 0;
    if (!count_clients(asked, answers, &n))
        return;
    m->metrics->leaving_clients = (int64_t)n;
    bool again = bytes_equal(buf_bytes(&m->empty), tenant);
    buf_clear(&m->empty);
    if (n == 0 && again && !m->telling)
        tell_left(m);
    else if (n == 0)
        buf_append_bytes(&m->empty, tenant);
}

/* One tenant at a time, until nobody is left of it. */
static void look(struct moves *m)
{
    struct bytes tenant;
    if (m->request || m->telling || m->leaving.n == 0)
        return;
    if (m->empty.n == 0) {
        if (m->next >= m->leaving.n)
            m->next = 0;
        const char *at = m->leaving.p + m->next;
        tenant = bytes_of(at, strcspn(at, " "));
        m->next += tenant.n + 1;
        buf_clear(&m->asked);
        buf_append_bytes(&m->asked, tenant);
    }
    struct ctl_call call = {.method = BYTES("info"), .tenant = buf_bytes(&m->asked), .body = BYTES("{}")};
    m->request = control_ask(m->control, &call, answered, m);
}

/* ---- life */

void moves_configured(struct moves *m)
{
    buf_clear(&m->leaving);
    unsigned n = config_leaving(buf_bytes(&m->config->json), m->cell->options->cell, &m->leaving);
    buf_clear(&m->empty);
    m->next = 0;
    m->metrics->leaving_tenants = (int64_t)n;
    m->metrics->leaving_clients = 0;
    canary_prove(m->canary);
}

void moves_tick(struct moves *m)
{
    confirm(m);
    look(m);
}

void moves_init(struct moves *m, struct cell *cell, struct config *config, struct canary *canary,
                struct control *control, struct supervisor_metrics *metrics)
{
    *m = (struct moves){.cell = cell, .config = config, .canary = canary, .control = control, .metrics = metrics,
                        .params = pg_params_new()};
}

void moves_fini(struct moves *m)
{
    pg_params_free(m->params);
    buf_fini(&m->leaving);
    buf_fini(&m->asked);
    buf_fini(&m->empty);
}
