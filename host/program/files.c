#include "program/files.h"

#include "program/process.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static int file(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    struct stat found;
    struct statvfs disk;
    if (stat(path, &found) != 0 || statvfs(path, &disk) != 0) {
        return luaL_fileresult(L, false, path);
    }
    lua_createtable(L, 0, 6);
    lua_pushstring(L, S_ISREG(found.st_mode)   ? "file"
                      : S_ISDIR(found.st_mode) ? "folder"
                                               : "other");
    lua_setfield(L, -2, "kind");
    lua_pushboolean(L, found.st_uid == geteuid());
    lua_setfield(L, -2, "is_ours");
    set_integer(L, "size", found.st_size);
    set_integer(L, "mode", found.st_mode & 07777);
    set_integer(L, "modified", found.st_mtime);
    set_integer(L, "disk_free", (lua_Integer)disk.f_bavail * (lua_Integer)disk.f_frsize);
    return 1;
}

static int make_folders(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    char part[PATH_MAX];
    size_t size = strlen(path);
    if (size >= sizeof part) {
        errno = ENAMETOOLONG;
        return luaL_fileresult(L, false, path);
    }
    for (size_t at = 1; at <= size; at++) {
        if (path[at] != '/' && path[at] != '\0') continue;
        memcpy(part, path, at);
        part[at] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST && errno != EISDIR) {
            return luaL_fileresult(L, false, part);
        }
    }
    lua_pushboolean(L, true);
    return 1;
}

static int set_mode(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    mode_t mode = (mode_t)luaL_checkinteger(L, 2);
    return luaL_fileresult(L, chmod(path, mode) == 0, path);
}

static int program(lua_State *L) {
    char path[PATH_MAX];
    lua_pushstring(L, process_path(path) ? path : NULL);
    return 1;
}

static int again(lua_State *L) {
    char path[PATH_MAX];
    lua_pushstring(L, process_again(path));
    return 1;
}

static const luaL_Reg functions[] = {
    {"file", file},       {"make_folders", make_folders}, {"set_mode", set_mode},
    {"program", program}, {"again", again},               {NULL, NULL},
};

void files_open(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
