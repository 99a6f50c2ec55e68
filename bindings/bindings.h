/* The Lua module "signalbox", as the program that carries it sees it. */
#ifndef SIGNALBOX_BINDINGS_H
#define SIGNALBOX_BINDINGS_H

#include <lua.h>

/* The field of the registry that names the database `signalbox.open()` opens when it is given no
 * path: a program sets it to what its command line says, or to a function that gives it. Without it
 * $SIGNALBOX_DB is asked, then it is "signals.db". */
#define DATABASE_FIELD "signalbox.database"

/* For luaL_requiref and package.preload, or found by name in signalbox.so. What interrupts and ends
 * a script's tasks is in bindings/task.h. */
__attribute__((visibility("default"))) int luaopen_signalbox(lua_State *L);

#endif
