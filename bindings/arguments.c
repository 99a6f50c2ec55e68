/* Reading arguments: see the header. */
#include "bindings/arguments.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bindings/json.h"
#include "bindings/time.h"

/* The bytes of the string at `index`, which is none other. */
static Text text_at(lua_State *L, int index) {
    Text text;
    text.data = lua_tolstring(L, index, &text.size);
    return text;
}

static Status check_seconds(const char *name, double seconds, Error *error) {
    if (isfinite(seconds) && seconds >= 0) {
        return STATUS_OK;
    }
    return error_invalid(error, name, "%s is %.14g, and must be a number of seconds from 0 up",
                         name, seconds);
}

/* ---- arguments ---- */

Text arg_text(lua_State *L, int arg) {
    luaL_checktype(L, arg, LUA_TSTRING);
    return text_at(L, arg);
}

Text arg_text_or_none(lua_State *L, int arg) {
    return lua_isnoneornil(L, arg) ? (Text){0} : arg_text(L, arg);
}

int64_t arg_integer(lua_State *L, int arg) {
    luaL_checktype(L, arg, LUA_TNUMBER);
    return luaL_checkinteger(L, arg);
}

Status arg_seconds(lua_State *L, int arg, const char *name, double fallback, double *seconds,
                   Error *error) {
    *seconds = fallback;
    if (lua_isnoneornil(L, arg)) {
        return STATUS_OK;
    }
    luaL_checktype(L, arg, LUA_TNUMBER);
    *seconds = lua_tonumber(L, arg);
    return check_seconds(name, *seconds, error);
}

/* Writes the table at `index` behind what `out` has. */
static Status encode(lua_State *L, int index, const char *name, Buffer *out, Text *json,
                     Error *error) {
    size_t before = out->size;
    Status status = json_encode(L, index, name, out, error);
    if (status == STATUS_OK) {
        *json = (Text){out->data + before, out->size - before};
    }
    return status;
}

Status arg_json(lua_State *L, int arg, const char *name, bool required, Buffer *out, Text *json,
                Error *error) {
    *json = (Text){0};
    switch (lua_type(L, arg)) {
    case LUA_TTABLE: return encode(L, arg, name, out, json, error);
    case LUA_TSTRING: *json = text_at(L, arg); return STATUS_OK;
    case LUA_TNIL:
    case LUA_TNONE:
        if (!required) {
            return STATUS_OK;
        }
        break;
    default: break;
    }
    luaL_typeerror(L, arg, "table or string");
    return STATUS_INVALID;
}

/* ---- records ---- */

Record record_check(lua_State *L, int arg) {
    luaL_checktype(L, arg, LUA_TTABLE);
    return (Record){.arg = arg, .index = arg};
}

int record_error(lua_State *L, const Record *record, const char *message) {
    if (record->item > 0) {
        message = lua_pushfstring(L, "item %I: %s", (LUAI_UACINT)record->item, message);
    }
    return luaL_argerror(L, record->arg, message);
}

int field_type_error(lua_State *L, const Record *record, const char *name, const char *expected,
                     int index) {
    const char *message = lua_pushfstring(L, "field '%s': %s expected, got %s", name, expected,
                                          luaL_typename(L, index));
    return record_error(L, record, message);
}

static bool is_one_of(const char *name, const char *const names[]) {
    for (; *names; names++) {
        if (strcmp(name, *names) == 0) {
            return true;
        }
    }
    return false;
}

Record record_options(lua_State *L, int arg, const char *const names[]) {
    if (lua_isnoneornil(L, arg)) {
        lua_settop(L, arg - 1);
        lua_newtable(L);
    }
    Record record = record_check(L, arg);
    lua_pushnil(L);
    while (lua_next(L, arg)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING) {
            record_error(L, &record, "a table of named fields expected");
        } else if (!is_one_of(lua_tostring(L, -1), names)) {
            record_error(L, &record,
                         lua_pushfstring(L, "no such field: '%s'", lua_tostring(L, -1)));
        }
    }
    return record;
}

/* ---- fields ---- */

Text field_text(lua_State *L, const Record *record, const char *name) {
    if (lua_getfield(L, record->index, name) != LUA_TSTRING) {
        field_type_error(L, record, name, "string", -1);
    }
    return text_at(L, -1);
}

Text field_text_or_none(lua_State *L, const Record *record, const char *name) {
    switch (lua_getfield(L, record->index, name)) {
    case LUA_TSTRING: return text_at(L, -1);
    case LUA_TNIL: break;
    default: field_type_error(L, record, name, "string", -1);
    }
    return (Text){0};
}

double field_number(lua_State *L, const Record *record, const char *name) {
    if (lua_getfield(L, record->index, name) != LUA_TNUMBER) {
        field_type_error(L, record, name, "number", -1);
    }
    return lua_tonumber(L, -1);
}

int64_t field_integer_or(lua_State *L, const Record *record, const char *name, int64_t fallback) {
    if (lua_getfield(L, record->index, name) == LUA_TNIL) {
        return fallback;
    }
    int exact = 0;
    lua_Integer integer = lua_tointegerx(L, -1, &exact);
    if (lua_type(L, -1) != LUA_TNUMBER) {
        field_type_error(L, record, name, "number", -1);
    } else if (!exact) {
        record_error(L, record,
                     lua_pushfstring(L, "field '%s': number has no integer representation", name));
    }
    return integer;
}

bool field_boolean_or(lua_State *L, const Record *record, const char *name, bool fallback) {
    switch (lua_getfield(L, record->index, name)) {
    case LUA_TBOOLEAN: return lua_toboolean(L, -1);
    case LUA_TNIL: break;
    default: field_type_error(L, record, name, "boolean", -1);
    }
    return fallback;
}

Status field_seconds_or(lua_State *L, const Record *record, const char *name, double fallback,
                        double *seconds, Error *error) {
    *seconds = fallback;
    if (lua_getfield(L, record->index, name) == LUA_TNIL) {
        return STATUS_OK;
    }
    lua_pop(L, 1);
    *seconds = field_number(L, record, name);
    return check_seconds(name, *seconds, error);
}

Status field_time_or_none(lua_State *L, const Record *record, const char *name, int64_t *micros,
                          Error *error) {
    switch (lua_getfield(L, record->index, name)) {
    case LUA_TSTRING:
    case LUA_TNUMBER: return time_read(L, -1, name, micros, error);
    case LUA_TNIL: break;
    default: field_type_error(L, record, name, "string or number", -1);
    }
    *micros = STORE_TIME_NONE;
    return STATUS_OK;
}

Status field_choice(lua_State *L, const Record *record, const char *name, const char *const words[],
                    int *choice, Error *error) {
    Text text = field_text_or_none(L, record, name);
    if (!text.data) {
        return STATUS_OK;
    }
    for (int i = 0; words[i]; i++) {
        if (strlen(words[i]) == text.size && memcmp(words[i], text.data, text.size) == 0) {
            *choice = i;
            return STATUS_OK;
        }
    }
    char allowed[128] = "";
    for (int i = 0, size = 0; words[i]; i++) {
        const char *between = words[i + 1] ? ", " : " or ";
        size += snprintf(allowed + size, sizeof allowed - (size_t)size, "%s%s",
                         i == 0 ? "" : between, words[i]);
    }
    return error_invalid(error, name, "%s is \"%.40s\", and must be %s", name, text.data, allowed);
}

Status field_json(lua_State *L, const Record *record, const char *name, bool required, Buffer *out,
                  Text *json, Error *error) {
    *json = (Text){0};
    switch (lua_getfield(L, record->index, name)) {
    case LUA_TTABLE: return encode(L, lua_gettop(L), name, out, json, error);
    case LUA_TSTRING: *json = text_at(L, -1); return STATUS_OK;
    case LUA_TNIL:
        if (!required) {
            return STATUS_OK;
        }
        break;
    default: break;
    }
    field_type_error(L, record, name, "table or string", -1);
    return STATUS_INVALID;
}
