/* Any bytes as a time, and any 64 bits as one. What is read lies within the bounds, and is written
 * as a text that reads as the same time; and where C's own calendar knows the day, it agrees. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text/iso_time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds) {
    if (!holds)
        abort();
}

static void check(int64_t micros) {
    char text[ISO_TIME_LENGTH + 1], expected[80];
    int64_t again, fraction = (micros % 1000000 + 1000000) % 1000000;
    time_t seconds = (time_t)((micros - fraction) / 1000000);
    struct tm day;
    Error error;

    require(micros >= ISO_TIME_MIN && micros <= ISO_TIME_MAX);
    iso_write(micros, text);
    require(iso_read("text", text, ISO_TIME_LENGTH, &again, &error) == STATUS_OK);
    require(again == micros);
    require(gmtime_r(&seconds, &day) != NULL);
    snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.%06d+00:00",
             day.tm_year + 1900, day.tm_mon + 1, day.tm_mday, day.tm_hour, day.tm_min, day.tm_sec,
             (int)fraction);
    require(strcmp(text, expected) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size > 0 ? size : 1); /* not a byte behind it may be read */
    int64_t micros;
    double seconds;
    Error error;

    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    if (iso_read("text", text, size, &micros, &error) == STATUS_OK)
        check(micros);
    if (size >= sizeof micros) {
        memcpy(&micros, text, sizeof micros);
        memcpy(&seconds, text, sizeof seconds);
        if (micros >= ISO_TIME_MIN && micros <= ISO_TIME_MAX)
            check(micros);
        if (iso_read_seconds("number", seconds, &micros, &error) == STATUS_OK)
            check(micros);
    }
    free(text);
    return 0;
}
