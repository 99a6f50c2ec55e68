/* Checks of what comes in, and the keeping of single rows that go out. */
#include "store/internal.h"
#include "text/json.h"
#include "text/utf8.h"

#include <math.h>

Status check_text(const char *field, Text text, bool required, Error *error) {
    if (!text.data) {
        return required ? error_invalid(error, field, "%s is missing", field) : STATUS_OK;
    }
    if (required && text.size == 0) {
        return error_invalid(error, field, "%s is empty, and must say something", field);
    }
    size_t bad = utf8_check(text.data, text.size);
    if (bad < text.size) {
        return error_invalid(error, field, "%s is not valid UTF-8 (byte 0x%02x at %zu)", field,
                             (unsigned char)text.data[bad], bad + 1);
    }
    size_t nul = utf8_find_nul(text.data, text.size);
    if (nul < text.size) {
        return error_invalid(error, field, "%s has a NUL character at byte %zu, which no text may",
                             field, nul + 1);
    }
    return STATUS_OK;
}

Status check_confidence(double confidence, Error *error) {
    if (isnan(confidence)) { /* printf would give it a sign */
        return error_invalid(error, "confidence",
                             "confidence is not a number, and must be from 0 to 1");
    }
    if (confidence < 0 || confidence > 1) {
        return error_invalid(error, "confidence", "confidence is %.15g, and must be from 0 to 1",
                             confidence);
    }
    return STATUS_OK;
}

Status check_json(const char *field, Text text, Error *error) {
    if (!text.data) {
        return STATUS_OK;
    }
    if (text.size > STORE_JSON_MAX) {
        return error_invalid(error, field, "%s is %zu bytes long, and may be %zu MiB at most",
                             field, text.size, STORE_JSON_MAX >> 20);
    }
    return json_check(field, text.data, text.size, JSON_STRICT, error);
}

Status check_time(const char *field, int64_t micros, Error *error) {
    if (micros == STORE_TIME_NONE || (micros >= ISO_TIME_MIN && micros <= ISO_TIME_MAX)) {
        return STATUS_OK;
    }
    return error_invalid(error, field, "%s is outside the years 0001 to 9999", field);
}

Status texts_keep(Store *store, Text *const *texts, size_t count, Error *error) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += texts[i]->size + 1;
    }
    buffer_clear(&store->row);
    if (!buffer_reserve(&store->row, size)) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    for (size_t i = 0; i < count; i++) {
        if (texts[i]->data) {
            char *to = store->row.data + store->row.size;
            buffer_append(&store->row, texts[i]->data, texts[i]->size);
            buffer_append_byte(&store->row, '\0');
            texts[i]->data = to;
        }
    }
    return STATUS_OK;
}
