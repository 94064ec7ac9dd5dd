/* Fields of a command. null is as good as absent, and leaves what `ret` holds. A field of a
 * wrong type: the op is finished as malformed, and the command has nothing more to do. */
#ifndef GATEWAY_API_PARAMS_H
#define GATEWAY_API_PARAMS_H

#include "api_call.h"

void api_fields_find(struct api_op *op); /* fills op->fields; before anything else */

/* Decoded; lives as long as the op. -> false: malformed */
bool api_text(struct api_op *op, enum api_field field, struct bytes *ret);
bool api_bool(struct api_op *op, enum api_field field, bool *ret);
bool api_i64(struct api_op *op, enum api_field field, int64_t *ret);
bool api_u64(struct api_op *op, enum api_field field, uint64_t *ret);
/* The checked slice as it stands. -> false: malformed; true with `ret` untouched when absent */
bool api_object(struct api_op *op, enum api_field field, struct bytes *ret);
bool api_array(struct api_op *op, enum api_field field, struct bytes *ret);
/* JSON of `field`, or of `b64_field` in Base64, which wins; one line. -> false: malformed */
bool api_json(struct api_op *op, enum api_field field, enum api_field b64_field, struct bytes *ret);
/* Decodes one string inside a field. Each is to be decoded once: op->memory has room for that.
 * -> false: it is none */
bool api_item(struct api_op *op, struct bytes item, struct bytes *ret);
/* Field `channel`, resolved for the key's tenant. -> false: the op is finished (malformed, or
 * 102, 103, 107) */
bool api_channel(struct api_op *op, struct config_channel *ret);
/* config_resolve, with the detail of what it answers */
uint32_t api_resolve(struct api_op *op, const struct config_tenant *asker, struct bytes spelling, struct config_channel *ret);

#endif
