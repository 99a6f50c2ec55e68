/* signalbox.sleep. */
#include <lauxlib.h>
#include <string.h>

#include "bindings/scheduler.h"

#define SLEEP_METATABLE "signalbox.sleep"

typedef struct Sleep {
    Wait wait;
    LoopTimer timer;
} Sleep;

static void sleep_over(LoopTimer *timer) {
    Sleep *sleep = timer->context;
    wait_end(&sleep->wait);
}

static int sleep_gc(lua_State *L) {
    Sleep *sleep = lua_touserdata(L, 1);
    loop_stop(&sleep->timer);
    return 0;
}

static int sleep_k(lua_State *L, int status, lua_KContext context) {
    (void)status, (void)context;
    Sleep *sleep = luaL_checkudata(L, 1, SLEEP_METATABLE);
    loop_stop(&sleep->timer);
    wait_check(L, &sleep->wait);
    return 0;
}

static int signalbox_sleep(lua_State *L) {
    luaL_checktype(L, 1, LUA_TNUMBER);
    lua_Number seconds = lua_tonumber(L, 1);
    luaL_argcheck(L, seconds >= 0, 1, "seconds must be 0 or more");
    lua_settop(L, 0);
    Sleep *sleep = lua_newuserdatauv(L, sizeof *sleep, 0);
    memset(sleep, 0, sizeof *sleep);
    sleep->timer.fire = sleep_over;
    sleep->timer.context = sleep;
    luaL_setmetatable(L, SLEEP_METATABLE);
    wait_begin(L, &sleep->wait, "signalbox.sleep");
    loop_start(scheduler_loop(sleep->wait.scheduler), &sleep->timer, seconds);
    return wait_yield(L, &sleep->wait, 0, sleep_k);
}

void sleep_open(lua_State *L) {
    luaL_newmetatable(L, SLEEP_METATABLE);
    lua_pushcfunction(L, sleep_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    lua_pushcfunction(L, signalbox_sleep);
    lua_setfield(L, -2, "sleep");
}
