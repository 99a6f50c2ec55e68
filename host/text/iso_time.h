/* Times: microseconds since 1970-01-01T00:00:00Z inside, ISO 8601 text at the edge.
 *
 * Text is always written as `YYYY-MM-DDTHH:MM:SS.ffffff+00:00`, so the order of texts is the order
 * of times. What is read may be
 *     YYYY-MM-DD                     midnight
 *     YYYY-MM-DD HH:MM[:SS[.f...]]   `T`, `t` or one space between
 * and with a time of day, behind it, `Z`, `z`, `+hh`, `+hhmm` or `+hh:mm` (or `-`), up to 23:59;
 * no offset means UTC. Nothing may stand before or behind.
 *
 * Digits of the fraction past the sixth are cut, as the predecessor cut them: a time is never moved
 * into the future, and no carry can reach the date. There is no hour 24 and no second 60: a leap
 * second has no number of microseconds of its own, so it is refused rather than made another time.
 * Years are 0001 to 9999, after the offset is taken off. */
#ifndef SIGNALBOX_TEXT_ISO_TIME_H
#define SIGNALBOX_TEXT_ISO_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define ISO_TIME_LENGTH 32
#define ISO_TIME_MIN INT64_C(-62135596800000000) /* 0001-01-01T00:00:00.000000+00:00 */
#define ISO_TIME_MAX INT64_C(253402300799999999) /* 9999-12-31T23:59:59.999999+00:00 */

/* Writes the text and a terminating zero. `micros` lies between the bounds above. */
void iso_write(int64_t micros, char out[ISO_TIME_LENGTH + 1]);

/* Reads a text. INVALID, with a sentence about `field` ("detected_at"), where it is no time. */
Status iso_read(const char *field, const char *text, size_t size, int64_t *micros, Error *error);

/* Reads epoch seconds, rounded to the nearest microsecond. INVALID where they are not finite or lie
 * outside the years above. */
Status iso_read_seconds(const char *field, double seconds, int64_t *micros, Error *error);

/* The nearest double to the time in seconds: exact to the microsecond until the year 2106. */
double iso_seconds(int64_t micros);

/* The clock. */
int64_t iso_now(void);

#endif
