/* Paths that scripts give to the modules signalbox.files and signalbox.vault. */
#ifndef SIGNALBOX_FILES_PATH_H
#define SIGNALBOX_FILES_PATH_H

#include <lua.h>
#include <stdbool.h>
#include <sys/types.h>

/* Whether it is a file of a database that is open here: closing any descriptor of that would drop
 * SQLite's locks. Can raise, as what calls into Lua. */
bool path_is_owned(lua_State *L, const char *path);

/* open(2), but for such a file: -1 with EBUSY. */
int path_open(lua_State *L, const char *path, int flags, mode_t mode);

/* Pushes nil and a problem (as signalbox.problem makes them), "WHAT 'PATH': why", and returns 2.
 * `why` is an errno; EBADMSG is for what isn't zstd or is damaged, ECANCELED for what was broken
 * off, ETXTBSY for a database that somebody has open. */
int path_fail(lua_State *L, int why, const char *what, const char *path);

#endif
