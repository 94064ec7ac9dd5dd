#include "reading.h"

#include "unit.h"

#include "core/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static int sender, reader;

static void connect_both(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    getsockname(listener, (struct sockaddr *)&at, &n);
    reader = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(reading_init(reader), 0);
    ck_assert_int_eq(connect(reader, (struct sockaddr *)&at, sizeof at), 0);
    sender = accept(listener, NULL, NULL);
    close(listener);
}

/* The kernel's switch for stamps is thrown by a worker thread: the first packets may go
 * without. */
static void wait_for_stamps(void)
{
    struct stamp at = {0};
    char text[8];
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(send(sender, "x", 1, 0), 1);
        usleep(20000);
        if (reading_take(reader, text, sizeof text, &at) > 0 && at.kernel_us != at.user_us)
            return;
    }
    ck_abort_msg("the kernel gives no stamps");
}

START_TEST(what_waits_unread_keeps_the_time_at_which_it_came)
{
    struct stamp at = {0};
    char text[8];
    connect_both();
    ck_assert_int_eq(reading_take(reader, text, sizeof text, &at), -EAGAIN);
    wait_for_stamps();
    uint64_t before = clock_real_us();
    ck_assert_int_eq(send(sender, "abc", 3, 0), 3);
    usleep(50000);
    ck_assert_int_eq(reading_take(reader, text, sizeof text, &at), 3);
    ck_assert(at.kernel_us >= before);
    ck_assert(at.user_us >= before + 50000);
    ck_assert(at.kernel_us < at.user_us);
    close(sender);
    ck_assert_int_eq(reading_take(reader, text, sizeof text, &at), 0);
    close(reader);
}
END_TEST

UNIT_MAIN("bench/reading", what_waits_unread_keeps_the_time_at_which_it_came)
