/* One line per event on standard error, logfmt: `ts=… level=warn proc=gateway-1 event=link_lost peer=sequencer …`.
 * Log where it is decided, once, with the consequence and the numbers. Values with spaces or quotes are quoted by the
 * caller's format (%s with LOG_TEXT is not needed: log escapes line breaks itself). An event is one word. */
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
