/* signalbox.migrations, store:schema and store:migrate. */
#include <lauxlib.h>

#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/handle.h"
#include "store/migrations.h"

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, const char *value) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

/* signalbox.migrations() -> the steps that this program has, lowest first */
static int list_migrations(lua_State *L) {
    lua_createtable(L, migration_count, 0);
    for (int i = 0; i < migration_count; i++) {
        lua_createtable(L, 0, 5);
        set_integer(L, "version", migrations[i].version);
        set_text(L, "name", migrations[i].name);
        set_text(L, "up", migrations[i].up);
        set_text(L, "down", migrations[i].down);
        set_text(L, "checksum", migrations[i].checksum);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* store:schema() */
static int get_schema(lua_State *L) {
    Error error;
    StoreSchema schema;
    Store *store = handle_store(L, handle_check(L), &error);
    Status status = store ? store_schema(store, &schema, &error) : STATUS_CLOSED;
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_createtable(L, 0, 3);
    set_integer(L, "version", schema.version);
    set_integer(L, "newest", schema.newest);
    set_integer(L, "predecessor", schema.predecessor);
    return 1;
}

static int push_report(lua_State *L, const MigrateReport *report) {
    lua_createtable(L, 0, 5);
    set_integer(L, "from", report->from);
    set_integer(L, "to", report->to);
    lua_pushboolean(L, report->down);
    lua_setfield(L, -2, "down");
    lua_pushboolean(L, report->adopted);
    lua_setfield(L, -2, "adopted");
    lua_createtable(L, (int)report->count, 0);
    for (size_t i = 0; i < report->count; i++) {
        size_t step = report->down ? report->count - 1 - i : i;
        lua_pushinteger(L, report->steps[step].version);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "steps");
    return 1;
}

/* store:migrate([options]) */
static int migrate(lua_State *L) {
    static const char *const names[] = {"to", "force", "dry_run", NULL};
    Error error;
    Handle *handle = handle_check(L);
    lua_settop(L, 2);
    Record record = record_options(L, 2, names);
    int64_t to = field_integer_or(L, &record, "to", -1);
    MigrateOptions options = {
        .to = to >= -1 && to < 1000000 ? (int)to : 1000000, /* one that is refused */
        .force = field_boolean_or(L, &record, "force", false),
        .dry_run = field_boolean_or(L, &record, "dry_run", false),
    };
    MigrateReport report;
    Store *store = handle_store(L, handle, &error);
    Status status = store ? store_migrate(store, &options, &report, &error) : STATUS_CLOSED;
    return status == STATUS_OK ? push_report(L, &report) : error_return(L, &error);
}

static const luaL_Reg methods[] = {
    {"schema", get_schema},
    {"migrate", migrate},
    {NULL, NULL},
};

void migration_open(lua_State *L) {
    handle_methods(L, methods);
}

void migrations_open(lua_State *L) {
    lua_pushcfunction(L, list_migrations);
    lua_setfield(L, -2, "migrations");
}
