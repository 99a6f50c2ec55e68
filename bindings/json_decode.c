/* JSON to Lua values. A table is made when its members are known, up to a batch: the values wait on
 * the Lua stack, so that a table of a few fields has its final size from the beginning. */
#include <lauxlib.h>
#include <string.h>

#include "bindings/json.h"

enum { BATCH = 32 };

typedef struct Decoder {
    lua_State *L;
    JsonReader reader;
    const char *raw; /* the member of the outermost object that stays text; NULL: none */
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

/* The next value as its text: quotes, brackets and all. */
static Status push_text(Decoder *decoder) {
    JsonToken token;
    Status status = json_next(&decoder->reader, &token, decoder->error);
    const char *begin = token.text - (token.kind == JSON_STRING ? 1 : 0);
    if (status == STATUS_OK && (token.kind == JSON_OBJECT_BEGIN || token.kind == JSON_ARRAY_BEGIN))
        status = json_skip(&decoder->reader, decoder->error);
    if (status == STATUS_OK)
        lua_pushlstring(decoder->L, begin, (size_t)(decoder->reader.at - begin));
    return status;
}

static bool stays_text(const Decoder *decoder, const JsonToken *key) {
    return decoder->raw != NULL && decoder->reader.depth == 1 && !key->escaped &&
           key->size == strlen(decoder->raw) && memcmp(key->text, decoder->raw, key->size) == 0;
}

static Status push_member(Decoder *decoder, bool as_text) {
    JsonToken token;
    if (as_text)
        return push_text(decoder);
    Status status = json_next(&decoder->reader, &token, decoder->error);
    return status == STATUS_OK ? push_value(decoder, &token) : status;
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
        status = push_member(decoder, stays_text(decoder, &token));
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
    return json_push_raw(L, field, data, size, flags, NULL, error);
}

Status json_push_raw(lua_State *L, const char *field, const char *data, size_t size, unsigned flags,
                     const char *raw, Error *error) {
    Decoder decoder = {.L = L, .raw = raw, .error = error};
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
