/* One line per event on standard error, logfmt: `ts=… level=warn proc=gateway-1 event=link_lost peer=sequencer … msg="…"`.
 * Log where it is decided, once, with the consequence and the numbers. An event is one word.
 *
 * A format is pairs, then words for whoever reads it: "peer=%s errno=%s its channels wait". log_line makes logfmt of that: each
 * pair ends with its word of the format, whatever its value holds; values are quoted and escaped where they must be, and always
 * where the format quotes them; from the first word on that is no pair the rest is the value of msg. A `;` or `,` of the format
 * behind a pair's value is left out. So nobody's text can begin a pair, nor a line, nor drive a terminal.
 * Conversions: %d %i %u %x %X %c with none, l, ll or z; %s, %.*s, %f, %p, %%. tests/deploy/test_logs.py looks at all calls. */
#ifndef RUN_LOG_H
#define RUN_LOG_H

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

void log_init(const char *process, enum log_level least); /* process: "gateway-1" */
int log_level_parse(const char *text, enum log_level *ret_level); /* debug, info, warn, error -> 0, -EINVAL */
void log_line(enum log_level level, const char *event, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define log_debug(event, ...) log_line(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) log_line(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) log_line(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_line(LOG_LEVEL_ERROR, event, __VA_ARGS__)

#endif
