/* A growing run of bytes.
 *
 * Appending never reports: a buffer that ran out of memory remembers it in `failed`, ignores what
 * is appended from then on, and is asked once, at the end. What it held before stays. */
#ifndef SIGNALBOX_TEXT_BUFFER_H
#define SIGNALBOX_TEXT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* All zero is an empty buffer. `data` is not terminated, and NULL before anything was appended. */
typedef struct Buffer {
    char *data;
    size_t size;
    size_t capacity;
    bool failed;
} Buffer;

/* Makes room for `more` bytes, or sets `failed`. For buffer_reserve. */
bool buffer_grow(Buffer *buffer, size_t more);

/* Room for `more` bytes behind the last one: returns where they go, or NULL (and `failed` is set).
 * The caller writes up to `more` bytes there and adds what it wrote to `size`. Any other append
 * may move the data. Inline with those below, for writers append a few bytes at a time. */
static inline char *buffer_reserve(Buffer *buffer, size_t more) {
    if (more >= buffer->capacity - buffer->size && !buffer_grow(buffer, more))
        return NULL;
    return buffer->data + buffer->size;
}

static inline void buffer_append(Buffer *buffer, const char *data, size_t size) {
    char *to = buffer_reserve(buffer, size);
    if (to != NULL && size > 0) {
        memcpy(to, data, size);
        buffer->size += size;
    }
}

static inline void buffer_append_byte(Buffer *buffer, char byte) {
    char *to = buffer_reserve(buffer, 1);
    if (to != NULL) {
        *to = byte;
        buffer->size++;
    }
}

/* Appends up to the terminating zero. */
void buffer_append_text(Buffer *buffer, const char *text);

/* Forgets the content and the failure, keeps the memory. */
void buffer_clear(Buffer *buffer);

/* Gives the memory back; the buffer is empty and may be used again. */
void buffer_free(Buffer *buffer);

#endif
