/* One signal: see the header. */
#include "bindings/signal.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "bindings/errors.h"
#include "bindings/json.h"

/* ---- out of the store ---- */

/* With raw_data and metadata decoded: a table of this size never grows. */
#define SIGNAL_FIELDS 16

Status signal_push(lua_State *L, Handle *handle, const Signal *signal, Error *error) {
    const Text *const texts[] = {
        &signal->signal_type,  &signal->source_api,    &signal->canonical_key,
        &signal->company_name, &signal->raw_data,      &signal->detected_at,
        &signal->created_at,   &signal->status,        &signal->notion_page_id,
        &signal->processed_at, &signal->error_message, &signal->metadata,
    };
    static const char *const names[] = {
        "signal_type",    "source_api",   "canonical_key", "company_name",
        "raw_json",       "detected_at",  "created_at",    "status",
        "notion_page_id", "processed_at", "error_message", "metadata_json",
    };
    enum {
        COUNT = sizeof texts / sizeof *texts
    };
    Row row;
    Status status = row_copy(&row, handle, texts, COUNT, error);
    if (status != STATUS_OK) {
        return status;
    }
    lua_createtable(L, 0, SIGNAL_FIELDS);
    lua_pushinteger(L, signal->id);
    lua_setfield(L, -2, "id");
    if (!isnan(signal->confidence)) {
        lua_pushnumber(L, signal->confidence);
        lua_setfield(L, -2, "confidence");
    }
    for (int i = 0; i < COUNT; i++) {
        row_set(L, &row, names[i], texts[i]);
    }
    row_end(&row);
    luaL_setmetatable(L, SIGNAL_METATABLE);
    return STATUS_OK;
}

static Status next_signal(lua_State *L, Handle *handle, void *cursor, int index, Error *error) {
    (void)index;
    Signal signal;
    Status status = signal_cursor_next(cursor, &signal, error);
    if (status == STATUS_ROW && signal_push(L, handle, &signal, error) != STATUS_OK) {
        status = STATUS_NO_MEMORY;
    }
    return status;
}

static void close_signals(void *cursor) {
    signal_cursor_close(cursor);
}

const IteratorKind signal_rows = {next_signal, close_signals};

/* ---- into the store ---- */

/* The exact text of a signal of ours whose raw_data nobody has read, so nobody has changed. */
static bool raw_as_stored(lua_State *L, const Record *record, Text *raw) {
    if (!lua_getmetatable(L, record->index)) {
        return false;
    }
    luaL_getmetatable(L, SIGNAL_METATABLE);
    bool ours = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    if (!ours) {
        return false;
    }
    lua_pushliteral(L, "raw_data");
    bool unread = lua_rawget(L, record->index) == LUA_TNIL;
    lua_pop(L, 1);
    if (unread) {
        *raw = field_text(L, record, "raw_json");
    }
    return unread;
}

Status signal_read(lua_State *L, const Record *record, Buffer *json, NewSignal *signal,
                   Error *error) {
    signal->signal_type = field_text(L, record, "signal_type");
    signal->source_api = field_text(L, record, "source_api");
    signal->canonical_key = field_text(L, record, "canonical_key");
    signal->company_name = field_text_or_none(L, record, "company_name");
    signal->confidence = field_number(L, record, "confidence");
    Status status = field_time_or_none(L, record, "detected_at", &signal->detected_at, error);
    if (status == STATUS_OK && !raw_as_stored(L, record, &signal->raw_data)) {
        status = field_json(L, record, "raw_data", true, json, &signal->raw_data, error);
    }
    return status;
}

/* ---- metatable ---- */

/* Decodes the text in the field `json` of the signal that is argument 1 into the field `name`, and
 * pushes the value, nil where there is no text. */
static int decode(lua_State *L, const char *name, const char *json) {
    lua_pushstring(L, json);
    if (lua_rawget(L, 1) != LUA_TSTRING) {
        lua_pushnil(L);
        return 1;
    }
    Error error;
    size_t size;
    const char *data = lua_tolstring(L, -1, &size);
    if (json_push(L, name, data, size, JSON_LENIENT, &error) != STATUS_OK) {
        return error_raise(L, &error);
    }
    lua_pushstring(L, name);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

/* __index: only for what isn't there */
static int signal_index(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_type(L, 2) == LUA_TSTRING) {
        const char *name = lua_tostring(L, 2);
        if (strcmp(name, "raw_data") == 0) {
            return decode(L, "raw_data", "raw_json");
        }
        if (strcmp(name, "metadata") == 0) {
            return decode(L, "metadata", "metadata_json");
        }
    }
    lua_pushnil(L);
    return 1;
}

static int signal_each(lua_State *L) {
    lua_settop(L, 2);
    return lua_next(L, 1) ? 2 : 0;
}

/* __pairs: all fields, the decoded ones among them */
static int signal_pairs(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "raw_data");
    lua_getfield(L, 1, "metadata");
    lua_pushcfunction(L, signal_each);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* "signal 803: github_spike of github_org:openai from github_ranking, 0.95, ..." */
static int signal_tostring(lua_State *L) {
    static const char *const shown[] = {"signal_type", "canonical_key", "source_api",
                                        "confidence",  "detected_at",   "status"};
    luaL_Buffer text;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_buffinit(L, &text);
    luaL_addstring(&text, "signal ");
    lua_getfield(L, 1, "id");
    luaL_tolstring(L, -1, NULL);
    lua_remove(L, -2);
    luaL_addvalue(&text);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        luaL_addchar(&text, ' ');
        lua_getfield(L, 1, shown[i]);
        luaL_tolstring(L, -1, NULL);
        lua_remove(L, -2);
        luaL_addvalue(&text);
    }
    luaL_pushresult(&text);
    return 1;
}

static const luaL_Reg metamethods[] = {
    {"__index", signal_index},
    {"__pairs", signal_pairs},
    {"__tostring", signal_tostring},
    {NULL, NULL},
};

void signal_open(lua_State *L) {
    luaL_newmetatable(L, SIGNAL_METATABLE);
    luaL_setfuncs(L, metamethods, 0);
    lua_pop(L, 1);
}
