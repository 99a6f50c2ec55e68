/* What was typed: a list for the line editor to go through, and a file that outlives it.
 *
 * Each entry is in the file as soon as it was made, behind those of other prompts, so that neither
 * a hang-up nor a second terminal costs any. A prompt sees what was in the file when it began, and
 * its own. */
#ifndef SIGNALBOX_EDIT_ENTRIES_H
#define SIGNALBOX_EDIT_ENTRIES_H

#include <histedit.h>
#include <stdbool.h>

typedef struct Entries {
    History *list;
    char *path; /* NULL: they are kept for this process alone */
} Entries;

/* `path` may be NULL. False: not enough memory. The file is 0600, and cut to the newest where it
 * has grown long. */
bool entries_open(Entries *entries, const char *path);
/* One that says the same as the last is none. */
void entries_add(Entries *entries, const char *text);
void entries_close(Entries *entries);

#endif
