/* JSON to Lua values. A table is made when its members are known, up to a batch: the values wait on
 * the Lua stack, so that a table of a few fields has its final size from the beginning. */
#include <lauxlib.h>

#include "bindings/json.h"

enum { BATCH = 32 };

typedef struct Decoder {
    lua_State *L;
    JsonReader reader;
    Error *error;
} Decoder;

static Status push_value(Decoder *decoder, const JsonToken *token);

/* Apart from push_string, for the buffer takes a kilobyte of the C stack. */
static void push_unescaped(lua_State *L, const JsonToken *token) {
    luaL_Buffer buffer;
    char *to = luaL_buffinitsize(L, &buffer, token->size);
    luaL_pushresultsize(&buffer, json_token_text(token, to));
}

static void push_string(lua_State *L, const JsonToken *token) {
    if (token->escaped)
        push_unescaped(L, token);
    else
        lua_pushlstring(L, token->text, token->size);
}

/* Moves what waits above `table` into it, in the order of the text, so that the last of two equal
 * keys wins. */
static void store_members(lua_State *L, int table) {
    int top = lua_gettop(L);
    if (lua_isnil(L, table)) {
        lua_createtable(L, 0, (top - table) / 2);
        lua_replace(L, table);
    }
    for (int key = table + 1; key < top; key += 2) {
        lua_pushvalue(L, key);
        lua_pushvalue(L, key + 1);
        lua_rawset(L, table);
    }
    lua_settop(L, table);
}

static void store_elements(lua_State *L, int table, lua_Integer stored) {
    int top = lua_gettop(L);
    if (lua_isnil(L, table)) {
        lua_createtable(L, top - table, 0);
        lua_replace(L, table);
    }
    for (int at = table + 1; at <= top; at++) {
        lua_pushvalue(L, at);
        lua_rawseti(L, table, ++stored);
    }
    lua_settop(L, table);
}

static Status push_object(Decoder *decoder) {
    lua_State *L = decoder->L;
    JsonToken token;
    int table;

    luaL_checkstack(L, 2 * BATCH + 8, "JSON nested too deeply");
    lua_pushnil(L);
    table = lua_gettop(L);
    for (;;) {
        Status status = json_next(&decoder->reader, &token, decoder->error);
        if (status != STATUS_OK)
            return status;
        if (token.kind == JSON_OBJECT_END)
            break;
        push_string(L, &token);
        status = json_next(&decoder->reader, &token, decoder->error);
        if (status == STATUS_OK)
            status = push_value(decoder, &token);
        if (status != STATUS_OK)
            return status;
        if (lua_gettop(L) - table == 2 * BATCH)
            store_members(L, table);
    }
    store_members(L, table);
    return STATUS_OK;
}

static Status push_array(Decoder *decoder) {
    lua_State *L = decoder->L;
    lua_Integer stored = 0;
    JsonToken token;
    int table;

    luaL_checkstack(L, BATCH + 8, "JSON nested too deeply");
    lua_pushnil(L);
    table = lua_gettop(L);
    for (;;) {
        Status status = json_next(&decoder->reader, &token, decoder->error);
        if (status != STATUS_OK)
            return status;
        if (token.kind == JSON_ARRAY_END)
            break;
        status = push_value(decoder, &token);
        if (status != STATUS_OK)
            return status;
        if (lua_gettop(L) - table == BATCH) {
            store_elements(L, table, stored);
            stored += BATCH;
        }
    }
    store_elements(L, table, stored);
    luaL_setmetatable(L, ARRAY_METATABLE);
    return STATUS_OK;
}

static Status push_value(Decoder *decoder, const JsonToken *token) {
    lua_State *L = decoder->L;
    switch (token->kind) {
    case JSON_OBJECT_BEGIN:
        return push_object(decoder);
    case JSON_ARRAY_BEGIN:
        return push_array(decoder);
    case JSON_STRING:
        push_string(L, token);
        return STATUS_OK;
    case JSON_INTEGER:
        lua_pushinteger(L, token->integer);
        return STATUS_OK;
    case JSON_DOUBLE:
        lua_pushnumber(L, json_token_double(token));
        return STATUS_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, token->kind == JSON_TRUE);
        return STATUS_OK;
    default:
        lua_pushlightuserdata(L, NULL);
        return STATUS_OK;
    }
}

Status json_push(lua_State *L, const char *field, const char *data, size_t size, unsigned flags,
                 Error *error) {
    Decoder decoder = {.L = L, .error = error};
    int top = lua_gettop(L);
    JsonToken token;
    Status status;

    luaL_checkstack(L, 4, NULL);
    json_reader_init(&decoder.reader, data, size, flags);
    status = json_next(&decoder.reader, &token, error);
    if (status == STATUS_OK)
        status = push_value(&decoder, &token);
    if (status == STATUS_OK)
        status = json_next(&decoder.reader, &token, error); /* nothing stands behind it */
    if (status == STATUS_OK)
        return STATUS_OK;
    lua_settop(L, top);
    return error_invalid(error, field, "%s is not JSON: %s", field, error->message);
}
