/* store:worker and worker_alive: who is at work, for what a script takes on beside claims. */
#include <lauxlib.h>

#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/handle.h"

/* store:worker() */
static int worker(lua_State *L) {
    Error error;
    int64_t number;
    Handle *handle = handle_check(L);
    Store *store = handle_store(L, handle, &error);
    Status status = store ? store_worker(store, &number, &error) : STATUS_CLOSED;
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushinteger(L, number);
    return 1;
}

/* store:worker_alive(number) */
static int worker_alive(lua_State *L) {
    Error error;
    bool alive;
    Handle *handle = handle_check(L);
    int64_t number = arg_integer(L, 2);
    Store *store = handle_store(L, handle, &error);
    Status status = store ? store_worker_alive(store, number, &alive, &error) : STATUS_CLOSED;
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushboolean(L, alive);
    return 1;
}

static const luaL_Reg methods[] = {
    {"worker", worker},
    {"worker_alive", worker_alive},
    {NULL, NULL},
};

void workers_open(lua_State *L) {
    handle_methods(L, methods);
}
