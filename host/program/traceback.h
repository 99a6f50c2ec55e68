/* What a person sees of an error in a script. */
#ifndef SIGNALBOX_TRACEBACK_H
#define SIGNALBOX_TRACEBACK_H

#include <lua.h>

/* A message handler for lua_pcall: turns the error into the text that is shown, with a traceback
 * of the script's own frames. Frames of scripts that the program carries, and of C functions, are
 * left out unless there are no others. An error of code `interrupted` gets the place alone. Errors
 * of commands (tables with a `status`, or with a `code` where no user's code runs) are handed on as
 * they are: their message needs no traceback. */
int traceback_handler(lua_State *L);

#endif
