/* signalbox.now, signalbox.time, signalbox.iso. */
#ifndef SIGNALBOX_BINDINGS_TIME_H
#define SIGNALBOX_BINDINGS_TIME_H

#include <lua.h>
#include <stdint.h>

#include "error.h"

/* Reads the text or the number at `index` as a time: OK, or INVALID about `field`. A value of any
 * other type is the caller's to refuse before. */
Status time_read(lua_State *L, int index, const char *field, int64_t *micros, Error *error);

/* Sets the functions in the module table on top of the stack. */
void time_open(lua_State *L);

#endif
