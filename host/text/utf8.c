#include "text/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

static bool is_tail(char byte) {
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* The table of well-formed sequences in the Unicode standard (3-7): only the second byte has bounds
 * that depend on the first, which keep out overlong forms, surrogates and what lies above. */
size_t utf8_length(const char *data, size_t size) {
    unsigned char first = size > 0 ? (unsigned char)data[0] : 0xff;
    unsigned char second = size > 1 ? (unsigned char)data[1] : 0;

    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    if (first < 0xe0)
        return is_tail((char)second) ? 2 : 0;
    if (first < 0xf0) {
        if (second < (first == 0xe0 ? 0xa0 : 0x80) || second > (first == 0xed ? 0x9f : 0xbf))
            return 0;
        return size > 2 && is_tail(data[2]) ? 3 : 0;
    }
    if (second < (first == 0xf0 ? 0x90 : 0x80) || second > (first == 0xf4 ? 0x8f : 0xbf))
        return 0;
    return size > 3 && is_tail(data[2]) && is_tail(data[3]) ? 4 : 0;
}

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
        length = utf8_length(data + at, size - at);
        if (length == 0)
            break;
        at += length;
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
