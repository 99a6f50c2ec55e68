#include "program/problem.h"

#include "bindings/errors.h"

#include <lauxlib.h>

#define PROBLEM "signalbox.problem"

static bool has_class(lua_State *L, int index, const char *name) {
    if (!lua_istable(L, index) || !lua_getmetatable(L, index)) {
        return false;
    }
    bool has = luaL_getmetatable(L, name) == LUA_TTABLE && lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return has;
}

bool problem_is(lua_State *L, int index) {
    return has_class(L, index, PROBLEM) || has_class(L, index, ERROR_METATABLE);
}

bool problem_ends(lua_State *L, int index, int *status) {
    if (!has_class(L, index, PROBLEM)) {
        return false;
    }
    lua_getfield(L, index, "status");
    bool ends = lua_isinteger(L, -1);
    if (ends) {
        *status = (int)lua_tointeger(L, -1);
    }
    lua_pop(L, 1);
    return ends;
}

int problem_raise(lua_State *L, int status, const char *hint) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, PROBLEM);
    lua_call(L, 1, 1);
    lua_pushnil(L);
    lua_rotate(L, -3, 2); /* the function, no code, the text */
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, status);
    lua_setfield(L, -2, "status");
    lua_pushstring(L, hint);
    lua_setfield(L, -2, "hint");
    lua_call(L, 3, 1);
    return lua_error(L);
}
