/* The store as Lua holds it: a userdata, from signalbox.open to close or collection. */
#ifndef SIGNALBOX_BINDINGS_HANDLE_H
#define SIGNALBOX_BINDINGS_HANDLE_H

#include <lauxlib.h>

#include "bindings/task.h"
#include "store/store.h"
#include "text/buffer.h"

#define STORE_METATABLE "signalbox.store"

typedef struct Transaction Transaction;

typedef struct Handle {
    StoreLink link;         /* link.store is NULL once it is closed */
    Buffer bytes;           /* a stack of what calls keep for a moment: see handle_mark */
    Transaction *innermost; /* of the transactions and savepoints that scripts have open */
    Buffer traced; /* statements that ran, each with its NUL; of a store opened with `trace` */
} Handle;

/* Pushes a closed one. */
Handle *handle_push(lua_State *L);

/* Closes the store, if it is open. */
void handle_close(Handle *handle);

/* The store that is argument 1 of a method, open or closed. Raises where it is none. */
Handle *handle_check(lua_State *L);

/* Sets methods in the table on top of the stack; their upvalue is the metatable of stores, so that
 * handle_check need not look it up. */
void handle_methods(lua_State *L, const luaL_Reg *methods);

/* What every call begins with, after its arguments are read (reading can run a metamethod, which
 * can close the store): the open store, told which coroutine calls, or NULL and CLOSED. */
Store *handle_store(lua_State *L, Handle *handle, Error *error);

/* Where `handle->bytes` ends: what a call appends from here on it cuts off again with handle_cut.
 * A pointer into them is good until the next Lua function that can collect garbage, for a script's
 * finalizer may call the store as well, and append above. */
size_t handle_mark(Handle *handle);
void handle_cut(Handle *handle, size_t mark);

/* Texts on their way from the store to Lua. They are borrowed only until the next call on the store
 * and the making of the first Lua string may run a finalizer that calls it, drops a transaction or
 * closes the store. So all are copied first, and pushed from the copy in the same order. */
typedef struct Row {
    Handle *handle;
    size_t mark;
    size_t at; /* of the next text in handle->bytes */
} Row;

/* Copies those of `count` texts that are there. NO_MEMORY, or OK. */
Status row_copy(Row *row, Handle *handle, const Text *const texts[], size_t count, Error *error);
/* Where the bytes of the next text are, which is this one and is there. */
const char *row_take(Row *row, const Text *text);
/* Pushes the next text, which is this one; nil where it is absent. */
void row_push(lua_State *L, Row *row, const Text *text);
/* Sets the field of the table on top of the stack to it; nothing where it is absent. */
void row_set(lua_State *L, Row *row, const char *name, const Text *text);
void row_end(Row *row);

/* Makes the metatable of stores and sets `open` in the module table on top of the stack. */
void store_module_open(lua_State *L);

/* Each adds the methods of its subject to the table of methods on top of the stack. */
void signals_open(lua_State *L);
void processing_open(lua_State *L);
void claims_open(lua_State *L);
void workers_open(lua_State *L);
void suppression_open(lua_State *L);
void statistics_open(lua_State *L);
void transaction_open(lua_State *L);
void sql_open(lua_State *L);
void upkeep_open(lua_State *L);
void exchange_open(lua_State *L);
void migration_open(lua_State *L);

/* Sets `migrations` in the module table on top of the stack (migration.c). */
void migrations_open(lua_State *L);
void backup_open(lua_State *L);

/* Pushes {pending=, queued=, pushed=, rejected=, failed=} (processing.c). */
void processing_push(lua_State *L, const int64_t counts[STATE_COUNT]);

/* Marks the transactions of a store that closes as over (transaction.c). */
void transactions_end(Handle *handle);

#endif
