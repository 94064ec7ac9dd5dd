/* A snapshot as a child might send it: whatever it holds, the page stays a page. */
#include "run/metrics.h"

#include "fuzz.h"

static void check_page(const struct buf *page)
{
    for (const char *line = page->p; line && *line;) {
        const char *end = strchr(line, '\n');
        FUZZ_CHECK(end);
        FUZZ_CHECK(strncmp(line, "# HELP cellcast_", 16) == 0 ||
                   strncmp(line, "# TYPE cellcast_", 16) == 0 ||
                   strncmp(line, "cellcast_", 9) == 0);
        line = end + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct metrics_page *p = metrics_page_new();
    struct buf page = {0}, again = {0};
    int answer = metrics_page_add(p, "cell=\"a\"", bytes_of(data, size));
    metrics_page_render(p, &page);
    FUZZ_CHECK(answer == 0 || page.n == 0);
    check_page(&page);
    /* Refused where one name has two kinds: in the first snapshot the first of them counted. */
    (void)metrics_page_add(p, "cell=\"b\"", bytes_of(data, size));
    metrics_page_render(p, &again);
    FUZZ_CHECK(again.n >= page.n);
    metrics_page_free(p);
    buf_fini(&page);
    buf_fini(&again);
    return 0;
}
