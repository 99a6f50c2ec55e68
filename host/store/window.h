/* A JSON document that doesn't fit memory, seen through a window: one value at a time.
 *
 * The window knows strings and brackets and nothing else: it cuts out the bytes of the next value,
 * and whoever takes them checks that they are one (text/json.h). */
#ifndef SIGNALBOX_WINDOW_H
#define SIGNALBOX_WINDOW_H

#include "driver/driver.h"
#include "error.h"

/* A value longer than this is refused: a hostile document can't make an import take all memory. So
 * long is a record whose JSON is as long as the store takes (STORE_JSON_MAX), each byte escaped. */
#define WINDOW_VALUE_MAX ((size_t)65 << 20)

typedef struct Window Window;

/* Asked before each reading, and now and then while nothing comes; false breaks off. */
typedef bool WindowAsk(void *context, int64_t offset, int64_t size);

/* Opens a file or, where the path is "-", what stands at standard input. INVALID where that is a
 * folder, or a file of a database that is open here: closing it would drop the database's locks.
 * `ask` may be NULL. */
Status window_open(const char *path, WindowAsk *ask, void *context, Window **window, Error *error);
void window_close(Window *window);

/* The next byte that isn't white space, without taking it; -1 at the end. */
Status window_peek(Window *window, int *byte, Error *error);
/* Takes the byte that window_peek showed. */
void window_take(Window *window);
/* Takes the next value: an object, an array, a string or a bare word. Borrowed until the next call.
 * INTERRUPTED, or INVALID where the document ends inside it, where none begins, or where it is too
 * long. */
Status window_value(Window *window, Text *value, Error *error);

/* Bytes of the file before the next one, and the line it stands on, from 1. */
int64_t window_offset(const Window *window);
int64_t window_line(const Window *window);
/* Of the file, in bytes; 0 where it is a pipe. */
int64_t window_size(const Window *window);
/* Goes back to the beginning; never where it is a pipe. */
Status window_rewind(Window *window, Error *error);

#endif
