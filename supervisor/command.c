#include "command.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *program, *build_folder;
} roles[ROLE_COUNT] = {
    [ROLE_GATEWAY] = {"cellcast-gateway", "gateway"},
    [ROLE_WORKER] = {"cellcast-fanout-worker", "fanout-worker"},
};

static void add(char ***list, size_t *n, char *text)
{
    *list = realloc(*list, (*n + 2) * sizeof **list);
    assert(*list && text);
    (*list)[(*n)++] = text;
    (*list)[*n] = NULL;
}

__attribute__((format(printf, 2, 3))) static void add_flag(struct command *c, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    assert(n >= 0);
    add(&c->argv, &c->n_argv, text);
}

/* "a=1\nb" -> --a=1 --b; they come last, so that they win over ours */
static void add_given(struct command *c, const char *given)
{
    while (*given) {
        size_t n = strcspn(given, "\n");
        if (n)
            add_flag(c, "--%.*s", (int)n, given);
        given += n + (given[n] == '\n');
    }
}

/* CELLCAST_SLOT_PORT_BASE is slot-port-base */
static bool is_variable_of(const char *variable, const char *flag)
{
    static const char prefix[] = "CELLCAST_";
    if (strncmp(variable, prefix, sizeof prefix - 1) != 0)
        return false;
    variable += sizeof prefix - 1;
    for (; *flag; flag++, variable++)
        if (*variable != (*flag == '-' ? '_' : toupper((unsigned char)*flag)))
            return false;
    return *variable == '=';
}

static bool is_ours(const char *variable)
{
    for (size_t i = 0; i < supervisor_option_count; i++)
        if (is_variable_of(variable, supervisor_option_specs[i].flag))
            return true;
    return is_variable_of(variable, "config");
}

static void add_environment(struct command *c, char *const *base)
{
    for (; *base; base++)
        if (!is_ours(*base))
            add(&c->env, &c->n_env, strdup(*base));
}

void command_socket(const struct supervisor_options *o, unsigned slot, bool second, char *ret_path,
                    size_t size)
{
    snprintf(ret_path, size, "%s/worker-%u%s.sock", o->run_dir, slot, second ? "-second" : "");
}

static void add_kafka(struct command *c, const struct supervisor_options *o)
{
    add_flag(c, "--kafka=%s", o->kafka);
    if (o->kafka_config[0])
        add_flag(c, "--kafka-config=%s", o->kafka_config);
}

struct command *command_new(const struct supervisor_options *o, const char *bin_path,
                            const struct child *child, const char *topic, uint64_t cell_start, char *const *base_env)
{
    enum child_role role = child->role;
    unsigned slot = child->slot;
    char socket[128];
    struct command *c = calloc(1, sizeof *c);
    assert(c);
    c->inherits = (struct inherits){-1, -1};
    c->path = strdup(bin_path);
    add_flag(c, "%s", roles[role].program);
    add_flag(c, "--cell=%s", o->cell);
    add_flag(c, "--slot=%u", slot);
    add_flag(c, "--run-dir=%s", o->run_dir);
    add_flag(c, "--log-level=%s", o->log_level);
    add_environment(c, base_env);
    if (role == ROLE_GATEWAY) {
        add_flag(c, "--port=%u", (unsigned)o->slot_port_base + slot);
        add_flag(c, "--sequencer=%s", o->sequencer);
        add_kafka(c, o);
        if (o->secret_file[0])
            add_flag(c, "--secret-file=%s", o->secret_file);
        if (o->tls_cert[0])
            add_flag(c, "--tls");
        add_given(c, o->gateway_option);
        return c;
    }
    add_kafka(c, o);
    add_flag(c, "--topic=%s", topic);
    add_flag(c, "--cell-start=%" PRIu64, cell_start);
    command_socket(o, slot, child->second, socket, sizeof socket);
    add_flag(c, "--socket=%s", socket);
    add_given(c, o->worker_option);
    char *postgres = NULL;
    if (o->postgres[0] && asprintf(&postgres, "CELLCAST_POSTGRES=%s", o->postgres) >= 0)
        add(&c->env, &c->n_env, postgres);
    return c;
}

static void free_list(char **list)
{
    for (char **at = list; at && *at; at++)
        free(*at);
    free(list);
}

void command_free(struct command *c)
{
    if (!c)
        return;
    free(c->path);
    free_list(c->argv);
    free_list(c->env);
    free(c);
}

static bool found(char *path, char **ret_path, struct buf *tried)
{
    if (path && access(path, X_OK) == 0) {
        *ret_path = path;
        return true;
    }
    buf_printf(tried, "%s%s", tried->n ? ", " : "", path ? path : "?");
    free(path);
    return false;
}

__attribute__((format(printf, 1, 2))) static char *path_of(const char *fmt, ...)
{
    char *path = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&path, fmt, args);
    va_end(args);
    return n < 0 ? NULL : path;
}

int command_find(const char *bin_dir, const char *self, enum child_role role, char **ret_path,
                 struct buf *ret_error)
{
    const char *program = roles[role].program, *slash = strrchr(self, '/');
    int n = slash ? (int)(slash - self) : 0;
    const char *folder = slash ? self : ".";
    struct buf tried;
    buf_init(&tried);
    bool ok;
    if (bin_dir[0])
        ok = found(path_of("%s/%s", bin_dir, program), ret_path, &tried);
    else
        ok = found(path_of("%.*s/%s", slash ? n : 1, folder, program), ret_path, &tried) ||
             found(path_of("%.*s/../%s/%s", slash ? n : 1, folder, roles[role].build_folder,
                           program),
                   ret_path, &tried);
    if (!ok)
        buf_printf(ret_error, "there is no %s: looked for %s; --bin-dir says where it is", program,
                   tried.p);
    buf_fini(&tried);
    return ok ? 0 : -ENOENT;
}

/* The value that argv[i] gives to the flag, and how many words it takes. -> NULL when it is another one */
static const char *value_at(int argc, char **argv, int i, const char *flag, int *ret_words)
{
    size_t n = strlen(flag);
    if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, flag, n) != 0)
        return NULL;
    if (argv[i][2 + n] == '=') {
        *ret_words = 1;
        return argv[i] + 3 + n;
    }
    if (argv[i][2 + n] != '\0' || i + 1 >= argc)
        return NULL;
    *ret_words = 2;
    return argv[i + 1];
}

int command_join(int argc, char **argv, const char *flag)
{
    struct buf all;
    int kept = 0, place = -1, words;
    buf_init(&all);
    for (int i = 0; i < argc; i++) {
        const char *value = i ? value_at(argc, argv, i, flag, &words) : NULL;
        if (!value) {
            argv[kept++] = argv[i];
            continue;
        }
        if (place < 0)
            place = kept++;
        buf_printf(&all, all.n ? "\n%s" : "%s", value);
        i += words - 1;
    }
    argv[kept] = NULL;
    if (place >= 0) {
        argv[place] = path_of("--%s=%s", flag, all.p ? all.p : ""); /* lives as long as argv */
        assert(argv[place]);
    }
    buf_fini(&all);
    return kept;
}
