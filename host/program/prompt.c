#include "program/prompt.h"

#include "bindings/task.h"
#include "program/signals.h"
#include "program/traceback.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

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
    lua_pushboolean(L, status == LUA_OK);
    lua_replace(L, 1);
    if (status == LUA_OK) {
        return lua_gettop(L);
    }
    push_shown(L);
    lua_replace(L, 2);
    lua_settop(L, 2);
    lua_pushboolean(L, interrupted);
    return 3;
}

/* A pager that is left early must not end us, nor must Ctrl-C in it, which reaches us as well. */
static int page(lua_State *L) {
    size_t size = 0;
    const char *command = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &size);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, pipe_before, interrupt_before;
    fflush(NULL);
    FILE *pager = popen(command, "w"); /* before: a child inherits what is ignored */
    if (pager == NULL) {
        return luaL_fileresult(L, false, command);
    }
    sigaction(SIGPIPE, &ignore, &pipe_before);
    sigaction(SIGINT, &ignore, &interrupt_before);
    fwrite(text, 1, size, pager);
    int status = pclose(pager);
    sigaction(SIGINT, &interrupt_before, NULL);
    sigaction(SIGPIPE, &pipe_before, NULL);
    lua_pushboolean(L, status == 0);
    return 1;
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
    lua_pushcfunction(L, page);
    lua_setfield(L, -2, "page");
}
