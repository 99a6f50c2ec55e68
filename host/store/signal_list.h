/* Signals that were read already, and stay whatever becomes of their statement. */
#ifndef SIGNALBOX_STORE_SIGNAL_LIST_H
#define SIGNALBOX_STORE_SIGNAL_LIST_H

#include "store/store.h"
#include "text/buffer.h"

/* All zero holds none. */
typedef struct SignalList {
    Signal *signals;
    size_t count, capacity;
    Buffer texts; /* of all of them, one after the other */
} SignalList;

/* Adds one, whose texts are somebody else's until now. The texts of the list are in their places
 * only after signal_list_place. NO_MEMORY. */
Status signal_list_add(SignalList *list, const Signal *signal, Error *error);
/* Points the texts to where they lie, when the last signal is added. */
void signal_list_place(SignalList *list);
/* Forgets the signals, keeps the memory. */
void signal_list_clear(SignalList *list);
void signal_list_free(SignalList *list);

#endif
