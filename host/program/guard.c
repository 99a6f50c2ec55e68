#include "program/guard.h"

#include "driver/driver.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#define REFUSAL "%s: belongs to a database that is open here; reading it would break its locks"

/* A file that was opened before its database was must not be closed under it. The descriptor stays
 * open to the end of the process instead. */
static int close_file(lua_State *L) {
    luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
    if (driver_owns_descriptor(fileno(stream->f))) {
        return luaL_fileresult(L, fflush(stream->f) == 0, NULL);
    }
    return luaL_fileresult(L, fclose(stream->f) == 0, NULL);
}

static bool is_refused(lua_State *L, int index) {
    return lua_isstring(L, index) && driver_owns_file(lua_tostring(L, index));
}

/* ---- io -------------------------------------------------------------------------------------- */

/* What the wrapped function says of its arguments and its files it says without its name and
 * without the script's line, for it was called from here. */
static int raise_as_wrapped(lua_State *L) {
    const char *message = lua_tostring(L, -1);
    if (message != NULL && strncmp(message, "bad argument #", 14) == 0) {
        lua_pushfstring(L, "'%s'", lua_tostring(L, lua_upvalueindex(2)));
        luaL_gsub(L, message, "'?'", lua_tostring(L, -1));
    }
    luaL_where(L, 1);
    lua_pushvalue(L, -2);
    lua_concat(L, 2);
    return lua_error(L);
}

/* io.open gives what is refused as a failure; io.lines, input and output raise it. */
static int refuse(lua_State *L, bool raises) {
    if (raises) {
        return luaL_error(L, REFUSAL, lua_tostring(L, 1));
    }
    luaL_pushfail(L);
    lua_pushfstring(L, REFUSAL, lua_tostring(L, 1));
    lua_pushinteger(L, EBUSY);
    return 3;
}

/* The upvalues are the wrapped function, its name, and whether it raises what goes wrong. */
static int guarded_io(lua_State *L) {
    bool opens = lua_isstring(L, 1);
    if (opens && is_refused(L, 1)) {
        return refuse(L, lua_toboolean(L, lua_upvalueindex(3)));
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    if (lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0) != LUA_OK) {
        return raise_as_wrapped(L);
    }
    /* The new file: the one result of most, the closing value that io.lines gives `for`. */
    luaL_Stream *stream = opens ? luaL_testudata(L, -1, LUA_FILEHANDLE) : NULL;
    if (stream != NULL) {
        stream->closef = close_file;
    }
    return lua_gettop(L);
}

static void guard_io(lua_State *L) {
    static const char *const names[] = {"open", "lines", "input", "output"};
    lua_getglobal(L, "io");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        lua_getfield(L, -1, names[i]);
        lua_pushstring(L, names[i]);
        lua_pushboolean(L, i > 0);
        lua_pushcclosure(L, guarded_io, 3);
        lua_setfield(L, -2, names[i]);
    }
    lua_pop(L, 1);
}

/* ---- loadfile, dofile ------------------------------------------------------------------------ */

static int guarded_loadfile(lua_State *L) {
    luaL_optstring(L, 1, NULL);
    luaL_optstring(L, 2, NULL);
    if (is_refused(L, 1)) {
        return refuse(L, false);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* Goes on where the file that dofile runs has waited. */
static int finish_dofile(lua_State *L, int status, lua_KContext context) {
    (void)status, (void)context;
    return lua_gettop(L);
}

static int guarded_dofile(lua_State *L) {
    luaL_optstring(L, 1, NULL);
    if (is_refused(L, 1)) {
        return refuse(L, true);
    }
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_callk(L, 1, LUA_MULTRET, 0, finish_dofile);
    return lua_gettop(L);
}

static void guard_global(lua_State *L, const char *name, lua_CFunction guarded) {
    lua_getglobal(L, name);
    lua_pushcclosure(L, guarded, 1);
    lua_setglobal(L, name);
}

/* For the modules that open files by themselves (bindings/modules/files/path.c). */
static int owns_file(lua_State *L) {
    lua_pushboolean(L, driver_owns_file(luaL_checkstring(L, 1)));
    return 1;
}

void guard_open(lua_State *L) {
    guard_io(L);
    lua_pushcfunction(L, owns_file);
    lua_setfield(L, LUA_REGISTRYINDEX, "signalbox.owns_file");
    guard_global(L, "loadfile", guarded_loadfile);
    guard_global(L, "dofile", guarded_dofile);
}
