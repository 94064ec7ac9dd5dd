/* Runs the real cellcast-supervisor with fake children (fake_child.c) in a folder of its own, without PostgreSQL: the
 * configuration is the copy in RUNDIR. One at a time; everything fails the test when it takes longer than 20 s. */
#ifndef TESTS_CELL_RUN_H
#define TESTS_CELL_RUN_H

#include "core/buf.h"

#include <sys/types.h>

struct cell_run {
    char folder[64];  /* RUNDIR */
    pid_t pid;        /* of the supervisor; 0: ended */
    int port, admin_port;
    struct buf answer; /* body of the last http() */
};

#define CONFIG(version)                                                                                      \
    "{\"version\":" #version ",\"cells\":[{\"name\":\"a\",\"topic\":\"cellcast.a\",\"partitions\":8}],"      \
    "\"tenants\":[],\"namespaces\":[],\"api_keys\":[]}"

void cell_run_prepare(struct cell_run *r);                 /* folder and programs; nothing runs yet */
void cell_run_configure(struct cell_run *r, const char *json); /* between these two: another configuration */
void cell_run_start(struct cell_run *r, const char *const *flags); /* NULL-ended; with a configuration */
void cell_run_start_bare(struct cell_run *r, const char *const *flags); /* without */
void cell_run_end(struct cell_run *r);                     /* kills what runs, removes the folder */
int cell_run_wait(struct cell_run *r);                     /* for its end -> exit code, or -signal */
/* -> HTTP status of the admin port; the body is in r->answer */
int http(struct cell_run *r, const char *method, const char *path);
/* Connects to the public port, says a line, reads all. ret: the text without its line break, or "" after 300 ms */
void dial_in(struct cell_run *r, const char *says, char *ret, size_t size);
int dial_only(struct cell_run *r, const char *says); /* -> descriptor */
int dial_silently(struct cell_run *r);               /* -> descriptor */
/* What comes of it until its end. ret: as of dial_in */
void hear_all(int fd, char *ret, size_t size);
void order(struct cell_run *r, const char *child, const char *what); /* writes RUNDIR/do-CHILD */
/* Number of lines of RUNDIR/told-CHILD that begin with what */
unsigned told(struct cell_run *r, const char *child, const char *what);
bool says(struct cell_run *r, const char *path, const char *text); /* GET path contains text */
pid_t pid_of(struct cell_run *r, const char *child);               /* 0: none */
bool logged(struct cell_run *r, const char *text);

#define wait_until(r, condition)                                                                             \
    do {                                                                                                     \
        int tries_ = 2000;                                                                                   \
        while (!(condition) && --tries_ > 0)                                                                 \
            usleep(10000);                                                                                   \
        if (tries_ <= 0)                                                                                     \
            cell_run_show_log(r);                                                                            \
        ck_assert_msg(tries_ > 0, "not within 20 s: %s", #condition);                                        \
    } while (0)
void cell_run_show_log(struct cell_run *r);

#endif
