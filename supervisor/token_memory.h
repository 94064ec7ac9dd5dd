/* The memory in which the cell's gateways remember tokens that were checked (gateway/token_cache.h): a file without a
 * name, as long as the supervisor lives. All zero is empty; nothing of it is read or written here. */
#ifndef SUPERVISOR_TOKEN_MEMORY_H
#define SUPERVISOR_TOKEN_MEMORY_H

#include <stdint.h>

/* bytes: its size for good; 0: none wanted. -> descriptor (close-on-exec), or -1 and a line in the log: every gateway
 * then checks every token */
int token_memory_new(int64_t bytes);

#endif
