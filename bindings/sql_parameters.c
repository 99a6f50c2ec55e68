/* Parameters of a user's statement: see the header. */
#include "bindings/sql_parameters.h"

#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "bindings/arguments.h"
#include "text/utf8.h"

/* ---- one set --------------------------------------------------------------------------------- */

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
    Record record = record_check(L, SQL_PARAMETERS);
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, SQL_PARAMETERS); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            record_error(L, &record, "a table of named parameters expected");
        } else if (!is_value(L, -1)) {
            field_type_error(L, &record, lua_tostring(L, -2), expected_value, -1);
        }
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    lua_replace(L, SQL_PARAMETERS);
}

Text parameters_check(lua_State *L, Parameters *parameters) {
    Text sql = arg_text(L, SQL_TEXT);
    luaL_checkstack(L, LUA_MINSTACK, "too many parameters");
    parameters->L = L;
    parameters->count = lua_gettop(L) - SQL_TEXT;
    parameters->named = parameters->count == 1 && lua_istable(L, SQL_PARAMETERS);
    if (parameters->named) {
        copy_names(L);
        return sql;
    }
    for (int i = SQL_PARAMETERS; i <= lua_gettop(L); i++) {
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
    while (status == STATUS_OK && lua_next(L, SQL_PARAMETERS)) {
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
        status = bind_value(parameters->L, SQL_PARAMETERS + i, st, i + 1, error);
    }
    return status;
}

Status parameters_bind(void *context, St *st, Error *error) {
    const Parameters *parameters = context;
    lua_State *L = parameters->L;
    int top = lua_gettop(L);
    Status status =
        parameters->named ? bind_names(L, st, error) : bind_positions(parameters, st, error);
    lua_settop(L, top);
    return status;
}

/* ---- many lists ------------------------------------------------------------------------------ */

static int row_error(lua_State *L, size_t row, const char *expected) {
    const char *got = luaL_typename(L, -1);
    return luaL_argerror(
        L, SQL_PARAMETERS,
        lua_pushfstring(L, "row %d: %s expected, got %s", (int)row, expected, got));
}

/* Checks the values of the list on top of the stack, which is row `row`. */
static Status check_row(lua_State *L, size_t row, Error *error) {
    if (!lua_istable(L, -1)) {
        row_error(L, row, "list of values");
    }
    size_t count = lua_rawlen(L, -1);
    for (size_t i = 1; i <= count; i++) {
        int type = lua_rawgeti(L, -1, (lua_Integer)i);
        if (!is_value(L, -1)) {
            row_error(L, row, expected_value);
        } else if (type == LUA_TNUMBER && isnan(lua_tonumber(L, -1))) {
            error_invalid(error, "parameter",
                          "row %zu: parameter %zu is not a number (NaN), which SQL cannot hold",
                          row, i);
            error->index = (int64_t)row;
            return STATUS_INVALID;
        }
        lua_pop(L, 1);
    }
    return STATUS_OK;
}

Status parameter_rows_check(lua_State *L, ParameterRows *rows, Error *error) {
    luaL_checktype(L, SQL_PARAMETERS, LUA_TTABLE);
    lua_settop(L, SQL_PARAMETERS);
    rows->L = L;
    rows->count = lua_rawlen(L, SQL_PARAMETERS);
    Status status = STATUS_OK;
    for (size_t i = 1; i <= rows->count && status == STATUS_OK; i++) {
        lua_rawgeti(L, SQL_PARAMETERS, (lua_Integer)i);
        status = check_row(L, i, error);
        lua_settop(L, SQL_PARAMETERS);
    }
    lua_createtable(L, rows->count < INT_MAX ? (int)rows->count : 0, 0);
    rows->changed = lua_gettop(L);
    return status;
}

Status parameter_rows_fit(void *context, St *st, Error *error) {
    const ParameterRows *rows = context;
    size_t expected = (size_t)st_parameter_count(st);
    for (size_t i = 1; i <= rows->count; i++) {
        lua_rawgeti(rows->L, SQL_PARAMETERS, (lua_Integer)i);
        size_t given = lua_rawlen(rows->L, -1);
        lua_pop(rows->L, 1);
        if (given != expected) {
            error_set(error, STATUS_SQL,
                      "row %zu has %zu value%s, and the statement %zu parameter%s", i, given,
                      given == 1 ? "" : "s", expected, expected == 1 ? "" : "s");
            error->index = (int64_t)i;
            return STATUS_SQL;
        }
    }
    return STATUS_OK;
}

void parameter_rows_bind(void *context, St *st, size_t index) {
    const ParameterRows *rows = context;
    lua_State *L = rows->L;
    Error ignored; /* NaN, which was looked for */
    lua_rawgeti(L, SQL_PARAMETERS, (lua_Integer)index + 1);
    int row = lua_gettop(L), count = st_parameter_count(st);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, row, i);
        bind_value(L, row + 1, st, i, &ignored);
        lua_settop(L, row);
    }
    lua_pop(L, 1);
}

/* The list has room for all, so that nothing is allocated here. */
Status parameter_rows_done(void *context, St *st, size_t index, Error *error) {
    const ParameterRows *rows = context;
    (void)error;
    lua_pushinteger(rows->L, st_changes(st));
    lua_rawseti(rows->L, rows->changed, (lua_Integer)index + 1);
    return STATUS_OK;
}
