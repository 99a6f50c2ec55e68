/* The parts of the module signalbox.vault. */
#ifndef SIGNALBOX_VAULT_H
#define SIGNALBOX_VAULT_H

#include <lua.h>

/* Pushes nil and "WHAT 'PATH': why" and returns 2. `why` is an errno of pack.h or the system's. */
int vault_fail(lua_State *L, int why, const char *what, const char *path);

/* Adds its functions to the table on top of the stack. */
void vault_files_open(lua_State *L);

#endif
