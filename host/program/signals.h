/* Ctrl-C and SIGTERM: the first breaks off what runs, so that the script unwinds and closes what
 * it has open; the second ends the process where it stands. */
#ifndef SIGNALBOX_SIGNALS_H
#define SIGNALBOX_SIGNALS_H

#include <lua.h>

/* Signals reach `L` from here on, or nobody where it is NULL: the process then ends at once. */
void signals_watch(lua_State *L);

/* The signal that was caught, or 0. */
int signals_caught(void);

/* Forgets it: a prompt goes on after a Ctrl-C. */
void signals_forget(lua_State *L);

/* Dies of the signal that was caught, as whoever started us expects; returns where there was
 * none. */
void signals_die(void);

#endif
