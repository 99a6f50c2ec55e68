/* For LD_PRELOAD: the moment that this process has made a file which must be new, $ON_MADE is run,
 * with the file's name as its first argument. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(const char *command, const char *path) {
    pid_t child = fork();
    if (child == 0) {
        unsetenv("LD_PRELOAD");
        execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
}

int open(const char *path, int flags, ...) {
    static int (*next)(const char *, int, ...);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "open");
    }
    int file = next(path, flags, mode);
    const char *command = getenv("ON_MADE");
    if (file >= 0 && (flags & O_EXCL) && command) {
        run(command, path);
    }
    return file;
}
