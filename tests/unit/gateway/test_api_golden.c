/* tests/golden/gateway/api_requests.txt, which says how it is written. */
#include "api_help.h"

static char method[16], path[64], key[64];
static size_t next_op;

static void send_body(const char *body)
{
    api_send((struct api_request){.http_method = bytes_str(method),
                                  .path = bytes_str(path),
                                  .api_key = bytes_str(strcmp(key, "-") ? key : ""),
                                  .body = bytes_str(body)});
    next_op = 0;
}

static void check_answer(int line, const char *text)
{
    char have[1000];
    snprintf(have, sizeof have, "%d %.*s", api.status, BYTES_FMT(buf_bytes(&api.body)));
    have[strcspn(have, "\n")] = 0;
    ck_assert_msg(api.times == 1, "line %d: %d answers, %zu operations wait", line, api.times,
                  fake_waiting());
    ck_assert_msg(strcmp(have, text) == 0, "line %d\nhave %s\nwant %s", line, have, text);
}

static void step(int line, const char *text)
{
    unsigned a = 0, b = 0;
    int n;
    if (text[0] == '#' || text[0] == 0)
        return;
    if (text[0] == '>')
        send_body(text + 2);
    else if (text[0] == '<')
        check_answer(line, text + 2);
    else if ((n = sscanf(text, "published %u %u", &a, &b)) > 0)
        fake_published(next_op++, n == 1 ? a : 0, n == 1 ? 0 : a, b);
    else if (sscanf(text, "presence %u %u", &a, &b) == 2)
        fake_presence(next_op++, 0, a, b, BYTES(""));
    else if (sscanf(text, "head %u %u", &a, &b) == 2)
        fake_range(next_op++, 0, a, b, BYTES(""));
    else
        ck_assert_msg(sscanf(text, "%15s %63s %63s", method, path, key) == 3, "line %d", line);
}

START_TEST(requests_are_answered_as_written_down)
{
    char text[2000];
    int line = 0;
    FILE *f = fopen(GOLDEN "/api_requests.txt", "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(text, sizeof text, f)) {
        text[strcspn(text, "\n")] = 0;
        step(++line, text);
    }
    fclose(f);
    ck_assert_int_gt(line, 50);
    api_end();
}
END_TEST

UNIT_MAIN("gateway/api_golden", requests_are_answered_as_written_down)
