/* store:get_stats. */
#include <lauxlib.h>

#include "bindings/errors.h"
#include "bindings/handle.h"

#define STATS_METATABLE "signalbox.stats"

/* The counts are an allocation of the store's: a userdata owns it while they are pushed. */
static Stats *stats_push(lua_State *L) {
    Stats *stats = lua_newuserdatauv(L, sizeof *stats, 0);
    *stats = (Stats){0};
    luaL_setmetatable(L, STATS_METATABLE);
    return stats;
}

static int stats_collect(lua_State *L) {
    stats_free(luaL_checkudata(L, 1, STATS_METATABLE));
    return 0;
}

static void set_integer(lua_State *L, const char *name, int64_t value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static void push_types(lua_State *L, const Stats *stats) {
    lua_createtable(L, 0, (int)stats->type_count);
    for (size_t i = 0; i < stats->type_count; i++) {
        Text type = stats->types[i].signal_type;
        lua_pushlstring(L, type.data, type.size);
        lua_pushinteger(L, stats->types[i].count);
        lua_rawset(L, -3);
    }
}

/* store:get_stats() */
static int get_stats(lua_State *L) {
    Error error;
    Handle *handle = handle_check(L);
    Stats *stats = stats_push(L);
    Store *store = handle_store(L, handle, &error);
    Status status = store ? store_stats(store, stats, &error) : STATUS_CLOSED;
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushstring(L, store_label(store)); /* before a finalizer can close it */
    lua_createtable(L, 0, 6);
    lua_rotate(L, -2, 1);
    lua_setfield(L, -2, "database_path");
    set_integer(L, "total_signals", stats->total_signals);
    set_integer(L, "active_suppression_entries", stats->active_suppression);
    set_integer(L, "held", stats->held);
    push_types(L, stats);
    lua_setfield(L, -2, "signals_by_type");
    processing_push(L, stats->by_state);
    lua_setfield(L, -2, "processing_status");
    return 1;
}

static const luaL_Reg methods[] = {
    {"get_stats", get_stats},
    {NULL, NULL},
};

void statistics_open(lua_State *L) {
    luaL_newmetatable(L, STATS_METATABLE);
    lua_pushcfunction(L, stats_collect);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    handle_methods(L, methods);
}
