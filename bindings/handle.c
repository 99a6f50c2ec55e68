/* The userdata of a store: see the header. */
#include "bindings/handle.h"

#include <lauxlib.h>
#include <string.h>

#define BYTES_KEPT (1 << 20) /* a larger buffer is given back */

Handle *handle_push(lua_State *L) {
    Handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = (Handle){0};
    luaL_setmetatable(L, STORE_METATABLE);
    return handle;
}

void handle_close(Handle *handle) {
    Store *store = handle->link.store;
    if (store) {
        scheduler_remove_store(&handle->link);
        handle->link.store = NULL;
        transactions_end(handle);
        store_close(store);
    }
}

Handle *handle_check(lua_State *L) {
    bool is_store = lua_getmetatable(L, 1) && lua_rawequal(L, -1, lua_upvalueindex(1));
    if (!is_store) {
        return luaL_checkudata(L, 1, STORE_METATABLE); /* raises */
    }
    lua_pop(L, 1);
    return lua_touserdata(L, 1);
}

void handle_methods(lua_State *L, const luaL_Reg *methods) {
    luaL_getmetatable(L, STORE_METATABLE);
    luaL_setfuncs(L, methods, 1);
}

Store *handle_store(lua_State *L, Handle *handle, Error *error) {
    Store *store = handle->link.store;
    if (!store) {
        error_set(error, STATUS_CLOSED, "the store is closed");
        return NULL;
    }
    store_caller(store, L);
    return store;
}

/* ---- bytes ---- */

size_t handle_mark(Handle *handle) {
    if (handle->bytes.size == 0 && handle->bytes.capacity > BYTES_KEPT) {
        buffer_free(&handle->bytes);
    }
    return handle->bytes.size;
}

void handle_cut(Handle *handle, size_t mark) {
    handle->bytes.size = mark;
    handle->bytes.failed = false;
}

Status row_copy(Row *row, Handle *handle, const Text *const texts[], size_t count, Error *error) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += texts[i]->data ? texts[i]->size : 0;
    }
    row->handle = handle;
    row->mark = row->at = handle_mark(handle);
    char *at = buffer_reserve(&handle->bytes, size + 1); /* so that there is a `data` in any case */
    if (!at) {
        handle_cut(handle, row->mark);
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    for (size_t i = 0; i < count; i++) {
        if (texts[i]->data) {
            memcpy(at, texts[i]->data, texts[i]->size);
            at += texts[i]->size;
        }
    }
    handle->bytes.size += size;
    return STATUS_OK;
}

const char *row_take(Row *row, const Text *text) {
    if (!row->handle) {
        return text->data;
    }
    const char *data = row->handle->bytes.data + row->at;
    row->at += text->size;
    return data;
}

void row_push(lua_State *L, Row *row, const Text *text) {
    if (text->data) {
        lua_pushlstring(L, row_take(row, text), text->size);
    } else {
        lua_pushnil(L);
    }
}

void row_set(lua_State *L, Row *row, const char *name, const Text *text) {
    if (text->data) {
        row_push(L, row, text);
        lua_setfield(L, -2, name);
    }
}

void row_end(Row *row) {
    if (row->handle) {
        handle_cut(row->handle, row->mark);
    }
}
