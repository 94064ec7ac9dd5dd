/* Plays the transcripts of tests/golden/gateway/transcripts (the first one says how they are written). */
#include "fake_edges.h"
#include "unit.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>

static struct gateway_options options;
static struct gateway g;
static struct ws_socket *client;
static struct buf message;
static char *got, *rest; /* lines that the client got and that were not asked for yet */
static const char *file;
static int line_number;

#define HERE "%s:%d"

static bool is_like(const json_t *have, const json_t *want)
{
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_string(want) && strcmp(json_string_value(want), "*") == 0)
        return json_is_string(have);
    if (json_typeof(have) != json_typeof(want))
        return false;
    if (json_is_object(want)) {
        if (json_object_size(have) != json_object_size(want))
            return false;
        json_object_foreach((json_t *)want, key, value) {
            const json_t *mine = json_object_get(have, key);
            if (!mine || !is_like(mine, value))
                return false;
        }
        return true;
    }
    if (!json_is_array(want))
        return json_equal(have, want);
    if (json_array_size(have) != json_array_size(want))
        return false;
    json_array_foreach(want, i, value) {
        if (!is_like(json_array_get(have, i), value))
            return false;
    }
    return true;
}

static const char *next_line(void)
{
    if (!rest || !*rest) {
        free(got);
        rest = got = edges_take(client);
    }
    ck_assert_msg(*rest != 0, HERE " the client got nothing more", file, line_number);
    return strsep(&rest, "\n");
}

static void expect_like(const char *text)
{
    const char *line = next_line();
    json_t *have = json_loads(line, 0, NULL), *want = json_loads(text, 0, NULL);
    ck_assert_msg(have && want && is_like(have, want), HERE " the client got %s", file, line_number, line);
    json_decref(have);
    json_decref(want);
}

static void expect_same(const char *text)
{
    const char *line = next_line();
    ck_assert_msg(strcmp(line, text) == 0, HERE " the client got %s", file, line_number, line);
}

static void expect_silence(void)
{
    if (!rest || !*rest) {
        free(got);
        rest = got = edges_take(client);
    }
    ck_assert_msg(*rest == 0, HERE " the client got this, too: %s", file, line_number, rest);
}

static void flush_message(void)
{
    if (message.n)
        edges_say(client, message.p);
    buf_clear(&message);
}

static void worker(const char *text)
{
    char channel[300];
    unsigned long long epoch, seq;
    int at = 0;
    if (sscanf(text, "subscribed %299s %llu %llu", channel, &epoch, &seq) == 3)
        edges_subscribed(&g, channel, epoch, seq);
    else if (sscanf(text, "publish %299s %llu %llu %n", channel, &epoch, &seq, &at) == 3 && at)
        edges_publish(&g, channel, epoch, seq, text + at);
    else
        ck_abort_msg(HERE " not understood", file, line_number);
}

static void expect_close(const char *text)
{
    char have[200];
    snprintf(have, sizeof have, "%u %s", client->close_code, client->close_reason);
    ck_assert_msg(strcmp(have, text) == 0, HERE " closed with %s", file, line_number, have);
}

static void act(const char *line)
{
    const char *text = strlen(line) > 3 ? line + (line[1] == '>' ? 3 : 2) : "";
    if (line[0] == 'C') {
        if (message.n)
            buf_append_char(&message, '\n');
        buf_append_str(&message, text);
        return;
    }
    flush_message();
    switch (line[0]) {
    case 'S':
        expect_like(text);
        break;
    case '=':
        expect_same(text);
        break;
    case 'W':
        worker(text);
        break;
    case 'T':
        edges_pass(&g, atoi(text));
        break;
    case 'X':
        expect_close(text);
        break;
    case 'N':
        expect_silence();
        edges_leave(client);
        client = edges_connect(&g);
        break;
    default:
        ck_abort_msg(HERE " not understood", file, line_number);
    }
}

static void play(const char *path)
{
    char line[10000];
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    file = strrchr(path, '/') + 1;
    gateway_options_default(&options);
    edges_start(&g, &options);
    client = edges_connect(&g);
    for (line_number = 1; fgets(line, sizeof line, f); line_number++) {
        line[strcspn(line, "\n")] = 0;
        if (line[0] != '#' && line[0])
            act(line);
    }
    flush_message();
    expect_silence();
    fclose(f);
    free(got);
    got = rest = NULL;
    buf_fini(&message);
    edges_stop(&g);
}

static int is_transcript(const struct dirent *d)
{
    return strstr(d->d_name, ".txt") != NULL;
}

START_TEST(every_transcript_plays_as_it_is_written)
{
    struct dirent **files;
    char path[4096];
    int n = scandir(GOLDEN "/transcripts", &files, is_transcript, alphasort);
    ck_assert_int_ge(n, 6);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, GOLDEN "/transcripts/%s", files[i]->d_name);
        play(path);
        free(files[i]);
    }
    free(files);
}
END_TEST

UNIT_MAIN("transcript", every_transcript_plays_as_it_is_written)
