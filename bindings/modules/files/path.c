#include "bindings/modules/files/path.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#define PROBLEM_METATABLE "signalbox.files.problem"
#define OWNS_FILE "signalbox.owns_file" /* of the registry; a stock lua5.4 has none */

bool path_is_owned(lua_State *L, const char *path) {
    bool owned = false;
    if (lua_getfield(L, LUA_REGISTRYINDEX, OWNS_FILE) == LUA_TFUNCTION) {
        lua_pushstring(L, path);
        lua_call(L, 1, 1);
        owned = lua_toboolean(L, -1);
    }
    lua_pop(L, 1);
    return owned;
}

int path_open(lua_State *L, const char *path, int flags, mode_t mode) {
    if (path_is_owned(L, path)) {
        errno = EBUSY;
        return -1;
    }
    return open(path, flags | O_CLOEXEC, mode);
}

static const char *code_of(int why) {
    switch (why) {
    case ENOENT: return "not_found";
    case EACCES:
    case EPERM:
    case EROFS: return "readonly";
    case ENOSPC:
    case EDQUOT: return "full";
    case EBUSY:
    case ETXTBSY: return "busy";
    case EBADMSG: return "corrupt";
    case ECANCELED: return "interrupted";
    case EEXIST:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case ENOTDIR: return "invalid";
    default: return "io";
    }
}

static const char *reason_of(int why) {
    switch (why) {
    case EBADMSG: return "damaged, or not compressed by zstd";
    case EBUSY: return "belongs to a database that is open here";
    case ECANCELED: return "broken off";
    case ETXTBSY: return "it is in use";
    default: return strerror(why);
    }
}

static int problem_text(lua_State *L) {
    lua_getfield(L, 1, "message");
    return 1;
}

int path_fail(lua_State *L, int why, const char *what, const char *path) {
    lua_pushnil(L);
    lua_createtable(L, 0, 3);
    lua_pushstring(L, code_of(why));
    lua_setfield(L, -2, "code");
    lua_pushfstring(L, "%s '%s': %s", what, path, reason_of(why));
    lua_setfield(L, -2, "message");
    lua_newtable(L);
    lua_setfield(L, -2, "detail");
    if (luaL_newmetatable(L, PROBLEM_METATABLE)) {
        lua_pushcfunction(L, problem_text);
        lua_setfield(L, -2, "__tostring");
    }
    lua_setmetatable(L, -2);
    return 2;
}
