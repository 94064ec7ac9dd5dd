#include "kafka/access.h"

#include "kafka/conf.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What a file may say; with a point at its end: anything that begins so. */
static const char *const names[] = {"security.protocol", "ssl.", "sasl.", "enable.ssl.certificate.verification", "enable.sasl.", "broker.address.family",
                                    "client.rack", "debug"};

static char *rows[KAFKA_ACCESS_LINES + 1][2];
static size_t n_rows;

const char *const (*kafka_access_rows(void))[2]
{
    return (const char *const(*)[2])rows;
}

static void forget(void)
{
    for (; n_rows > 0; n_rows--) {
        free(rows[n_rows - 1][0]);
        free(rows[n_rows - 1][1]);
        rows[n_rows - 1][0] = NULL;
    }
}

static bool is_known(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);
        if (names[i][n - 1] == '.' ? strncmp(name, names[i], n) == 0 : strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static char *trim(char *text)
{
    size_t n = strlen(text);
    while (n && isspace((unsigned char)text[n - 1]))
        text[--n] = 0;
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

static char *copy(const char *text)
{
    char *own = strdup(text);
    assert(own);
    return own;
}

/* -> what is wrong with it, or NULL */
static const char *take_line(char *line)
{
    char *text = trim(line), *is = strchr(text, '=');
    if (!*text || *text == '#')
        return NULL;
    if (!is)
        return "no name=value";
    *is = 0;
    if (!is_known(trim(text)))
        return "only security.protocol, ssl.*, sasl.*, enable.ssl.certificate.verification, enable.sasl.*, broker.address.family, client.rack and debug may be "
               "said, as librdkafka has them";
    if (n_rows == KAFKA_ACCESS_LINES)
        return "too many lines";
    rows[n_rows][0] = copy(trim(text));
    rows[n_rows++][1] = copy(trim(is + 1));
    return NULL;
}

/* A client that is made and let go: certificates are read, and whether this librdkafka has the mechanism is seen. */
static bool try_rows(struct buf *ret_error)
{
    rd_kafka_conf_t *conf = kafka_conf_new("127.0.0.1:1", "access", NULL, ret_error);
    if (!conf)
        return false;
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_t *client = kafka_client_new(RD_KAFKA_PRODUCER, conf, ret_error);
    if (client)
        rd_kafka_destroy(client);
    return client != NULL;
}

static int read_lines(FILE *f, const char *file, struct buf *ret_error)
{
    char line[KAFKA_ACCESS_LINE + 2];
    for (unsigned number = 1; fgets(line, sizeof line, f); number++) {
        const char *wrong = strlen(line) > KAFKA_ACCESS_LINE ? "too long" : take_line(line);
        if (!wrong)
            continue;
        buf_printf(ret_error, "--kafka-config=%s, line %u: %s", file, number, wrong);
        return -EINVAL;
    }
    return 0;
}

int kafka_access_read(const char *file, struct buf *ret_error)
{
    struct buf why = {0};
    forget();
    if (!*file)
        return 0;
    FILE *f = fopen(file, "re");
    if (!f) {
        int error = -errno;
        buf_printf(ret_error, "--kafka-config=%s: %s", file, strerror(-error));
        return error;
    }
    int error = read_lines(f, file, ret_error);
    fclose(f);
    if (error == 0 && !try_rows(&why)) {
        buf_printf(ret_error, "--kafka-config=%s: %.*s", file, BYTES_FMT(buf_bytes(&why)));
        error = -EINVAL;
    }
    buf_fini(&why);
    return error;
}
