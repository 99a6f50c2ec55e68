/* What a process gives up before it runs a stranger's code.
 *
 * Debian's Lua 5.4.4 has memory errors that a script can reach, so the Lua state is no wall: this
 * is. After it the process can compute, read what it has open, and write to one descriptor; it can
 * open, map, lock, start, connect, signal and change nothing, whatever runs in it. The filter is
 * written by hand because it is a page of table; libseccomp would be one more library to load in a
 * process that starts in two milliseconds. */
#ifndef SIGNALBOX_SANDBOX_LOCKDOWN_H
#define SIGNALBOX_SANDBOX_LOCKDOWN_H

#include <stdbool.h>
#include <stddef.h>

typedef struct LockdownOptions {
    int write_fd;     /* the only descriptor that may be written to */
    size_t memory;    /* bytes of address space beyond what is in use now */
    unsigned seconds; /* of processor time in all */
} LockdownOptions;

/* There is no way back. False (errno says why) where the kernel can't do it: the caller must end.
 * A call that is not allowed kills the process with SIGSYS. Memory that is shared with other
 * processes is read-only from here on. */
bool lockdown(const LockdownOptions *options);

#endif
