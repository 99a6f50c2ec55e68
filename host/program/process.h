/* What a well-behaved process does for itself before and after its work. */
#ifndef SIGNALBOX_PROCESS_H
#define SIGNALBOX_PROCESS_H

#include <limits.h>
#include <stdbool.h>

/* Exit codes of the contract. A signal's are 128 and its number, by dying of it. */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_FOUND = 3
};

/* Descriptors 0 to 2 are open from here on, SIGPIPE ends the process as the shell expects, and
 * output that could not be written makes the exit a failure. */
void process_prepare(void);

/* The running program and its folder; false where they can't be told. */
bool process_path(char path[PATH_MAX]);
bool process_folder(char path[PATH_MAX]);

/* What to start for another process of this very program: its path, or, where an upgrade has put
 * another file there, what the system still knows of the first. `path` is room for it. */
const char *process_again(char path[PATH_MAX]);

#endif
