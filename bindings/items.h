/* The items of a list or an iterator, drawn into C memory before anything is written.
 *
 * The texts are copied, for what an iterator gave is Lua's to collect or change before the last
 * item is there, and a batch must be whole before its transaction opens: an iterator may wait (it
 * is called so that it can yield), may read the store, may write to it. */
#ifndef SIGNALBOX_BINDINGS_ITEMS_H
#define SIGNALBOX_BINDINGS_ITEMS_H

#include <lua.h>

#include "bindings/arguments.h"
#include "bindings/handle.h"

typedef struct Items Items;

/* What the items are. */
typedef struct ItemKind {
    const char *expected; /* for a message: "signal" */
    size_t size;          /* of the struct that holds one */
    /* Reads one from the record into the struct, encoding at the end of `json`; it may leave values
     * on the stack. */
    Status (*read)(lua_State *L, const Record *record, Buffer *json, void *item, Error *error);
    /* The texts in one struct: fills `texts` with pointers to them, ends it with NULL. The text
     * that `read` may have encoded comes first. */
    void (*texts)(void *item, Text *texts[]);
    /* Stores `count` of them. */
    Status (*store)(Store *store, Items *items, const void *list, size_t count, Error *error);
} ItemKind;

#define ITEM_TEXTS 6 /* at most, with the NULL */

struct Items {
    const ItemKind *kind;
    Handle *handle;
    Buffer texts; /* of the items drawn, one after the other in the order of kind->texts */
    Buffer list;  /* their structs */
    size_t count;
    int64_t position; /* of the last one drawn, in the call */
    int64_t stored;   /* items of the call that are committed */
    int64_t batch;    /* items a transaction; INT64_MAX: all */
    bool duplicate_is_error;
    int64_t saved, duplicates;                       /* what kind->store counts */
    int (*result)(lua_State *L, const Items *items); /* pushes and counts what the call returns */
};

/* Pushes an empty one. */
Items *items_push(lua_State *L);

/* Draws and stores all of argument 2, of a call whose stack is the store, argument 2, and what
 * items_push has pushed, filled in. `return` it. */
int items_run(lua_State *L);

/* Makes the metatable. */
void items_open(lua_State *L);

#endif
