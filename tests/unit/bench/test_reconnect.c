#include "reconnect.h"

#include "unit.h"

START_TEST(the_first_return_is_spread_already)
{
    ck_assert_uint_eq(reconnect_delay_ms(0, 0), 500);
    ck_assert_uint_eq(reconnect_delay_ms(0, 500), 1000);
    ck_assert_uint_eq(reconnect_delay_ms(0, 501), 500);
}
END_TEST

START_TEST(the_spread_doubles_up_to_the_most)
{
    for (unsigned tries = 0; tries < 20; tries++) {
        uint32_t most = 0;
        for (uint64_t random = 0; random <= RECONNECT_MAX_MS; random += 500) {
            uint32_t delay = reconnect_delay_ms(tries, random);
            ck_assert_uint_ge(delay, RECONNECT_MIN_MS);
            most = delay > most ? delay : most;
        }
        uint32_t want = tries < 6 ? 500 + (500u << tries) : RECONNECT_MAX_MS;
        ck_assert_uint_eq(most, want < RECONNECT_MAX_MS ? want : RECONNECT_MAX_MS);
    }
}
END_TEST

UNIT_MAIN("bench/reconnect", the_first_return_is_spread_already,
          the_spread_doubles_up_to_the_most)
