/* FNV-1a, for tables in memory. */
#ifndef SIGNALBOX_TEXT_HASH_H
#define SIGNALBOX_TEXT_HASH_H

#include <stddef.h>

/* `seed` tells apart what has the same bytes. */
static inline size_t hash_bytes(size_t seed, const char *data, size_t size) {
    size_t hash = 14695981039346656037u ^ seed;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)data[i]) * 1099511628211u;
    }
    return hash;
}

#endif
