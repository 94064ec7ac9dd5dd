/* cellcast-floor: what fan-out costs when it is nothing but send(); its last line on standard
 * output is one JSON object. */
#include "floor.h"

#include "run/log.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SUMMARY                                                                                \
    "Sends framed messages to everybody who connects: the floor that a gateway's CPU is "      \
    "compared with."

static void read_options(int argc, char **argv, struct floor_options *options)
{
    struct buf text = {0};
    int answer = options_parse("cellcast-floor", SUMMARY, floor_option_specs,
                               floor_option_count, options, argc, argv, NULL, &text);
    if (answer != OPTIONS_RUN) {
        fprintf(answer == OPTIONS_PRINT ? stdout : stderr, "%.*s\n",
                BYTES_FMT(buf_bytes(&text)));
        exit(answer == OPTIONS_PRINT ? 0 : 2);
    }
    buf_fini(&text);
}

static void be_child(const struct floor_options *options, struct floor_board *board)
{
    struct buf error = {0};
    int status = floor_run(options, board, &error);
    if (status < 0)
        log_error("not_started", "why=%.*s", BYTES_FMT(buf_bytes(&error)));
    _exit(status < 0 ? 1 : 0);
}

static void print(const struct floor_board *board)
{
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    printf("{\"sent\":%llu,\"cut\":%llu,\"upgraded\":%llu,\"cpu_s\":%.3f}\n",
           (unsigned long long)board->sent, (unsigned long long)board->cut,
           (unsigned long long)board->upgraded,
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
}

int main(int argc, char **argv)
{
    static struct floor_options options;
    int failed = 0, status;
    read_options(argc, argv, &options);
    log_init("floor", LOG_LEVEL_INFO);
    struct floor_board *board =
        mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(board != MAP_FAILED);
    signal(SIGTERM, SIG_IGN); /* the children's: a group's signal ends them, and they us */
    for (int64_t i = 0; i < options.processes; i++) {
        pid_t pid = fork();
        assert(pid >= 0);
        if (pid == 0)
            be_child(&options, board);
    }
    while (wait(&status) > 0)
        failed |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    print(board);
    return failed;
}
