/* store:exec, exec_many, row and rows: a script's own SQL, with its parameters bound. */
#include <lauxlib.h>

#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/handle.h"
#include "bindings/iterator.h"
#include "bindings/sql_parameters.h"

/* ---- rows ---- */

/* The cursor keeps its texts while Lua's strings are made of them, whatever a finalizer does. */

static void push_value(lua_State *L, const Value *value) {
    switch (value->type) {
    case VALUE_INT: lua_pushinteger(L, value->as.integer); break;
    case VALUE_DOUBLE: lua_pushnumber(L, value->as.number); break;
    case VALUE_TEXT:
    case VALUE_BLOB: lua_pushlstring(L, value->as.text.data, value->as.text.size); break;
    default: lua_pushnil(L); break;
    }
}

/* Pushes the columns' names as a sequence. */
static void push_names(lua_State *L, SqlCursor *cursor) {
    int columns = sql_cursor_columns(cursor);
    lua_createtable(L, columns, 0);
    for (int i = 0; i < columns; i++) {
        lua_pushstring(L, sql_cursor_name(cursor, i));
        lua_rawseti(L, -2, i + 1);
    }
}

/* Pushes the row as a table; the names are on top of the stack. */
static void push_row(lua_State *L, SqlCursor *cursor) {
    int names = lua_gettop(L), columns = sql_cursor_columns(cursor);
    lua_createtable(L, 0, columns);
    for (int i = 0; i < columns; i++) {
        Value value = sql_cursor_value(cursor, i);
        lua_rawgeti(L, names, i + 1);
        push_value(L, &value);
        lua_rawset(L, -3);
    }
}

enum {
    NAMES = 2,
    BOUND = 3
}; /* the iterator's user values */

static Status next_row(lua_State *L, Handle *handle, void *cursor, int index, Error *error) {
    (void)handle;
    Status status = sql_cursor_next(cursor, error);
    if (status != STATUS_ROW) {
        return status;
    }
    if (lua_getiuservalue(L, index, NAMES) != LUA_TTABLE) {
        push_names(L, cursor);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, index, NAMES);
    }
    push_row(L, cursor);
    return STATUS_ROW;
}

static void close_rows(void *cursor) {
    sql_cursor_close(cursor);
}

static Status push_columns(lua_State *L, Handle *handle, void *cursor, Error *error) {
    (void)handle;
    (void)error;
    push_names(L, cursor);
    return STATUS_OK;
}

static const IteratorKind sql_rows = {next_row, close_rows, push_columns};

/* ---- methods of the store ---- */

/* store:exec(sql, ...) */
static int exec(lua_State *L) {
    Error error;
    int64_t changed;
    Parameters parameters;
    Handle *handle = handle_check(L);
    Text sql = parameters_check(L, &parameters);
    Store *store = handle_store(L, handle, &error);
    Status status = store ? store_exec(store, sql, parameters_bind, &parameters, &changed, &error)
                          : STATUS_CLOSED;
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushinteger(L, changed);
    return 1;
}

/* store:exec_many(sql, rows) */
static int exec_many(lua_State *L) {
    Error error;
    int64_t changed;
    ParameterRows rows;
    Handle *handle = handle_check(L);
    Text sql = arg_text(L, SQL_TEXT);
    Status status = parameter_rows_check(L, &rows, &error);
    if (status == STATUS_OK) {
        Store *store = handle_store(L, handle, &error);
        status = store ? store_exec_many(store, sql,
                                         &(SqlMany){.count = rows.count,
                                                    .fit = parameter_rows_fit,
                                                    .bind = parameter_rows_bind,
                                                    .done = parameter_rows_done,
                                                    .context = &rows},
                                         &changed, &error)
                       : STATUS_CLOSED;
    }
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushinteger(L, changed);
    lua_pushvalue(L, rows.changed);
    return 2;
}

/* Keeps what is bound alive as long as the iterator on top of the stack. */
static void keep_bound(lua_State *L, const Parameters *parameters) {
    lua_createtable(L, parameters->count, 0);
    for (int i = 0; i < parameters->count; i++) {
        lua_pushvalue(L, SQL_PARAMETERS + i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setiuservalue(L, -2, BOUND);
}

/* Pushes an iterator over the rows of the call; *cursor is the one it owns. */
static Status open_rows(lua_State *L, bool single, SqlCursor **cursor, Error *error) {
    Parameters parameters;
    Handle *handle = handle_check(L);
    Text sql = parameters_check(L, &parameters);
    void **owner = iterator_push(L, &sql_rows, 1);
    keep_bound(L, &parameters);
    Store *store = handle_store(L, handle, error);
    if (!store) {
        return STATUS_CLOSED;
    }
    Status status = store_rows(store, sql, single, parameters_bind, &parameters, cursor, error);
    *owner = *cursor;
    return status;
}

/* store:rows(sql, ...) */
static int rows(lua_State *L) {
    Error error;
    SqlCursor *cursor;
    Status status = open_rows(L, false, &cursor, &error);
    return status == STATUS_OK ? iterator_return(L) : error_return(L, &error);
}

/* store:row(sql, ...) */
static int row(lua_State *L) {
    Error error;
    SqlCursor *cursor;
    Status status = open_rows(L, true, &cursor, &error);
    int iterator = lua_gettop(L);
    if (status == STATUS_OK) {
        status = sql_cursor_next(cursor, &error);
    }
    if (status == STATUS_ROW) {
        push_names(L, cursor);
        push_row(L, cursor);
    } else if (status == STATUS_OK) {
        lua_pushnil(L);
    } else {
        return error_return(L, &error);
    }
    iterator_close(L, iterator);
    return 1;
}

static const luaL_Reg methods[] = {
    {"exec", exec}, {"exec_many", exec_many}, {"row", row}, {"rows", rows}, {NULL, NULL},
};

void sql_open(lua_State *L) {
    handle_methods(L, methods);
}
