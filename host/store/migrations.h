/* The schema's steps: migrations/sqlite/NNNN_name.up.sql and .down.sql, embedded at build.
 *
 * The build checks that the numbers run from 1001 without a gap and that every step has its way
 * back. A step that has been released is never edited, for its checksum stands in databases. */
#ifndef SIGNALBOX_MIGRATIONS_H
#define SIGNALBOX_MIGRATIONS_H

typedef struct Migration {
    int version;
    const char *name;     /* "initial" of 1001_initial.up.sql */
    const char *up;       /* any number of statements, comments included */
    const char *down;     /* what undoes them */
    const char *checksum; /* SHA-256 of both files, in lower-case hexadecimal */
} Migration;

/* All of them, lowest version first; at least one. */
extern const Migration migrations[];
extern const int migration_count;

#endif
