#include "ws_deflate.h"

#include <string.h>

#define NAME "permessage-deflate"
#define TERMS "; server_no_context_takeover; client_no_context_takeover"
#define END "\r\n"
#define RSV1 0x40
#define CONTROL 0x08 /* in an opcode */

/* Terms that the client offers are not echoed; ours are in the answer. */
static const struct lws_ext_options none[] = {{NULL, EXTARG_NONE}};

static void mark(struct lws *wsi, struct lws_tokens *frame)
{
    struct ws_deflate *d = ws_deflate_of(wsi);
    if (d && d->marks && frame->len && !(frame->token[0] & CONTROL))
        frame->token[0] |= RSV1;
}

static int on_extension(struct lws_context *context, const struct lws_extension *ext, struct lws *wsi,
                        enum lws_extension_callback_reasons reason, void *user, void *in, size_t n)
{
    struct ws_deflate *d = ws_deflate_of(wsi);
    switch (reason) {
    case LWS_EXT_CB_CONSTRUCT:
        *(const struct lws_ext_options **)in = none;
        if (d)
            d->agreed = true;
        return d ? 0 : -1;
    case LWS_EXT_CB_PACKET_TX_PRESEND:
        mark(wsi, in);
        return 0;
    default:
        return 0; /* payloads stay as they are */
    }
}

const struct lws_extension ws_deflate_extensions[] = {{NAME, on_extension, NAME}, {NULL, NULL, NULL}};

/* With a smaller window than ours what is compressed for all could not be read by this one. */
int ws_deflate_confirm(struct lws *wsi)
{
    char offer[512];
    if (lws_hdr_copy(wsi, offer, sizeof offer, WSI_TOKEN_EXTENSIONS) < 0)
        return 1;
    return strstr(offer, "server_max_window_bits") != NULL;
}

/* libwebsockets has written the extension's name and the line's end just before, and can't be told of terms of ours. */
int ws_deflate_answer(struct ws_deflate *d, struct lws_process_html_args *headers)
{
    static const char written[] = NAME END;
    size_t n = sizeof written - 1;
    if (!d->agreed)
        return 0;
    if (headers->max_len < (int)sizeof TERMS || memcmp(headers->p - n, written, n) != 0)
        return -1;
    headers->p = (char *)mempcpy(headers->p - (sizeof END - 1), TERMS END, sizeof TERMS END - 1);
    return 0;
}
