/* signalbox.open, and the store's own end. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/arguments.h"
#include "bindings/bindings.h"
#include "bindings/errors.h"
#include "bindings/handle.h"

#define DEFAULT_DATABASE "signals.db"
#define SECONDS_A_DAY 86400.0

/* ---- opening ---- */

/* The path or URL that is argument 1, or the one that is meant where there is none. */
static Text database(lua_State *L) {
    Text path = arg_text_or_none(L, 1);
    if (!path.data) {
        const char *named = getenv("SIGNALBOX_DB");
        if (lua_getfield(L, LUA_REGISTRYINDEX, DATABASE_FIELD) == LUA_TFUNCTION) {
            lua_call(L, 0, 1);
        }
        if (lua_type(L, -1) == LUA_TSTRING) {
            named = lua_tostring(L, -1);
        }
        lua_pushstring(L, named && *named ? named : DEFAULT_DATABASE);
        lua_replace(L, 1);
        lua_settop(L, 2);
        path = arg_text(L, 1);
    }
    return path;
}

static Status read_options(lua_State *L, const Record *record, StoreOptions *options,
                           Error *error) {
    static const char *const modes[] = {"rwc", "rw", "ro", NULL};
    static const DbMode mode_values[] = {DB_CREATE, DB_WRITE, DB_READ};
    static const char *const durabilities[] = {"full", "normal", NULL};
    int mode = 0, relaxed = 0;
    double days = options->suppression_ttl / SECONDS_A_DAY;

    options->migrate = field_boolean_or(L, record, "migrate", options->migrate);
    options->any_schema = field_boolean_or(L, record, "any_schema", false);
    options->snapshot = field_boolean_or(L, record, "snapshot", false);
    options->unseen = field_boolean_or(L, record, "unseen", false);
    Status status = field_choice(L, record, "mode", modes, &mode, error);
    if (status == STATUS_OK) {
        status = field_choice(L, record, "durability", durabilities, &relaxed, error);
    }
    if (status == STATUS_OK) {
        status = field_seconds_or(L, record, "busy_timeout", options->busy_timeout,
                                  &options->busy_timeout, error);
    }
    if (status == STATUS_OK) {
        status = field_seconds_or(L, record, "suppression_ttl_days", days, &days, error);
    }
    options->mode = mode_values[mode];
    if (status == STATUS_OK && options->snapshot && options->mode != DB_READ) {
        status = error_invalid(error, "snapshot", "snapshot is for mode \"ro\": a moment that has "
                               "passed can't be written to");
    }
    options->relaxed = relaxed == 1;
    options->suppression_ttl = days * SECONDS_A_DAY;
    return status;
}

/* Keeps the text, as long as there is memory for it. */
static void note_statement(void *context, const char *sql) {
    buffer_append(context, sql, strlen(sql) + 1);
}

/* signalbox.open([path_or_url [, options]]) */
static int open_store(lua_State *L) {
    static const char *const names[] = {"suppression_ttl_days", "mode",         "migrate",
                                        "durability",           "busy_timeout", "any_schema",
                                        "snapshot",             "unseen",       "trace",
                                        NULL};
    Error error;
    lua_settop(L, 2);
    Text path = database(L);
    Record record = record_options(L, 2, names);
    StoreOptions options = store_options_default();
    Status status = read_options(L, &record, &options, &error);
    if (status == STATUS_OK && strlen(path.data) != path.size) {
        status = error_invalid(&error, "path", "path has a NUL byte in it");
    }
    bool trace = field_boolean_or(L, &record, "trace", false);
    Handle *handle = handle_push(L);
    if (trace) {
        options.trace = note_statement;
        options.trace_context = &handle->traced;
    }
    if (status == STATUS_OK) {
        status = store_open(path.data, &options, &handle->link.store, &error);
    }
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    scheduler_add_store(scheduler_get(L), &handle->link);
    return 1;
}

/* ---- methods ---- */

/* store:close(): safe to call twice */
static int close_store(lua_State *L) {
    handle_close(handle_check(L));
    lua_pushboolean(L, 1);
    return 1;
}

static int collect_store(lua_State *L) {
    Handle *handle = handle_check(L);
    handle_close(handle);
    buffer_free(&handle->bytes);
    buffer_free(&handle->traced);
    return 0;
}

static int store_tostring(lua_State *L) {
    Handle *handle = handle_check(L);
    Store *store = handle->link.store;
    if (store) {
        lua_pushfstring(L, "signalbox.store (%s%s)", store_label(store),
                        store_readonly(store) ? ", read-only" : "");
    } else {
        lua_pushliteral(L, "signalbox.store (closed)");
    }
    return 1;
}

static const luaL_Reg metamethods[] = {
    {"__gc", collect_store},
    {"__close", close_store},
    {"__tostring", store_tostring},
    {NULL, NULL},
};

/* store:traced() -> the statements that ran since the last call, of a store opened with `trace` */
static int traced(lua_State *L) {
    Buffer *statements = &handle_check(L)->traced;
    lua_newtable(L);
    lua_Integer count = 0;
    for (size_t at = 0; at < statements->size; at += strlen(statements->data + at) + 1) {
        lua_pushstring(L, statements->data + at);
        lua_rawseti(L, -2, ++count);
    }
    statements->size = 0;
    return 1;
}

static const luaL_Reg methods[] = {
    {"close", close_store},
    {"traced", traced},
    {NULL, NULL},
};

void store_module_open(lua_State *L) {
    luaL_newmetatable(L, STORE_METATABLE);
    handle_methods(L, metamethods);
    lua_newtable(L);
    handle_methods(L, methods);
    signals_open(L);
    processing_open(L);
    claims_open(L);
    workers_open(L);
    suppression_open(L);
    statistics_open(L);
    transaction_open(L);
    sql_open(L);
    upkeep_open(L);
    exchange_open(L);
    migration_open(L);
    backup_open(L);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);

    lua_pushcfunction(L, open_store);
    lua_setfield(L, -2, "open");
    migrations_open(L);
}
