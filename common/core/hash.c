#include "core/hash.h"

#include "core/random.h"

static uint64_t key0, key1;

__attribute__((constructor)) static void draw_key(void)
{
    key0 = random_u64();
    key1 = random_u64();
}

static inline uint64_t rotate(uint64_t v, int bits)
{
    return v << bits | v >> (64 - bits);
}

struct sip {
    uint64_t a, b, c, d;
};

static inline void sip_round(struct sip *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = rotate(s->b, 13) ^ s->a;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a = rotate(s->a, 32);
    s->c += s->b;
    s->a += s->d;
    s->b = rotate(s->b, 17) ^ s->c;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c = rotate(s->c, 32);
}

static uint64_t hash_keyed(struct bytes in, uint64_t k0, uint64_t k1)
{
    struct sip s = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                    k1 ^ 0x7465646279746573};
    size_t whole = in.n & ~(size_t)7;
    uint64_t word;
    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, in.p + i, 8);
        s.d ^= word;
        sip_round(&s);
        s.a ^= word;
    }
    word = 0;
    if (in.n > whole)
        memcpy(&word, in.p + whole, in.n - whole);
    word |= (uint64_t)in.n << 56;
    s.d ^= word;
    sip_round(&s);
    s.a ^= word;
    s.c ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

uint64_t hash_bytes(struct bytes s)
{
    return hash_keyed(s, key0, key1);
}

uint64_t hash_seeded(struct bytes s, uint64_t seed)
{
    return hash_keyed(s, seed, hash_u64(seed));
}

uint64_t hash_u64(uint64_t v)
{
    v += 0x9e3779b97f4a7c15;
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
    v = (v ^ v >> 27) * 0x94d049bb133111eb;
    return v ^ v >> 31;
}
