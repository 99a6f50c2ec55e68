/* Iterators: see the header. */
#include "bindings/iterator.h"

#include <lauxlib.h>
#include <string.h>

#include "bindings/errors.h"

#define ITERATOR_METATABLE "signalbox.iterator"

struct Iterator {
    void *cursor; /* NULL once it is closed */
    const IteratorKind *kind;
    Handle *handle; /* of the store that is user value 1 */
    bool busy;      /* a row is being pushed, whose texts may be the cursor's */
    bool closing;   /* it is to be closed after that */
};

static void close_cursor(Iterator *iterator) {
    void *cursor = iterator->cursor;
    if (cursor) {
        iterator->cursor = NULL;
        iterator->kind->close(cursor);
    }
}

void **iterator_push(lua_State *L, const IteratorKind *kind, int store) {
    Iterator *iterator = lua_newuserdatauv(L, sizeof *iterator, 3);
    *iterator = (Iterator){.kind = kind, .handle = lua_touserdata(L, store)};
    luaL_setmetatable(L, ITERATOR_METATABLE);
    lua_pushvalue(L, store);
    lua_setiuservalue(L, -2, 1);
    return &iterator->cursor;
}

Status iterator_next(lua_State *L, int index, Error *error) {
    Iterator *iterator = lua_touserdata(L, index);
    if (!iterator->cursor) {
        return STATUS_OK;
    }
    if (iterator->busy) {
        return error_set(error, STATUS_CONFLICT,
                         "these rows are being read already, and this is a finalizer, or the "
                         "reading broke off");
    }
    iterator->busy = true;
    Status status = iterator->kind->next(L, iterator->handle, iterator->cursor, index, error);
    iterator->busy = false;
    if (status != STATUS_ROW || iterator->closing) {
        close_cursor(iterator);
    }
    return status;
}

void iterator_close(lua_State *L, int index) {
    Iterator *iterator = lua_touserdata(L, index);
    if (iterator->busy) {
        iterator->closing = true;
    } else {
        close_cursor(iterator);
    }
}

/* ---- for ---- */

/* The function of a `for`; its upvalue is the iterator. */
static int step(lua_State *L) {
    Error error;
    Status status = iterator_next(L, lua_upvalueindex(1), &error);
    if (status == STATUS_ROW) {
        return 1;
    }
    if (status != STATUS_OK) {
        return error_raise(L, &error);
    }
    lua_pushnil(L);
    return 1;
}

int iterator_return(lua_State *L) {
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, step, 1);
    lua_pushnil(L);
    lua_pushnil(L);
    lua_rotate(L, -4, 3);
    return 4;
}

/* ---- metatable ---- */

static int collect(lua_State *L) {
    close_cursor(luaL_checkudata(L, 1, ITERATOR_METATABLE));
    return 0;
}

static int leave(lua_State *L) {
    luaL_checkudata(L, 1, ITERATOR_METATABLE);
    iterator_close(L, 1);
    return 0;
}

/* closing.columns: the names of the columns in their order, while the rows are open; else nil. */
static int field(lua_State *L) {
    Error error;
    Iterator *iterator = luaL_checkudata(L, 1, ITERATOR_METATABLE);
    const char *name = lua_tostring(L, 2);
    if (!name || strcmp(name, "columns") != 0 || !iterator->kind->columns || !iterator->cursor) {
        lua_pushnil(L);
        return 1;
    }
    Status status = iterator->kind->columns(L, iterator->handle, iterator->cursor, &error);
    return status == STATUS_OK ? 1 : error_raise(L, &error);
}

static const luaL_Reg metamethods[] = {
    {"__gc", collect},
    {"__close", leave},
    {"__index", field},
    {NULL, NULL},
};

void iterator_open(lua_State *L) {
    luaL_newmetatable(L, ITERATOR_METATABLE);
    luaL_setfuncs(L, metamethods, 0);
    lua_pop(L, 1);
}
