/* signalbox.files: what of files Lua's io lacks: making without following links, syncing, locking,
 * swapping. Everything gives nil and a problem where it fails. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bindings/modules/files/path.h"

#define LOCK_METATABLE "signalbox.files.lock"
#define DATABASE_LOCKS 0x40000000L /* where SQLite locks a database: 512 bytes from here */
#define DATABASE_LOCK_BYTES 512
#define CUT_AT_ONCE (8 << 20)

int luaopen_signalbox_files(lua_State *L);

static int done(lua_State *L) {
    lua_pushboolean(L, 1);
    return 1;
}

/* create(path [, text]): a new file, 0600, with the text, synced. */
static int files_create(lua_State *L) {
    size_t size;
    const char *path = luaL_checkstring(L, 1);
    const char *text = luaL_optlstring(L, 2, "", &size);
    int file = path_open(L, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (file < 0) {
        return path_fail(L, errno, "can't make", path);
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
        return path_fail(L, why, "can't write", path);
    }
    return done(L);
}

static bool is_folder(int file) {
    struct stat status;
    return fstat(file, &status) == 0 && S_ISDIR(status.st_mode);
}

/* sync(path): a file or a folder. Some file systems of a network have no sync of folders. */
static int files_sync(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    int file = path_open(L, path, O_RDONLY, 0);
    if (file < 0) {
        return path_fail(L, errno, "can't open", path);
    }
    int why = fsync(file) == 0 ? 0 : errno;
    if (why == EINVAL && is_folder(file)) {
        why = 0;
    }
    close(file);
    return why == 0 ? done(L) : path_fail(L, why, "can't sync", path);
}

/* set_mode(path, mode): of a file of the caller's own. */
static int files_set_mode(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    mode_t mode = (mode_t)luaL_checkinteger(L, 2);
    return chmod(path, mode) == 0 ? done(L) : path_fail(L, errno, "can't change", path);
}

/* Where the file system can't refuse to replace, or to exchange, we look first: whoever changes a
 * folder by this module has locked it. */
static bool is_unknown_to_file_system(int why) {
    return why == EINVAL || why == ENOSYS || why == EOPNOTSUPP;
}

/* rename(from, to): fails where `to` is there. */
static int files_rename(lua_State *L) {
    const char *from = luaL_checkstring(L, 1), *to = luaL_checkstring(L, 2);
    struct stat status;
    int why = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 ? 0 : errno;
    if (is_unknown_to_file_system(why)) {
        why = lstat(to, &status) == 0 ? EEXIST : rename(from, to) == 0 ? 0 : errno;
    }
    return why == 0 ? done(L) : path_fail(L, why, "can't make", to);
}

/* exchange(a, b): each gets the other's name, at once; false where the file system can't. */
static int files_exchange(lua_State *L) {
    const char *a = luaL_checkstring(L, 1), *b = luaL_checkstring(L, 2);
    int why = renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0 ? 0 : errno;
    if (why != 0 && !is_unknown_to_file_system(why)) {
        return path_fail(L, why, "can't replace", b);
    }
    lua_pushboolean(L, why == 0);
    return 1;
}

/* link(from, to): a second name. */
static int files_link(lua_State *L) {
    const char *from = luaL_checkstring(L, 1), *to = luaL_checkstring(L, 2);
    return link(from, to) == 0 ? done(L) : path_fail(L, errno, "can't make", to);
}

/* adopt(path, from): the owner and the mode of another file. Where the owner can't be set, the mode
 * would let in others than it did: then it stays what it is. */
static int files_adopt(lua_State *L) {
    const char *path = luaL_checkstring(L, 1), *from = luaL_checkstring(L, 2);
    struct stat status;
    if (stat(from, &status) != 0) {
        return path_fail(L, errno, "can't find", from);
    }
    if (lchown(path, status.st_uid, status.st_gid) == 0 &&
        chmod(path, status.st_mode & 07777) != 0) {
        return path_fail(L, errno, "can't set the mode of", path);
    }
    return done(L);
}

/* Cuts a file off bit by bit: to give back a gigabyte at once stalls whoever syncs on that disk for
 * a fifth of a second. */
static void cut_off(int file) {
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1) {
        return;
    }
    for (off_t size = status.st_size; size > CUT_AT_ONCE; size -= CUT_AT_ONCE) {
        if (ftruncate(file, size - CUT_AT_ONCE) != 0) {
            return;
        }
    }
}

/* remove(path): a file, however large, while others use the disk. */
static int files_remove(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    int file = path_open(L, path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (file >= 0) {
        cut_off(file);
        close(file);
    }
    return unlink(path) == 0 ? done(L) : path_fail(L, errno, "can't remove", path);
}

static const char *kind_of(mode_t mode) {
    return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "folder" : S_ISLNK(mode) ? "link" : "other";
}

/* stat(path) -> {kind=, size=, inode=, is_ours=} of the path itself; nil where nothing is there. */
static int files_stat(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    struct stat status;
    if (lstat(path, &status) != 0) {
        return path_fail(L, errno, "can't find", path);
    }
    lua_createtable(L, 0, 4);
    lua_pushstring(L, kind_of(status.st_mode));
    lua_setfield(L, -2, "kind");
    lua_pushinteger(L, status.st_size);
    lua_setfield(L, -2, "size");
    lua_pushinteger(L, (lua_Integer)status.st_ino);
    lua_setfield(L, -2, "inode");
    lua_pushboolean(L, status.st_uid == geteuid());
    lua_setfield(L, -2, "is_ours");
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

/* list(folder) -> names, in no order. */
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
        return path_fail(L, errno, "can't read the folder", path);
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
        return path_fail(L, ENAMETOOLONG, "can't make the folder", path);
    }
    for (size_t i = 1; i <= length; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            memcpy(part, path, i);
            part[i] = '\0';
            if (mkdir(part, 0700) != 0 && (stat(part, &status) != 0 || !S_ISDIR(status.st_mode))) {
                return path_fail(L, errno == EEXIST ? ENOTDIR : errno, "can't make the folder",
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
    lua_pushfstring(L, "%s/.signalbox-XXXXXX", parent);
    const char *pattern = lua_tostring(L, -1);
    if (strlen(pattern) >= sizeof path) {
        return path_fail(L, ENAMETOOLONG, "can't make a folder in", parent);
    }
    strcpy(path, pattern);
    if (!mkdtemp(path)) {
        return path_fail(L, errno, "can't make a folder in", parent);
    }
    lua_pushstring(L, path);
    return 1;
}

/* resolve(path) -> without links and dots. */
static int files_resolve(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    char resolved[PATH_MAX];
    if (!realpath(path, resolved)) {
        return path_fail(L, errno, "can't find", path);
    }
    lua_pushstring(L, resolved);
    return 1;
}

/* free_space(path) -> bytes that the disk it is on has room for. */
static int files_free_space(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    struct statvfs status;
    if (statvfs(path, &status) != 0) {
        return path_fail(L, errno, "can't ask for the space of", path);
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
        return path_fail(L, errno, "can't open the folder", path);
    }
    if (flock(*file, LOCK_EX | LOCK_NB) == 0) {
        return 1;
    }
    if (errno != EWOULDBLOCK) {
        return path_fail(L, errno, "can't lock", path);
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
    *file = path_open(L, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
    int why = errno;
    struct stat status;
    if (*file < 0 && lstat(path, &status) != 0) {
        return path_fail(L, why, "can't make", path);
    }
    if (*file >= 0 && flock(*file, LOCK_EX | LOCK_NB) == 0 && is_own(*file, path) &&
        ftruncate(*file, 0) == 0) {
        return 1;
    }
    lua_pushboolean(L, 0);
    return 1;
}

/* Whether another has the file open, though it holds no lock at this moment. Only what nobody else
 * has open can be leased for writing. Where leases are not known, or not ours to take, nobody can
 * tell. */
static bool is_open_elsewhere(int file) {
    fcntl(file, F_SETSIG, SIGURG); /* what tells of a broken lease is not to end the process */
    if (fcntl(file, F_SETLEASE, F_WRLCK) != 0) {
        return errno == EAGAIN;
    }
    fcntl(file, F_SETLEASE, F_UNLCK);
    return false;
}

/* claim(database): keeps SQLite from reading it, until closed. Fails as "busy" where somebody has
 * it open. The lock is one of an open file, which closing alone drops. */
static int files_claim(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    int *file = push_lock(L);
    *file = path_open(L, path, O_RDWR | O_NOFOLLOW, 0);
    if (*file < 0) {
        return path_fail(L, errno, "can't open", path);
    }
    struct flock lock = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = DATABASE_LOCKS,
                         .l_len = DATABASE_LOCK_BYTES};
    if (fcntl(*file, F_OFD_SETLK, &lock) != 0) {
        return path_fail(L, errno == EAGAIN || errno == EACCES ? ETXTBSY : errno, "can't replace",
                         path);
    }
    return is_open_elsewhere(*file) ? path_fail(L, ETXTBSY, "can't replace", path) : 1;
}

static const luaL_Reg functions[] = {
    {"create", files_create},
    {"sync", files_sync},
    {"set_mode", files_set_mode},
    {"rename", files_rename},
    {"exchange", files_exchange},
    {"link", files_link},
    {"adopt", files_adopt},
    {"remove", files_remove},
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

__attribute__((visibility("default"))) int luaopen_signalbox_files(lua_State *L) {
    luaL_checkversion(L);
    luaL_newlib(L, functions);
    return 1;
}
