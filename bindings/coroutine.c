/* coroutine.resume and coroutine.wrap that let waits through.
 *
 * They are Lua's own but for two things. A wait inside the coroutine (it has yielded the
 * scheduler's address) is not shown to the caller but handed up, and when the task goes on, down
 * again. And the scheduler learns which coroutine runs, for an interrupt has to reach that one. */
#include <lauxlib.h>

#include "bindings/scheduler.h"

static int resume_k(lua_State *L, int status, lua_KContext context);
static int wrap_k(lua_State *L, int status, lua_KContext context);

static Scheduler *upvalue_scheduler(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* Nothing can be handed up out of, say, a comparison of table.sort: the wait ends with an error. */
static int resume_until_yield(lua_State *L, lua_State *co, int arguments, lua_KFunction k,
                              int *results) {
    Scheduler *s = upvalue_scheduler(L);
    for (;;) {
        scheduler_enter(s, co);
        int status = lua_resume(co, L, arguments, results);
        scheduler_leave(s, L);
        if (status != LUA_YIELD || !scheduler_is_wait(s, co, *results)) return status;
        lua_pop(co, 1);
        if (s->current != NULL && lua_isyieldable(L)) {
            lua_pushlightuserdata(L, s);
            lua_yieldk(L, 1, 0, k);
        }
        if (s->current != NULL && s->current->wait != NULL) s->current->wait->refused = true;
        arguments = 0;
    }
}

/* Moves `arguments` from the top of L and resumes; then what came is on top of L: results, or an
 * error. Gives their number, or -1 for an error. */
static int resume(lua_State *L, lua_State *co, int arguments, lua_KFunction k) {
    int results;
    if (arguments > 0) {
        if (!lua_checkstack(co, arguments)) {
            lua_pushliteral(L, "too many arguments to resume");
            return -1;
        }
        lua_xmove(L, co, arguments);
    }
    int status = resume_until_yield(L, co, arguments, k, &results);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(co, L, 1);
        return -1;
    }
    if (!lua_checkstack(L, results + 1)) {
        lua_pop(co, results);
        lua_pushliteral(L, "too many results to resume");
        return -1;
    }
    lua_xmove(co, L, results);
    return results;
}

/* ---- coroutine.resume ------------------------------------------------------------------------ */

static int resume_give(lua_State *L, int arguments) {
    int results = resume(L, lua_tothread(L, 1), arguments, resume_k);
    bool sound = results >= 0;
    lua_pushboolean(L, sound);
    lua_insert(L, sound ? -(results + 1) : -2);
    return sound ? results + 1 : 2;
}

static int resume_k(lua_State *L, int status, lua_KContext context) {
    (void)status, (void)context;
    return resume_give(L, 0);
}

static int coroutine_resume(lua_State *L) {
    luaL_argexpected(L, lua_tothread(L, 1) != NULL, 1, "coroutine");
    return resume_give(L, lua_gettop(L) - 1);
}

/* ---- coroutine.wrap -------------------------------------------------------------------------- */

static int wrap_give(lua_State *L, int arguments) {
    lua_State *co = lua_tothread(L, lua_upvalueindex(2));
    int results = resume(L, co, arguments, wrap_k);
    if (results >= 0) return results;
    int status = lua_status(co);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(L, co, 1); /* where its closing expects the error */
        status = lua_resetthread(co);
        lua_xmove(co, L, 1);
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int wrap_k(lua_State *L, int status, lua_KContext context) {
    (void)status, (void)context;
    return wrap_give(L, 0);
}

static int wrap_call(lua_State *L) {
    return wrap_give(L, lua_gettop(L));
}

static int coroutine_wrap(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, wrap_call, 2);
    return 1;
}

static const luaL_Reg functions[] = {
    {"resume", coroutine_resume},
    {"wrap", coroutine_wrap},
    {NULL, NULL},
};

void coroutine_open(lua_State *L, Scheduler *s) {
    if (lua_getglobal(L, "coroutine") == LUA_TTABLE) {
        lua_pushlightuserdata(L, s);
        luaL_setfuncs(L, functions, 1);
    }
    lua_pop(L, 1);
}
