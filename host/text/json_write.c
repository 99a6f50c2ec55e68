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

size_t json_write_string(Buffer *out, const char *data, size_t size) {
    const char *at = data, *end = data + size;
    char *to = buffer_reserve(out, size + 2); /* enough where nothing is escaped */

    if (to == NULL)
        return size;
    *to++ = '"';
    out->size++;
    for (;;) {
        const char *special = json_scan(at, end);
        size_t plain = (size_t)(special - at);
        if (plain > 0)
            memcpy(to, at, plain);
        to += plain;
        out->size += plain;
        if (special == end)
            break;
        if (*special == '\0' || (unsigned char)*special >= 0x80)
            return (size_t)(special - data);
        to = buffer_reserve(out, 6 + (size_t)(end - special) + 1);
        if (to == NULL)
            return size;
        plain = write_escape(to, *special);
        to += plain;
        out->size += plain;
        at = special + 1;
    }
    *to = '"';
    out->size++;
    return size;
}
