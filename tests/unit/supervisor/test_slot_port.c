#include "slot_port.h"

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static struct slot_ports p;

/* -> whether somebody listens there */
static bool dial(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool is = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    close(fd);
    return is;
}

/* A port that nobody has, below the ephemeral ones. */
static unsigned free_port(void)
{
    for (unsigned port = 21000 + (unsigned)getpid() % 1000;; port++)
        if (!dial(port))
            return port;
}

START_TEST(a_slots_port_is_one_socket_until_it_is_closed)
{
    unsigned port = free_port();
    slot_ports_init(&p, port - 3);
    int fd = slot_port_open(&p, 3);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(slot_port_open(&p, 3), fd);
    ck_assert(dial(port));
    slot_port_close(&p, 3);
    slot_port_close(&p, 3);
    ck_assert(!dial(port));
    slot_ports_fini(&p);
}
END_TEST

START_TEST(a_port_that_another_one_has_is_none_and_is_tried_again)
{
    struct slot_ports other;
    unsigned port = free_port();
    slot_ports_init(&other, port - 1);
    slot_ports_init(&p, port - 1);
    ck_assert_int_ge(slot_port_open(&other, 1), 0);
    ck_assert_int_eq(slot_port_open(&p, 1), -EADDRINUSE);
    slot_ports_fini(&other);
    ck_assert_int_ge(slot_port_open(&p, 1), 0);
    slot_ports_fini(&p);
}
END_TEST

UNIT_MAIN("supervisor/slot_port", a_slots_port_is_one_socket_until_it_is_closed,
          a_port_that_another_one_has_is_none_and_is_tried_again)
