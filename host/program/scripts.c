#include "program/scripts.h"

#include "program/embedded.h"

#include <dirent.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY_PREFIX "signalbox."

/* ---- folders --------------------------------------------------------------------------------- */

/* Pushes the configuration folder, or nil where there is no home. */
static void push_config_folder(lua_State *L) {
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (config != NULL && *config == '/') {
        lua_pushfstring(L, "%s/signalbox", config);
    } else if (home != NULL && *home != '\0') {
        lua_pushfstring(L, "%s/.config/signalbox", home);
    } else {
        lua_pushnil(L);
    }
}

bool has_config(lua_State *L) {
    push_config_folder(L);
    const char *folder = lua_tostring(L, -1);
    const char *file = lua_pushfstring(L, "%s/config.lua", folder != NULL ? folder : "");
    bool has = access("signalbox.lua", F_OK) == 0 || (folder != NULL && access(file, F_OK) == 0);
    lua_pop(L, 2);
    return has;
}

/* Pushes the array of folders where the user's scripts are, those that come first first. */
static void push_folders(lua_State *L) {
    const char *path = getenv("SIGNALBOX_PATH");
    lua_Integer count = 0;
    lua_newtable(L);
    while (path != NULL && *path != '\0') {
        size_t size = strcspn(path, ":");
        if (size > 0) {
            lua_pushlstring(L, path, size);
            lua_rawseti(L, -2, ++count);
        }
        path += size + (path[size] == ':');
    }
    push_config_folder(L);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    lua_pushliteral(L, "/scripts");
    lua_concat(L, 2);
    lua_rawseti(L, -2, ++count);
}

/* ---- one script ------------------------------------------------------------------------------ */

static const EmbeddedScript *find_embedded(const char *name) {
    size_t low = 0, high = embedded_script_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, embedded_scripts[middle].name);
        if (order == 0) {
            return &embedded_scripts[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

/* A name can't climb out of its folder, nor be one that is hidden. */
static bool name_is_sound(const char *name) {
    if (*name == '\0' || *name == '/' || *name == '.') {
        return false;
    }
    return strstr(name, "/.") == NULL && strstr(name, "//") == NULL;
}

/* Pushes the path of the user's script `name` and returns true, or pushes nothing. */
static bool push_user_path(lua_State *L, const char *name) {
    push_folders(L);
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        const char *path = lua_pushfstring(L, "%s/%s.lua", lua_tostring(L, -1), name);
        if (access(path, F_OK) == 0) {
            lua_replace(L, -3);
            lua_pop(L, 1);
            return true;
        }
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
    return false;
}

static bool load_embedded(lua_State *L, const EmbeddedScript *script) {
    return luaL_loadbufferx(L, (const char *)script->data, script->size, script->name, "b") ==
           LUA_OK;
}

bool script_load(lua_State *L, const char *name) {
    if (name_is_sound(name)) {
        if (push_user_path(L, name)) {
            bool loaded = luaL_loadfilex(L, lua_tostring(L, -1), "t") == LUA_OK;
            lua_remove(L, -2);
            return loaded;
        }
        const EmbeddedScript *script = find_embedded(name);
        if (script != NULL) {
            return load_embedded(L, script);
        }
    }
    lua_pushnil(L);
    return false;
}

/* ---- for Lua --------------------------------------------------------------------------------- */

/* find(name) -> path of the user's own, or true for one that the program carries; nil */
static int scripts_find(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    if (!name_is_sound(name)) {
        lua_pushnil(L);
    } else if (!push_user_path(L, name)) {
        if (find_embedded(name) != NULL) {
            lua_pushboolean(L, true);
        } else {
            lua_pushnil(L);
        }
    }
    return 1;
}

/* load(name) -> function, path or nil; nil, message */
static int scripts_load(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    if (script_load(L, name)) {
        if (!push_user_path(L, name)) {
            lua_pushnil(L);
        }
        return 2;
    }
    if (lua_isnil(L, -1)) {
        lua_pushfstring(L, "there is no script '%s'", name);
    }
    luaL_pushfail(L);
    lua_insert(L, -2);
    return 2;
}

/* embedded(name) -> the bytes for `load`, of a script that the program carries; nil */
static int scripts_embedded(lua_State *L) {
    const EmbeddedScript *script = find_embedded(luaL_checkstring(L, 1));
    if (script == NULL) {
        luaL_pushfail(L);
    } else {
        lua_pushlstring(L, (const char *)script->data, script->size);
    }
    return 1;
}

/* Adds {name=, path=} to the array at `list` unless the set at `seen` has the name. */
static void add_name(lua_State *L, int list, int seen, const char *name, size_t size,
                     const char *path) {
    lua_pushlstring(L, name, size);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, seen) != LUA_TNIL) {
        lua_pop(L, 2);
        return;
    }
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushboolean(L, true);
    lua_rawset(L, seen);
    lua_createtable(L, 0, 2);
    lua_insert(L, -2);
    lua_setfield(L, -2, "name");
    if (path != NULL) {
        lua_pushstring(L, path);
        lua_setfield(L, -2, "path");
    }
    lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
}

/* The size of `file` without ".lua", or 0 where it is no script. */
static size_t script_name_size(const char *file) {
    size_t size = strlen(file);
    return *file != '.' && size > 4 && strcmp(file + size - 4, ".lua") == 0 ? size - 4 : 0;
}

/* An open folder, for the collector to close where adding a name raises. */
static int folder_close(lua_State *L) {
    DIR **folder = lua_touserdata(L, 1);
    if (*folder != NULL) {
        closedir(*folder);
        *folder = NULL;
    }
    return 0;
}

static void list_folder(lua_State *L, int list, int seen, const char *path) {
    DIR **folder = lua_newuserdatauv(L, sizeof *folder, 0);
    *folder = NULL;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, folder_close);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    *folder = opendir(path);
    struct dirent *entry = NULL;
    while (*folder != NULL && (entry = readdir(*folder)) != NULL) {
        size_t size = script_name_size(entry->d_name);
        if (size > 0) {
            const char *file = lua_pushfstring(L, "%s/%s", path, entry->d_name);
            add_name(L, list, seen, entry->d_name, size, file);
            lua_pop(L, 1);
        }
    }
    if (*folder != NULL) {
        closedir(*folder);
        *folder = NULL;
    }
    lua_pop(L, 1);
}

static void list_embedded(lua_State *L, int list, int seen, const char *kind) {
    size_t size = strlen(kind);
    for (size_t i = 0; i < embedded_script_count; i++) {
        const char *name = embedded_scripts[i].name;
        if (strncmp(name, kind, size) == 0 && (size == 0 || name[size] == '/')) {
            name += size + (size > 0);
            if (strchr(name, '/') == NULL) {
                add_name(L, list, seen, name, strlen(name), NULL);
            }
        }
    }
}

/* list(kind) -> array of {name=, path=}, of the scripts in `kind` ("collectors"; "" for commands):
 * those that come first on the path first; `path` is absent for one that the program carries. */
static int scripts_list(lua_State *L) {
    const char *kind = luaL_optstring(L, 1, "");
    lua_settop(L, 1);
    lua_newtable(L); /* 2: the list */
    lua_newtable(L); /* 3: names that are in it */
    push_folders(L); /* 4 */
    lua_Integer count = (lua_Integer)lua_rawlen(L, 4);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, 4, i);
        list_folder(L, 2, 3, lua_pushfstring(L, "%s/%s", lua_tostring(L, -1), kind));
        lua_pop(L, 2);
    }
    list_embedded(L, 2, 3, kind);
    lua_settop(L, 2);
    return 1;
}

/* folders() -> array of the user's folders of scripts, there or not */
static int scripts_folders(lua_State *L) {
    push_folders(L);
    return 1;
}

/* config_folder() -> path; nil where there is no home */
static int scripts_config_folder(lua_State *L) {
    push_config_folder(L);
    return 1;
}

/* A searcher of `require`: signalbox.NAME is lib/NAME.lua, and so is argparse, which the program
 * carries in itself. */
static int search_library(lua_State *L) {
    const char *name = luaL_checkstring(L, 1), *library = name;
    size_t prefix = sizeof LIBRARY_PREFIX - 1;
    if (strncmp(name, LIBRARY_PREFIX, prefix) == 0) {
        library += prefix;
    } else if (strcmp(name, "argparse") != 0) {
        return 0;
    }
    if (strchr(library, '.') != NULL) {
        return 0;
    }
    const char *script = lua_pushfstring(L, "lib/%s", library);
    if (script_load(L, script)) {
        lua_pushvalue(L, -2);
        return 2;
    }
    if (!lua_isnil(L, -1)) {
        return luaL_error(L, "error loading module '%s':\n\t%s", name, lua_tostring(L, -1));
    }
    lua_pushfstring(L, "no script '%s'", script);
    return 1;
}

/* Puts the searcher behind that of package.preload. */
static void add_searcher(lua_State *L) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
        lua_rawgeti(L, -1, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushcfunction(L, search_library);
    lua_rawseti(L, -2, 2);
    lua_pop(L, 2);
}

static const luaL_Reg functions[] = {
    {"find", scripts_find}, {"load", scripts_load},       {"embedded", scripts_embedded},
    {"list", scripts_list}, {"folders", scripts_folders}, {"config_folder", scripts_config_folder},
    {NULL, NULL},
};

void scripts_open(lua_State *L) {
    add_searcher(L);
    luaL_setfuncs(L, functions, 0);
}
