/* signalbox.vault: compressing files, and summing them. Everything gives nil and a problem where it
 * fails. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "bindings/modules/files/path.h"
#include "bindings/modules/vault/pack.h"

int luaopen_signalbox_vault(lua_State *L);

/* A Lua function that is told how far it is, without letting what it raises through C. */
typedef struct Watcher {
    lua_State *L;
    int function; /* its place on the stack; 0 for none */
    bool raised;  /* what it raised is on top of the stack */
} Watcher;

static bool watch(void *context, int64_t done) {
    Watcher *watcher = context;
    lua_State *L = watcher->L;
    if (watcher->function == 0) {
        return true;
    }
    lua_pushvalue(L, watcher->function);
    lua_pushinteger(L, done);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        watcher->raised = true;
        return false;
    }
    bool go_on = lua_isnil(L, -1) || lua_toboolean(L, -1);
    lua_pop(L, 1);
    return go_on;
}

static Watcher check_watcher(lua_State *L, int index) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (lua_isnoneornil(L, index)) {
        return (Watcher){.L = L};
    }
    luaL_checktype(L, index, LUA_TFUNCTION);
    return (Watcher){.L = L, .function = index};
}

/* An open file of Lua's, or a path: *path is NULL for the former. */
static int check_descriptor(lua_State *L, int index, const char **path) {
    luaL_Stream *stream = luaL_testudata(L, index, LUA_FILEHANDLE);
    *path = NULL;
    if (stream) {
        luaL_argcheck(L, stream->closef != NULL, index, "file is closed");
        fflush(stream->f);
        return fileno(stream->f);
    }
    *path = luaL_checkstring(L, index);
    return -1;
}

static int push_sums(lua_State *L, const PackSums *sums) {
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, sums->size);
    lua_setfield(L, -2, "size");
    if (sums->sha256[0] != '\0') {
        lua_pushstring(L, sums->sha256);
        lua_setfield(L, -2, "sha256");
    }
    lua_pushinteger(L, sums->packed_size);
    lua_setfield(L, -2, "packed_size");
    lua_pushstring(L, sums->packed_sha256);
    lua_setfield(L, -2, "packed_sha256");
    return 1;
}

enum {
    UNPACK = -1,
    UNPACK_UNSUMMED = -2
}; /* else the level to pack at */

/* A program that we write to may end early: that is an answer, and no reason to die. */
static int work_without_sigpipe(int what, int from, int to, Watcher *watcher, PackSums *sums) {
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGPIPE, &ignore, &before);
    int problem = what >= 0 ? pack_file(from, to, what, watch, watcher, sums)
                            : unpack_file(from, to, what == UNPACK, watch, watcher, sums);
    sigaction(SIGPIPE, &before, NULL);
    return problem;
}

/* What pack and unpack share; `to` is -1 and `to_path` NULL where nothing is to be written. */
static int work(lua_State *L, int what, Watcher *watcher) {
    const char *from_path, *to_path = NULL;
    int from = check_descriptor(L, 1, &from_path);
    int to = lua_isnoneornil(L, 2) ? -1 : check_descriptor(L, 2, &to_path);
    if (from_path && path_is_owned(L, from_path)) {
        return path_fail(L, EBUSY, "can't open", from_path);
    }
    if (from_path && (from = open(from_path, O_RDONLY | O_CLOEXEC)) < 0) {
        return path_fail(L, errno, "can't open", from_path);
    }
    if (to_path &&
        (to = open(to_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0) {
        int why = errno;
        if (from_path) {
            close(from);
        }
        return path_fail(L, why, "can't make", to_path);
    }
    PackSums sums;
    int problem = work_without_sigpipe(what, from, to, watcher, &sums);
    if (to_path && problem == 0 && fsync(to) != 0) {
        problem = errno;
    }
    if (to_path && close(to) != 0 && problem == 0) {
        problem = errno;
    }
    if (from_path) {
        close(from);
    }
    if (problem != 0 && to_path) {
        unlink(to_path);
    }
    if (watcher->raised) {
        return lua_error(L);
    }
    if (problem != 0) {
        return path_fail(L, problem, what >= 0 ? "can't compress" : "can't decompress",
                         problem != EBADMSG && problem != ECANCELED && to_path ? to_path
                         : from_path                                           ? from_path
                                     : "what was piped in");
    }
    return push_sums(L, &sums);
}

/* pack(from, to, level [, watcher]) -> sums. `from` and `to` are paths (`to` is made, and synced)
 * or open files; the watcher gets the bytes done, and breaks it off by giving false. */
static int vault_pack(lua_State *L) {
    int level = (int)luaL_checkinteger(L, 3);
    luaL_argcheck(L, level >= 0, 3, "level below 0");
    luaL_checkany(L, 2);
    Watcher watcher = check_watcher(L, 4);
    return work(L, level, &watcher);
}

/* unpack(from, to or nil [, watcher [, unsummed]]) -> sums; `sha256` is not among them with
 * `unsummed`, which is quicker. */
static int vault_unpack(lua_State *L) {
    Watcher watcher = check_watcher(L, 3);
    return work(L, lua_toboolean(L, 4) ? UNPACK_UNSUMMED : UNPACK, &watcher);
}

/* sha256(path [, watcher]) -> digits, size */
static int vault_sha256(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    Watcher watcher = check_watcher(L, 2);
    char sha256[SHA256_TEXT];
    int64_t size;
    int file = path_open(L, path, O_RDONLY, 0);
    if (file < 0) {
        return path_fail(L, errno, "can't open", path);
    }
    int problem = sum_file(file, watch, &watcher, &size, sha256);
    close(file);
    if (watcher.raised) {
        return lua_error(L);
    }
    if (problem != 0) {
        return path_fail(L, problem, "can't read", path);
    }
    lua_pushstring(L, sha256);
    lua_pushinteger(L, size);
    return 2;
}

/* sha256_text(text) -> digits */
static int vault_sha256_text(lua_State *L) {
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    char sha256[SHA256_TEXT];
    if (sum_text(text, size, sha256) != 0) {
        return luaL_error(L, "not enough memory");
    }
    lua_pushstring(L, sha256);
    return 1;
}

static const luaL_Reg functions[] = {
    {"pack", vault_pack},
    {"unpack", vault_unpack},
    {"sha256", vault_sha256},
    {"sha256_text", vault_sha256_text},
    {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_signalbox_vault(lua_State *L) {
    luaL_checkversion(L);
    luaL_newlib(L, functions);
    return 1;
}
