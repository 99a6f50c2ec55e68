#include "bindings/errors.h"

#include <lauxlib.h>

static int error_tostring(lua_State *L) {
    lua_settop(L, 1);
    if (lua_istable(L, 1))
        lua_getfield(L, 1, "message");
    luaL_tolstring(L, -1, NULL);
    return 1;
}

static void detail_push(lua_State *L, const Error *error) {
    lua_createtable(L, 0, 2);
    if (error->field[0] != '\0') {
        lua_pushstring(L, error->field);
        lua_setfield(L, -2, "field");
    }
    if (error->id != 0) {
        lua_pushinteger(L, error->id);
        lua_setfield(L, -2, "id");
    }
    if (error->index != 0) {
        lua_pushinteger(L, error->index);
        lua_setfield(L, -2, "index");
    }
    if (error->index != 0 || error->saved != 0) {
        lua_pushinteger(L, error->saved);
        lua_setfield(L, -2, "saved");
    }
    if (error->unknown) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, "unknown");
    }
}

void error_push(lua_State *L, const Error *error) {
    if (error->status == STATUS_NO_MEMORY) {
        lua_pushliteral(L, "not enough memory");
        lua_error(L);
    }
    luaL_checkstack(L, 4, NULL);
    lua_createtable(L, 0, 3);
    lua_pushstring(L, status_name(error->status));
    lua_setfield(L, -2, "code");
    lua_pushstring(L, error->message);
    lua_setfield(L, -2, "message");
    detail_push(L, error);
    lua_setfield(L, -2, "detail");
    if (luaL_newmetatable(L, ERROR_METATABLE)) {
        lua_pushcfunction(L, error_tostring);
        lua_setfield(L, -2, "__tostring");
    }
    lua_setmetatable(L, -2);
}

int error_return(lua_State *L, const Error *error) {
    luaL_checkstack(L, 2, NULL);
    lua_pushnil(L);
    error_push(L, error);
    return 2;
}

int error_raise(lua_State *L, const Error *error) {
    error_push(L, error);
    return lua_error(L);
}
