/* store:export, store:import and store:check_rows. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/handle.h"

enum { STORE = 1, FILE_OR_PATH = 2, OPTIONS = 3, PROGRESS = 4 }; /* the stack of a call */

/* What a running export or import is watched by: an interrupt, and a function of the script's. */
typedef struct Watcher {
    lua_State *L;
    Handle *handle;
    bool raised; /* what the function raised is on top of the stack */
} Watcher;

/* The store can't be called, or closed, by the function: it is out of its handle meanwhile. */
static bool call_progress(Watcher *watcher, int64_t done, int64_t total) {
    lua_State *L = watcher->L;
    Handle *handle = watcher->handle;
    Store *store = handle->link.store;
    scheduler_remove_store(&handle->link);
    handle->link.store = NULL;
    lua_pushvalue(L, PROGRESS);
    lua_pushinteger(L, done);
    lua_pushinteger(L, total);
    watcher->raised = lua_pcall(L, 2, 1, 0) != LUA_OK;
    bool go_on = !watcher->raised && (lua_isnil(L, -1) || lua_toboolean(L, -1));
    if (!watcher->raised) {
        lua_pop(L, 1);
    }
    handle->link.store = store;
    scheduler_add_store(scheduler_get(L), &handle->link);
    return go_on;
}

static bool watch(void *context, int64_t done, int64_t total) {
    Watcher *watcher = context;
    if (scheduler_interrupted(scheduler_get(watcher->L))) {
        return false;
    }
    return lua_isnil(watcher->L, PROGRESS) || call_progress(watcher, done, total);
}

/* The options, with their function at PROGRESS, and room for a call of it on the stack. */
static Record take_options(lua_State *L, const char *const names[]) {
    lua_settop(L, OPTIONS);
    Record options = record_options(L, OPTIONS, names);
    lua_settop(L, OPTIONS);
    lua_getfield(L, options.index, "progress");
    if (!lua_isnil(L, PROGRESS) && !lua_isfunction(L, PROGRESS)) {
        field_type_error(L, &options, "progress", "function", PROGRESS);
    }
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    return options;
}

/* ---- export ---- */

#define AHEAD ((int64_t)8 << 20) /* bytes written before the disk is told to begin with them */

typedef struct Target {
    Watcher watcher; /* first */
    FILE *file;
    int64_t written, begun;
} Target;

static bool watch_export(void *context, int64_t rows) {
    return watch(context, rows, 0);
}

/* So that the sync at the end is short; it fails where it is no file, which doesn't matter. */
static void begin_writing(Target *target, size_t size) {
    target->written += (int64_t)size;
    if (target->written - target->begun >= AHEAD) {
        sync_file_range(fileno(target->file), target->begun, target->written - target->begun,
                        SYNC_FILE_RANGE_WRITE);
        target->begun = target->written;
    }
}

static Status write_file(void *context, const char *data, size_t size, Error *error) {
    Target *target = context;
    if (fwrite(data, 1, size, target->file) == size && fflush(target->file) == 0) {
        begin_writing(target, size);
        return STATUS_OK;
    }
    int why = errno;
    return error_set(error, why == ENOSPC || why == EDQUOT ? STATUS_FULL : STATUS_IO,
                     "the export can't be written: %s", strerror(why));
}

/* store:export(file [, {format=, table=, progress=}]) -> rows */
static int export_store(lua_State *L) {
    static const char *const names[] = {"format", "table", "progress", NULL};
    static const char *const formats[] = {"json", "ndjson", "csv", NULL};
    static const ExportFormat values[] = {EXPORT_JSON, EXPORT_NDJSON, EXPORT_CSV};
    Error error;
    Handle *handle = handle_check(L);
    luaL_Stream *stream = luaL_checkudata(L, FILE_OR_PATH, LUA_FILEHANDLE);
    luaL_argcheck(L, stream->closef != NULL, FILE_OR_PATH, "file is closed");
    Record options = take_options(L, names);
    int format = 0;
    Status status = field_choice(L, &options, "format", formats, &format, &error);
    Text table = field_text_or_none(L, &options, "table");
    if (status == STATUS_OK && (values[format] == EXPORT_CSV) != (table.data != NULL)) {
        status = error_invalid(&error, "table",
                               table.data ? "table is for csv: a document has all of them"
                                          : "table is missing: csv is one table");
    }
    Store *store = status == STATUS_OK ? handle_store(L, handle, &error) : NULL;
    if (!store) {
        return error_return(L, &error);
    }
    Target target = {.watcher = {.L = L, .handle = handle}, .file = stream->f};
    ExportOptions export = {
        .format = values[format],
        .table = table.data,
        .write = write_file,
        .progress = watch_export,
        .context = &target,
    };
    int64_t rows;
    status = store_export(store, &export, &rows, &error);
    if (target.watcher.raised) {
        return lua_error(L);
    }
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushinteger(L, rows);
    return 1;
}

/* ---- import ---- */

static void set_integer(lua_State *L, const char *name, int64_t value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

/* A list of {from=, to=}. */
static void push_mapped(lua_State *L, const ImportReport *report) {
    lua_newtable(L);
    for (lua_Integer i = 0; i < report->renumbered && i < IMPORT_MAPPED_MAX; i++) {
        lua_createtable(L, 0, 2);
        set_integer(L, "from", report->mapped[i].from);
        set_integer(L, "to", report->mapped[i].to);
        lua_rawseti(L, -2, i + 1);
    }
}

static void push_refusals(lua_State *L, const ImportReport *report) {
    lua_newtable(L);
    for (lua_Integer i = 0; i < report->refused && i < IMPORT_REFUSALS_MAX; i++) {
        lua_pushstring(L, report->refusals[i]);
        lua_rawseti(L, -2, i + 1);
    }
}

static void push_report(lua_State *L, const ImportReport *report) {
    int64_t added = 0, skipped = 0;
    lua_createtable(L, 0, 13);
    set_integer(L, "schema_version", report->schema_version);
    set_integer(L, "renumbered", report->renumbered);
    set_integer(L, "clamped", report->clamped);
    set_integer(L, "orphans", report->orphans);
    set_integer(L, "reopened", report->reopened);
    set_integer(L, "refused", report->refused);
    push_mapped(L, report);
    lua_setfield(L, -2, "mapped");
    push_refusals(L, report);
    lua_setfield(L, -2, "refusals");
    lua_pushboolean(L, report->checked);
    lua_setfield(L, -2, "checked");
    lua_pushboolean(L, report->dropped);
    lua_setfield(L, -2, "dropped");
    lua_createtable(L, 0, (int)report->table_count);
    for (size_t i = 0; i < report->table_count; i++) {
        const ImportTable *table = &report->tables[i];
        added += table->added;
        skipped += table->skipped;
        lua_createtable(L, 0, 3);
        set_integer(L, "added", table->added);
        set_integer(L, "skipped", table->skipped);
        set_integer(L, "refused", table->refused);
        lua_setfield(L, -2, table->name);
    }
    lua_setfield(L, -2, "tables");
    set_integer(L, "added", added);
    set_integer(L, "skipped", skipped);
}

/* store:import(path [, {dry_run=, ignore_unknown=, progress=}]) -> report */
static int import_store(lua_State *L) {
    static const char *const names[] = {"dry_run", "ignore_unknown", "progress", NULL};
    Error error;
    Handle *handle = handle_check(L);
    Text path = arg_text(L, FILE_OR_PATH);
    Record options = take_options(L, names);
    Watcher watcher = {.L = L, .handle = handle};
    ImportOptions import = {
        .dry_run = field_boolean_or(L, &options, "dry_run", false),
        .ignore_unknown = field_boolean_or(L, &options, "ignore_unknown", false),
        .progress = watch,
        .context = &watcher,
    };
    ImportReport report;
    Store *store = handle_store(L, handle, &error);
    Status status = store ? store_import(store, path.data, &import, &report, &error)
                          : STATUS_CLOSED;
    if (watcher.raised) {
        return lua_error(L);
    }
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    push_report(L, &report);
    return 1;
}

/* ---- checking ---- */

static int free_faults(lua_State *L) {
    RowFault **faults = lua_touserdata(L, 1);
    free(*faults);
    *faults = NULL;
    return 0;
}

/* A place for faults that frees them whatever is raised. */
static RowFault **push_faults(lua_State *L) {
    RowFault **faults = lua_newuserdatauv(L, sizeof *faults, 0);
    *faults = NULL;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, free_faults);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    return faults;
}

static void set_text(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

/* store:check_rows() -> array of {table=, column=, fault=, count=, keys=} */
static int check_rows(lua_State *L) {
    Error error;
    size_t count = 0;
    Handle *handle = handle_check(L);
    RowFault **faults = push_faults(L);
    Store *store = handle_store(L, handle, &error);
    Status status = store ? store_check_rows(store, faults, &count, &error) : STATUS_CLOSED;
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        const RowFault *fault = &(*faults)[i];
        lua_createtable(L, 0, 5);
        set_text(L, "table", fault->table);
        set_text(L, "column", fault->column);
        set_text(L, "fault", fault->fault);
        set_text(L, "keys", fault->keys);
        set_integer(L, "count", fault->count);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static const luaL_Reg methods[] = {
    {"check_rows", check_rows},
    {"export", export_store},
    {"import", import_store},
    {NULL, NULL},
};

void exchange_open(lua_State *L) {
    handle_methods(L, methods);
}
