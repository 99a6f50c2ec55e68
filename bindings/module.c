/* luaopen_signalbox: the module's table, put together from its subjects. */
#include <lauxlib.h>

#include "bindings/bindings.h"
#include "bindings/file.h"
#include "bindings/handle.h"
#include "bindings/items.h"
#include "bindings/iterator.h"
#include "bindings/json.h"
#include "bindings/signal.h"
#include "bindings/task.h"
#include "bindings/time.h"
#include "version.h"

/* explain(query [, path]): a library in Lua, loaded when it is asked for. */
static int explain(lua_State *L) {
    lua_settop(L, 2);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "signalbox.explain");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "plan");
    lua_replace(L, -2);
    lua_insert(L, 1);
    lua_call(L, 2, LUA_MULTRET);
    return lua_gettop(L);
}

int luaopen_signalbox(lua_State *L) {
    luaL_checkversion(L);
    lua_newtable(L);
    lua_pushliteral(L, SIGNALBOX_VERSION);
    lua_setfield(L, -2, "version");
    json_open(L);
    time_open(L);
    task_open(L);
    iterator_open(L);
    items_open(L);
    signal_open(L);
    file_open(L);
    store_module_open(L);
    lua_pushcfunction(L, explain);
    lua_setfield(L, -2, "explain");
    return 1;
}
