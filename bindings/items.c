/* Lists and iterators of items: see the header. */
#include "bindings/items.h"

#include <lauxlib.h>

#include "bindings/errors.h"

#define ITEMS_METATABLE "signalbox.items"

enum {
    STORE = 1,
    SOURCE = 2,
    ITEMS = 3,
    DRAWN = 4
}; /* the stack of a call */

/* ---- drawing ---- */

/* Copies the texts of the item that was read last. They lie in `items->texts` one behind the other,
 * so that where each begins needs no remembering. */
static void keep_texts(Items *items, void *item, size_t encoded_from) {
    Text *texts[ITEM_TEXTS];
    items->kind->texts(item, texts);
    for (int i = 0; texts[i]; i++) {
        bool encoded = i == 0 && items->texts.size > encoded_from;
        if (!encoded && texts[i]->data) {
            buffer_append(&items->texts, texts[i]->data, texts[i]->size);
        }
    }
}

/* Reads the value on top of the stack as an item. */
static Status draw(lua_State *L, Items *items, Error *error) {
    Record record = {.arg = SOURCE, .index = DRAWN, .item = ++items->position};
    if (!lua_istable(L, DRAWN)) {
        record_error(L, &record,
                     lua_pushfstring(L, "%s expected, got %s", items->kind->expected,
                                     luaL_typename(L, DRAWN)));
    }
    size_t encoded_from = items->texts.size;
    void *item = buffer_reserve(&items->list, items->kind->size);
    if (!item) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    Status status = items->kind->read(L, &record, &items->texts, item, error);
    if (status == STATUS_OK) {
        keep_texts(items, item, encoded_from);
        items->list.size += items->kind->size;
        items->count++;
    }
    lua_settop(L, ITEMS);
    return status;
}

/* ---- storing ---- */

/* Points the texts to where they have come to lie, now that the buffer grows no more. */
static void place_texts(Items *items) {
    const char *at = items->texts.data ? items->texts.data : "";
    for (size_t i = 0; i < items->count; i++) {
        Text *texts[ITEM_TEXTS];
        items->kind->texts(items->list.data + i * items->kind->size, texts);
        for (int k = 0; texts[k]; k++) {
            if (texts[k]->data) {
                texts[k]->data = at;
                at += texts[k]->size;
            }
        }
    }
}

/* Stores the batch; an error's index becomes the one in the call. */
static Status flush(lua_State *L, Items *items, Error *error) {
    if (items->texts.failed || items->list.failed) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    Store *store = handle_store(L, items->handle, error);
    if (!store) {
        return STATUS_CLOSED;
    }
    if (items->count == 0) {
        return store_writable(store, error);
    }
    place_texts(items);
    Status status = items->kind->store(store, items, items->list.data, items->count, error);
    if (status != STATUS_OK) {
        if (error->index > 0) {
            error->index += items->stored;
        }
        return status;
    }
    items->stored += (int64_t)items->count;
    items->count = 0;
    buffer_clear(&items->texts);
    buffer_clear(&items->list);
    return STATUS_OK;
}

/* ---- the loop ---- */

/* At the end of a call, for the garbage collector, which would do it at last, does not see how much
 * these are. */
static void items_free(Items *items) {
    buffer_free(&items->texts);
    buffer_free(&items->list);
}

static int fail(lua_State *L, Items *items, Error *error) {
    error->saved = items->saved;
    items_free(items);
    return error_return(L, error);
}

/* Draws on; with `drawn` the iterator has just come back with a value. */
static int run(lua_State *L, int status, lua_KContext drawn) {
    (void)status;
    Error error;
    Items *items = lua_touserdata(L, ITEMS);
    bool list = lua_type(L, SOURCE) == LUA_TTABLE;
    for (;;) {
        if (list) {
            lua_geti(L, SOURCE, items->position + 1);
        } else if (!drawn) {
            lua_pushvalue(L, SOURCE);
            lua_callk(L, 0, 1, true, run);
        }
        drawn = false;
        if (lua_isnil(L, DRAWN)) {
            break;
        }
        if (draw(L, items, &error) != STATUS_OK) {
            error.index = items->position;
            return fail(L, items, &error);
        }
        if ((int64_t)items->count == items->batch && flush(L, items, &error) != STATUS_OK) {
            return fail(L, items, &error);
        }
    }
    if (flush(L, items, &error) != STATUS_OK) {
        return fail(L, items, &error);
    }
    items_free(items);
    return items->result(L, items);
}

/* A table that has fields and no first item is one item, most likely. */
static void check_list(lua_State *L) {
    if (lua_geti(L, SOURCE, 1) == LUA_TNIL) {
        lua_pushnil(L);
        if (lua_next(L, SOURCE)) {
            luaL_argerror(L, SOURCE, "list expected, got a table of fields");
        }
    }
    lua_settop(L, ITEMS);
}

int items_run(lua_State *L) {
    if (lua_type(L, SOURCE) == LUA_TTABLE) {
        check_list(L);
    } else if (lua_type(L, SOURCE) != LUA_TFUNCTION) {
        luaL_typeerror(L, SOURCE, "list or iterator");
    }
    return run(L, LUA_OK, false);
}

/* ---- the userdata ---- */

static int collect(lua_State *L) {
    items_free(luaL_checkudata(L, 1, ITEMS_METATABLE));
    return 0;
}

Items *items_push(lua_State *L) {
    Items *items = lua_newuserdatauv(L, sizeof *items, 0);
    *items = (Items){.batch = INT64_MAX};
    luaL_setmetatable(L, ITEMS_METATABLE);
    return items;
}

void items_open(lua_State *L) {
    luaL_newmetatable(L, ITEMS_METATABLE);
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}
