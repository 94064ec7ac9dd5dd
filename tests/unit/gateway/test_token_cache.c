#include "token_cache.h"

#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW 1700000000LL
#define HOUR 3600
#define SET (TOKEN_CACHE_WAYS * sizeof(struct token_entry))

static struct gateway_metrics metrics;

static int memory(size_t bytes)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
    ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    return fd;
}

static void open_on(struct token_cache *c, int fd)
{
    token_cache_init(c, &metrics);
    ck_assert(token_cache_map(c, fd));
}

static struct token_name name_of(struct token_cache *c, const char *print, unsigned n)
{
    char text[32];
    snprintf(text, sizeof text, "token-%u", n);
    return token_name(c, bytes_str(print), bytes_str(text));
}

START_TEST(what_one_process_put_another_one_has)
{
    struct token_cache one, two;
    int fd = memory(64 * SET);
    open_on(&one, fd);
    open_on(&two, fd);
    struct token_name name = name_of(&one, "key", 1), other = name_of(&one, "key", 2);
    metrics = (struct gateway_metrics){0};
    ck_assert(!token_cache_has(&two, &name, NOW));
    token_cache_put(&one, &name, NOW + HOUR, NOW);
    token_cache_fini(&one); /* it has died */
    ck_assert(token_cache_has(&two, &name, NOW));
    ck_assert(!token_cache_has(&two, &other, NOW));
    ck_assert_uint_eq(metrics.tokens_remembered_total, 1);
    ck_assert_uint_eq(metrics.tokens_checked_total, 2);
    token_cache_fini(&two);
    close(fd);
}
END_TEST

START_TEST(a_token_is_remembered_under_its_key_alone)
{
    struct token_cache c;
    int fd = memory(64 * SET);
    open_on(&c, fd);
    struct token_name old = name_of(&c, "old key", 1), new = name_of(&c, "new key", 1);
    token_cache_put(&c, &old, NOW + HOUR, NOW);
    ck_assert(token_cache_has(&c, &old, NOW));
    ck_assert(!token_cache_has(&c, &new, NOW));
    token_cache_fini(&c);
    close(fd);
}
END_TEST

START_TEST(it_is_forgotten_at_its_end_and_after_a_day_at_the_latest)
{
    struct token_cache c;
    int fd = memory(64 * SET);
    open_on(&c, fd);
    struct token_name ends = name_of(&c, "key", 1), endless = name_of(&c, "key", 2), far = name_of(&c, "key", 3);
    token_cache_put(&c, &ends, NOW + 5, NOW);
    token_cache_put(&c, &endless, 0, NOW);
    token_cache_put(&c, &far, NOW + 1000LL * TOKEN_CACHE_STAY_S, NOW);
    ck_assert(token_cache_has(&c, &ends, NOW + 4));
    ck_assert(!token_cache_has(&c, &ends, NOW + 5));
    ck_assert(token_cache_has(&c, &endless, NOW + TOKEN_CACHE_STAY_S - 1));
    ck_assert(token_cache_has(&c, &far, NOW + TOKEN_CACHE_STAY_S - 1));
    ck_assert(!token_cache_has(&c, &endless, NOW + TOKEN_CACHE_STAY_S));
    ck_assert(!token_cache_has(&c, &far, NOW + TOKEN_CACHE_STAY_S));
    token_cache_fini(&c);
    close(fd);
}
END_TEST

START_TEST(a_full_set_gives_up_what_is_over_first)
{
    struct token_cache c;
    int fd = memory(SET);
    struct token_name name[TOKEN_CACHE_WAYS + 2];
    unsigned there = 0;
    open_on(&c, fd);
    for (unsigned i = 0; i < TOKEN_CACHE_WAYS + 2; i++)
        name[i] = name_of(&c, "key", i);
    for (unsigned i = 0; i < TOKEN_CACHE_WAYS; i++)
        token_cache_put(&c, &name[i], NOW + (i == 3 ? 5 : HOUR), NOW);
    token_cache_put(&c, &name[TOKEN_CACHE_WAYS], NOW + HOUR, NOW + 10);
    for (unsigned i = 0; i < TOKEN_CACHE_WAYS + 1; i++)
        ck_assert(token_cache_has(&c, &name[i], NOW + 10) == (i != 3));
    token_cache_put(&c, &name[TOKEN_CACHE_WAYS + 1], NOW + HOUR, NOW + 10);
    for (unsigned i = 0; i < TOKEN_CACHE_WAYS + 2; i++)
        there += token_cache_has(&c, &name[i], NOW + 10);
    ck_assert_uint_eq(there, TOKEN_CACHE_WAYS);
    ck_assert(token_cache_has(&c, &name[TOKEN_CACHE_WAYS + 1], NOW + 10));
    token_cache_fini(&c);
    close(fd);
}
END_TEST

START_TEST(only_memory_that_can_not_shrink_is_taken)
{
    struct token_cache c;
    char path[] = "/tmp/cellcast-test-XXXXXX";
    int file = mkstemp(path), bare = memfd_create("bare", MFD_CLOEXEC), small = memory(SET - 1);
    ck_assert_int_eq(ftruncate(file, 64 * SET), 0);
    ck_assert_int_eq(ftruncate(bare, 64 * SET), 0);
    token_cache_init(&c, &metrics);
    ck_assert(!token_cache_map(&c, file)); /* somebody's log, say */
    ck_assert(!token_cache_map(&c, bare));
    ck_assert(!token_cache_map(&c, small));
    ck_assert(!token_cache_map(&c, -1));
    struct token_name name = name_of(&c, "key", 1);
    token_cache_put(&c, &name, 0, NOW);
    ck_assert(!token_cache_has(&c, &name, NOW));
    token_cache_fini(&c);
    unlink(path);
    close(file);
    close(bare);
    close(small);
}
END_TEST

/* ---- killed in the middle */

#define WRITERS 4
#define ROUNDS 15

/* Puts tokens of its own, odd numbers, over the same few entries for ever. */
static void write_for_ever(int fd, unsigned first)
{
    struct token_cache c;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    open_on(&c, fd);
    for (unsigned n = 0;; n++) {
        struct token_name name = name_of(&c, "key", first + n % 64 * 2);
        token_cache_put(&c, &name, NOW + HOUR, NOW);
    }
}

/* Many write the same two sets at once and are killed anywhere. What nobody put is never there, and who is left puts
 * and finds as ever. */
START_TEST(writers_killed_at_any_moment_leave_nothing_that_nobody_put)
{
    int fd = memory(2 * SET);
    struct token_cache c;
    open_on(&c, fd);
    for (unsigned round = 0; round < ROUNDS; round++) {
        pid_t writers[WRITERS];
        for (unsigned i = 0; i < WRITERS; i++)
            if ((writers[i] = fork()) == 0)
                write_for_ever(fd, 1 + i * 1000);
        for (unsigned n = 0; n < 1000; n++) {
            struct token_name never = name_of(&c, "key", n * 2);
            ck_assert(!token_cache_has(&c, &never, NOW));
        }
        for (unsigned i = 0; i < WRITERS; i++) {
            kill(writers[i], SIGKILL);
            waitpid(writers[i], NULL, 0);
        }
        struct token_name mine = name_of(&c, "mine", round);
        token_cache_put(&c, &mine, NOW + HOUR, NOW);
        ck_assert(token_cache_has(&c, &mine, NOW));
    }
    token_cache_fini(&c);
    close(fd);
}
END_TEST

/* Every state that a kill between two stores can leave: the words of one name and of another one, in any mixture. */
START_TEST(half_an_entry_is_nobodys)
{
    struct token_cache c;
    int fd = memory(SET);
    open_on(&c, fd);
    struct token_name old = name_of(&c, "key", 1), new = name_of(&c, "key", 2);
    struct token_entry *e = c.entries;
    for (unsigned mix = 1; mix < 7; mix++) {
        for (unsigned i = 0; i < 3; i++)
            atomic_store(&e->name[i], mix >> i & 1 ? new.words[i] : old.words[i]);
        atomic_store(&e->until, NOW + HOUR);
        ck_assert(!token_cache_has(&c, &old, NOW));
        ck_assert(!token_cache_has(&c, &new, NOW));
    }
    token_cache_put(&c, &new, NOW + HOUR, NOW);
    ck_assert(token_cache_has(&c, &new, NOW));
    token_cache_fini(&c);
    close(fd);
}
END_TEST

UNIT_MAIN("gateway/token_cache", what_one_process_put_another_one_has, a_token_is_remembered_under_its_key_alone,
          it_is_forgotten_at_its_end_and_after_a_day_at_the_latest, a_full_set_gives_up_what_is_over_first,
          only_memory_that_can_not_shrink_is_taken, writers_killed_at_any_moment_leave_nothing_that_nobody_put,
          half_an_entry_is_nobodys)
