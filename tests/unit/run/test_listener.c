#include "run/listener.h"

#include "loop.h"
#include "run/address.h"
#include "run/log.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ev_loop *loop;
static struct listener *l;
static struct buf why;
static unsigned accepted;
static char last_peer[64], path[64];

static void on_accepted(void *owner, int fd, const struct address *peer)
{
    accepted++;
    address_text(peer, last_peer, sizeof last_peer);
    ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    if (owner)
        listener_pause(l, true);
}

static int listen_on(const char *address)
{
    if (!loop)
        loop = ev_default_loop(EVBACKEND_EPOLL);
    log_init("test", LOG_LEVEL_ERROR);
    snprintf(path, sizeof path, "/tmp/cellcast-test-%d.sock", (int)getpid());
    accepted = 0;
    buf_clear(&why);
    return listener_new(loop, address, 16, on_accepted, NULL, &l, &why);
}

/* -> descriptor, or -errno */
static int connect_to(const char *address)
{
    struct address all[ADDRESSES_MAX];
    ck_assert_int_gt(address_resolve(address, false, all, NULL), 0);
    int fd = socket(all[0].any.sa_family, SOCK_STREAM, 0);
    if (connect(fd, &all[0].any, all[0].n) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static int connect_tcp(void)
{
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", listener_port(l));
    return connect_to(address);
}

START_TEST(port_0_is_any_free_port_and_the_peer_is_named)
{
    ck_assert_int_eq(listen_on("127.0.0.1:0"), 0);
    ck_assert_int_gt(listener_port(l), 0);
    int fd = connect_tcp();
    ck_assert_int_ge(fd, 0);
    ck_assert(loop_until(loop, accepted == 1));
    ck_assert_str_eq(last_peer, "127.0.0.1");
    close(fd);
    listener_free(l);
}
END_TEST

START_TEST(an_address_in_use_is_refused_with_the_reason)
{
    char address[32];
    struct listener *second = NULL;
    ck_assert_int_eq(listen_on("127.0.0.1:0"), 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", listener_port(l));
    ck_assert_int_eq(listener_new(loop, address, 16, on_accepted, NULL, &second, &why),
                     -EADDRINUSE);
    ck_assert_ptr_null(second);
    ck_assert_ptr_nonnull(strstr(why.p, address));
    ck_assert_ptr_nonnull(strstr(why.p, "Address already in use"));
    listener_free(l);
    ck_assert_int_eq(listen_on("nonsense"), -EINVAL);
    ck_assert_str_eq(why.p, "can't listen on nonsense: \"nonsense\" is no address: host:port, "
                            "[IPv6]:port, :port or /path");
}
END_TEST

START_TEST(a_unix_socket_is_served_and_its_file_removed)
{
    struct stat is;
    listen_on("127.0.0.1:0");
    listener_free(l);
    ck_assert_int_eq(listen_on(path), 0);
    ck_assert_int_eq(listener_port(l), 0);
    int fd = connect_to(path);
    ck_assert(loop_until(loop, accepted == 1));
    ck_assert_str_eq(last_peer, "");
    close(fd);
    listener_free(l);
    ck_assert_int_lt(stat(path, &is), 0);
}
END_TEST

START_TEST(the_socket_file_of_a_dead_process_is_replaced_one_that_answers_is_not)
{
    struct listener *second = NULL;
    struct address all[ADDRESSES_MAX];
    ck_assert_int_eq(address_resolve(path, true, all, NULL), 1);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(dead, &all[0].any, all[0].n), 0);
    close(dead);
    ck_assert_int_eq(listen_on(path), 0);
    ck_assert_int_eq(listener_new(loop, path, 16, on_accepted, NULL, &second, &why),
                     -EADDRINUSE);
    listener_free(l);
}
END_TEST

START_TEST(a_socket_file_is_nobody_elses_whatever_the_umask)
{
    static const struct {
        mode_t umask, want;
    } cases[] = {{0, 0660}, {022, 0640}, {077, 0600}};
    struct stat is;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mode_t before = umask(cases[i].umask);
        ck_assert_int_eq(listen_on(path), 0);
        umask(before);
        ck_assert_int_eq(stat(path, &is), 0);
        ck_assert_uint_eq(is.st_mode & 07777, cases[i].want);
        listener_free(l);
    }
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_left_alone)
{
    struct stat is;
    close(open(path, O_CREAT | O_WRONLY, 0600));
    ck_assert_int_eq(listen_on(path), -EADDRINUSE);
    ck_assert_int_eq(stat(path, &is), 0);
    unlink(path);
}
END_TEST

START_TEST(the_file_of_a_successor_is_left_alone)
{
    struct stat is;
    ck_assert_int_eq(listen_on(path), 0);
    unlink(path);
    struct listener *first = l;
    ck_assert_int_eq(listen_on(path), 0);
    listener_free(first);
    ck_assert_int_eq(stat(path, &is), 0);
    listener_free(l);
    ck_assert_int_lt(stat(path, &is), 0);
}
END_TEST

START_TEST(a_paused_listener_accepts_nothing_until_it_goes_on)
{
    struct buf none = {0};
    listen_on("127.0.0.1:0");
    listener_free(l);
    ck_assert_int_eq(
        listener_new(loop, "127.0.0.1:0", 16, on_accepted, "pause at the first", &l, &none), 0);
    int a = connect_tcp(), b = connect_tcp();
    ck_assert(loop_until(loop, accepted == 1));
    loop_for(loop, 20);
    ck_assert_uint_eq(accepted, 1);
    listener_pause(l, false);
    ck_assert(loop_until(loop, accepted == 2));
    close(a);
    close(b);
    listener_free(l);
}
END_TEST

START_TEST(without_free_descriptors_accepting_pauses_and_comes_back)
{
    struct rlimit was, none;
    log_init("test", LOG_LEVEL_ERROR + 1);
    ck_assert_int_eq(listen_on("127.0.0.1:0"), 0);
    log_init("test", LOG_LEVEL_ERROR + 1);
    int fd = connect_tcp(), top = dup(fd);
    getrlimit(RLIMIT_NOFILE, &was);
    none = was;
    none.rlim_cur = (rlim_t)top + 1;
    setrlimit(RLIMIT_NOFILE, &none);
    unsigned turns = ev_iteration(loop);
    loop_for(loop, 150);
    ck_assert_uint_eq(accepted, 0);
    ck_assert_uint_lt(ev_iteration(loop) - turns, 1000); /* it does not spin */
    setrlimit(RLIMIT_NOFILE, &was);
    ck_assert(loop_until(loop, accepted == 1));
    close(top);
    close(fd);
    listener_free(l);
    listener_free(NULL);
    buf_fini(&why);
}
END_TEST

UNIT_MAIN("run/listener", port_0_is_any_free_port_and_the_peer_is_named,
          an_address_in_use_is_refused_with_the_reason,
          a_unix_socket_is_served_and_its_file_removed,
          the_socket_file_of_a_dead_process_is_replaced_one_that_answers_is_not,
          a_socket_file_is_nobody_elses_whatever_the_umask, a_file_that_is_no_socket_is_left_alone, the_file_of_a_successor_is_left_alone,
          a_paused_listener_accepts_nothing_until_it_goes_on,
          without_free_descriptors_accepting_pauses_and_comes_back)
