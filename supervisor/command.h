/* The command line of a child: program, flags and environment. Pure, but for looking for the program. */
#ifndef SUPERVISOR_COMMAND_H
#define SUPERVISOR_COMMAND_H

#include "child.h"
#include "options.h"
#include "spawn.h"

struct command {
    char *path;
    char **argv; /* NULL-ended */
    char **env;  /* NULL-ended */
    size_t n_argv, n_env;
    struct inherits inherits; /* borrowed descriptors */
};

/* Where gateways find a worker. It has two such names and takes the other one when it is replaced while it still works. */
void command_socket(const struct supervisor_options *o, unsigned slot, bool second, char *ret_path,
                    size_t size);

/* topic: of the cell. cell_start: of the supervisor, ms since 1970. base_env: the supervisor's environment. What of it names an option of the supervisor itself is
 * left out: --listen and --admin of the supervisor are not the child's. The conninfo goes into the environment, since
 * anybody may read a command line, and it may hold a password. */
struct command *command_new(const struct supervisor_options *o, const char *bin_path,
                            const struct child *child, const char *topic, uint64_t cell_start, char *const *base_env);
void command_free(struct command *c);

/* Path of a role's program: in bin_dir, else beside `self` (path of our own binary), else where a meson build tree has
 * it. -> 0 and a path that the caller frees, or -ENOENT with what was tried in ret_error */
int command_find(const char *bin_dir, const char *self, enum child_role role, char **ret_path,
                 struct buf *ret_error);

/* --gateway-option and --worker-option may be given several times; options.h takes a flag once. Joins the values of
 * `flag` in argv with a newline into its first place and drops the others. -> the new argc */
int command_join(int argc, char **argv, const char *flag);

#endif
