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

/* The columns that are texts, in the order in which they are copied. Those that repeat are often
 * what they were in the signal before: then its Lua string serves again, and needs no hashing. */
static const struct {
    const char *name;
    bool repeats;
} columns[] = {
    {"signal_type", true},   {"source_api", true},     {"canonical_key", true},
    {"company_name", true},  {"raw_json", false},      {"detected_at", true},
    {"created_at", true},    {"status", true},         {"notion_page_id", false},
    {"processed_at", false}, {"error_message", false}, {"metadata_json", false},
};

enum {
    COLUMNS = sizeof columns / sizeof *columns,
    LAST_SIZE = 40, /* bytes of a text that is remembered */

    /* The values of a shape: the names of the columns, from 1 on; the texts that repeat, as they
     * were last; and */
    LAST = COLUMNS,
    ID = 2 * COLUMNS + 1,
    CONFIDENCE,
    METATABLE
};

/* What signals are made by: a userdata in the registry with a table of values, so that no name is
 * looked up for each signal. */
typedef struct Shape {
    struct {
        size_t size; /* LAST_SIZE: none */
        char text[LAST_SIZE];
    } last[COLUMNS];
} Shape;

static const char shape_key; /* its address is the key in the registry */

static void shape_create(lua_State *L) {
    Shape *shape = lua_newuserdatauv(L, sizeof *shape, 1);
    lua_createtable(L, METATABLE, 0);
    for (int i = 0; i < COLUMNS; i++) {
        shape->last[i].size = LAST_SIZE;
        lua_pushstring(L, columns[i].name);
        lua_rawseti(L, -2, i + 1);
        lua_pushboolean(L, 0);
        lua_rawseti(L, -2, LAST + i + 1);
    }
    lua_pushliteral(L, "id");
    lua_rawseti(L, -2, ID);
    lua_pushliteral(L, "confidence");
    lua_rawseti(L, -2, CONFIDENCE);
    luaL_getmetatable(L, SIGNAL_METATABLE);
    lua_rawseti(L, -2, METATABLE);
    lua_setiuservalue(L, -2, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &shape_key);
}

/* Pushes the next text of the row, of a column that repeats. */
static void push_repeating(lua_State *L, Shape *shape, int values, Row *row, int column,
                           const Text *text) {
    const char *data = row_take(row, text);
    if (text->size == shape->last[column].size &&
        memcmp(data, shape->last[column].text, text->size) == 0) {
        lua_rawgeti(L, values, LAST + column + 1);
        return;
    }
    lua_pushlstring(L, data, text->size);
    if (text->size < LAST_SIZE) {
        memcpy(shape->last[column].text, lua_tostring(L, -1), text->size);
        shape->last[column].size = text->size;
        lua_pushvalue(L, -1);
        lua_rawseti(L, values, LAST + column + 1);
    }
}

Status signal_push(lua_State *L, Handle *handle, const Signal *signal, Error *error) {
    const Text *const texts[COLUMNS] = SIGNAL_TEXTS(signal);
    Row row = {0};
    if (handle && row_copy(&row, handle, texts, COLUMNS, error) != STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &shape_key);
    int table = lua_gettop(L), values = table + 1;
    Shape *shape = lua_touserdata(L, table);
    lua_getiuservalue(L, table, 1);
    lua_createtable(L, 0, SIGNAL_FIELDS);
    lua_replace(L, table); /* the registry keeps the shape */

    lua_rawgeti(L, values, ID);
    lua_pushinteger(L, signal->id);
    lua_rawset(L, table);
    if (!isnan(signal->confidence)) {
        lua_rawgeti(L, values, CONFIDENCE);
        lua_pushnumber(L, signal->confidence);
        lua_rawset(L, table);
    }
    for (int i = 0; i < COLUMNS; i++) {
        if (texts[i]->data) {
            lua_rawgeti(L, values, i + 1);
            if (columns[i].repeats) {
                push_repeating(L, shape, values, &row, i, texts[i]);
            } else {
                row_push(L, &row, texts[i]);
            }
            lua_rawset(L, table);
        }
    }
    row_end(&row);
    lua_rawgeti(L, values, METATABLE);
    lua_setmetatable(L, table);
    lua_settop(L, table);
    return STATUS_OK;
}

static Status next_signal(lua_State *L, Handle *handle, void *cursor, int index, Error *error) {
    (void)handle;
    (void)index;
    Signal signal;
    Status status = signal_cursor_next(cursor, &signal, error);
    if (status == STATUS_ROW && signal_push(L, NULL, &signal, error) != STATUS_OK) {
        status = STATUS_NO_MEMORY;
    }
    return status;
}

static void close_signals(void *cursor) {
    signal_cursor_close(cursor);
}

const IteratorKind signal_rows = {next_signal, close_signals, NULL};

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
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &shape_key) == LUA_TNIL) {
        shape_create(L);
    }
    lua_pop(L, 1);
}
