#include "text/json.h"
#include "text/json_scan.h"

/* The escape of a quote, a backslash or a control character: the short one where there is one. */
static size_t write_escape(char *to, char byte) {
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "btn\0fr"; /* of 8 to 13; 11 has none */
    unsigned char code = (unsigned char)byte;

    to[0] = '\\';
    if (code >= 0x20) {
        to[1] = byte;
        return 2;
    }
    if (code >= 8 && code <= 13 && letters[code - 8] != '\0') {
        to[1] = letters[code - 8];
        return 2;
    }
    memcpy(to + 1, "u00", 3);
    to[4] = hex[code >> 4];
    to[5] = hex[code & 15];
    return 6;
}

/* The 1 to 7 bytes from `at` to `end`, first byte lowest, blanks above: without a loop, for most
 * keys are this short. */
static inline uint64_t load_tail(const char *at, const char *end) {
    size_t size = (size_t)(end - at);
    uint64_t blanks = JSON_EACH_BYTE(' ') << (8 * size);
    uint32_t first, last;
    uint16_t pair;

    if (size >= 4) {
        memcpy(&first, at, sizeof first);
        memcpy(&last, end - sizeof last, sizeof last);
        return blanks | le32toh(first) | (uint64_t)le32toh(last) << (8 * (size - 4));
    }
    if (size == 1)
        return blanks | (unsigned char)*at;
    memcpy(&pair, at, sizeof pair);
    return blanks | le16toh(pair) | (uint64_t)(unsigned char)end[-1] << (8 * (size - 1));
}

/* Bytes are copied eight at a time while they are looked at; what is copied past a special one or
 * past the end is written over by what comes next. */
size_t json_write_string(Buffer *out, const char *data, size_t size) {
    enum { SPARE = 16 }; /* for an escape, the quotes, and copying past the end */
    const char *at = data, *end = data + size;
    char *to = buffer_reserve(out, size + SPARE);

    if (to == NULL)
        return size;
    *to++ = '"';
    while (at < end) {
        size_t count = end - at >= 8 ? 8 : (size_t)(end - at);
        uint64_t word, special;

        if (count == 8)
            memcpy(&word, at, sizeof word);
        else
            word = htole64(load_tail(at, end));
        memcpy(to, &word, sizeof word);
        special = json_special_bytes(le64toh(word));
        if (special != 0)
            count = (size_t)__builtin_ctzll(special) / 8;
        at += count;
        to += count;
        if (special == 0)
            continue;
        if ((unsigned char)*at >= 0x80) {
            count = utf8_length(at, (size_t)(end - at));
            if (count == 0)
                return (size_t)(at - data);
            memcpy(to, at, count);
            at += count;
            to += count;
        } else {
            if (*at == '\0')
                return (size_t)(at - data);
            to += write_escape(to, *at++);
            out->size = (size_t)(to - out->data);
            to = buffer_reserve(out, (size_t)(end - at) + SPARE);
            if (to == NULL)
                return size;
        }
    }
    *to++ = '"';
    out->size = (size_t)(to - out->data);
    return size;
}
