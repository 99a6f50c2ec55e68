/* The errors that scripts/lib/problem.lua makes: the program's own, as told from what a script of
 * the user's raises by their metatable alone. */
#ifndef SIGNALBOX_PROBLEM_H
#define SIGNALBOX_PROBLEM_H

#include <lua.h>
#include <stdbool.h>

/* Whether the value at `index` is one, or an error of the store's. */
bool problem_is(lua_State *L, int index);

/* Whether the value at `index` is one that ends the program with an exit code of its own, and its
 * message alone; the code then in *status. */
bool problem_ends(lua_State *L, int index, int *status);

/* Raises one: the text on top of the stack, an exit code, a hint or NULL. */
int problem_raise(lua_State *L, int status, const char *hint);

#endif
