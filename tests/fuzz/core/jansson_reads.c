#include "jansson_reads.h"

#include <jansson.h>

bool jansson_reads(struct bytes text)
{
    json_t *root = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    bool read = root != NULL;
    json_decref(root);
    return read;
}
