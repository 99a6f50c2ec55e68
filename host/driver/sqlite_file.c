/* Why so much care: SQLite's locks are POSIX locks, which belong to a process and an inode. Closing
 * any descriptor of the file drops them all, and one file by two names has two journals. So a file
 * is only ever opened by SQLite itself (making a new one, which nobody has open, is the exception),
 * and looked at by name. */
#include "driver/sqlite_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#define PATH_LONGEST 480 /* SQLite's own limit is 512, with what it puts behind the name */

/* The one thing here that belongs to the process and not to a connection, as the locks do. */
static pthread_mutex_t open_files_mutex = PTHREAD_MUTEX_INITIALIZER;
static OpenFile *open_files;

static const char *const companions[] = {"-wal", "-shm", "-journal", "-workers"};

const char *sqlite_file_beside(const char *path, const char *suffix, char *buffer, size_t size) {
    int length = snprintf(buffer, size, "%s%s", path, suffix);
    return length >= 0 && (size_t)length < size ? buffer : "";
}

Status sqlite_file_error(Error *error, int number, const char *what, const char *path) {
    Status status;
    switch (number) {
    case ENOENT: status = STATUS_NOT_FOUND; break;
    case EACCES:
    case EPERM:
    case EROFS: status = STATUS_READONLY; break;
    case ENOSPC:
    case EDQUOT: status = STATUS_FULL; break;
    case ENOMEM: status = STATUS_NO_MEMORY; break;
    case ENAMETOOLONG:
    case ENOTDIR:
    case ELOOP:
    case EISDIR: return error_invalid(error, "path", "%s '%s': %s", what, path, strerror(number));
    default: status = STATUS_IO; break;
    }
    return error_set(error, status, "%s '%s': %s", what, path, strerror(number));
}

/* The folder part of `path`, which has a slash, in place. */
static void cut_to_folder(char *path) {
    char *slash = strrchr(path, '/');
    if (slash == path) {
        slash++;
    }
    *slash = '\0';
}

bool sqlite_folder_sealed(const char *path) {
    char folder[PATH_MAX];
    sqlite_file_beside(path, "", folder, sizeof folder);
    cut_to_folder(folder);
    return access(folder, W_OK | X_OK) != 0;
}

/* Makes the folders that `path` lies in; what is there already stays as it is. */
static Status make_folders(const char *path, Error *error) {
    char folder[PATH_MAX];
    if (sqlite_file_beside(path, "", folder, sizeof folder)[0] == '\0') {
        return sqlite_file_error(error, ENAMETOOLONG, "can't use", path);
    }
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
            int number = errno;
            struct stat status;
            /* A folder that is there but lies on a read-only file system says EROFS first. */
            if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode)) {
                return sqlite_file_error(error, number, "can't make the folder", folder);
            }
        }
        *slash = '/';
    }
    return STATUS_OK;
}

/* The resolved name of a file that isn't there yet. */
static char *resolve_missing(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (slash) {
        sqlite_file_beside(path, "", folder, sizeof folder);
        cut_to_folder(folder);
    }
    char *parent = realpath(slash ? folder : ".", NULL);
    if (!parent) {
        return NULL;
    }
    size_t size = strlen(parent) + strlen(name) + 2;
    char *resolved = malloc(size);
    if (resolved) {
        snprintf(resolved, size, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
    }
    free(parent);
    return resolved;
}

/* The name of a file system that other machines may have mounted, or that doesn't lock; or NULL. */
static const char *remote_file_system(const char *path) {
    static const struct {
        unsigned long magic;
        const char *name;
    } remote[] = {
        {0x6969, "NFS"},      {0x517B, "SMB"},        {0xFF534D42, "SMB"},  {0xFE534D42, "SMB"},
        {0x65735546, "FUSE"}, {0x01021997, "9P"},     {0x00C36400, "Ceph"}, {0x5346414F, "AFS"},
        {0x73757245, "Coda"}, {0x0BD00BD0, "Lustre"}, {0x01161970, "GFS2"}, {0x7461636F, "OCFS2"},
    };
    struct statfs status;
    if (statfs(path, &status) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++) {
        if (((unsigned long)status.f_type & 0xFFFFFFFFUL) == remote[i].magic) {
            return remote[i].name;
        }
    }
    return NULL;
}

static Status refuse_remote(const char *path, const char *place, Error *error) {
    const char *remote = remote_file_system(place);
    return remote ? error_invalid(error, "path",
                                  "path '%s' is on a %s file system, whose locks can't be trusted: "
                                  "use a local disk",
                                  path, remote)
                  : STATUS_OK;
}

static Status check_file(const char *path, const DbOptions *options, Error *error) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return sqlite_file_error(error, errno, "can't open", path);
    }
    if (!S_ISREG(status.st_mode)) {
        return error_invalid(error, "path", "path '%s' is %s, not a database file", path,
                             S_ISDIR(status.st_mode) ? "a folder" : "a device or pipe");
    }
    if (status.st_nlink > 1) {
        return error_invalid(
            error, "path",
            "path '%s' has a second name (a hard link), by which another program could use it "
            "without seeing our locks: copy it",
            path);
    }
    if (refuse_remote(path, path, error) != STATUS_OK) {
        return STATUS_INVALID;
    }
    if (access(path, R_OK) != 0) {
        return sqlite_file_error(error, errno, "can't read", path);
    }
    if (options->mode != DB_READ && access(path, W_OK) != 0) {
        return sqlite_file_error(error, errno, "can't write", path);
    }
    if (options->mode != DB_READ && sqlite_folder_sealed(path)) {
        return error_set(error, STATUS_READONLY,
                         "can't write in the folder of '%s', which its log has to lie in", path);
    }
    return STATUS_OK;
}

/* Makes the file. That somebody else made it meanwhile is as good. */
static Status make_file(const char *path, const char *resolved, Error *error) {
    int file = open(resolved, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) {
        return errno == EEXIST ? STATUS_OK : sqlite_file_error(error, errno, "can't make", path);
    }
    close(file);
    return STATUS_OK;
}

static Status check_length(const char *path, Error *error) {
    return strlen(path) > PATH_LONGEST
               ? error_invalid(error, "path", "path is longer than %d bytes", PATH_LONGEST)
               : STATUS_OK;
}

/* Makes a file that isn't there, where it could be used. */
static Status find_missing(const char *path, char **resolved, Error *error) {
    char folder[PATH_MAX];
    size_t length = strlen(path);
    if (path[length - 1] == '/') {
        return error_invalid(error, "path", "path '%s' is a folder", path);
    }
    Status status = make_folders(path, error);
    if (status != STATUS_OK) {
        return status;
    }
    *resolved = resolve_missing(path);
    if (!*resolved) {
        return sqlite_file_error(error, errno, "can't make", path);
    }
    status = check_length(*resolved, error);
    if (status == STATUS_OK) {
        sqlite_file_beside(*resolved, "", folder, sizeof folder);
        cut_to_folder(folder);
        status = refuse_remote(*resolved, folder, error);
    }
    return status == STATUS_OK ? make_file(path, *resolved, error) : status;
}

/* Resolves the name of the file, which is made where it is missing and `make` says so. */
static Status resolve(const char *path, bool make, char **resolved, Error *error) {
    struct stat link;
    *resolved = realpath(path, NULL);
    if (*resolved) {
        return check_length(*resolved, error);
    }
    if (errno != ENOENT) {
        return sqlite_file_error(error, errno, "can't open", path);
    }
    if (lstat(path, &link) == 0) {
        return error_invalid(error, "path", "path '%s' is a link to nothing", path);
    }
    return make ? find_missing(path, resolved, error)
                : error_set(error, STATUS_NOT_FOUND, "there is no file '%s'", path);
}

Status sqlite_file_find(const char *path, const DbOptions *options, char **resolved, Error *error) {
    *resolved = NULL;
    if (path[0] == '\0') {
        return error_invalid(error, "path", "path is empty");
    }
    if (strcmp(path, ":memory:") == 0) {
        return error_invalid(error, "path",
                             "path ':memory:' is no file: a folder in memory (/dev/shm) serves");
    }
    Status status = resolve(path, options->mode == DB_CREATE && !options->side, resolved, error);
    if (status == STATUS_OK) {
        status = check_file(*resolved, options, error);
    }
    if (status != STATUS_OK) {
        free(*resolved);
        *resolved = NULL;
    }
    return status;
}

Status sqlite_file_enter(OpenFile *file, const char *path, Error *error) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return sqlite_file_error(error, errno, "can't open", path);
    }
    *file = (OpenFile){.path = path, .device = status.st_dev, .inode = status.st_ino};
    bool replaced = false;
    pthread_mutex_lock(&open_files_mutex);
    for (OpenFile *other = open_files; other && !replaced; other = other->next) {
        bool same = other->device == file->device && other->inode == file->inode;
        replaced = (strcmp(other->path, path) == 0) != same;
    }
    if (!replaced) {
        file->next = open_files;
        open_files = file;
    }
    pthread_mutex_unlock(&open_files_mutex);
    if (replaced) {
        file->path = NULL;
        return error_set(error, STATUS_IO,
                         "'%s' was moved or replaced while it is open: close it first", path);
    }
    return STATUS_OK;
}

void sqlite_file_leave(OpenFile *file) {
    if (!file->path) {
        return;
    }
    pthread_mutex_lock(&open_files_mutex);
    for (OpenFile **at = &open_files; *at; at = &(*at)->next) {
        if (*at == file) {
            *at = file->next;
            break;
        }
    }
    pthread_mutex_unlock(&open_files_mutex);
    file->path = NULL;
}

static bool is_companion(const OpenFile *file, const struct stat *status) {
    char name[PATH_MAX];
    for (size_t i = 0; i < sizeof companions / sizeof *companions; i++) {
        struct stat other;
        if (stat(sqlite_file_beside(file->path, companions[i], name, sizeof name), &other) == 0 &&
            other.st_ino == status->st_ino && other.st_dev == status->st_dev) {
            return true;
        }
    }
    return false;
}

bool sqlite_file_owned(const struct stat *status) {
    bool owned = false;
    pthread_mutex_lock(&open_files_mutex);
    for (const OpenFile *file = open_files; file && !owned; file = file->next) {
        owned = (file->inode == status->st_ino && file->device == status->st_dev) ||
                is_companion(file, status);
    }
    pthread_mutex_unlock(&open_files_mutex);
    return owned;
}
