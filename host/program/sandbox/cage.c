#include "program/sandbox/cage.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INSTRUCTIONS 4096        /* between two looks at the clock */
#define LARGEST_REPEAT (1 << 20) /* bytes that string.rep may make */
#define LARGEST_UNPACK 4096      /* values that table.unpack and table.move may handle */

struct Cage {
    lua_State *L;
    size_t used, limit;
    int64_t deadline; /* microseconds of now_micros */
    CageExpired *expired;
    void *context;
};

static int64_t now_micros(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void *allocate(void *context, void *block, size_t old_size, size_t new_size) {
    Cage *cage = context;
    if (!block) {
        old_size = 0; /* it says what kind of object is made */
    }
    if (new_size == 0) {
        free(block);
        cage->used -= old_size;
        return NULL;
    }
    if (new_size > old_size && new_size - old_size > cage->limit - cage->used) {
        return NULL;
    }
    void *moved = realloc(block, new_size);
    if (!moved && new_size > old_size) {
        return NULL;
    }
    cage->used = cage->used - old_size + new_size;
    return moved ? moved : block; /* Lua relies on shrinking to succeed */
}

/* ---- the clock ------------------------------------------------------------------------------- */

/* A text, or one of the rules that the program carries in itself. */
static bool is_rule_file(const char *source) {
    static const char carried[] = "=scripts/rules/";
    return source[0] == '@' || strncmp(source, carried, sizeof carried - 1) == 0;
}

void cage_push_place(lua_State *L) {
    lua_Debug frame;
    for (int level = 0; lua_getstack(L, level, &frame); level++) {
        if (lua_getinfo(L, "Sl", &frame) && is_rule_file(frame.source) && frame.currentline > 0) {
            lua_pushfstring(L, "%s:%d", frame.short_src, frame.currentline);
            return;
        }
    }
    lua_pushliteral(L, "");
}

bool cage_is_late(const Cage *cage) {
    return now_micros() > cage->deadline;
}

static void look_at_clock(lua_State *L, lua_Debug *frame) {
    (void)frame;
    Cage *cage = cage_of(L);
    if (cage_is_late(cage)) {
        cage->limit = SIZE_MAX; /* the message needs a little */
        cage_push_place(L);
        cage->expired(cage->context, lua_tostring(L, -1));
        abort();
    }
}

void cage_deadline(Cage *cage, double seconds) {
    cage->deadline = now_micros() + (int64_t)(seconds * 1e6);
}

/* ---- functions that replace Lua's own -------------------------------------------------------- */

/* setmetatable(table, metatable): takes a copy of what is harmless in it. Who keeps the original
 * can't add `__mode` or `__gc` afterwards, and there is no getmetatable. */
static int set_metatable(lua_State *L) {
    static const char *const events[] = {
        "__index",  "__newindex", "__call", "__tostring", "__len", "__eq",  "__lt",   "__le",
        "__concat", "__unm",      "__add",  "__sub",      "__mul", "__div", "__mod",  "__pow",
        "__idiv",   "__band",     "__bor",  "__bxor",     "__shl", "__shr", "__bnot", "__pairs",
    };
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_isnil(L, 2)) {
        lua_settop(L, 1);
        lua_pushnil(L);
        lua_setmetatable(L, 1);
        return 1;
    }
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    static const char *const refused[] = {"__gc", "__mode", "__close"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        lua_pushstring(L, refused[i]);
        if (lua_rawget(L, 2) != LUA_TNIL) {
            return luaL_error(L, "a rule has no use for '%s'", refused[i]);
        }
        lua_pop(L, 1);
    }
    lua_newtable(L);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        lua_pushstring(L, events[i]);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, 2) == LUA_TNIL) {
            lua_pop(L, 2);
        } else {
            lua_rawset(L, 3);
        }
    }
    lua_setmetatable(L, 1);
    lua_settop(L, 1);
    return 1;
}

/* Calls the upvalue with the arguments. */
static int call_original(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int repeat(lua_State *L) {
    size_t size, separator = 0;
    luaL_checklstring(L, 1, &size);
    lua_Integer count = luaL_checkinteger(L, 2);
    luaL_optlstring(L, 3, "", &separator);
    if (count > 0 && (size + separator) * 1.0 * (double)count > LARGEST_REPEAT) {
        return luaL_error(L, "string.rep would make more than %d bytes", LARGEST_REPEAT);
    }
    return call_original(L);
}

/* Integers first and last are at `from` and `to`; missing ones are the table's ends. */
static void check_span(lua_State *L, int from, int to, const char *name) {
    lua_Integer first = luaL_optinteger(L, from, 1);
    lua_Integer last = luaL_opt(L, luaL_checkinteger, to, (lua_Integer)lua_rawlen(L, 1));
    if (first <= last && (lua_Unsigned)last - (lua_Unsigned)first >= LARGEST_UNPACK) {
        luaL_error(L, "%s takes at most %d values", name, LARGEST_UNPACK);
    }
}

static int unpack(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    check_span(L, 2, 3, "table.unpack");
    return call_original(L);
}

static int move(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    check_span(L, 2, 3, "table.move");
    return call_original(L);
}

/* ---- the library ----------------------------------------------------------------------------- */

/* Functions that are taken over from a library as they are. */
typedef struct Library {
    const char *name; /* its global name; "_G" is the base library */
    lua_CFunction open;
    const char *const *kept;
    luaL_Reg replaced[3];
} Library;

static const char *const base_kept[] = {
    "assert", "error",  "ipairs", "next",     "pairs",    "pcall", "rawequal",
    "rawget", "rawlen", "select", "tonumber", "tostring", "type",  NULL,
};
static const char *const string_kept[] = {
    "byte",  "char",  "find",    "format", "gmatch", "gsub", "len",
    "lower", "match", "reverse", "sub",    "upper",  NULL,
};
static const char *const table_kept[] = {"concat", "insert", "pack", "remove", "sort", NULL};
static const char *const math_kept[] = {
    "abs",  "acos",   "asin", "atan", "ceil",       "cos",       "deg",        "exp",  "floor",
    "fmod", "huge",   "log",  "max",  "maxinteger", "min",       "mininteger", "modf", "pi",
    "rad",  "random", "sin",  "sqrt", "tan",        "tointeger", "type",       "ult",  NULL,
};
static const char *const utf8_kept[] = {
    "char", "charpattern", "codepoint", "codes", "len", "offset", NULL,
};

static const Library libraries[] = {
    {"_G", luaopen_base, base_kept, {{"setmetatable", set_metatable}}},
    {"string", luaopen_string, string_kept, {{"rep", repeat}}},
    {"table", luaopen_table, table_kept, {{"unpack", unpack}, {"move", move}}},
    {"math", luaopen_math, math_kept, {{NULL, NULL}}},
    {"utf8", luaopen_utf8, utf8_kept, {{NULL, NULL}}},
};

/* Copies what is kept of the library on top of the stack into the table below it, and drops it. */
static void copy_library(lua_State *L, const Library *library) {
    for (const char *const *name = library->kept; *name; name++) {
        lua_getfield(L, -1, *name);
        lua_setfield(L, -3, *name);
    }
    for (const luaL_Reg *function = library->replaced; function->name; function++) {
        lua_getfield(L, -1, function->name);
        lua_pushcclosure(L, function->func, 1);
        lua_setfield(L, -3, function->name);
    }
    lua_pop(L, 1);
}

/* ("").rep and the like find the reduced library, and nobody finds the metatable. */
static void replace_string_metatable(lua_State *L, int globals) {
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_getfield(L, globals, "string");
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

/* Protected. Argument 1 is `fill` as a light userdata's pointer. */
static int set_up(lua_State *L) {
    const lua_CFunction *fill = lua_touserdata(L, 1);
    lua_newtable(L);
    int globals = lua_gettop(L);
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        const Library *library = &libraries[i];
        bool base = library->open == luaopen_base;
        if (base) {
            lua_pushvalue(L, globals);
        } else {
            lua_newtable(L);
        }
        lua_pushcfunction(L, library->open);
        lua_pushstring(L, library->name);
        lua_call(L, 1, 1);
        copy_library(L, library);
        if (base) {
            lua_pop(L, 1);
        } else {
            lua_setfield(L, globals, library->name);
        }
    }
    replace_string_metatable(L, globals);
    lua_pushliteral(L, LUA_VERSION);
    lua_setfield(L, globals, "_VERSION");
    lua_pushvalue(L, globals);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS); /* what texts are loaded with */
    lua_pushcfunction(L, *fill);
    lua_pushvalue(L, globals);
    lua_call(L, 1, 0);
    lua_newtable(L); /* forgets the full libraries */
    lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    return 0;
}

/* What is left where even an error could not be handled: no way to go on, and nothing to lose. */
static int panic(lua_State *L) {
    (void)L;
    abort();
}

Cage *cage_open(size_t memory, lua_CFunction fill, CageExpired *expired, void *context) {
    Cage *cage = calloc(1, sizeof *cage);
    if (!cage) {
        return NULL;
    }
    cage->limit = memory;
    cage->deadline = INT64_MAX;
    cage->expired = expired;
    cage->context = context;
    cage->L = lua_newstate(allocate, cage);
    if (!cage->L) {
        free(cage);
        return NULL;
    }
    lua_atpanic(cage->L, panic);
    lua_pushcfunction(cage->L, set_up);
    lua_pushlightuserdata(cage->L, &fill);
    if (lua_pcall(cage->L, 1, 0, 0) != LUA_OK) {
        cage_close(cage);
        return NULL;
    }
    lua_sethook(cage->L, look_at_clock, LUA_MASKCOUNT, INSTRUCTIONS);
    return cage;
}

void cage_close(Cage *cage) {
    if (cage) {
        lua_close(cage->L);
        free(cage);
    }
}

lua_State *cage_state(Cage *cage) {
    return cage->L;
}

Cage *cage_of(lua_State *L) {
    void *cage;
    lua_getallocf(L, &cage);
    return cage;
}

void *cage_context(Cage *cage) {
    return cage->context;
}

bool cage_load_text(lua_State *L, const char *text, size_t size, const char *name) {
    return luaL_loadbufferx(L, text, size, name, "t") == LUA_OK;
}
