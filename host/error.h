/* How every layer says what went wrong.
 *
 * A function that can fail returns a Status and takes an Error to fill in. The text is made at the
 * place that knows, once, as a sentence a person understands; the layers above hand it on. An Error
 * owns nothing: it may be copied, dropped, or left uninitialised until a function has failed. */
#ifndef SIGNALBOX_ERROR_H
#define SIGNALBOX_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What came of a call. The first two are success; the rest are the codes of the Lua contract, in
 * its order, and `status_name` gives each its name there. */
typedef enum Status {
    STATUS_OK,          /* done; of a cursor or statement: there are no more rows */
    STATUS_ROW,         /* a row is there */
    STATUS_DUPLICATE,   /* the same signal is stored already; `id` says which */
    STATUS_NOT_FOUND,   /* no such signal, file or claim */
    STATUS_INVALID,     /* a value out of bounds */
    STATUS_BUSY,        /* somebody else is writing */
    STATUS_READONLY,    /* the store, its file or its folder can't be written */
    STATUS_FULL,        /* no space left */
    STATUS_IO,          /* reading or writing a file failed */
    STATUS_CORRUPT,     /* the file is damaged, or is no database */
    STATUS_SCHEMA,      /* a schema older, newer or other than the program's */
    STATUS_INTERRUPTED, /* a person or a signal broke it off */
    STATUS_CLOSED,      /* the store was closed */
    STATUS_CONFLICT,    /* a claim or a transaction was lost to somebody else */
    STATUS_UNAVAILABLE, /* a server can't be reached */
    STATUS_SQL,         /* the statement is wrong or not allowed */
    STATUS_NO_MEMORY    /* raised in Lua as its own "not enough memory" */
} Status;

typedef struct Error {
    Status status;
    bool unknown;       /* of a commit: it may or may not have happened */
    bool tx_dead;       /* the transaction it happened in is rolled back already */
    int64_t id;         /* DUPLICATE: the signal that is there; else 0 */
    int64_t index;      /* of the item in a list, from 1; 0 where there is no list */
    int64_t saved;      /* items of the list that were committed before this one */
    char field[64];     /* INVALID: the field's name; else empty */
    char message[512];  /* UTF-8, one line, cut where it is longer */
} Error;

/* Fills `error` in, all other members zero, and returns `status`. */
Status error_set(Error *error, Status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for INVALID, with the field it is about; the message names it too. */
Status error_invalid(Error *error, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__ /* which doesn't see from here that the status comes back as it went in */
#define error_set(error, status, ...) ((void)(error_set)(error, status, __VA_ARGS__), (status))
#define error_invalid(...) ((void)(error_invalid)(__VA_ARGS__), STATUS_INVALID)
#endif

/* "duplicate", "not_found" ... as in the contract; "ok" and "row" for success. Never NULL. */
const char *status_name(Status status);

#endif
