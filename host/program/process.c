#include "program/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* With one of 0 to 2 closed, the next file opened gets its number: a database would become the
 * standard output, and `print` would write into it. */
static void open_standard_descriptors(void) {
    int descriptor = open("/dev/null", O_RDWR);
    while (descriptor >= 0 && descriptor <= STDERR_FILENO) {
        descriptor = open("/dev/null", O_RDWR);
    }
    if (descriptor < 0 || close(descriptor) != 0) {
        _exit(EXIT_FAILED);
    }
}

/* Runs at every normal end and at os.exit. Lua's `print` tells nobody that a disk was full. */
static void check_output(void) {
    int failed = ferror(stdout);
    int why = failed != 0 ? 0 : (fflush(stdout) == 0 ? 0 : errno);
    if (failed == 0 && why == 0) {
        return;
    }
    if (why != EPIPE) {
        fprintf(stderr, "signalbox: standard output could not be written%s%s\n",
                why != 0 ? ": " : "", why != 0 ? strerror(why) : "");
    }
    _exit(EXIT_FAILED);
}

void process_prepare(void) {
    umask(077); /* what scripts write is nobody else's business */
    open_standard_descriptors();
    signal(SIGPIPE, SIG_DFL); /* systemd hands it on ignored */
    atexit(check_output);
}

bool process_path(char path[PATH_MAX]) {
    ssize_t size = readlink("/proc/self/exe", path, PATH_MAX);
    if (size <= 0 || size == PATH_MAX) {
        return false;
    }
    path[size] = '\0';
    return true;
}

/* Only then: for a tool that runs the program inside itself (valgrind), the link is that tool. */
const char *process_again(char path[PATH_MAX]) {
    return process_path(path) && access(path, X_OK) == 0 ? path : "/proc/self/exe";
}

bool process_folder(char path[PATH_MAX]) {
    char *slash = process_path(path) ? strrchr(path, '/') : NULL;
    if (slash != NULL) {
        *slash = '\0';
    }
    return slash != NULL;
}
