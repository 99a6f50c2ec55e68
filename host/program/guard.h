/* Keeps scripts from opening a database's own files by hand: closing any descriptor of such a file
 * drops SQLite's locks on it in this whole process, and another process's commits are lost. */
#ifndef SIGNALBOX_GUARD_H
#define SIGNALBOX_GUARD_H

#include <lua.h>

/* Wraps io.open, io.lines, io.input, io.output, loadfile and dofile. */
void guard_open(lua_State *L);

#endif
