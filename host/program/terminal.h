/* What scripts need to know of the terminal they write to. */
#ifndef SIGNALBOX_TERMINAL_H
#define SIGNALBOX_TERMINAL_H

#include <lua.h>

/* Sets in the table on top of the stack: `is_terminal(descriptor)`, `size()` -> columns, rows,
 * `width(text)`, `cut(text, columns)`. */
void terminal_open(lua_State *L);

#endif
