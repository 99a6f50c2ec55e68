/* A store for a Lua state that strangers' code runs in. */
#ifndef SIGNALBOX_BINDINGS_READING_H
#define SIGNALBOX_BINDINGS_READING_H

#include <lua.h>

#include "store/store.h"

/* Pushes `store` with the reading calls alone. It stays its owner's: neither collecting nor closing
 * the state ends it, so it must live longer. Makes the metatables that it needs; once a state. */
void store_push_reading(lua_State *L, Store *store);

#endif
