/* store:checkpoint and store:compact. */
#include <lauxlib.h>

#include "bindings/errors.h"
#include "bindings/handle.h"

typedef Status Upkeep(Store *store, Error *error);

static int keep_up(lua_State *L, Upkeep *upkeep) {
    Error error;
    Store *store = handle_store(L, handle_check(L), &error);
    Status status = store ? upkeep(store, &error) : STATUS_CLOSED;
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushboolean(L, true);
    return 1;
}

/* store:checkpoint() -> true: what the log has is in the database file. */
static int checkpoint(lua_State *L) {
    return keep_up(L, store_checkpoint);
}

/* store:compact() -> true: the file has no free pages. */
static int compact(lua_State *L) {
    return keep_up(L, store_compact);
}

static const luaL_Reg methods[] = {
    {"checkpoint", checkpoint},
    {"compact", compact},
    {NULL, NULL},
};

void upkeep_open(lua_State *L) {
    handle_methods(L, methods);
}
