/* store:backup. */
#include <lauxlib.h>

#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/handle.h"

enum {
    STORE = 1,
    PATH = 2,
    OPTIONS = 3,
    PROGRESS = 4
}; /* the stack of a call */

/* The function that is told how far the copy is. */
typedef struct Watcher {
    lua_State *L;
    const Handle *handle;
    const Store *store;
    bool raised; /* what it raised is on top of the stack */
} Watcher;

/* What it raises must not jump through the copy; and it may have closed the store, which then is
 * not to be touched again. */
static bool watch(void *context, int64_t done, int64_t total) {
    Watcher *watcher = context;
    lua_State *L = watcher->L;
    lua_pushvalue(L, PROGRESS);
    lua_pushinteger(L, done);
    lua_pushinteger(L, total);
    if (lua_pcall(L, 2, 1, 0) != LUA_OK) {
        watcher->raised = true;
        return false;
    }
    bool go_on = lua_isnil(L, -1) || lua_toboolean(L, -1);
    lua_pop(L, 1);
    return go_on && watcher->handle->link.store == watcher->store;
}

/* store:backup(path [, {progress=, sync=}]) -> true. The copy is as one moment saw the database.
 * `progress` is called with pages done and in all, and stops it by returning false; with
 * `sync` = false the copy need not be on the disk when this returns. */
static int backup(lua_State *L) {
    static const char *const names[] = {"progress", "sync", NULL};
    Error error;
    lua_settop(L, OPTIONS);
    Handle *handle = handle_check(L);
    Text path = arg_text(L, PATH);
    Record options = record_options(L, OPTIONS, names);
    lua_settop(L, OPTIONS);
    lua_getfield(L, options.index, "progress");
    if (!lua_isnil(L, PROGRESS) && !lua_isfunction(L, PROGRESS)) {
        return field_type_error(L, &options, "progress", "function", PROGRESS);
    }
    lua_getfield(L, options.index, "sync");
    if (!lua_isnil(L, -1) && !lua_isboolean(L, -1)) {
        return field_type_error(L, &options, "sync", "boolean", -1);
    }
    bool synced = lua_isnil(L, -1) || lua_toboolean(L, -1);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    Store *store = handle_store(L, handle, &error);
    if (!store) {
        return error_return(L, &error);
    }
    Watcher watcher = {.L = L, .handle = handle, .store = store};
    Status status = store_backup(store, path.data, synced, lua_isnil(L, PROGRESS) ? NULL : watch,
                                 &watcher, &error);
    if (watcher.raised) {
        return lua_error(L);
    }
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static const luaL_Reg methods[] = {
    {"backup", backup},
    {NULL, NULL},
};

void backup_open(lua_State *L) {
    handle_methods(L, methods);
}
