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

/* The bytes of the valid character that begins at `data`, 1 to 4; 0 where none does. */
size_t utf8_length(const char *data, size_t size);

/* Writes a code point, which is no surrogate and at most U+10FFFF, and returns its bytes. */
size_t utf8_write(uint32_t code, char out[4]);

#endif
