/* What stands in a JSON string as it is: shared by reading and writing, and inlined into both, for
 * nearly all bytes of a document pass here. */
#ifndef SIGNALBOX_TEXT_JSON_SCAN_H
#define SIGNALBOX_TEXT_JSON_SCAN_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "text/utf8.h"

#define JSON_EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* For each byte that is `"`, `\`, a control character or not ASCII, its high bit is set. A borrow
 * can set the bits of later bytes too, never of earlier ones: only the lowest bit set is meant. */
static inline uint64_t json_special_bytes(uint64_t word) {
    uint64_t quote = (word ^ JSON_EACH_BYTE('"')) - JSON_EACH_BYTE(1);
    uint64_t backslash = (word ^ JSON_EACH_BYTE('\\')) - JSON_EACH_BYTE(1);
    uint64_t control = word - JSON_EACH_BYTE(0x20);
    return (quote | backslash | control | word) & JSON_EACH_BYTE(0x80);
}

static inline bool json_is_special(char byte) {
    unsigned char code = (unsigned char)byte;
    return code < 0x20 || code >= 0x80 || byte == '"' || byte == '\\';
}

/* The first `"`, `\`, control character or byte that is not valid UTF-8; `end` where there is
 * none. */
static inline const char *json_scan(const char *at, const char *end) {
    for (;;) {
        uint64_t word, special = 0;
        while (end - at >= 8) {
            memcpy(&word, at, sizeof word);
            special = json_special_bytes(le64toh(word));
            if (special != 0)
                break;
            at += 8;
        }
        if (special != 0) {
            at += __builtin_ctzll(special) / 8;
        } else {
            while (at < end && !json_is_special(*at))
                at++;
        }
        if (at == end || (unsigned char)*at < 0x80)
            return at;
        do {
            size_t length = utf8_length(at, (size_t)(end - at));
            if (length == 0)
                return at;
            at += length;
        } while (at < end && (unsigned char)*at >= 0x80);
    }
}

#endif
