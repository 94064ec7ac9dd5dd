#include "decimal.h"

static struct bytes take_digits(struct bytes *text)
{
    size_t n = 0;
    while (n < text->n && text->p[n] >= '0' && text->p[n] <= '9')
        n++;
    struct bytes digits = bytes_of(text->p, n);
    *text = bytes_of(text->p + n, text->n - n);
    return digits;
}

bool decimal_read(struct bytes text, struct decimal *ret)
{
    struct decimal d = {0};
    if (text.n && (*text.p == '-' || *text.p == '+')) {
        d.negative = *text.p == '-';
        text = bytes_of(text.p + 1, text.n - 1);
    }
    d.whole = take_digits(&text);
    if (d.whole.n == 0)
        return false;
    if (text.n && *text.p == '.') {
        text = bytes_of(text.p + 1, text.n - 1);
        d.part = take_digits(&text);
        if (d.part.n == 0)
            return false;
    }
    if (text.n)
        return false;
    for (; d.whole.n && *d.whole.p == '0'; d.whole.p++)
        d.whole.n--;
    while (d.part.n && d.part.p[d.part.n - 1] == '0')
        d.part.n--;
    d.negative &= d.whole.n || d.part.n;
    *ret = d;
    return true;
}

static int compare_digits(struct bytes a, struct bytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_sizes(const struct decimal *a, const struct decimal *b)
{
    if (a->whole.n != b->whole.n)
        return a->whole.n < b->whole.n ? -1 : 1;
    int order = compare_digits(a->whole, b->whole);
    return order ? order : compare_digits(a->part, b->part);
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    return a->negative ? compare_sizes(b, a) : compare_sizes(a, b);
}
