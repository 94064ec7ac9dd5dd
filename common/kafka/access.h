/* How this process's clients reach their brokers, and as whom: TLS and SASL, as an operator says it in librdkafka's own words (its
 * CONFIGURATION.md; kcat and confluent-kafka take the same lines). A file of
 *
 *     # comment
 *     security.protocol=SASL_SSL
 *     sasl.mechanism=SCRAM-SHA-512
 *     sasl.username=cellcast
 *     sasl.password=…
 *     ssl.ca.location=/etc/cellcast/kafka-ca.pem
 *
 * What our promises stand on (acknowledgements, idempotence, offsets) is not the operator's. */
#ifndef KAFKA_ACCESS_H
#define KAFKA_ACCESS_H

#include "core/buf.h"

#define KAFKA_ACCESS_LINES 64  /* of a file, at most */
#define KAFKA_ACCESS_LINE 4096 /* bytes of one, at most */

/* Reads it, before any client is made: they all go by it. "": plain connections. -> 0, or -errno with the reason in ret_error: an unknown name, a value
 * that will not do, a certificate that is not there */
int kafka_access_read(const char *file, struct buf *ret_error);
/* -> rows of name and value, NULL at the end; the process's */
const char *const (*kafka_access_rows(void))[2];

#endif
