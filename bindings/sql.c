/* store:exec, row and rows: a script's own SQL, with bound parameters.
 *
 * Parameters are given one by one, or as one table of names. nil and signalbox.null are NULL, true
 * and false are 1 and 0, a string is a text, and a blob where it is no text (not UTF-8, or with a
 * NUL byte in it). A name of the statement that the table has not is NULL, for nil cannot be in a
 * table; a name of the table that the statement has not is an error, for it is misspelt. */
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/handle.h"
#include "bindings/iterator.h"
#include "text/utf8.h"

enum {
    STORE = 1,
    SQL = 2,
    PARAMETERS = 3
}; /* the stack of a call */

/* ---- parameters ---- */

/* Where the parameters of a call stand on its stack. */
typedef struct Parameters {
    lua_State *L;
    int count;  /* from PARAMETERS on */
    bool named; /* there is one, a table of names */
} Parameters;

static bool is_value(lua_State *L, int index) {
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
    case LUA_TSTRING:
    case LUA_TBOOLEAN:
    case LUA_TNIL: return true;
    case LUA_TLIGHTUSERDATA: return !lua_touserdata(L, index); /* signalbox.null */
    default: return false;
    }
}

static const char expected_value[] = "string, number, boolean or nil";

/* Replaces the table of names by a copy, which nobody can change while its strings are borrowed. */
static void copy_names(lua_State *L) {
    Record record = record_check(L, PARAMETERS);
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, PARAMETERS); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            record_error(L, &record, "a table of named parameters expected");
        } else if (!is_value(L, -1)) {
            field_type_error(L, &record, lua_tostring(L, -2), expected_value, -1);
        }
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    lua_replace(L, PARAMETERS);
}

/* Reads the arguments of a call. From here on each can be bound, and the stack has room for what
 * `bind` pushes, so that nothing raises while a statement is in hand. */
static Text check_call(lua_State *L, Parameters *parameters) {
    Text sql = arg_text(L, SQL);
    luaL_checkstack(L, LUA_MINSTACK, "too many parameters");
    parameters->L = L;
    parameters->count = lua_gettop(L) - SQL;
    parameters->named = parameters->count == 1 && lua_istable(L, PARAMETERS);
    if (parameters->named) {
        copy_names(L);
        return sql;
    }
    for (int i = PARAMETERS; i <= lua_gettop(L); i++) {
        if (!is_value(L, i)) {
            luaL_typeerror(L, i, expected_value);
        }
    }
    return sql;
}

/* Binds the value at `index` as parameter `number`. Raises nothing. */
static Status bind_value(lua_State *L, int index, St *st, int number, Error *error) {
    Value value = {.type = VALUE_NULL};
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN: value = value_int(lua_toboolean(L, index)); break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            value = value_int(lua_tointeger(L, index));
        } else {
            value = value_double(lua_tonumber(L, index));
            if (isnan(value.as.number)) {
                return error_invalid(error, "parameter",
                                     "parameter %d is not a number (NaN), which SQL cannot hold",
                                     number);
            }
        }
        break;
    case LUA_TSTRING:
        value.as.text.data = lua_tolstring(L, index, &value.as.text.size);
        value.type = utf8_is_text(value.as.text.data, value.as.text.size) ? VALUE_TEXT : VALUE_BLOB;
        break;
    default: break;
    }
    st_bind(st, number, value);
    return STATUS_OK;
}

/* Binds the value on top of the stack to every parameter of its name: an engine can take :a and @a
 * for two. */
static Status bind_name(lua_State *L, const char *name, St *st, Error *error) {
    bool found = false;
    Status status = STATUS_OK;
    for (int i = 1; i <= st_parameter_count(st) && status == STATUS_OK; i++) {
        const char *parameter = st_parameter_name(st, i);
        if (!parameter) {
            return error_set(error, STATUS_SQL, "parameter %d has no name, and names were given",
                             i);
        }
        if (strcmp(parameter, name) == 0) {
            found = true;
            status = bind_value(L, lua_gettop(L), st, i, error);
        }
    }
    return found || status != STATUS_OK
               ? status
               : error_set(error, STATUS_SQL, "the statement has no parameter named %s", name);
}

static Status bind_names(lua_State *L, St *st, Error *error) {
    Status status = STATUS_OK;
    lua_pushnil(L);
    while (status == STATUS_OK && lua_next(L, PARAMETERS)) {
        status = bind_name(L, lua_tostring(L, -2), st, error);
        lua_pop(L, 1);
    }
    return status;
}

static Status bind_positions(const Parameters *parameters, St *st, Error *error) {
    int given = parameters->count, expected = st_parameter_count(st);
    if (given != expected) {
        return error_set(error, STATUS_SQL, "the statement has %d parameter%s, and %d %s given",
                         expected, expected == 1 ? "" : "s", given, given == 1 ? "was" : "were");
    }
    Status status = STATUS_OK;
    for (int i = 0; i < given && status == STATUS_OK; i++) {
        status = bind_value(parameters->L, PARAMETERS + i, st, i + 1, error);
    }
    return status;
}

/* A SqlBind. */
static Status bind(void *context, St *st, Error *error) {
    const Parameters *parameters = context;
    lua_State *L = parameters->L;
    int top = lua_gettop(L);
    Status status =
        parameters->named ? bind_names(L, st, error) : bind_positions(parameters, st, error);
    lua_settop(L, top);
    return status;
}

/* ---- rows ---- */

/* A row is copied before the first Lua string of it is made, for the reason that handle.h gives:
 * its values, then the columns' names where they are asked for, then the texts. */
typedef struct SqlRow {
    Handle *handle;
    size_t mark;
    size_t values; /* where they are in handle->bytes */
    size_t at;     /* of the next name or text there */
    int columns;
} SqlRow;

static Value *row_value(const SqlRow *row, int column) {
    return (Value *)(row->handle->bytes.data + row->values) + column;
}

static bool has_text(const Value *value) {
    return value->type == VALUE_TEXT || value->type == VALUE_BLOB;
}

static void copy_column_names(SqlRow *row, SqlCursor *cursor) {
    for (int i = 0; i < row->columns; i++) {
        const char *name = sql_cursor_name(cursor, i);
        buffer_append(&row->handle->bytes, name ? name : "", (name ? strlen(name) : 0) + 1);
    }
}

static Status sql_row_copy(SqlRow *row, Handle *handle, SqlCursor *cursor, bool names,
                           Error *error) {
    Buffer *bytes = &handle->bytes;
    row->handle = handle;
    row->mark = handle_mark(handle);
    row->values = (row->mark + sizeof(Value) - 1) / sizeof(Value) * sizeof(Value);
    row->columns = sql_cursor_columns(cursor);
    size_t size = (size_t)row->columns * sizeof(Value);
    row->at = row->values + size;
    if (buffer_reserve(bytes, row->at + 1 - row->mark)) {
        bytes->size = row->at;
        for (int i = 0; i < row->columns; i++) {
            *row_value(row, i) = sql_cursor_value(cursor, i);
        }
    }
    if (names) {
        copy_column_names(row, cursor);
    }
    for (int i = 0; i < row->columns && !bytes->failed; i++) {
        Value value = *row_value(row, i);
        if (has_text(&value)) {
            buffer_append(bytes, value.as.text.data, value.as.text.size);
        }
    }
    if (bytes->failed) {
        handle_cut(handle, row->mark);
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    return STATUS_OK;
}

/* Pushes the columns' names, which were kept, as a sequence. */
static void push_names(lua_State *L, SqlRow *row) {
    lua_createtable(L, row->columns, 0);
    for (int i = 1; i <= row->columns; i++) {
        const char *name = lua_pushstring(L, row->handle->bytes.data + row->at);
        row->at += strlen(name) + 1;
        lua_rawseti(L, -2, i);
    }
}

static void push_value(lua_State *L, SqlRow *row, int column) {
    const Value *value = row_value(row, column);
    size_t size;
    switch (value->type) {
    case VALUE_INT: lua_pushinteger(L, value->as.integer); break;
    case VALUE_DOUBLE: lua_pushnumber(L, value->as.number); break;
    case VALUE_TEXT:
    case VALUE_BLOB:
        size = value->as.text.size;
        lua_pushlstring(L, row->handle->bytes.data + row->at, size);
        row->at += size;
        break;
    default: lua_pushnil(L); break;
    }
}

/* Pushes the row as a table; the names are at `names`. */
static void push_row(lua_State *L, SqlRow *row, int names) {
    lua_createtable(L, 0, row->columns);
    for (int i = 0; i < row->columns; i++) {
        lua_rawgeti(L, names, i + 1);
        push_value(L, row, i);
        lua_rawset(L, -3);
    }
    handle_cut(row->handle, row->mark);
}

enum {
    NAMES = 2,
    BOUND = 3
}; /* the iterator's user values */

static Status next_row(lua_State *L, Handle *handle, void *cursor, int index, Error *error) {
    SqlRow row;
    Status status = sql_cursor_next(cursor, error);
    if (status != STATUS_ROW) {
        return status;
    }
    bool first = lua_getiuservalue(L, index, NAMES) != LUA_TTABLE;
    if (sql_row_copy(&row, handle, cursor, first, error) != STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    if (first) {
        push_names(L, &row);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, index, NAMES);
    }
    push_row(L, &row, lua_gettop(L));
    return STATUS_ROW;
}

static void close_rows(void *cursor) {
    sql_cursor_close(cursor);
}

static Status push_columns(lua_State *L, Handle *handle, void *cursor, Error *error) {
    SqlRow row = {.handle = handle, .mark = handle_mark(handle)};
    row.at = row.mark;
    row.columns = sql_cursor_columns(cursor);
    copy_column_names(&row, cursor);
    if (handle->bytes.failed) {
        handle_cut(handle, row.mark);
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    push_names(L, &row);
    handle_cut(handle, row.mark);
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
    Text sql = check_call(L, &parameters);
    Store *store = handle_store(L, handle, &error);
    Status status =
        store ? store_exec(store, sql, bind, &parameters, &changed, &error) : STATUS_CLOSED;
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushinteger(L, changed);
    return 1;
}

/* Keeps what is bound alive as long as the iterator on top of the stack. */
static void keep_bound(lua_State *L, const Parameters *parameters) {
    lua_createtable(L, parameters->count, 0);
    for (int i = 0; i < parameters->count; i++) {
        lua_pushvalue(L, PARAMETERS + i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setiuservalue(L, -2, BOUND);
}

/* Pushes an iterator over the rows of the call; *cursor is the one it owns. */
static Status open_rows(lua_State *L, bool single, SqlCursor **cursor, Error *error) {
    Parameters parameters;
    Handle *handle = handle_check(L);
    Text sql = check_call(L, &parameters);
    void **owner = iterator_push(L, &sql_rows, STORE);
    keep_bound(L, &parameters);
    Store *store = handle_store(L, handle, error);
    if (!store) {
        return STATUS_CLOSED;
    }
    Status status = store_rows(store, sql, single, bind, &parameters, cursor, error);
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

/* Pushes the first row of the iterator on top of the stack, or nil. Its cursor is closed before
 * anything is pushed, for no other call may come between. */
static Status push_first(lua_State *L, Handle *handle, SqlCursor *cursor, Error *error) {
    SqlRow row;
    Status status = sql_cursor_next(cursor, error);
    if (status == STATUS_ROW && sql_row_copy(&row, handle, cursor, true, error) != STATUS_OK) {
        status = STATUS_NO_MEMORY;
    }
    iterator_close(L, -1);
    if (status == STATUS_ROW) {
        push_names(L, &row);
        push_row(L, &row, lua_gettop(L));
    } else if (status == STATUS_OK) {
        lua_pushnil(L);
    }
    return status;
}

/* store:row(sql, ...) */
static int row(lua_State *L) {
    Error error;
    SqlCursor *cursor;
    Status status = open_rows(L, true, &cursor, &error);
    if (status == STATUS_OK) {
        status = push_first(L, lua_touserdata(L, STORE), cursor, &error);
    }
    return status == STATUS_OK || status == STATUS_ROW ? 1 : error_return(L, &error);
}

static const luaL_Reg methods[] = {
    {"exec", exec},
    {"row", row},
    {"rows", rows},
    {NULL, NULL},
};

void sql_open(lua_State *L) {
    handle_methods(L, methods);
}
