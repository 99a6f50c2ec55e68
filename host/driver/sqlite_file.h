/* The files of a SQLite database: finding, checking and making them, and knowing which of them this
 * process has open. */
#ifndef SIGNALBOX_SQLITE_FILE_H
#define SIGNALBOX_SQLITE_FILE_H

#include <sys/stat.h>

#include "driver/driver.h"

/* A database that is open in this process, once for every connection. */
typedef struct OpenFile {
    struct OpenFile *next;
    const char *path; /* resolved */
    dev_t device;
    ino_t inode;
} OpenFile;

/* Finds the file that `path` names and returns its resolved name, which the caller frees. With
 * DB_CREATE a missing one is made, empty and with mode 0600, its folders with 0700. It is never
 * taken away again: another process may have filled it the moment after. Refuses what SQLite can't
 * lock safely: links to nothing, files with a second name, anything but a regular file, remote file
 * systems; and what can't be read or, but for DB_READ, written. */
Status sqlite_file_find(const char *path, const DbOptions *options, char **resolved, Error *error);

/* Fills `file` in and enters it in the process's list, where it stays until it is left. IO where
 * another file by that name, or that file by another name, is open already: it has been moved. */
Status sqlite_file_enter(OpenFile *file, const char *path, Error *error);
void sqlite_file_leave(OpenFile *file);

/* Whether this is a file of a database that is open in this process: the database, its -wal, -shm,
 * -journal or -workers. */
bool sqlite_file_owned(const struct stat *status);

/* Whether the folder of `path` can't be written by this process. */
bool sqlite_folder_sealed(const char *path);

/* Makes `path` and the name of its companion ("-wal" ...) in `buffer`. */
const char *sqlite_file_beside(const char *path, const char *suffix, char *buffer, size_t size);

/* A Status for what the system said, with the sentence "WHAT 'PATH': strerror". */
Status sqlite_file_error(Error *error, int number, const char *what, const char *path);

#endif
