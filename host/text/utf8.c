#include "text/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

size_t utf8_check(const char *data, size_t size) {
    size_t at = 0;
    while (at < size) {
        uint64_t word;
        size_t length;
        if (size - at >= sizeof word) {
            memcpy(&word, data + at, sizeof word);
            if ((word & HIGH_BITS) == 0) {
                at += sizeof word;
                continue;
            }
        }
        do {
            length = utf8_length(data + at, size - at);
            if (length == 0)
                return at;
            at += length;
        } while (at < size && (unsigned char)data[at] >= 0x80);
    }
    return at;
}

size_t utf8_find_nul(const char *data, size_t size) {
    const char *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    return nul != NULL ? (size_t)(nul - data) : size;
}

bool utf8_is_text(const char *data, size_t size) {
    return utf8_check(data, size) == size && utf8_find_nul(data, size) == size;
}

size_t utf8_write(uint32_t code, char out[4]) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

size_t utf8_cut(const char *data, size_t size, size_t most) {
    size_t end = size < most ? size : most;
    while (end < size && end > 0 && ((unsigned char)data[end] & 0xc0) == 0x80)
        end--;
    return end;
}
