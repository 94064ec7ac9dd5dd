/* The delta format of Fossil, as the Centrifuge protocol has it (protocol.md 10.1): a target told as pieces of a base that
 * the other side has, and bytes that are new.
 *
 *     delta    = size "\n" *( n "@" offset "," / n ":" n bytes ) checksum ";"
 *     integers = base 64, most significant digit first: 0-9 A-Z _ a-z ~
 *     checksum = sum of the target's big-endian 32-bit words, the last one filled up with zeros
 *
 * Linear in the sizes; 16 KB of stack. Base and target are below 4 GiB. */
#ifndef CORE_FOSSIL_H
#define CORE_FOSSIL_H

#include "core/buf.h"

/* What a delta may cut. */
enum fossil_cut {
    FOSSIL_BYTES,  /* anywhere */
    FOSSIL_POINTS, /* base and target are UTF-8, and so is the delta: only between code points */
};

/* Appends the delta that makes `target` of `base`. It may be longer than the target itself. */
void fossil_encode(struct buf *into, struct bytes base, struct bytes target, enum fossil_cut cut);

#endif
