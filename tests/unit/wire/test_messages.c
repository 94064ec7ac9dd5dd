/* Each message of messages.h against its hand-written file in tests/golden/wire, both ways.
 *
 *     # what it is
 *     FIELD TYPE VALUE = HEX
 *         HEX
 *
 * VALUE is a number, a "text" (with \xNN, \", \\), or ... for what the bytes say. HEX goes on
 * in lines that begin with a space; whatever stands behind # is for the reader. */
#include "wire/messages.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

struct field {
    const char *name, *type;
    size_t offset;
};

struct message {
    const char *name;
    const struct field *fields;
    size_t n_fields, size;
    void (*put)(struct buf *b, const void *m);
    int (*get)(struct bytes in, void *m);
    int (*next)(struct bytes *list, void *m);
};

#define DOORS(name, FIELDS)                                                                    \
    static void put_##name(struct buf *b, const void *m)                                       \
    {                                                                                          \
        wire_put_##name(b, m);                                                                 \
    }                                                                                          \
    static int get_##name(struct bytes in, void *m)                                            \
    {                                                                                          \
        return wire_get_##name(in, m);                                                         \
    }                                                                                          \
    static int next_##name(struct bytes *list, void *m)                                        \
    {                                                                                          \
        return wire_next_##name(list, m);                                                      \
    }
WIRE_MESSAGES(DOORS)

/* The rows of a table do not know the struct's name: each is made where `m` is one of them. */
#define TABLE_FIELD(type, name, help)                                                          \
    {#name, #type, (size_t)((const char *)&m->name - (const char *)m)},
#define TABLE(message_name, FIELDS)                                                            \
    static struct message table_##message_name(void)                                           \
    {                                                                                          \
        static struct message_name zero, *m = &zero;                                           \
        const struct field rows[] = {FIELDS(TABLE_FIELD)};                                     \
        struct field *fields = malloc(sizeof rows);                                            \
        memcpy(fields, rows, sizeof rows);                                                     \
        return (struct message){#message_name,                                                 \
                                fields,                                                        \
                                sizeof rows / sizeof *rows,                                    \
                                sizeof zero,                                                   \
                                put_##message_name,                                            \
                                get_##message_name,                                            \
                                next_##message_name};                                          \
    }
WIRE_MESSAGES(TABLE)

#define CALL(name, FIELDS) table_##name,
static struct message (*const tables[])(void) = {WIRE_MESSAGES(CALL)};
#define N_TABLES (sizeof tables / sizeof *tables)

struct golden {
    struct message of;
    struct buf wire;      /* what the file says in hex */
    struct buf texts[16]; /* values of str fields */
    uint64_t numbers[16]; /* values of the others */
    size_t starts[16];    /* in wire: where each field begins */
    size_t n;             /* fields read */
};

static void read_hex(struct golden *g, const char *at)
{
    unsigned byte;
    int used;
    while (sscanf(at, " %2x%n", &byte, &used) == 1) {
        buf_append_char(&g->wire, (char)byte);
        at += used;
    }
    at += strspn(at, " ");
    ck_assert_msg(*at == '#' || *at == '\n' || !*at, "%s: no hex: %s", g->of.name, at);
}

/* -> behind the closing quote */
static const char *read_text(const char *at, struct buf *into)
{
    for (at++; *at != '"'; at++) {
        unsigned byte = (unsigned char)*at;
        ck_assert(byte >= ' ');
        if (byte == '\\') {
            byte = (unsigned char)*++at;
            if (byte == 'x') {
                ck_assert_int_eq(sscanf(at + 1, "%2x", &byte), 1);
                at += 2;
            }
        }
        buf_append_char(into, (char)byte);
    }
    return at + 1;
}

static bool given_by_bytes[16];

static void read_field(struct golden *g, const char *line)
{
    char name[64], type[8];
    int used;
    ck_assert_msg(g->n < g->of.n_fields, "%s: more fields than its table: %s", g->of.name,
                  line);
    const struct field *f = &g->of.fields[g->n];
    ck_assert_int_eq(sscanf(line, "%63s %7s %n", name, type, &used), 2);
    ck_assert_msg(strcmp(name, f->name) == 0 && strcmp(type, f->type) == 0,
                  "%s: %s %s stands where %s %s belongs", g->of.name, type, name, f->type,
                  f->name);
    const char *at = line + used;
    given_by_bytes[g->n] = strncmp(at, "...", 3) == 0;
    if (*at == '"') {
        at = read_text(at, &g->texts[g->n]);
    } else if (given_by_bytes[g->n]) {
        at += 3;
    } else {
        char *end;
        g->numbers[g->n] = strtoull(at, &end, 10);
        at = end;
    }
    ck_assert_msg(strncmp(at, " = ", 3) == 0, "%s: no value: %s", g->of.name, line);
    g->starts[g->n++] = g->wire.n;
    read_hex(g, at + 3);
}

static void golden_init(struct golden *g, struct message of)
{
    char path[512], line[4096];
    snprintf(path, sizeof path, "%s/%s.hex", GOLDEN, of.name);
    FILE *f = fopen(path, "r");
    ck_assert_msg(f, "%s: each message has a golden file", path);
    *g = (struct golden){.of = of};
    while (fgets(line, sizeof line, f)) {
        if (line[0] == ' ')
            read_hex(g, line);
        else if (line[0] != '#')
            read_field(g, line);
    }
    fclose(f);
    ck_assert_msg(g->n == of.n_fields, "%s: %zu of %zu fields", of.name, g->n, of.n_fields);
    for (size_t i = 0; i < g->n; i++) {
        size_t end = i + 1 < g->n ? g->starts[i + 1] : g->wire.n;
        if (given_by_bytes[i])
            buf_append(&g->texts[i], g->wire.p + g->starts[i] + 4, end - g->starts[i] - 4);
    }
}

static void golden_fini(struct golden *g)
{
    for (size_t i = 0; i < 16; i++)
        buf_fini(&g->texts[i]);
    buf_fini(&g->wire);
    free((void *)g->of.fields);
}

/* The struct that the file describes. */
static void fill(const struct golden *g, char *m)
{
    for (size_t i = 0; i < g->n; i++) {
        void *field = m + g->of.fields[i].offset;
        const char *type = g->of.fields[i].type;
        if (strcmp(type, "str") == 0)
            *(struct bytes *)field = buf_bytes(&g->texts[i]);
        else if (strcmp(type, "u64") == 0)
            *(uint64_t *)field = g->numbers[i];
        else if (strcmp(type, "u32") == 0)
            *(uint32_t *)field = (uint32_t)g->numbers[i];
        else
            *(uint8_t *)field = (uint8_t)g->numbers[i];
    }
}

static void check_equal(const struct golden *g, const char *have, const char *want)
{
    for (size_t i = 0; i < g->n; i++) {
        size_t at = g->of.fields[i].offset;
        const char *type = g->of.fields[i].type;
        bool equal = strcmp(type, "str") == 0 ? bytes_equal(*(const struct bytes *)(have + at),
                                                            *(const struct bytes *)(want + at))
                                              : memcmp(have + at, want + at,
                                                       strcmp(type, "u64") == 0   ? 8
                                                       : strcmp(type, "u32") == 0 ? 4
                                                                                  : 1) == 0;
        ck_assert_msg(equal, "%s.%s", g->of.name, g->of.fields[i].name);
    }
}

static struct golden g;
static char want[512] __attribute__((aligned(16))), have[512] __attribute__((aligned(16)));

static void start(size_t i)
{
    golden_init(&g, tables[i]());
    ck_assert_uint_le(g.of.size, sizeof want);
    memset(want, 0, sizeof want);
    memset(have, 0x55, sizeof have);
    fill(&g, want);
}

START_TEST(every_message_is_encoded_as_its_golden_file_says)
{
    for (size_t i = 0; i < N_TABLES; i++) {
        struct buf b = {0};
        start(i);
        g.of.put(&b, want);
        ck_assert_msg(bytes_equal(buf_bytes(&b), buf_bytes(&g.wire)), "%s", g.of.name);
        buf_fini(&b);
        golden_fini(&g);
    }
}
END_TEST

START_TEST(every_golden_file_is_decoded_to_what_it_says)
{
    for (size_t i = 0; i < N_TABLES; i++) {
        start(i);
        ck_assert_int_eq(g.of.get(buf_bytes(&g.wire), have), 0);
        check_equal(&g, have, want);
        golden_fini(&g);
    }
}
END_TEST

START_TEST(a_frame_cut_short_anywhere_is_refused)
{
    for (size_t i = 0; i < N_TABLES; i++) {
        start(i);
        for (size_t n = 0; n < g.wire.n; n++) {
            char *cut = malloc(n ? n : 1); /* so that a sanitizer sees a read beyond it */
            memcpy(cut, g.wire.p, n);
            ck_assert_int_eq(g.of.get(bytes_of(cut, n), have), -EBADMSG);
            struct bytes list = bytes_of(cut, n);
            ck_assert_int_eq(g.of.next(&list, have), n ? -EBADMSG : 0);
            ck_assert_uint_eq(list.n, n);
            free(cut);
        }
        golden_fini(&g);
    }
}
END_TEST

START_TEST(fields_added_at_the_end_by_a_later_version_are_skipped)
{
    for (size_t i = 0; i < N_TABLES; i++) {
        start(i);
        buf_append_str(&g.wire, "what the future adds");
        ck_assert_int_eq(g.of.get(buf_bytes(&g.wire), have), 0);
        check_equal(&g, have, want);
        golden_fini(&g);
    }
}
END_TEST

START_TEST(a_list_gives_its_records_one_by_one)
{
    for (size_t i = 0; i < N_TABLES; i++) {
        struct buf three = {0};
        start(i);
        for (int k = 0; k < 3; k++)
            g.of.put(&three, want);
        struct bytes list = buf_bytes(&three);
        for (int k = 0; k < 3; k++) {
            ck_assert_int_eq(g.of.next(&list, have), 1);
            check_equal(&g, have, want);
        }
        ck_assert_int_eq(g.of.next(&list, have), 0);
        buf_fini(&three);
        golden_fini(&g);
    }
}
END_TEST

UNIT_MAIN("wire/messages", every_message_is_encoded_as_its_golden_file_says,
          every_golden_file_is_decoded_to_what_it_says, a_frame_cut_short_anywhere_is_refused,
          fields_added_at_the_end_by_a_later_version_are_skipped,
          a_list_gives_its_records_one_by_one)
