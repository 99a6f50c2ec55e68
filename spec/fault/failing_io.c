/* To be preloaded: the n-th call of one kind fails.
 *
 *   FAIL_KIND   write, sync, truncate, open, rename, or flags (of a rename) or link
 *   FAIL_AT     which one, from 1
 *   FAIL_ERRNO  how
 *   FAIL_STAY   set: all later ones fail too
 *   FAIL_MARK   a file that is made when it comes to that */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int count;

static int fails(const char *kind) {
    const char *wanted = getenv("FAIL_KIND");
    if (!wanted || strcmp(wanted, kind) != 0) {
        return 0;
    }
    int at = atoi(getenv("FAIL_AT"));
    int now = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    if (now != at && !(now > at && getenv("FAIL_STAY"))) {
        return 0;
    }
    mkdir(getenv("FAIL_MARK"), 0700);
    errno = atoi(getenv("FAIL_ERRNO"));
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define FAILING(kind, result, name, parameters, ...)       \
    result name parameters {                               \
        return fails(kind) ? -1 : REAL(name)(__VA_ARGS__); \
    }

/* What a person reads is not to fail. */
ssize_t write(int file, const void *data, size_t size) {
    return file > 2 && fails("write") ? -1 : REAL(write)(file, data, size);
}

FAILING("write", ssize_t, pwrite, (int f, const void *d, size_t n, off_t o), f, d, n, o)
FAILING("write", ssize_t, pwrite64, (int f, const void *d, size_t n, off64_t o), f, d, n, o)
FAILING("sync", int, fsync, (int f), f)
FAILING("sync", int, fdatasync, (int f), f)
FAILING("truncate", int, ftruncate, (int f, off_t n), f, n)
FAILING("truncate", int, ftruncate64, (int f, off64_t n), f, n)
FAILING("rename", int, rename, (const char *a, const char *b), a, b)

/* What not every file system has. */
int renameat2(int from, const char *a, int to, const char *b, unsigned flags) {
    return fails("rename") || (flags != 0 && fails("flags"))
               ? -1
               : REAL(renameat2)(from, a, to, b, flags);
}
int link(const char *a, const char *b) {
    return fails("rename") || fails("link") ? -1 : REAL(link)(a, b);
}

#define FAILING_OPEN(name)                                                        \
    int name(const char *path, int flags, ...) {                                  \
        va_list rest;                                                             \
        va_start(rest, flags);                                                    \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                             \
        return flags & (O_CREAT | O_RDWR | O_WRONLY) && fails("open")             \
                   ? -1                                                           \
                   : REAL(name)(path, flags, mode);                               \
    }
FAILING_OPEN(open)
FAILING_OPEN(open64)
