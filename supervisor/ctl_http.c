#include "ctl_http.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>

static size_t on_bytes(char *p, size_t one, size_t n, void *into)
{
    struct buf *b = into;
    if (b->n + n > ANSWER_MAX)
        return 0;
    buf_append(b, p, n);
    return n;
}

static void join(const char *base, const char *path, struct buf *ret_url)
{
    size_t n = strlen(base);
    while (n && base[n - 1] == '/')
        n--;
    buf_printf(ret_url, "%s%.*s%s", strstr(base, "://") ? "" : "http://", (int)n, base, path);
}

int ctl_http(const char *method, const char *base, const char *path, int64_t timeout_ms,
             struct buf *into, struct buf *ret_error)
{
    char why[CURL_ERROR_SIZE] = "";
    long status = 0;
    struct buf url;
    CURL *c = curl_easy_init();
    assert(c);
    buf_init(&url);
    join(base, path, &url);
    curl_easy_setopt(c, CURLOPT_URL, url.p);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    if (strcmp(method, "POST") == 0)
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_NOPROXY, "*"); /* an admin port is not reached through a proxy */
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, into);
    CURLcode code = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK)
        buf_printf(ret_error, "%s: %s", url.p, why[0] ? why : curl_easy_strerror(code));
    curl_easy_cleanup(c);
    buf_fini(&url);
    return code == CURLE_OK ? (int)status : -EIO;
}
