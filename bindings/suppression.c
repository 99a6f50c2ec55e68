/* store:update_suppression_cache, check_suppression, clean_expired_cache. */
#include <lauxlib.h>

#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/handle.h"
#include "bindings/items.h"
#include "bindings/json.h"

/* ---- writing ---- */

static Status entry_read(lua_State *L, const Record *record, Buffer *json, void *item,
                         Error *error) {
    Suppression *entry = item;
    *entry = (Suppression){0};
    entry->canonical_key = field_text(L, record, "canonical_key");
    entry->notion_page_id = field_text(L, record, "notion_page_id");
    entry->status = field_text(L, record, "status");
    entry->company_name = field_text_or_none(L, record, "company_name");
    Status status = field_time_or_none(L, record, "cached_at", &entry->cached_at, error);
    if (status == STATUS_OK) {
        status = field_time_or_none(L, record, "expires_at", &entry->expires_at, error);
    }
    if (status == STATUS_OK) {
        status = field_json(L, record, "metadata", false, json, &entry->metadata, error);
    }
    return status;
}

static void entry_texts(void *item, Text *texts[]) {
    Suppression *entry = item;
    texts[0] = &entry->metadata;
    texts[1] = &entry->canonical_key;
    texts[2] = &entry->notion_page_id;
    texts[3] = &entry->status;
    texts[4] = &entry->company_name;
    texts[5] = NULL;
}

static Status entry_store(Store *store, Items *items, const void *list, size_t count,
                          Error *error) {
    return store_update_suppression(store, list, count, &items->saved, error);
}

static int written_result(lua_State *L, const Items *items) {
    lua_pushinteger(L, items->saved);
    return 1;
}

static const ItemKind entry_items = {
    .expected = "suppression entry",
    .size = sizeof(Suppression),
    .read = entry_read,
    .texts = entry_texts,
    .store = entry_store,
};

/* store:update_suppression_cache(list_or_iterator) */
static int update_suppression_cache(lua_State *L) {
    Handle *handle = handle_check(L);
    lua_settop(L, 2);
    Items *items = items_push(L);
    items->kind = &entry_items;
    items->handle = handle;
    items->result = written_result;
    return items_run(L);
}

/* ---- reading ---- */

/* Pushes the entry, its metadata decoded. */
static Status entry_push(lua_State *L, Handle *handle, const Suppression *entry, Error *error) {
    const Text *const texts[] = SUPPRESSION_TEXTS(entry);
    static const char *const names[] = {"canonical_key", "notion_page_id", "status",
                                        "company_name",  "cached_at",      "expires_at",
                                        "metadata"};
    enum {
        COUNT = sizeof texts / sizeof *texts
    };
    Row row;
    Status status = row_copy(&row, handle, texts, COUNT, error);
    if (status != STATUS_OK) {
        return status;
    }
    lua_createtable(L, 0, COUNT);
    for (int i = 0; i < COUNT; i++) {
        row_set(L, &row, names[i], texts[i]);
    }
    row_end(&row);
    if (entry->metadata.data) {
        size_t size;
        lua_getfield(L, -1, "metadata");
        const char *json = lua_tolstring(L, -1, &size);
        status = json_push(L, "metadata", json, size, JSON_LENIENT, error);
        if (status == STATUS_OK) {
            lua_setfield(L, -3, "metadata");
            lua_pop(L, 1);
        }
    }
    return status;
}

/* store:check_suppression(canonical_key) */
static int check_suppression(lua_State *L) {
    Error error;
    Suppression entry;
    Handle *handle = handle_check(L);
    Text key = arg_text(L, 2);
    Store *store = handle_store(L, handle, &error);
    Status status = store ? store_check_suppression(store, key, &entry, &error) : STATUS_CLOSED;
    if (status == STATUS_ROW) {
        status = entry_push(L, handle, &entry, &error);
    } else if (status == STATUS_OK) {
        lua_pushnil(L);
    }
    return status == STATUS_OK ? 1 : error_return(L, &error);
}

/* store:clean_expired_cache() */
static int clean_expired_cache(lua_State *L) {
    Error error;
    int64_t removed;
    Store *store = handle_store(L, handle_check(L), &error);
    Status status = store ? store_clean_expired(store, &removed, &error) : STATUS_CLOSED;
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushinteger(L, removed);
    return 1;
}

static const luaL_Reg methods[] = {
    {"update_suppression_cache", update_suppression_cache},
    {"check_suppression", check_suppression},
    {"clean_expired_cache", clean_expired_cache},
    {NULL, NULL},
};

void suppression_open(lua_State *L) {
    handle_methods(L, methods);
}
