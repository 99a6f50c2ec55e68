/* A store without the calls that write, open, close or wait. */
#include "bindings/reading.h"

#include <lauxlib.h>

#include "bindings/handle.h"
#include "bindings/items.h"
#include "bindings/iterator.h"
#include "bindings/signal.h"

static const char *const calls[] = {
    "check_suppression",
    "get_pending_signals",
    "get_processing_stats",
    "get_signal",
    "get_signals_for_company",
    "get_stats",
    "is_duplicate",
    "row",
    "rows",
    "signals",
};

/* In place of __gc and __close: forgets the store instead of closing it. */
static int let_go(lua_State *L) {
    Handle *handle = luaL_checkudata(L, 1, STORE_METATABLE);
    handle->link.store = NULL;
    buffer_free(&handle->bytes);
    return 0;
}

void store_push_reading(lua_State *L, Store *store) {
    iterator_open(L);
    items_open(L);
    signal_open(L);
    lua_newtable(L);
    store_module_open(L);
    lua_pop(L, 1); /* its `open` is of no use here */

    luaL_getmetatable(L, STORE_METATABLE);
    lua_pushcfunction(L, let_go);
    lua_setfield(L, -2, "__gc");
    lua_pushnil(L);
    lua_setfield(L, -2, "__close");
    lua_getfield(L, -1, "__index");
    lua_newtable(L);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        lua_getfield(L, -2, calls[i]);
        lua_setfield(L, -2, calls[i]);
    }
    lua_setfield(L, -3, "__index");
    lua_pop(L, 2);

    handle_push(L)->link.store = store;
}
