#include "program/sandbox/frame.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void frame_header(size_t size, char header[FRAME_HEADER]) {
    for (int i = 0; i < FRAME_HEADER; i++) {
        header[i] = (char)(size >> (8 * i) & 0xff);
    }
}

size_t frame_length(const char header[FRAME_HEADER]) {
    size_t length = 0;
    for (int i = FRAME_HEADER - 1; i >= 0; i--) {
        length = length << 8 | (unsigned char)header[i];
    }
    return length;
}

static bool write_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
    return true;
}

bool frame_write(int fd, const char *data, size_t size) {
    if (size > FRAME_LIMIT) {
        return false;
    }
    char header[FRAME_HEADER];
    frame_header(size, header);
    return write_all(fd, header, sizeof header) && write_all(fd, data, size);
}

static bool read_all(int fd, char *data, size_t size) {
    while (size > 0) {
        ssize_t got = read(fd, data, size);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        if (got > 0) {
            data += got;
            size -= (size_t)got;
        }
    }
    return true;
}

bool frame_read(int fd, Buffer *out) {
    char header[FRAME_HEADER];
    if (!read_all(fd, header, sizeof header)) {
        return false;
    }
    size_t size = frame_length(header);
    buffer_clear(out);
    char *place = size <= FRAME_LIMIT ? buffer_reserve(out, size) : NULL;
    if (place == NULL || !read_all(fd, place, size)) {
        return false;
    }
    out->size = size;
    return true;
}
