/* Rows for a `for`, whatever they are rows of.
 *
 * An iterator is a userdata that owns a cursor of the store's. It closes at its end, when the loop
 * is left (__close), and when it is collected (__gc): Lua 5.4.4 forgets the closing value of a loop
 * that is left by `break` after its body has made a closure over the loop's variable. A store that
 * is closed under it makes the next row raise `closed`. */
#ifndef SIGNALBOX_BINDINGS_ITERATOR_H
#define SIGNALBOX_BINDINGS_ITERATOR_H

#include "bindings/handle.h"

typedef struct Iterator Iterator;

/* What the rows are. `next` pushes the next one and returns ROW, or pushes nothing; the userdata
 * is at `index`. `columns`, NULL where rows have none, pushes the array of their names. */
typedef struct IteratorKind {
    Status (*next)(lua_State *L, Handle *handle, void *cursor, int index, Error *error);
    void (*close)(void *cursor);
    Status (*columns)(lua_State *L, Handle *handle, void *cursor, Error *error);
} IteratorKind;

/* Pushes one without a cursor, which keeps the store alive that is at `store`. It has room for two
 * user values more, of the kind's own: numbers 2 and 3. The caller opens the cursor into the
 * address that it returns, so that no C local ever owns it. */
void **iterator_push(lua_State *L, const IteratorKind *kind, int store);

/* Pushes the next row of the iterator at `index` and returns ROW; closes it at the end and where it
 * fails. */
Status iterator_next(lua_State *L, int index, Error *error);

void iterator_close(lua_State *L, int index);

/* Returns what `for` takes (a function, two nils, the closing value) for the iterator on top of the
 * stack. The function alone will do as well: it raises what goes wrong. */
int iterator_return(lua_State *L);

/* Makes the metatable. */
void iterator_open(lua_State *L);

#endif
