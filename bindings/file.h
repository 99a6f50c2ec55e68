/* signalbox.fsync. */
#ifndef SIGNALBOX_BINDINGS_FILE_H
#define SIGNALBOX_BINDINGS_FILE_H

#include <lua.h>

/* Sets the function in the module table on top of the stack. */
void file_open(lua_State *L);

#endif
