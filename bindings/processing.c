/* store:mark_pushed and its kin: what became of a signal. */
#include <lauxlib.h>

#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/handle.h"

/* The marking of signal `id`, argument 2; `metadata` is the number of that argument, 0 for none. */
static int mark(lua_State *L, Mark *mark, int metadata) {
    Error error;
    Handle *handle = handle_check(L);
    int64_t id = arg_integer(L, 2);
    size_t from = handle_mark(handle);
    Status status = STATUS_OK;
    if (metadata) {
        status = arg_json(L, metadata, "metadata", false, &handle->bytes, &mark->metadata, &error);
    }
    if (status == STATUS_OK) {
        Store *store = handle_store(L, handle, &error);
        status = store ? store_mark(store, id, mark, &error) : STATUS_CLOSED;
    }
    handle_cut(handle, from);
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* store:mark_pushed(id, notion_page_id [, metadata]) */
static int mark_pushed(lua_State *L) {
    arg_integer(L, 2);
    return mark(L, &(Mark){.state = STATE_PUSHED, .page_id = arg_text(L, 3)}, 4);
}

/* store:mark_rejected(id, reason [, metadata]) */
static int mark_rejected(lua_State *L) {
    arg_integer(L, 2);
    return mark(L, &(Mark){.state = STATE_REJECTED, .reason = arg_text(L, 3)}, 4);
}

/* store:mark_failed(id, reason [, metadata]) */
static int mark_failed(lua_State *L) {
    arg_integer(L, 2);
    return mark(L, &(Mark){.state = STATE_FAILED, .reason = arg_text(L, 3)}, 4);
}

/* store:mark_queued(id [, metadata]) */
static int mark_queued(lua_State *L) {
    return mark(L, &(Mark){.state = STATE_QUEUED}, 3);
}

/* store:reopen(id) */
static int reopen(lua_State *L) {
    return mark(L, &(Mark){.state = STATE_PENDING}, 0);
}

/* store:get_processing_stats() */
static int get_processing_stats(lua_State *L) {
    Error error;
    int64_t counts[STATE_COUNT];
    Store *store = handle_store(L, handle_check(L), &error);
    Status status = store ? store_processing_stats(store, counts, &error) : STATUS_CLOSED;
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    processing_push(L, counts);
    return 1;
}

void processing_push(lua_State *L, const int64_t counts[STATE_COUNT]) {
    lua_createtable(L, 0, STATE_COUNT);
    for (int state = 0; state < STATE_COUNT; state++) {
        lua_pushinteger(L, counts[state]);
        lua_setfield(L, -2, processing_state_name((ProcessingState)state));
    }
}

static const luaL_Reg methods[] = {
    {"mark_pushed", mark_pushed},
    {"mark_rejected", mark_rejected},
    {"mark_queued", mark_queued},
    {"mark_failed", mark_failed},
    {"reopen", reopen},
    {"get_processing_stats", get_processing_stats},
    {NULL, NULL},
};

void processing_open(lua_State *L) {
    handle_methods(L, methods);
}
