/* store:transaction and store:begin.
 *
 * A transaction is a userdata that rolls back what is not committed: when the scope is left
 * (__close), when its coroutine dies or it is dropped (__gc). It keeps its coroutine alive, for the
 * store knows that by its address. `store:transaction` runs its function in no protected call: the
 * userdata is a to-be-closed value of its own frame, so an error rolls back on its way up, is the
 * same value above, and the traceback still shows where it was raised. */
#include <lauxlib.h>
#include <stdio.h>

#include "bindings/errors.h"
#include "bindings/handle.h"

#define TRANSACTION_METATABLE "signalbox.transaction"

struct Transaction {
    Handle *handle; /* of the store that is user value 1 */
    bool open;
    int depth;          /* 1 for the outermost; deeper ones are savepoints */
    Transaction *outer; /* the one that this is in */
};

/* ---- the transactions of a store ---- */

void transactions_end(Handle *handle) {
    for (; handle->innermost; handle->innermost = handle->innermost->outer) {
        handle->innermost->open = false;
    }
}

/* It is over, and so are those inside it. */
static void over(Transaction *transaction) {
    Handle *handle = transaction->handle;
    while (transaction->open) {
        Transaction *innermost = handle->innermost;
        handle->innermost = innermost->outer;
        innermost->open = false;
    }
}

static Status begin(lua_State *L, Transaction *transaction, Error *error) {
    Handle *handle = transaction->handle;
    char where[128] = "";
    lua_Debug place;
    if (lua_getstack(L, 1, &place) && lua_getinfo(L, "Sl", &place) && place.currentline > 0) {
        snprintf(where, sizeof where, "%s:%d", place.short_src, place.currentline);
    }
    Store *store = handle_store(L, handle, error);
    if (!store) {
        return STATUS_CLOSED;
    }
    Status status = store_begin(store, where, &transaction->depth, error);
    if (status == STATUS_OK) {
        if (transaction->depth == 1) {
            transactions_end(handle); /* the engine ended those before */
        }
        transaction->open = true;
        transaction->outer = handle->innermost;
        handle->innermost = transaction;
    }
    return status;
}

/* CLOSED or CONFLICT where it is over. */
static Status check_open(lua_State *L, Transaction *transaction, Error *error) {
    if (!handle_store(L, transaction->handle, error)) {
        return STATUS_CLOSED;
    }
    return transaction->open ? STATUS_OK
                             : error_set(error, STATUS_CONFLICT, "the transaction is over already");
}

static Status commit(lua_State *L, Transaction *transaction, Error *error) {
    Status status = check_open(L, transaction, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_commit(transaction->handle->link.store, transaction->depth, error);
    if (status != STATUS_BUSY) { /* another coroutine's: it goes on */
        over(transaction);
    }
    return status;
}

/* For the end of a scope too, and for a finalizer, in whatever coroutine that runs. */
static Status roll_back(Transaction *transaction, Error *error) {
    over(transaction);
    return store_rollback(transaction->handle->link.store, transaction->depth, error);
}

/* ---- the userdata ---- */

/* Pushes one that is over, of the store that is argument 1. */
static Transaction *transaction_push(lua_State *L) {
    Transaction *transaction = lua_newuserdatauv(L, sizeof *transaction, 2);
    *transaction = (Transaction){.handle = lua_touserdata(L, 1)};
    luaL_setmetatable(L, TRANSACTION_METATABLE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_pushthread(L);
    lua_setiuservalue(L, -2, 2);
    return transaction;
}

static Transaction *transaction_check(lua_State *L) {
    return luaL_checkudata(L, 1, TRANSACTION_METATABLE);
}

static int done(lua_State *L, Status status, const Error *error) {
    if (status != STATUS_OK) {
        return error_return(L, error);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* transaction:commit() */
static int transaction_commit(lua_State *L) {
    Error error;
    Status status = commit(L, transaction_check(L), &error);
    return done(L, status, &error);
}

/* transaction:rollback() */
static int transaction_rollback(lua_State *L) {
    Error error;
    Transaction *transaction = transaction_check(L);
    Status status = check_open(L, transaction, &error);
    if (status == STATUS_OK) {
        status = roll_back(transaction, &error);
    }
    return done(L, status, &error);
}

/* __close and __gc */
static int transaction_end(lua_State *L) {
    Error ignored;
    Transaction *transaction = transaction_check(L);
    if (transaction->open) {
        roll_back(transaction, &ignored);
    }
    return 0;
}

static int transaction_tostring(lua_State *L) {
    const char *state = transaction_check(L)->open ? "open" : "over";
    lua_pushfstring(L, "signalbox.transaction (%s)", state);
    return 1;
}

/* ---- methods of the store ---- */

/* store:begin() */
static int begin_transaction(lua_State *L) {
    Error error;
    handle_check(L);
    Transaction *transaction = transaction_push(L);
    Status status = begin(L, transaction, &error);
    return status == STATUS_OK ? 1 : error_return(L, &error);
}

enum {
    TRANSACTION = 2,
    RESULTS = 3
}; /* the stack of store:transaction */

/* What the function returned is behind the transaction: nil or false with an error rolls back. */
static int run_ended(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    Error error;
    Transaction *transaction = lua_touserdata(L, TRANSACTION);
    int results = lua_gettop(L) - TRANSACTION;
    bool failed = results >= 2 && !lua_toboolean(L, RESULTS) && !lua_isnil(L, RESULTS + 1);
    if (failed) {
        if (transaction->open) {
            roll_back(transaction, &error);
        }
    } else if (commit(L, transaction, &error) != STATUS_OK) {
        return error_return(L, &error);
    }
    return results;
}

/* store:transaction(fn, ...) */
static int run_transaction(lua_State *L) {
    Error error;
    handle_check(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    Transaction *transaction = transaction_push(L);
    lua_insert(L, TRANSACTION);
    lua_toclose(L, TRANSACTION);
    if (begin(L, transaction, &error) != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_callk(L, lua_gettop(L) - RESULTS, LUA_MULTRET, 0, run_ended);
    return run_ended(L, LUA_OK, 0);
}

/* ---- registration ---- */

static const luaL_Reg metamethods[] = {
    {"__gc", transaction_end},
    {"__close", transaction_end},
    {"__tostring", transaction_tostring},
    {NULL, NULL},
};

static const luaL_Reg transaction_methods[] = {
    {"commit", transaction_commit},
    {"rollback", transaction_rollback},
    {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"transaction", run_transaction},
    {"begin", begin_transaction},
    {NULL, NULL},
};

void transaction_open(lua_State *L) {
    luaL_newmetatable(L, TRANSACTION_METATABLE);
    luaL_setfuncs(L, metamethods, 0);
    luaL_newlib(L, transaction_methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    handle_methods(L, methods);
}
