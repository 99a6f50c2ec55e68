/* Signals that were read already: see the header. */
#include "store/signal_list.h"

#include <stdlib.h>

static Status no_memory(Error *error) {
    return error_set(error, STATUS_NO_MEMORY, "not enough memory");
}

static bool make_room(SignalList *list) {
    if (list->count < list->capacity) {
        return true;
    }
    size_t capacity = list->capacity ? list->capacity * 2 : 32;
    Signal *grown = realloc(list->signals, capacity * sizeof *grown);
    if (!grown) {
        return false;
    }
    list->signals = grown;
    list->capacity = capacity;
    return true;
}

Status signal_list_add(SignalList *list, const Signal *signal, Error *error) {
    if (!make_room(list)) {
        return no_memory(error);
    }
    const Text *const texts[] = SIGNAL_TEXTS(signal);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i]->data) {
            buffer_append(&list->texts, texts[i]->data, texts[i]->size);
        }
    }
    list->signals[list->count++] = *signal;
    return list->texts.failed ? no_memory(error) : STATUS_OK;
}

void signal_list_place(SignalList *list) {
    const char *at = list->texts.data ? list->texts.data : "";
    for (size_t i = 0; i < list->count; i++) {
        Text *const texts[] = SIGNAL_TEXTS(&list->signals[i]);
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            if (texts[k]->data) {
                texts[k]->data = at;
                at += texts[k]->size;
            }
        }
    }
}

void signal_list_clear(SignalList *list) {
    buffer_clear(&list->texts);
    list->count = 0;
}

void signal_list_free(SignalList *list) {
    free(list->signals);
    buffer_free(&list->texts);
    *list = (SignalList){0};
}
