/* What of files Lua's io lacks: making without following links, syncing, locking, swapping. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bindings/modules/vault/vault.h"

#define LOCK_METATABLE "signalbox.vault.lock"
#define DATABASE_LOCKS 0x40000000L /* where SQLite locks a database: 512 bytes from here */
#define DATABASE_LOCK_BYTES 512

static int done(lua_State *L) {
    lua_pushboolean(L, 1);
    return 1;
}

/* create(path [, text]): a new file, 0600, with the text, synced. */
static int files_create(lua_State *L) {
    size_t size;
    const char *path = luaL_checkstring(L, 1);
    const char *text = luaL_optlstring(L, 2, "", &size);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) {
        return vault_fail(L, errno, "can't make", path);
    }
    int why = 0;
    while (why == 0 && size > 0) {
        ssize_t put = write(file, text, size);
        if (put >= 0) {
            text += put;
            size -= (size_t)put;
        } else if (errno != EINTR) {
            why = errno;
        }
    }
    why = why == 0 && fsync(file) != 0 ? errno : why;
    why = close(file) != 0 && why == 0 ? errno : why;
    if (why != 0) {
        unlink(path);
        return vault_fail(L, why, "can't write", path);
    }
    return done(L);
}

/* sync(path): a file or a folder. */
static int files_sync(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return vault_fail(L, errno, "can't open", path);
    }
    int why = fsync(file) == 0 ? 0 : errno;
    close(file);
    return why == 0 ? done(L) : vault_fail(L, why, "can't sync", path);
}

/* set_mode(path, mode): of a file of the caller's own. */
static int files_set_mode(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    mode_t mode = (mode_t)luaL_checkinteger(L, 2);
    return chmod(path, mode) == 0 ? done(L) : vault_fail(L, errno, "can't change", path);
}

/* rename(from, to): fails where `to` is there. */
static int files_rename(lua_State *L) {
    const char *from = luaL_checkstring(L, 1), *to = luaL_checkstring(L, 2);
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
        return done(L);
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return vault_fail(L, errno, "can't make", to);
    }
    /* A file system without that: a link never replaces either. */
    if (link(from, to) != 0 || unlink(from) != 0) {
        return vault_fail(L, errno, "can't make", to);
    }
    return done(L);
}

/* exchange(a, b): each gets the other's name, at once. */
static int files_exchange(lua_State *L) {
    const char *a = luaL_checkstring(L, 1), *b = luaL_checkstring(L, 2);
    if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) != 0) {
        return vault_fail(L, errno, "can't replace", b);
    }
    return done(L);
}

static const char *kind_of(mode_t mode) {
    return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "folder" : S_ISLNK(mode) ? "link" : "other";
}

/* stat(path) -> {kind=, size=, modified=} of the path itself, or nil where nothing is there. */
static int files_stat(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    struct stat status;
    if (lstat(path, &status) != 0) {
        return vault_fail(L, errno, "can't find", path);
    }
    lua_createtable(L, 0, 3);
    lua_pushstring(L, kind_of(status.st_mode));
    lua_setfield(L, -2, "kind");
    lua_pushinteger(L, status.st_size);
    lua_setfield(L, -2, "size");
    lua_pushinteger(L, status.st_mtime);
    lua_setfield(L, -2, "modified");
    return 1;
}

static int close_folder(lua_State *L) {
    DIR **folder = lua_touserdata(L, 1);
    if (*folder) {
        closedir(*folder);
        *folder = NULL;
    }
    return 0;
}

/* list(folder) -> names, sorted as bytes. */
static int files_list(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    DIR **folder = lua_newuserdatauv(L, sizeof *folder, 0);
    *folder = NULL;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, close_folder);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    *folder = opendir(path);
    if (!*folder) {
        return vault_fail(L, errno, "can't read the folder", path);
    }
    lua_newtable(L);
    struct dirent *entry;
    for (lua_Integer i = 1; (entry = readdir(*folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            lua_pushstring(L, entry->d_name);
            lua_rawseti(L, -2, i++);
        }
    }
    closedir(*folder);
    *folder = NULL;
    return 1;
}

/* make_folder(path): with those above it, 0700. */
static int files_make_folder(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    char part[PATH_MAX];
    size_t length = strlen(path);
    struct stat status;
    if (length >= sizeof part) {
        return vault_fail(L, ENAMETOOLONG, "can't make the folder", path);
    }
    for (size_t i = 1; i <= length; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            memcpy(part, path, i);
            part[i] = '\0';
            if (mkdir(part, 0700) != 0 && (stat(part, &status) != 0 || !S_ISDIR(status.st_mode))) {
                return vault_fail(L, errno == EEXIST ? ENOTDIR : errno, "can't make the folder",
                                  part);
            }
        }
    }
    return done(L);
}

/* temporary_folder(parent) -> path of a new folder of our own in it. */
static int files_temporary_folder(lua_State *L) {
    const char *parent = luaL_checkstring(L, 1);
    char path[PATH_MAX];
    lua_pushfstring(L, "%s/signalbox-XXXXXX", parent);
    const char *pattern = lua_tostring(L, -1);
    if (strlen(pattern) >= sizeof path) {
        return vault_fail(L, ENAMETOOLONG, "can't make a folder in", parent);
    }
    strcpy(path, pattern);
    if (!mkdtemp(path)) {
        return vault_fail(L, errno, "can't make a folder in", parent);
    }
    lua_pushstring(L, path);
    return 1;
}

/* resolve(path) -> without links and dots. */
static int files_resolve(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    char resolved[PATH_MAX];
    if (!realpath(path, resolved)) {
        return vault_fail(L, errno, "can't find", path);
    }
    lua_pushstring(L, resolved);
    return 1;
}

/* free_space(path) -> bytes that the disk it is on has room for. */
static int files_free_space(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    struct statvfs status;
    if (statvfs(path, &status) != 0) {
        return vault_fail(L, errno, "can't ask for the space of", path);
    }
    lua_pushinteger(L, (lua_Integer)status.f_bavail * (lua_Integer)status.f_frsize);
    return 1;
}

/* ---- locks ----------------------------------------------------------------------------------- */

static int close_lock(lua_State *L) {
    int *file = luaL_checkudata(L, 1, LOCK_METATABLE);
    if (*file >= 0) {
        close(*file);
        *file = -1;
    }
    return 0;
}

/* Pushes a lock that holds no file yet. */
static int *push_lock(lua_State *L) {
    int *file = lua_newuserdatauv(L, sizeof *file, 0);
    *file = -1;
    if (luaL_newmetatable(L, LOCK_METATABLE)) {
        static const luaL_Reg methods[] = {
            {"__gc", close_lock}, {"__close", close_lock}, {NULL, NULL}};
        luaL_setfuncs(L, methods, 0);
    }
    lua_setmetatable(L, -2);
    return file;
}

/* lock(folder): alone among those that lock it, until closed; false where another is. */
static int files_lock(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    int *file = push_lock(L);
    *file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*file < 0) {
        return vault_fail(L, errno, "can't open the folder", path);
    }
    if (flock(*file, LOCK_EX | LOCK_NB) == 0) {
        return 1;
    }
    if (errno != EWOULDBLOCK) {
        return vault_fail(L, errno, "can't lock", path);
    }
    lua_pushboolean(L, 0);
    return 1;
}

/* Whether the open file is the one that `path` names, a plain one, and nobody's but ours. */
static bool is_own(int file, const char *path) {
    struct stat opened, named;
    return fstat(file, &opened) == 0 && lstat(path, &named) == 0 &&
           opened.st_ino == named.st_ino && opened.st_dev == named.st_dev &&
           S_ISREG(opened.st_mode) && opened.st_nlink == 1 && opened.st_uid == geteuid() &&
           (opened.st_mode & 077) == 0;
}

/* take(path): a new file, 0600 and empty, that is ours until closed; or one that a killed program
 * has left there, emptied. false where it is another's. */
static int files_take(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    int *file = push_lock(L);
    *file = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    int why = errno;
    struct stat status;
    if (*file < 0 && lstat(path, &status) != 0) {
        return vault_fail(L, why, "can't make", path);
    }
    if (*file >= 0 && flock(*file, LOCK_EX | LOCK_NB) == 0 && is_own(*file, path) &&
        ftruncate(*file, 0) == 0) {
        return 1;
    }
    lua_pushboolean(L, 0);
    return 1;
}

/* claim(database): keeps SQLite from opening it, until closed. Fails with "in use" where a process
 * has it open, this one included: this is a lock of an open file, which closing drops alone, and
 * which is in the way of the process's own. */
static int files_claim(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    int *file = push_lock(L);
    *file = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (*file < 0) {
        return vault_fail(L, errno, "can't open", path);
    }
    struct flock lock = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = DATABASE_LOCKS,
                         .l_len = DATABASE_LOCK_BYTES};
    if (fcntl(*file, F_OFD_SETLK, &lock) == 0) {
        return 1;
    }
    if (errno != EAGAIN && errno != EACCES) {
        return vault_fail(L, errno, "can't lock", path);
    }
    lua_pushnil(L);
    lua_pushfstring(L, "'%s' is in use", path);
    return 2;
}

static const luaL_Reg functions[] = {
    {"create", files_create},
    {"sync", files_sync},
    {"set_mode", files_set_mode},
    {"rename", files_rename},
    {"exchange", files_exchange},
    {"stat", files_stat},
    {"list", files_list},
    {"make_folder", files_make_folder},
    {"temporary_folder", files_temporary_folder},
    {"resolve", files_resolve},
    {"free_space", files_free_space},
    {"lock", files_lock},
    {"take", files_take},
    {"claim", files_claim},
    {NULL, NULL},
};

void vault_files_open(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
