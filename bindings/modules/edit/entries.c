#include "bindings/modules/edit/entries.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT 10000
#define LONG (KEPT + KEPT / 4) /* a file with more entries is cut to those that are kept */
#define TRIES 10

/* The file, locked against other prompts; -1 where that can't be. While we waited for the lock
 * another may have put a shorter one in its place. */
static int open_locked(const char *path) {
    for (int i = 0; i < TRIES; i++) {
        int descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (descriptor < 0) {
            return -1;
        }
        struct stat ours, named;
        if (flock(descriptor, LOCK_EX) == 0 && fstat(descriptor, &ours) == 0 &&
            stat(path, &named) == 0 && ours.st_ino == named.st_ino) {
            return descriptor;
        }
        close(descriptor);
    }
    return -1;
}

/* Writes the list beside its file, then puts it in its place: never half of it. */
static void rewrite(Entries *entries) {
    HistEvent event;
    char temporary[4096];
    int size = snprintf(temporary, sizeof temporary, "%s.XXXXXX", entries->path);
    int descriptor = size > 0 && (size_t)size < sizeof temporary ? mkstemp(temporary) : -1;
    if (descriptor < 0) {
        return;
    }
    FILE *file = fdopen(descriptor, "w");
    if (file == NULL) {
        close(descriptor);
        unlink(temporary);
        return;
    }
    bool written = history(entries->list, &event, H_SAVE_FP, file) >= 0;
    written = fflush(file) == 0 && fsync(descriptor) == 0 && written;
    written = fclose(file) == 0 && written;
    if (!written || rename(temporary, entries->path) != 0) {
        unlink(temporary);
    }
}

static void load(Entries *entries) {
    HistEvent event;
    int descriptor = open_locked(entries->path);
    if (descriptor < 0) {
        return;
    }
    if (history(entries->list, &event, H_LOAD, entries->path) > LONG) {
        rewrite(entries);
    }
    close(descriptor);
}

bool entries_open(Entries *entries, const char *path) {
    HistEvent event;
    *entries = (Entries){.list = history_init()};
    if (entries->list == NULL || (path != NULL && (entries->path = strdup(path)) == NULL)) {
        entries_close(entries);
        return false;
    }
    history(entries->list, &event, H_SETSIZE, KEPT);
    history(entries->list, &event, H_SETUNIQUE, 1);
    if (path != NULL) {
        load(entries);
    }
    return true;
}

/* Writes a list behind what the file has; with its heading where that is nothing. */
static void append(History *list, const char *path) {
    HistEvent event;
    int descriptor = open_locked(path);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "a") : NULL;
    if (file != NULL) {
        fseek(file, 0, SEEK_END);
        history(list, &event, H_SAVE_FP, file);
        fclose(file);
    } else if (descriptor >= 0) {
        close(descriptor);
    }
}

void entries_add(Entries *entries, const char *text) {
    HistEvent event;
    if (history(entries->list, &event, H_ENTER, text) <= 0 || entries->path == NULL) {
        return;
    }
    History *one = history_init();
    if (one != NULL) {
        history(one, &event, H_SETSIZE, 1);
        history(one, &event, H_ENTER, text);
        append(one, entries->path);
        history_end(one);
    }
}

void entries_close(Entries *entries) {
    if (entries->list != NULL) {
        history_end(entries->list);
    }
    free(entries->path);
    *entries = (Entries){0};
}
