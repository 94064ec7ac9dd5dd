#include "wire/messages.h"

#include <errno.h>

WIRE_MESSAGES(WIRE_DEFINE)
