/* Cells by name, as messages carry them: a list of cell_name. */
#ifndef WIRE_CELL_NAMES_H
#define WIRE_CELL_NAMES_H

#include "wire/messages.h"

static inline bool cell_names_have(struct bytes list, struct bytes name)
{
    struct cell_name one;
    while (wire_next_cell_name(&list, &one) > 0)
        if (bytes_equal(one.name, name))
            return true;
    return false;
}

#endif
