/* signalbox.null, signalbox.array and signalbox.json: exact where cjson is not. */
#include "bindings/json.h"

#include <lauxlib.h>

#include "bindings/errors.h"

#define BUFFER_METATABLE "signalbox.buffer"

/* A buffer that is used again keeps its memory, but not that of one unusually large text. */
enum { BUFFER_KEPT = 1 << 20 };

static int buffer_gc(lua_State *L) {
    buffer_free(luaL_checkudata(L, 1, BUFFER_METATABLE));
    return 0;
}

Buffer *buffer_push(lua_State *L) {
    Buffer *buffer = lua_newuserdatauv(L, sizeof *buffer, 0);
    *buffer = (Buffer){0};
    if (luaL_newmetatable(L, BUFFER_METATABLE)) {
        lua_pushcfunction(L, buffer_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return buffer;
}

/* array([table]) -> the table, marked: it is written as [] when it is empty. */
static int json_array(lua_State *L) {
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_getmetatable(L, ARRAY_METATABLE);
    if (lua_getmetatable(L, 1)) {
        luaL_argcheck(L, lua_rawequal(L, -1, -2), 1, "the table has another metatable");
        lua_pop(L, 1);
    }
    lua_setmetatable(L, 1);
    return 1;
}

/* json.encode(value) -> text */
static int json_encode_value(lua_State *L) {
    Buffer *buffer = lua_touserdata(L, lua_upvalueindex(1));
    size_t begun, size;
    Error error;
    Status status;

    luaL_checkany(L, 1);
    if (buffer->size == 0 && buffer->capacity > BUFFER_KEPT)
        buffer_free(buffer);
    begun = buffer->size; /* not always 0: a finalizer may encode while we do */
    status = json_encode(L, 1, "value", buffer, &error);
    if (status != STATUS_OK)
        return error_return(L, &error);
    size = buffer->size - begun;
    buffer->size = begun;
    lua_pushlstring(L, buffer->data + begun, size);
    return 1;
}

/* json.decode(text [, {lenient=true, raw="member"}]) -> value; of an object, `raw` stays text. */
static int json_decode_text(lua_State *L) {
    size_t size;
    const char *text;
    const char *raw = NULL;
    unsigned flags = JSON_STRICT;
    Error error;

    luaL_checktype(L, 1, LUA_TSTRING);
    text = lua_tolstring(L, 1, &size);
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        lua_getfield(L, 2, "lenient");
        flags = lua_toboolean(L, -1) ? JSON_LENIENT : JSON_STRICT;
        if (lua_getfield(L, 2, "raw") != LUA_TNIL)
            raw = luaL_checkstring(L, -1);
    }
    if (json_push_raw(L, "text", text, size, flags, raw, &error) != STATUS_OK)
        return error_return(L, &error);
    return 1;
}

static const luaL_Reg functions[] = {
    {"encode", json_encode_value},
    {"decode", json_decode_text},
    {NULL, NULL},
};

void json_open(lua_State *L) {
    luaL_newmetatable(L, ARRAY_METATABLE);
    lua_pop(L, 1);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_pushcfunction(L, json_array);
    lua_setfield(L, -2, "array");
    luaL_newlibtable(L, functions);
    buffer_push(L);
    luaL_setfuncs(L, functions, 1);
    lua_setfield(L, -2, "json");
}
