/* Command-line options of a process, from one table. Sources, the first that speaks wins: flag (`--name=value` or
 * `--name value`, `--flag` / `--no-flag` for BOOL), environment (CELLCAST_NAME), file (--config=FILE, a JSON object of
 * "name": value), default. Every process has --help, --version, --config and --print-config besides its own.
 *
 *     // gateway/options.def — OPT(flag, TYPE, field, default, min, max, unit, help)
 *     OPT("write-max-bytes", SIZE, write_max_bytes, "16384", 1024, 1048576, "bytes", "most that one gathered write …")
 *
 *     struct gateway_options {
 *     #define OPT(flag, TYPE, field, ...) OPTION_CTYPE_##TYPE field;
 *     #include "options.def"
 *     #undef OPT
 *     };
 *     static const struct option_spec specs[] = {
 *     #define OPT(flag, TYPE, field, dflt, min, max, unit, help) \
 *         {flag, OPTION_##TYPE, offsetof(struct gateway_options, field), dflt, min, max, unit, help},
 *     #include "options.def"
 *     #undef OPT
 *     };
 */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include "core/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum option_type {
    OPTION_TEXT,     /* const char *, "" when nothing was said; min, max: length */
    OPTION_INT,      /* int64_t */
    OPTION_SIZE,     /* int64_t bytes; accepts 16384, 16k, 4M, 1G (powers of 1024) */
    OPTION_DURATION, /* int64_t ms; accepts 500ms, 4s, 10m, 7h, 7d; a bare number is ms; min, max in ms */
    OPTION_BOOL,     /* bool; true/false, yes/no, on/off, 1/0 */
};
#define OPTION_CTYPE_TEXT const char *
#define OPTION_CTYPE_INT int64_t
#define OPTION_CTYPE_SIZE int64_t
#define OPTION_CTYPE_DURATION int64_t
#define OPTION_CTYPE_BOOL bool

struct option_spec {
    const char *flag; /* without the dashes */
    enum option_type type;
    size_t offset;
    const char *dflt; /* text, parsed like a value */
    int64_t min, max;
    const char *unit; /* for --help, or "" */
    const char *help;
};

enum options_answer {
    OPTIONS_RUN = 0,   /* go on */
    OPTIONS_PRINT = 1, /* ret_text is what was asked for (--help, --version, --print-config): print it, exit 0 */
};

/* Fills `options` (a struct whose offsets the specs name). Texts live until the process ends. Words that are no
 * options are an error unless ret_words is given (cellcastctl): it then gets a NULL-ended array of them.
 * An unknown flag names the nearest known one; a bad value says what would be right, and where it came from.
 * -> OPTIONS_RUN, OPTIONS_PRINT, or -EINVAL with the message in ret_text */
int options_parse(const char *program, const char *summary, const struct option_spec *specs, size_t n_specs,
                  void *options, int argc, char **argv, char ***ret_words, struct buf *ret_text);

#endif
