#include "store/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW_CHUNK ((size_t)1 << 18)

struct Window {
    int fd;
    char *data;
    size_t at, end, capacity; /* data[at] is the next byte, data[end] the first that isn't read */
    int64_t read;             /* bytes read of the file */
    int64_t line, size;
    bool finished;
};

Status window_open(const char *path, Window **out, Error *error) {
    *out = NULL;
    Window *window = calloc(1, sizeof *window);
    if (!window) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    window->line = 1;
    window->fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                        : open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    Status status = STATUS_OK;
    if (window->fd < 0 || fstat(window->fd, &stat) != 0) {
        status = error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, "%s: %s", path,
                           strerror(errno));
    } else if (S_ISDIR(stat.st_mode)) {
        status = error_set(error, STATUS_INVALID, "%s is a folder, not a document", path);
    } else {
        window->size = S_ISREG(stat.st_mode) ? stat.st_size : 0;
        *out = window;
    }
    if (status != STATUS_OK) {
        window_close(window);
    }
    return status;
}

void window_close(Window *window) {
    if (!window) {
        return;
    }
    if (window->fd >= 0) {
        close(window->fd);
    }
    free(window->data);
    free(window);
}

int64_t window_offset(const Window *window) {
    return window->read - (int64_t)(window->end - window->at);
}

int64_t window_line(const Window *window) {
    return window->line;
}

int64_t window_size(const Window *window) {
    return window->size;
}

Status window_seek(Window *window, int64_t offset, int64_t line, Error *error) {
    if (lseek(window->fd, offset, SEEK_SET) < 0) {
        return error_set(error, STATUS_INVALID,
                         "line %lld: this part speaks of signals that come after it, so the "
                         "document is read twice: give it as a file, not through a pipe",
                         (long long)line);
    }
    window->at = window->end = 0;
    window->read = offset;
    window->line = line;
    window->finished = false;
    return STATUS_OK;
}

/* Makes room behind `end`: by moving what is there to the front, then by growing. */
static Status make_room(Window *window, Error *error) {
    if (window->at > 0) {
        memmove(window->data, window->data + window->at, window->end - window->at);
        window->end -= window->at;
        window->at = 0;
    }
    if (window->capacity - window->end >= WINDOW_CHUNK) {
        return STATUS_OK;
    }
    size_t capacity = window->capacity ? window->capacity * 2 : WINDOW_CHUNK * 2;
    if (window->end >= WINDOW_VALUE_MAX) {
        return error_set(error, STATUS_INVALID,
                         "line %lld: a value longer than %zu MiB, which is the most one may be",
                         (long long)window->line, WINDOW_VALUE_MAX >> 20);
    }
    char *grown = realloc(window->data, capacity);
    if (!grown) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    window->data = grown;
    window->capacity = capacity;
    return STATUS_OK;
}

/* Reads more behind what is there; sets `finished` at the end of the file. */
static Status read_more(Window *window, Error *error) {
    Status status = make_room(window, error);
    if (status != STATUS_OK) {
        return status;
    }
    ssize_t got;
    do {
        got = read(window->fd, window->data + window->end, window->capacity - window->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return error_set(error, STATUS_IO, "the document can't be read: %s", strerror(errno));
    }
    window->finished = got == 0;
    window->end += (size_t)got;
    window->read += got;
    return STATUS_OK;
}

Status window_peek(Window *window, int *byte, Error *error) {
    for (;;) {
        while (window->at < window->end) {
            char c = window->data[window->at];
            if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
                *byte = (unsigned char)c;
                return STATUS_OK;
            }
            window->line += c == '\n';
            window->at++;
        }
        if (window->finished) {
            *byte = -1;
            return STATUS_OK;
        }
        Status status = read_more(window, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
}

void window_take(Window *window) {
    window->at++;
}

/* Where a value is being cut out: how far it was looked at, and what is open there. */
typedef struct Cut {
    size_t at; /* from window->at */
    size_t depth;
    bool in_string, bare, done;
} Cut;

/* Looks at what was read so far. */
static void look(Cut *cut, const char *data, size_t size) {
    while (cut->at < size && !cut->done) {
        if (cut->in_string) { /* most of a document: nothing but these two bytes matter */
            while (cut->at < size && data[cut->at] != '"' && data[cut->at] != '\\') {
                cut->at++;
            }
            if (cut->at == size) {
                return;
            }
        }
        char c = data[cut->at];
        if (cut->in_string) {
            if (c == '\\') {
                if (cut->at + 1 == size) {
                    return; /* the escaped byte isn't read yet */
                }
                cut->at++;
            } else {
                cut->in_string = false;
                cut->done = cut->depth == 0;
            }
        } else if (cut->bare) {
            if (strchr(" \t\r\n,]}:", c)) {
                cut->done = true;
                return;
            }
        } else if (c == '"') {
            cut->in_string = true;
        } else if (c == '{' || c == '[') {
            cut->depth++;
        } else if (c == '}' || c == ']') {
            cut->depth--;
            cut->done = cut->depth == 0;
        } else if (cut->depth == 0) {
            cut->bare = true;
        }
        cut->at++;
    }
}

static int64_t count_lines(Text text) {
    int64_t lines = 0;
    const char *end = text.data + text.size;
    for (const char *p = text.data; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++) {
        lines++;
    }
    return lines;
}

Status window_value(Window *window, Text *value, Error *error) {
    int first;
    Status status = window_peek(window, &first, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (first < 0 || strchr(",:]}", first)) {
        return error_set(error, STATUS_INVALID, "line %lld: a value is expected here",
                         (long long)window->line);
    }
    Cut cut = {0};
    for (;;) {
        look(&cut, window->data + window->at, window->end - window->at);
        if (cut.done || (cut.bare && window->finished)) {
            break;
        }
        if (window->finished) {
            return error_set(error, STATUS_INVALID,
                             "line %lld: the document ends inside the value that begins here",
                             (long long)window->line);
        }
        status = read_more(window, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    *value = (Text){window->data + window->at, cut.at};
    window->at += cut.at;
    window->line += count_lines(*value);
    return STATUS_OK;
}
