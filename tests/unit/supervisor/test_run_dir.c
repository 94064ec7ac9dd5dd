#include "run_dir.h"

#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char parent[64], folder[80], lock[112];
static struct buf why;
static mode_t mask;

static void setup(void)
{
    snprintf(parent, sizeof parent, "/tmp/cellcast-run-dir.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(parent));
    snprintf(folder, sizeof folder, "%s/a/b", parent);
    snprintf(lock, sizeof lock, "%s/supervisor.lock", folder);
    buf_init(&why);
    mask = umask(0);
}

static void teardown(void)
{
    umask(mask);
    unlink(lock);
    rmdir(folder);
    snprintf(folder, sizeof folder, "%s/a", parent);
    rmdir(folder);
    rmdir(parent);
    buf_fini(&why);
}

static unsigned mode_of(const char *path)
{
    struct stat is;
    ck_assert_int_eq(stat(path, &is), 0);
    return is.st_mode & 07777;
}

START_TEST(the_folder_that_it_makes_and_the_lock_are_nobody_elses)
{
    setup();
    int fd = run_dir_take(folder, &why);
    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(mode_of(folder), 0750);
    ck_assert_uint_eq(mode_of(lock), 0600);
    close(fd);
    teardown();
}
END_TEST

START_TEST(a_folder_that_is_there_keeps_its_mode_and_a_lock_that_others_could_read_does_not)
{
    setup();
    close(run_dir_take(folder, &why));
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(chmod(lock, 0644), 0);
    int fd = run_dir_take(folder, &why);
    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(mode_of(folder), 0755);
    ck_assert_uint_eq(mode_of(lock), 0600);
    close(fd);
    teardown();
}
END_TEST

START_TEST(one_supervisor_holds_it)
{
    setup();
    int fd = run_dir_take(folder, &why);
    ck_assert_int_eq(run_dir_take(folder, &why), -EBUSY);
    ck_assert_ptr_nonnull(strstr(why.p, "another supervisor's (pid "));
    close(fd);
    teardown();
}
END_TEST

START_TEST(a_full_disk_keeps_no_cell_from_starting)
{
    struct rlimit before, nothing;
    setup();
    close(run_dir_take(folder, &why));
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    nothing = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &nothing), 0);
    int fd = run_dir_take(folder, &why);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(run_dir_take(folder, &why), -EBUSY);
    close(fd);
    teardown();
}
END_TEST

UNIT_MAIN("supervisor/run_dir", a_full_disk_keeps_no_cell_from_starting, the_folder_that_it_makes_and_the_lock_are_nobody_elses,
          a_folder_that_is_there_keeps_its_mode_and_a_lock_that_others_could_read_does_not, one_supervisor_holds_it)
