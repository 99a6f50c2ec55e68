/* Rows that were read already: see the header. */
#include "store/kept_rows.h"

#include <string.h>

void kept_rows_begin(KeptRows *kept, St *st) {
    kept_rows_clear(kept);
    buffer_clear(&kept->names);
    kept->columns = st_column_count(st);
    for (int i = 0; i < kept->columns; i++) {
        const char *name = st_column_name(st, i);
        buffer_append(&kept->names, name ? name : "", (name ? strlen(name) : 0) + 1);
    }
}

static bool has_text(const Value *value) {
    return value->type == VALUE_TEXT || value->type == VALUE_BLOB;
}

Status kept_rows_add(KeptRows *kept, St *st, Error *error) {
    for (int i = 0; i < kept->columns; i++) {
        Value value = st_column(st, i);
        if (has_text(&value)) {
            const char *data = value.as.text.data;
            value.as.text.data = (const char *)kept->texts.size; /* for the buffer may move */
            buffer_append(&kept->texts, data, value.as.text.size);
            buffer_append_byte(&kept->texts, '\0');
        }
        buffer_append(&kept->values, (const char *)&value, sizeof value);
    }
    kept->rows++;
    return kept->names.failed || kept->values.failed || kept->texts.failed
               ? error_set(error, STATUS_NO_MEMORY, "not enough memory")
               : STATUS_OK;
}

void kept_rows_clear(KeptRows *kept) {
    buffer_clear(&kept->values);
    buffer_clear(&kept->texts);
    kept->rows = kept->at = 0;
}

void kept_rows_free(KeptRows *kept) {
    buffer_free(&kept->names);
    buffer_free(&kept->values);
    buffer_free(&kept->texts);
}

bool kept_rows_next(KeptRows *kept) {
    if (kept->at == kept->rows) {
        return false;
    }
    kept->at++;
    return true;
}

const char *kept_rows_name(const KeptRows *kept, int column) {
    const char *name = kept->names.data;
    while (column-- > 0) {
        name += strlen(name) + 1;
    }
    return name;
}

Value kept_rows_value(const KeptRows *kept, int column) {
    size_t index = (kept->at - 1) * (size_t)kept->columns + (size_t)column;
    Value value = ((const Value *)kept->values.data)[index];
    if (has_text(&value)) {
        value.as.text.data = kept->texts.data + (size_t)value.as.text.data;
    }
    return value;
}
