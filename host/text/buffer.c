#include "text/buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 512 };

bool buffer_grow(Buffer *buffer, size_t more) {
    size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY : buffer->capacity;
    char *data = NULL;

    if (!buffer->failed && more < SIZE_MAX / 2 - buffer->size) {
        while (capacity <= buffer->size + more)
            capacity *= 2;
        data = realloc(buffer->data, capacity);
    }
    if (data == NULL) {
        /* Without spare capacity every later append comes here too, and is turned away. */
        buffer->failed = true;
        buffer->capacity = buffer->size;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
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
