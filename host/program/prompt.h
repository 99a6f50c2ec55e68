/* What a prompt needs of its host: to try something and go on whatever became of it. */
#ifndef SIGNALBOX_PROMPT_H
#define SIGNALBOX_PROMPT_H

#include <lua.h>

/* Sets in the table on top of the stack:
 *   attempt(f, ...)     -> true and what `f` gave, or false, the error as it is shown, and whether
 *                          it was Ctrl-C; that is over then, and the prompt goes on.
 *                          SIGTERM is not, and raises
 *   has_waits()         -> whether tasks wait for something */
void prompt_open(lua_State *L);

#endif
