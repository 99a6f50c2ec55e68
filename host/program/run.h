/* Runs a command: a script of the user's, or one of those that are looked up by name. */
#ifndef SIGNALBOX_RUN_H
#define SIGNALBOX_RUN_H

/* An option that stands before the command, by its name without the dashes. */
typedef struct Flag {
    const char *name;
    const char *value; /* NULL where it was not given */
} Flag;

/* Runs the command argv[at] with the words behind it in a Lua state of its own, and returns what
 * the process is to exit with. `flags` ends with a NULL name. Does not return where a signal ended
 * it: the process dies of that signal, after it has cleaned up. */
int run_command(int argc, char **argv, int at, const Flag flags[]);

#endif
