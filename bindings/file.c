/* signalbox.fsync: what Lua's own io lacks for a file that must be there after a power cut. */
#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>
#include <unistd.h>

#include "bindings/errors.h"
#include "bindings/file.h"

/* signalbox.fsync(file): writes out what is buffered, and waits until the disk has it. */
static int file_sync(lua_State *L) {
    luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
    luaL_argcheck(L, stream->closef != NULL, 1, "file is closed");
    if (fflush(stream->f) != 0 || fsync(fileno(stream->f)) != 0) {
        Error error;
        int why = errno;
        error_set(&error, why == ENOSPC || why == EDQUOT ? STATUS_FULL : STATUS_IO,
                  "the file can't be written out: %s", strerror(why));
        return error_return(L, &error);
    }
    lua_pushboolean(L, 1);
    return 1;
}

void file_open(lua_State *L) {
    lua_pushcfunction(L, file_sync);
    lua_setfield(L, -2, "fsync");
}
