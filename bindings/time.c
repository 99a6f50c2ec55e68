/* Times as scripts see them: ISO text, or epoch seconds as a float. */
#include "bindings/time.h"

#include <lauxlib.h>

#include "bindings/errors.h"
#include "text/iso_time.h"

Status time_read(lua_State *L, int index, const char *field, int64_t *micros, Error *error) {
    size_t size;
    const char *text;

    if (lua_type(L, index) == LUA_TNUMBER)
        return iso_read_seconds(field, (double)lua_tonumber(L, index), micros, error);
    text = lua_tolstring(L, index, &size);
    return iso_read(field, text, size, micros, error);
}

static void push_iso(lua_State *L, int64_t micros) {
    char text[ISO_TIME_LENGTH + 1];
    iso_write(micros, text);
    lua_pushlstring(L, text, ISO_TIME_LENGTH);
}

/* The first argument as a time; what is neither text nor number raises. */
static Status check_time(lua_State *L, int64_t *micros, Error *error) {
    int type = lua_type(L, 1);
    if (type != LUA_TSTRING && type != LUA_TNUMBER)
        luaL_typeerror(L, 1, "text or number");
    return time_read(L, 1, type == LUA_TSTRING ? "text" : "number", micros, error);
}

static int time_now(lua_State *L) {
    push_iso(L, iso_now());
    return 1;
}

static int time_time(lua_State *L) {
    Error error;
    int64_t micros;
    if (check_time(L, &micros, &error) != STATUS_OK)
        return error_return(L, &error);
    /* A number stays what it is: it may be finer than a microsecond. */
    lua_pushnumber(L, lua_type(L, 1) == LUA_TNUMBER ? lua_tonumber(L, 1) : iso_seconds(micros));
    return 1;
}

static int time_iso(lua_State *L) {
    Error error;
    int64_t micros;
    if (check_time(L, &micros, &error) != STATUS_OK)
        return error_return(L, &error);
    push_iso(L, micros);
    return 1;
}

static const luaL_Reg functions[] = {
    {"now", time_now},
    {"time", time_time},
    {"iso", time_iso},
    {NULL, NULL},
};

void time_open(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
