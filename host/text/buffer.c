#include "text/buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 512 };

static bool buffer_grow(Buffer *buffer, size_t more) {
    size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY : buffer->capacity;
    char *data;

    if (buffer->failed || more > SIZE_MAX / 2 - buffer->size) {
        buffer->failed = true;
        return false;
    }
    while (capacity < buffer->size + more)
        capacity *= 2;
    data = realloc(buffer->data, capacity);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

char *buffer_reserve(Buffer *buffer, size_t more) {
    if (more > buffer->capacity - buffer->size || buffer->failed || buffer->data == NULL) {
        if (!buffer_grow(buffer, more))
            return NULL;
    }
    return buffer->data + buffer->size;
}

void buffer_append(Buffer *buffer, const char *data, size_t size) {
    char *to = buffer_reserve(buffer, size);
    if (to != NULL && size > 0) {
        memcpy(to, data, size);
        buffer->size += size;
    }
}

void buffer_append_byte(Buffer *buffer, char byte) {
    char *to = buffer_reserve(buffer, 1);
    if (to != NULL) {
        *to = byte;
        buffer->size++;
    }
}

void buffer_append_text(Buffer *buffer, const char *text) {
    buffer_append(buffer, text, strlen(text));
}

void buffer_clear(Buffer *buffer) {
    buffer->size = 0;
    buffer->failed = false;
}

void buffer_free(Buffer *buffer) {
    free(buffer->data);
    *buffer = (Buffer){0};
}
