/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef SIGNALBOX_TEXT_UTF8_H
#define SIGNALBOX_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The offset of the first byte that does not begin a whole, valid character; `size` where there is
 * none. NUL is a valid character. */
size_t utf8_check(const char *data, size_t size);

/* The offset of the first NUL; `size` where there is none. */
size_t utf8_find_nul(const char *data, size_t size);

/* Whether the bytes are a text as the store keeps them: valid, and without NUL. */
bool utf8_is_text(const char *data, size_t size);

/* The bytes of the valid character that begins at `data`, 1 to 4; 0 where none does. Inline, for
 * it is the inner loop of everything that reads text.
 *
 * It is the table of well-formed sequences in the Unicode standard (3-7): only the second byte has
 * bounds that depend on the first, which keep out overlong forms, surrogates and what lies
 * above. */
static inline size_t utf8_length(const char *data, size_t size) {
    const unsigned char *byte = (const unsigned char *)data;

    if (size == 0)
        return 0;
    if (byte[0] < 0x80)
        return 1;
    if (size < 2 || byte[0] < 0xc2)
        return 0;
    if (byte[0] < 0xe0)
        return (byte[1] & 0xc0) == 0x80 ? 2 : 0;
    if (size < 3 || (byte[2] & 0xc0) != 0x80)
        return 0;
    if (byte[0] < 0xf0)
        return byte[1] >= (byte[0] == 0xe0 ? 0xa0 : 0x80) &&
               byte[1] <= (byte[0] == 0xed ? 0x9f : 0xbf) ? 3 : 0;
    if (size < 4 || (byte[3] & 0xc0) != 0x80 || byte[0] > 0xf4)
        return 0;
    return byte[1] >= (byte[0] == 0xf0 ? 0x90 : 0x80) &&
           byte[1] <= (byte[0] == 0xf4 ? 0x8f : 0xbf) ? 4 : 0;
}

/* How much of the text, at most `most` bytes, ends between two characters: what a message shows. */
size_t utf8_cut(const char *data, size_t size, size_t most);

/* Writes a code point, which is no surrogate and at most U+10FFFF, and returns its bytes. */
size_t utf8_write(uint32_t code, char out[4]);

#endif
