#include "kafka/access.h"

#include "kafka/conf.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int read_text(const char *text, struct buf *ret_error)
{
    char path[] = "/tmp/cellcast-kafka-access-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
    int error = kafka_access_read(path, ret_error);
    unlink(path);
    return error;
}

static void is_refused(const char *text, const char *why)
{
    struct buf error = {0};
    ck_assert_int_eq(read_text(text, &error), -EINVAL);
    ck_assert_msg(strstr(error.p, "--kafka-config=/tmp/cellcast-kafka-access-") && strstr(error.p, why), "%s", error.p);
    buf_fini(&error);
}

START_TEST(clients_go_by_what_the_file_says)
{
    struct buf error = {0};
    char value[64];
    size_t n = sizeof value;
    ck_assert_int_eq(read_text("# of the brokers\n\n security.protocol = SASL_PLAINTEXT \r\nsasl.mechanism=SCRAM-SHA-256\nsasl.username=cellcast\nsasl.password=a=b #c\n", &error), 0);
    rd_kafka_conf_t *conf = kafka_conf_new("127.0.0.1:1", "test", NULL, &error);
    ck_assert_ptr_nonnull(conf);
    ck_assert_int_eq(rd_kafka_conf_get(conf, "security.protocol", value, &n), RD_KAFKA_CONF_OK);
    ck_assert_str_eq(value, "sasl_plaintext");
    n = sizeof value;
    ck_assert_int_eq(rd_kafka_conf_get(conf, "sasl.password", value, &n), RD_KAFKA_CONF_OK);
    ck_assert_str_eq(value, "a=b #c");
    rd_kafka_conf_destroy(conf);
    ck_assert_int_eq(kafka_access_read("", &error), 0);
}
END_TEST

START_TEST(no_file_is_plain_connections)
{
    struct buf error = {0};
    ck_assert_int_eq(kafka_access_read("", &error), 0);
    ck_assert_ptr_null((*kafka_access_rows())[0]);
    ck_assert_int_eq(kafka_access_read("/nowhere/kafka.conf", &error), -ENOENT);
    ck_assert_str_eq(error.p, "--kafka-config=/nowhere/kafka.conf: No such file or directory");
    buf_fini(&error);
}
END_TEST

START_TEST(a_name_that_is_not_the_operators_is_refused)
{
    is_refused("security.protocol=ssl\nacks=1\n", "line 2: only security.protocol");
}
END_TEST

START_TEST(a_line_without_a_name_is_refused)
{
    is_refused("SASL_SSL\n", "line 1: no name=value");
}
END_TEST

START_TEST(a_name_that_librdkafka_does_not_know_is_refused)
{
    is_refused("ssl.nonsense=1\n", "No such configuration property: \"ssl.nonsense\"");
}
END_TEST

START_TEST(a_value_that_will_not_do_is_refused)
{
    is_refused("security.protocol=tls\n", "Invalid value \"tls\" for configuration property \"security.protocol\"");
}
END_TEST

START_TEST(a_certificate_that_is_not_there_is_told)
{
    is_refused("security.protocol=ssl\nssl.ca.location=/nowhere/ca.pem\n", "ssl.ca.location failed");
}
END_TEST

START_TEST(what_is_too_much_is_refused)
{
    static char text[KAFKA_ACCESS_LINES * 16 + KAFKA_ACCESS_LINE + 64];
    memset(text, 0, sizeof text);
    for (int i = 0; i <= KAFKA_ACCESS_LINES; i++)
        strcat(text, "client.rack=a\n");
    is_refused(text, "line 65: too many lines");
}
END_TEST

START_TEST(a_line_that_is_too_long_is_refused)
{
    static char text[KAFKA_ACCESS_LINE + 16];
    memset(text, 'x', KAFKA_ACCESS_LINE + 1);
    is_refused(text, "line 1: too long");
}
END_TEST

UNIT_MAIN("access", clients_go_by_what_the_file_says, no_file_is_plain_connections, a_name_that_is_not_the_operators_is_refused, a_line_without_a_name_is_refused,
          a_name_that_librdkafka_does_not_know_is_refused, a_value_that_will_not_do_is_refused, a_certificate_that_is_not_there_is_told, what_is_too_much_is_refused,
          a_line_that_is_too_long_is_refused)
