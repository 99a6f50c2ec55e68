/* luaopen_signalbox: the module's table, put together from its subjects. */
#include <lauxlib.h>
#include <string.h>

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

/* Makes the modules in C findable that the build leaves in lib/ beside this one's file, which
 * `require` names as the second argument. */
static void add_module_path(lua_State *L, const char *file) {
    const char *slash = file == NULL ? NULL : strrchr(file, '/');
    if (slash == NULL) {
        return;
    }
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "cpath");
    lua_pushliteral(L, ";");
    lua_pushlstring(L, file, (size_t)(slash - file));
    lua_pushliteral(L, "/lib/?.so");
    lua_concat(L, 4);
    lua_setfield(L, -2, "cpath");
    lua_pop(L, 1);
}

int luaopen_signalbox(lua_State *L) {
    luaL_checkversion(L);
    add_module_path(L, lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL);
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
