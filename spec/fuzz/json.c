/* Any bytes as JSON. What is accepted decodes and encodes, and the text made of it is JSON again
 * that gives itself: the reader, the writer and both of Lua's ends hold each other to account. */
#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds) {
    if (!holds)
        abort();
}

/* The value on top of the stack, encoded: false where it cannot be, as infinity. */
static int encode_top(lua_State *L, Buffer *out) {
    Error error;
    buffer_clear(out);
    return json_encode(L, -1, "value", out, &error) == STATUS_OK;
}

static int check(lua_State *L) {
    const char *text = lua_touserdata(L, 1);
    size_t size = (size_t)lua_tointeger(L, 2);
    unsigned flags = (unsigned)lua_tointeger(L, 3);
    Buffer *once = buffer_push(L), *twice = buffer_push(L);
    Error error;
    Status checked = json_check("text", text, size, flags, &error);

    require(checked == json_push(L, "text", text, size, flags, &error));
    require(checked == STATUS_OK || error.message[0] != '\0');
    require(flags == JSON_LENIENT || checked != STATUS_OK ||
            json_check("text", text, size, JSON_LENIENT, &error) == STATUS_OK);
    if (checked != STATUS_OK || !encode_top(L, once))
        return 0;
    require(json_check("text", once->data, once->size, JSON_STRICT, &error) == STATUS_OK);
    require(json_push(L, "text", once->data, once->size, JSON_STRICT, &error) == STATUS_OK);
    require(encode_top(L, twice) && twice->size == once->size);
    require(memcmp(once->data, twice->data, once->size) == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lua_State *L;
    char *text = malloc(size + 1);

    if (L == NULL) {
        L = luaL_newstate();
        lua_newtable(L);
        json_open(L);
    }
    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text = realloc(text, size > 0 ? size : 1); /* not a byte behind it may be read */
    for (unsigned flags = JSON_STRICT; flags <= JSON_LENIENT; flags++) {
        lua_settop(L, 0);
        lua_pushcfunction(L, check);
        lua_pushlightuserdata(L, text);
        lua_pushinteger(L, (lua_Integer)size);
        lua_pushinteger(L, flags);
        require(lua_pcall(L, 3, 0, 0) == LUA_OK);
    }
    free(text);
    return 0;
}
