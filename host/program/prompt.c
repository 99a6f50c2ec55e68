#include "program/prompt.h"

#include "bindings/task.h"
#include "program/problem.h"
#include "program/process.h"
#include "program/signals.h"
#include "program/traceback.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdbool.h>

/* The error on top of the stack as text: a command's own is a table. */
static void push_shown(lua_State *L) {
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "message");
        lua_replace(L, -2);
    }
    luaL_tolstring(L, -1, NULL);
}

static int attempt(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushcfunction(L, traceback_handler);
    lua_insert(L, 1);
    int status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 1);
    bool interrupted = signals_caught() == SIGINT;
    if (interrupted) {
        signals_forget(L);
    }
    if (signals_caught() != 0) { /* SIGTERM is not over */
        lua_pushliteral(L, "terminated");
        return problem_raise(L, EXIT_FAILED, NULL);
    }
    bool done = status == LUA_OK && !interrupted; /* a task can be broken off as the wait ends */
    lua_pushboolean(L, done);
    lua_replace(L, 1);
    if (done) {
        return lua_gettop(L);
    }
    if (status == LUA_OK) {
        lua_pushliteral(L, "interrupted");
    }
    push_shown(L);
    lua_replace(L, 2);
    lua_settop(L, 2);
    lua_pushboolean(L, interrupted);
    return 3;
}

static int has_waits(lua_State *L) {
    lua_pushboolean(L, !loop_idle(scheduler_loop(scheduler_get(L))));
    return 1;
}

void prompt_open(lua_State *L) {
    lua_pushcfunction(L, attempt);
    lua_setfield(L, -2, "attempt");
    lua_pushcfunction(L, has_waits);
    lua_setfield(L, -2, "has_waits");
}
