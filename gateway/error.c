#include "error.h"

struct error {
    uint32_t code;
    const char *message;
    bool temporary;
    int http;
};

static const struct error errors[] = {
#define ERROR(code, message, temporary, http) {code, message, temporary, http},
#include "errors.def"
#undef ERROR
};

static const struct error *find(uint32_t code)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == code)
            return &errors[i];
    return errors;
}

const char *error_message(uint32_t code)
{
    return find(code)->message;
}

bool error_temporary(uint32_t code)
{
    return find(code)->temporary;
}

int error_http(uint32_t code)
{
    return find(code)->http;
}

void error_json(struct buf *into, uint32_t code, bool with_temporary)
{
    const struct error *e = find(code);
    buf_printf(into, "{\"code\":%u,\"message\":\"%s\"%s}", e->code, e->message,
               with_temporary && e->temporary ? ",\"temporary\":true" : "");
}
