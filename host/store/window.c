#include "store/window.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW_CHUNK ((size_t)1 << 18)

#define PATIENCE 200 /* milliseconds without a byte after which it is asked whether to go on */

struct Window {
    int fd;
    char *data;
    size_t at, end, capacity; /* data[at] is the next byte, data[end] the first that isn't read */
    int64_t read;             /* bytes read of the file */
    int64_t line, size;
    bool finished;
    WindowAsk *ask;
    void *context;
};

static Status refuse_database(const char *path, Error *error) {
    return error_set(error, STATUS_INVALID, "%s is a file of a database that is open here, no "
                     "document", path);
}

static Status open_file(Window *window, const char *path, Error *error) {
    bool given = strcmp(path, "-") == 0;
    struct stat stat;
    if (given ? driver_owns_descriptor(STDIN_FILENO) : driver_owns_file(path)) {
        return refuse_database(path, error);
    }
    window->fd = given ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                       : open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe is awaited */
    if (window->fd < 0 || fstat(window->fd, &stat) != 0) {
        return error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, "%s: %s", path,
                         strerror(errno));
    }
    if (S_ISDIR(stat.st_mode)) {
        return error_set(error, STATUS_INVALID, "%s is a folder, not a document", path);
    }
    window->size = S_ISREG(stat.st_mode) ? stat.st_size : 0;
    return STATUS_OK;
}

Status window_open(const char *path, WindowAsk *ask, void *context, Window **out, Error *error) {
    *out = NULL;
    Window *window = calloc(1, sizeof *window);
    if (!window) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    *window = (Window){.fd = -1, .line = 1, .ask = ask, .context = context};
    Status status = open_file(window, path, error);
    if (status == STATUS_OK) {
        *out = window;
    } else {
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

Status window_rewind(Window *window, Error *error) {
    if (lseek(window->fd, 0, SEEK_SET) < 0) {
        return error_set(error, STATUS_IO, "the document can't be read twice: %s", strerror(errno));
    }
    window->at = window->end = 0;
    window->read = 0;
    window->line = 1;
    window->finished = false;
    return STATUS_OK;
}

static Status refuse_long(const Window *window, Error *error) {
    return error_set(error, STATUS_INVALID,
                     "line %lld: a value longer than %zu MiB, which is the most one may be",
                     (long long)window->line, WINDOW_VALUE_MAX >> 20);
}

/* Makes room behind `end`: by moving what is there to the front, then by growing. */
static Status make_room(Window *window, Error *error) {
    const size_t most = WINDOW_VALUE_MAX + WINDOW_CHUNK;
    if (window->at > 0) {
        memmove(window->data, window->data + window->at, window->end - window->at);
        window->end -= window->at;
        window->at = 0;
    }
    if (window->capacity - window->end >= WINDOW_CHUNK) {
        return STATUS_OK;
    }
    if (window->end > WINDOW_VALUE_MAX) {
        return refuse_long(window, error);
    }
    size_t capacity = window->capacity ? window->capacity * 2 : WINDOW_CHUNK * 2;
    capacity = capacity < most ? capacity : most;
    char *grown = realloc(window->data, capacity);
    if (!grown) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    window->data = grown;
    window->capacity = capacity;
    return STATUS_OK;
}

static bool go_on(const Window *window) {
    return !window->ask || window->ask(window->context, window_offset(window), window->size);
}

/* Until there is something to read. A signal that comes just before the wait is noticed at its
 * end. */
static Status await(Window *window, Error *error) {
    struct pollfd poll_fd = {.fd = window->fd, .events = POLLIN};
    int ready;
    do {
        if (!go_on(window)) {
            return error_set(error, STATUS_INTERRUPTED, "the import was broken off");
        }
        ready = poll(&poll_fd, 1, PATIENCE);
    } while (ready == 0 || (ready < 0 && errno == EINTR));
    return ready > 0 ? STATUS_OK : error_set(error, STATUS_IO, "the document can't be read: %s",
                                             strerror(errno));
}

/* Reads more behind what is there; sets `finished` at the end of the file. */
static Status read_more(Window *window, Error *error) {
    Status status = make_room(window, error);
    ssize_t got = -1;
    do {
        if (status == STATUS_OK) {
            status = await(window, error);
        }
        if (status == STATUS_OK) {
            got = read(window->fd, window->data + window->end, window->capacity - window->end);
        }
    } while (status == STATUS_OK && got < 0 && (errno == EINTR || errno == EAGAIN));
    if (status == STATUS_OK && got < 0) {
        status = error_set(error, STATUS_IO, "the document can't be read: %s", strerror(errno));
    }
    if (status == STATUS_OK) {
        window->finished = got == 0;
        window->end += (size_t)got;
        window->read += got;
    }
    return status;
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
    if (cut.at > WINDOW_VALUE_MAX) {
        return refuse_long(window, error);
    }
    *value = (Text){window->data + window->at, cut.at};
    window->at += cut.at;
    window->line += count_lines(*value);
    return STATUS_OK;
}
