/* cellcastctl VERB …: what an operator does with a cell. */
#include "ctl.h"
#include "run/option_help.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct option_spec specs[] = {
#define OPT(flag, TYPE, field, dflt, min, max, unit, help)                                         \
    {flag, OPTION_##TYPE, offsetof(struct ctl_options, field), dflt, min, max, unit, help},
#include "ctl_options.def"
#undef OPT
};

static const struct verb {
    const char *name, *words;
    unsigned least, most;
    const char *help;
    int (*run)(const struct ctl_options *o, char *const *words);
} verbs[] = {
#define CTL_ROW(name, words, least, most, help) {#name, words, least, most, help, ctl_##name},
    CTL_VERBS(CTL_ROW)};
#define VERB_COUNT (sizeof verbs / sizeof *verbs)

#define CTL_LINE(name, words, least, most, help) "\n  " #name " " words "\n      " help
static const char summary[] = "configures, scales and looks at a cell\n\nVerbs:" CTL_VERBS(CTL_LINE);

static unsigned count(char *const *words)
{
    unsigned n = 0;
    while (words[n])
        n++;
    return n;
}

static int unknown(const char *word)
{
    const struct verb *nearest = &verbs[0];
    for (size_t i = 1; i < VERB_COUNT; i++)
        if (option_distance(bytes_str(word), bytes_str(verbs[i].name)) <
            option_distance(bytes_str(word), bytes_str(nearest->name)))
            nearest = &verbs[i];
    ctl_say("no verb \"%s\"; did you mean %s? --help lists them", word, nearest->name);
    return CTL_USAGE;
}

static int run(const struct ctl_options *o, char *const *words)
{
    if (!words[0]) {
        ctl_say("a verb is wanted; --help lists them");
        return CTL_USAGE;
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(words[0], verbs[i].name) != 0)
            continue;
        if (count(words + 1) >= verbs[i].least && count(words + 1) <= verbs[i].most)
            return verbs[i].run(o, words + 1);
        ctl_say("usage: %s%s%s", verbs[i].name, verbs[i].words[0] ? " " : "", verbs[i].words);
        return CTL_USAGE;
    }
    return unknown(words[0]);
}

int main(int argc, char **argv)
{
    struct ctl_options options;
    struct buf text;
    char **words;
    int code = CTL_USAGE;
    buf_init(&text);
    int answer = options_parse("cellcastctl", summary, specs, sizeof specs / sizeof *specs,
                               &options, argc, argv, &words, &text);
    if (answer == OPTIONS_RUN)
        code = run(&options, words);
    else if (answer == OPTIONS_PRINT)
        code = printf("%s\n", text.p) < 0;
    else
        ctl_say("%s", text.p);
    buf_fini(&text);
    return code;
}
