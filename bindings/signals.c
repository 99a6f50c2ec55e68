/* store:save_signal and its kin, and the ways to read signals back. */
#include <lauxlib.h>

#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/handle.h"
#include "bindings/items.h"
#include "bindings/iterator.h"
#include "bindings/signal.h"

/* ---- saving ---- */

/* store:save_signal{signal_type=, source_api=, canonical_key=, confidence=, raw_data=,
 * company_name=?, detected_at=?} */
static int save_signal(lua_State *L) {
    Error error;
    NewSignal signal;
    int64_t id;
    Handle *handle = handle_check(L);
    Record record = record_check(L, 2);
    size_t mark = handle_mark(handle);
    Status status = signal_read(L, &record, &handle->bytes, &signal, &error);
    if (status == STATUS_OK) {
        Store *store = handle_store(L, handle, &error);
        status = store ? store_save_signal(store, &signal, &id, &error) : STATUS_CLOSED;
    }
    handle_cut(handle, mark);
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushinteger(L, id);
    return 1;
}

static Status item_read(lua_State *L, const Record *record, Buffer *json, void *item,
                        Error *error) {
    return signal_read(L, record, json, item, error);
}

static void item_texts(void *item, Text *texts[]) {
    NewSignal *signal = item;
    texts[0] = &signal->raw_data;
    texts[1] = &signal->signal_type;
    texts[2] = &signal->source_api;
    texts[3] = &signal->canonical_key;
    texts[4] = &signal->company_name;
    texts[5] = NULL;
}

static Status item_store(Store *store, Items *items, const void *list, size_t count, Error *error) {
    int64_t saved, duplicates;
    Status status = store_save_signals(store, list, count, items->duplicate_is_error, &saved,
                                       &duplicates, error);
    if (status == STATUS_OK) {
        items->saved += saved;
        items->duplicates += duplicates;
    }
    return status;
}

static int saved_result(lua_State *L, const Items *items) {
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, items->saved);
    lua_setfield(L, -2, "saved");
    lua_pushinteger(L, items->duplicates);
    lua_setfield(L, -2, "duplicates");
    return 1;
}

static const ItemKind signal_items = {
    .expected = "signal",
    .size = sizeof(NewSignal),
    .read = item_read,
    .texts = item_texts,
    .store = item_store,
};

/* store:save_signals(list_or_iterator [, {on_duplicate="skip"/"error", batch=1000}]) */
static int save_signals(lua_State *L) {
    static const char *const names[] = {"on_duplicate", "batch", NULL};
    static const char *const answers[] = {"skip", "error", NULL};
    Error error;
    int answer = 0;
    lua_settop(L, 3);
    Handle *handle = handle_check(L);
    Record options = record_options(L, 3, names);
    int64_t batch = field_integer_or(L, &options, "batch", 1000);
    if (field_choice(L, &options, "on_duplicate", answers, &answer, &error) != STATUS_OK) {
        return error_return(L, &error);
    }
    if (batch < 1) {
        error_invalid(&error, "batch", "batch is %lld, and must be 1 or more", (long long)batch);
        return error_return(L, &error);
    }
    lua_settop(L, 2);
    Items *items = items_push(L);
    items->kind = &signal_items;
    items->handle = handle;
    items->result = saved_result;
    items->duplicate_is_error = answer == 1;
    items->batch = answer == 1 ? INT64_MAX : batch;
    return items_run(L);
}

/* ---- reading ---- */

/* Gathers what the iterator on top of the stack still gives, and returns it or the error. */
static int return_array(lua_State *L) {
    Error error;
    Status status;
    int iterator = lua_gettop(L);
    lua_Integer count = 0;
    lua_newtable(L);
    while ((status = iterator_next(L, iterator, &error)) == STATUS_ROW) {
        lua_rawseti(L, iterator + 1, ++count);
    }
    return status == STATUS_OK ? 1 : error_return(L, &error);
}

/* store:get_signal(id) */
static int get_signal(lua_State *L) {
    Error error;
    Signal signal;
    Handle *handle = handle_check(L);
    int64_t id = arg_integer(L, 2);
    Store *store = handle_store(L, handle, &error);
    Status status = store ? store_get_signal(store, id, &signal, &error) : STATUS_CLOSED;
    if (status == STATUS_ROW) {
        status = signal_push(L, handle, &signal, &error);
    } else if (status == STATUS_OK) {
        lua_pushnil(L);
    }
    return status == STATUS_OK ? 1 : error_return(L, &error);
}

/* store:is_duplicate(canonical_key) */
static int is_duplicate(lua_State *L) {
    Error error;
    bool duplicate;
    Handle *handle = handle_check(L);
    Text key = arg_text(L, 2);
    Store *store = handle_store(L, handle, &error);
    Status status = store ? store_is_duplicate(store, key, &duplicate, &error) : STATUS_CLOSED;
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushboolean(L, duplicate);
    return 1;
}

/* The field `limit`: -1 where it is absent. */
static Status read_limit(lua_State *L, const Record *record, int64_t *limit, Error *error) {
    *limit = field_integer_or(L, record, "limit", -1);
    if (*limit >= 0 || lua_isnil(L, -1)) {
        return STATUS_OK;
    }
    return error_invalid(error, "limit", "limit is %lld, and must be 0 or more", (long long)*limit);
}

/* store:get_pending_signals{limit=?, signal_type=?} */
static int get_pending_signals(lua_State *L) {
    static const char *const names[] = {"limit", "signal_type", NULL};
    Error error;
    int64_t limit;
    Handle *handle = handle_check(L);
    Record record = record_options(L, 2, names);
    Text signal_type = field_text_or_none(L, &record, "signal_type");
    Status status = read_limit(L, &record, &limit, &error);
    SignalCursor *cursor = NULL;
    void **owner = iterator_push(L, &signal_rows, 1);
    if (status == STATUS_OK) {
        Store *store = handle_store(L, handle, &error);
        status = store ? store_pending_signals(store, signal_type, limit, &cursor, &error)
                       : STATUS_CLOSED;
    }
    *owner = cursor;
    return status == STATUS_OK ? return_array(L) : error_return(L, &error);
}

static Status open_signals(lua_State *L, Handle *handle, const SignalFilter *filter, Error *error) {
    SignalCursor *cursor = NULL;
    void **owner = iterator_push(L, &signal_rows, 1);
    Store *store = handle_store(L, handle, error);
    Status status = store ? store_signals(store, filter, &cursor, error) : STATUS_CLOSED;
    *owner = cursor;
    return status;
}

/* store:get_signals_for_company(canonical_key) */
static int get_signals_for_company(lua_State *L) {
    Error error;
    Handle *handle = handle_check(L);
    SignalFilter filter = {
        .canonical_key = arg_text(L, 2),
        .since = STORE_TIME_NONE,
        .before = STORE_TIME_NONE,
        .limit = -1,
    };
    Status status = open_signals(L, handle, &filter, &error);
    return status == STATUS_OK ? return_array(L) : error_return(L, &error);
}

static Status read_filter(lua_State *L, const Record *record, SignalFilter *filter, Error *error) {
    static const char *const orders[] = {"newest", "oldest", "id", NULL};
    static const SignalOrder order_values[] = {ORDER_NEWEST, ORDER_OLDEST, ORDER_ID};
    int order = 0;
    filter->canonical_key = field_text_or_none(L, record, "canonical_key");
    filter->signal_type = field_text_or_none(L, record, "signal_type");
    filter->source_api = field_text_or_none(L, record, "source_api");
    filter->status = field_text_or_none(L, record, "status");
    Status status = field_time_or_none(L, record, "since", &filter->since, error);
    if (status == STATUS_OK) {
        status = field_time_or_none(L, record, "before", &filter->before, error);
    }
    if (status == STATUS_OK) {
        status = field_choice(L, record, "order", orders, &order, error);
    }
    if (status == STATUS_OK) {
        status = read_limit(L, record, &filter->limit, error);
    }
    filter->order = order_values[order];
    return status;
}

/* store:signals{canonical_key=?, signal_type=?, source_api=?, status=?, since=?, before=?, order=?,
 * limit=?} */
static int signals(lua_State *L) {
    static const char *const names[] = {"canonical_key", "signal_type", "source_api",
                                        "status",        "since",       "before",
                                        "order",         "limit",       NULL};
    Error error;
    SignalFilter filter;
    Handle *handle = handle_check(L);
    Record record = record_options(L, 2, names);
    Status status = read_filter(L, &record, &filter, &error);
    if (status == STATUS_OK) {
        status = open_signals(L, handle, &filter, &error);
    }
    return status == STATUS_OK ? iterator_return(L) : error_return(L, &error);
}

/* ---- methods ---- */

static const luaL_Reg methods[] = {
    {"save_signal", save_signal},
    {"save_signals", save_signals},
    {"get_signal", get_signal},
    {"get_pending_signals", get_pending_signals},
    {"get_signals_for_company", get_signals_for_company},
    {"is_duplicate", is_duplicate},
    {"signals", signals},
    {NULL, NULL},
};

void signals_open(lua_State *L) {
    handle_methods(L, methods);
}
