/* How errors reach Lua: a table {code=, message=, detail={...}} that prints as its message. */
#ifndef SIGNALBOX_BINDINGS_ERRORS_H
#define SIGNALBOX_BINDINGS_ERRORS_H

#include <lua.h>

#include "error.h"

/* The name of the metatable in the registry. */
#define ERROR_METATABLE "signalbox.error"

/* Pushes the error as a table. `detail` is always there; it has what is set of `field`, `id`,
 * `index`, `saved` (with an index always), and `unknown` = true. NO_MEMORY is raised instead, as
 * Lua's own. */
void error_push(lua_State *L, const Error *error);

/* Pushes nil and the error and returns 2, for `return error_return(L, &error)`. */
int error_return(lua_State *L, const Error *error);

/* The same for a place where only raising is left, as in an iterator. Does not return. */
int error_raise(lua_State *L, const Error *error);

#endif
