#include "program/guard.h"

#include "driver/driver.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>

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
    return lua_type(L, index) == LUA_TSTRING && driver_owns_file(lua_tostring(L, index));
}

/* Goes on where the file that dofile runs has waited. */
static int finish_use(lua_State *L, int status, lua_KContext context) {
    (void)status, (void)context;
    return lua_gettop(L);
}

/* Puts the wrapped function below its arguments, ready to be called; returns their number. */
static int push_wrapped(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    return lua_gettop(L) - 1;
}

/* io.open and loadfile: what is refused is a failure. */
static int guarded_open(lua_State *L) {
    if (is_refused(L, 1)) {
        luaL_pushfail(L);
        lua_pushfstring(L, REFUSAL, lua_tostring(L, 1));
        lua_pushinteger(L, EBUSY);
        return 3;
    }
    lua_call(L, push_wrapped(L), LUA_MULTRET);
    luaL_Stream *stream = luaL_testudata(L, 1, LUA_FILEHANDLE);
    if (stream != NULL) {
        stream->closef = close_file;
    }
    return lua_gettop(L);
}

/* io.lines, io.input, io.output and dofile: it is an error. */
static int guarded_use(lua_State *L) {
    if (is_refused(L, 1)) {
        return luaL_error(L, REFUSAL, lua_tostring(L, 1));
    }
    lua_callk(L, push_wrapped(L), LUA_MULTRET, 0, finish_use);
    return lua_gettop(L);
}

/* Wraps the named functions of the table on top of the stack. */
static void wrap(lua_State *L, const char *const *names, lua_CFunction guarded) {
    for (; *names != NULL; names++) {
        lua_getfield(L, -1, *names);
        lua_pushcclosure(L, guarded, 1);
        lua_setfield(L, -2, *names);
    }
}

void guard_open(lua_State *L) {
    static const char *const opening[] = {"open", NULL};
    static const char *const using[] = {"lines", "input", "output", NULL};
    static const char *const loading[] = {"loadfile", NULL};
    static const char *const doing[] = {"dofile", NULL};
    lua_getglobal(L, "io");
    wrap(L, opening, guarded_open);
    wrap(L, using, guarded_use);
    lua_pop(L, 1);
    lua_pushglobaltable(L);
    wrap(L, loading, guarded_open);
    wrap(L, doing, guarded_use);
    lua_pop(L, 1);
}
