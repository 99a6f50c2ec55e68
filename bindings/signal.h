/* The Lua face of one signal: a table with the columns that are there.
 *
 * `raw_json` is the exact text of raw_data, and `metadata_json` that of metadata; `raw_data` and
 * `metadata` come into being when they are first read (by index, or by `pairs`) and are then fields
 * as the others are. */
#ifndef SIGNALBOX_BINDINGS_SIGNAL_H
#define SIGNALBOX_BINDINGS_SIGNAL_H

#include <lua.h>

#include "bindings/arguments.h"
#include "bindings/iterator.h"
#include "store/store.h"

#define SIGNAL_METATABLE "signalbox.signal"

/* Pushes it, and returns OK, or pushes nothing and returns NO_MEMORY. `handle` is NULL where the
 * texts stay as they are whatever a finalizer does. */
Status signal_push(lua_State *L, Handle *handle, const Signal *signal, Error *error);

/* The signals of a SignalCursor. */
extern const IteratorKind signal_rows;

/* Reads the fields of one that is to be saved; a raw_data that is a table is written to the end of
 * `json`, and `signal->raw_data` is then there until that grows. A signal that came out of a store
 * goes in with its exact text. Pushes a few values that the texts are borrowed from. */
Status signal_read(lua_State *L, const Record *record, Buffer *json, NewSignal *signal,
                   Error *error);

/* Makes the metatable. */
void signal_open(lua_State *L);

#endif
