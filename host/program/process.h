/* What a well-behaved process does for itself before and after its work. */
#ifndef SIGNALBOX_PROCESS_H
#define SIGNALBOX_PROCESS_H

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

/* The running program and its folder, or NULL where they can't be told. Allocated. */
char *process_path(void);
char *process_folder(void);

#endif
