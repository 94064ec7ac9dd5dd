#include "command.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct supervisor_options options = {
    .cell = "a",
    .run_dir = "/run/here",
    .log_level = "debug",
    .sequencer = "one:7100,two:7100",
    .kafka = "k:9092",
    .postgres = "host=db password=secret",
    .slot_port_base = 8100,
    .gateway_option = "write-max-bytes=4096\nquick",
    .worker_option = "",
    .tls_cert = "",
    .secret_file = "",
    .kafka_config = "",
};

static bool has_word(char **words, const char *wanted)
{
    while (*words && strcmp(*words, wanted) != 0)
        words++;
    return *words;
}

static struct command *command_of(const struct supervisor_options *o, enum child_role role, unsigned slot, char *const *env)
{
    return command_new(o, "/bin/x", &(struct child){.role = role, .slot = slot}, "cellcast.a", 1700000000000, env);
}

static struct command *command(enum child_role role, unsigned slot, char *const *env)
{
    return command_of(&options, role, slot, env);
}

static void ck_words(char **have, const char *const *want)
{
    for (; *want; have++, want++)
        ck_assert_str_eq(*have, *want);
    ck_assert_ptr_null(*have);
}

START_TEST(gateways_alone_are_told_where_the_secret_is)
{
    struct supervisor_options with = options;
    with.secret_file = "/etc/cellcast/secret";
    struct command *gateway = command_of(&with, ROLE_GATEWAY, 1, (char *[]){NULL});
    struct command *worker = command_of(&with, ROLE_WORKER, 1, (char *[]){NULL});
    ck_assert(has_word(gateway->argv, "--secret-file=/etc/cellcast/secret"));
    ck_assert(!has_word(worker->argv, "--secret-file=/etc/cellcast/secret"));
    command_free(gateway);
    command_free(worker);
}
END_TEST

START_TEST(gateways_and_workers_are_told_how_brokers_are_reached)
{
    struct supervisor_options with = options;
    with.kafka_config = "/etc/cellcast/kafka.conf";
    for (enum child_role role = ROLE_GATEWAY; role <= ROLE_WORKER; role++) {
        struct command *c = command_of(&with, role, 1, (char *[]){NULL});
        ck_assert(has_word(c->argv, "--kafka-config=/etc/cellcast/kafka.conf"));
        command_free(c);
    }
}
END_TEST

START_TEST(a_gateway_gets_its_flags_and_those_given_for_it_come_last)
{
    struct command *c = command(ROLE_GATEWAY, 3, (char *[]){NULL});
    const char *const want[] = {"cellcast-gateway", "--cell=a", "--slot=3", "--run-dir=/run/here",
                                "--log-level=debug", "--port=8103", "--sequencer=one:7100,two:7100",
                                "--kafka=k:9092", "--write-max-bytes=4096", "--quick", NULL};
    ck_words(c->argv, want);
    ck_assert_str_eq(c->path, "/bin/x");
    command_free(c);
}
END_TEST

START_TEST(where_the_public_port_speaks_tls_a_gateway_knows_it)
{
    struct supervisor_options secure = options;
    secure.tls_cert = "/etc/cert";
    struct command *gateway = command_of(&secure, ROLE_GATEWAY, 1, (char *[]){NULL});
    struct command *worker = command_of(&secure, ROLE_WORKER, 1, (char *[]){NULL});
    ck_assert(has_word(gateway->argv, "--tls"));
    ck_assert(!has_word(worker->argv, "--tls"));
    ck_assert_int_eq(gateway->inherits.tokens, -1);
    command_free(gateway);
    command_free(worker);
}
END_TEST

START_TEST(a_worker_gets_the_topic_and_the_conninfo_where_nobody_can_read_it)
{
    struct command *c = command(ROLE_WORKER, 2, (char *[]){NULL});
    const char *const want[] = {"cellcast-fanout-worker", "--cell=a", "--slot=2", "--run-dir=/run/here",
                                "--log-level=debug", "--kafka=k:9092", "--topic=cellcast.a", "--cell-start=1700000000000",
                                "--socket=/run/here/worker-2.sock", NULL};
    const char *const env[] = {"CELLCAST_POSTGRES=host=db password=secret", NULL};
    ck_words(c->argv, want);
    ck_words(c->env, env);
    command_free(c);
}
END_TEST

START_TEST(a_worker_has_two_names_by_turns)
{
    char path[64];
    command_socket(&options, 2, true, path, sizeof path);
    ck_assert_str_eq(path, "/run/here/worker-2-second.sock");
    command_socket(&options, 2, false, path, sizeof path);
    ck_assert_str_eq(path, "/run/here/worker-2.sock");
}
END_TEST

START_TEST(our_own_variables_are_not_passed_on_and_all_others_are)
{
    char *const ours[] = {"HOME=/x", "CELLCAST_ADMIN=127.0.0.1:1", "CELLCAST_SLOT_PORT_BASE=1",
                          "CELLCAST_WRITE_MAX_BYTES=1", "CELLCAST_ADMINISTRATOR=me", "CELLCAST_CONFIG=f",
                          "CELLCAST_POSTGRES=old", NULL};
    const char *const want[] = {"HOME=/x", "CELLCAST_WRITE_MAX_BYTES=1", "CELLCAST_ADMINISTRATOR=me", NULL};
    struct command *c = command(ROLE_GATEWAY, 1, ours);
    ck_words(c->env, want);
    command_free(c);
}
END_TEST

START_TEST(a_flag_given_several_times_becomes_one)
{
    char *argv[] = {"prog", "--gateway-option=a=1", "--cell=b", "--gateway-option", "c", "--gateway-options=z", NULL};
    ck_assert_int_eq(command_join(6, argv, "gateway-option"), 4);
    const char *const want[] = {"prog", "--gateway-option=a=1\nc", "--cell=b", "--gateway-options=z", NULL};
    ck_words(argv, want);
    free(argv[1]);
}
END_TEST

START_TEST(a_flag_that_is_not_there_or_lacks_its_value_is_left_to_the_parser)
{
    char *argv[] = {"prog", "--cell=b", "--gateway-option", NULL};
    ck_assert_int_eq(command_join(3, argv, "gateway-option"), 3);
    const char *const want[] = {"prog", "--cell=b", "--gateway-option", NULL};
    ck_words(argv, want);
}
END_TEST

static int remove_one(const char *path, const struct stat *is, int type, struct FTW *at)
{
    return remove(path);
}

static void touch(const char *path)
{
    close(open(path, O_CREAT | O_WRONLY, 0755));
}

START_TEST(programs_are_found_beside_us_or_in_the_build_tree_or_the_places_tried_are_named)
{
    char folder[] = "/tmp/test-command-XXXXXX", path[128], self[128], *found;
    struct buf error;
    buf_init(&error);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/supervisor", folder);
    mkdir(path, 0700);
    snprintf(self, sizeof self, "%s/supervisor/cellcast-supervisor", folder);
    ck_assert_int_eq(command_find("", self, ROLE_WORKER, &found, &error), -ENOENT);
    ck_assert_ptr_nonnull(strstr(error.p, "supervisor/cellcast-fanout-worker, "));
    ck_assert_ptr_nonnull(strstr(error.p, "/../fanout-worker/cellcast-fanout-worker"));

    snprintf(path, sizeof path, "%s/fanout-worker", folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/fanout-worker/cellcast-fanout-worker", folder);
    touch(path);
    ck_assert_int_eq(command_find("", self, ROLE_WORKER, &found, &error), 0);
    ck_assert_ptr_nonnull(strstr(found, "/../fanout-worker/"));
    free(found);

    snprintf(path, sizeof path, "%s/supervisor/cellcast-fanout-worker", folder);
    touch(path);
    ck_assert_int_eq(command_find("", self, ROLE_WORKER, &found, &error), 0);
    ck_assert_str_eq(found, path);
    free(found);
    ck_assert_int_eq(command_find(folder, self, ROLE_WORKER, &found, &error), -ENOENT);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    buf_fini(&error);
}
END_TEST

UNIT_MAIN("supervisor/command", gateways_alone_are_told_where_the_secret_is, gateways_and_workers_are_told_how_brokers_are_reached, a_gateway_gets_its_flags_and_those_given_for_it_come_last,
          where_the_public_port_speaks_tls_a_gateway_knows_it, a_worker_gets_the_topic_and_the_conninfo_where_nobody_can_read_it,
          a_worker_has_two_names_by_turns,
          our_own_variables_are_not_passed_on_and_all_others_are, a_flag_given_several_times_becomes_one,
          a_flag_that_is_not_there_or_lacks_its_value_is_left_to_the_parser,
          programs_are_found_beside_us_or_in_the_build_tree_or_the_places_tried_are_named)
