/* A task's life, and what Lua sees of it: signalbox.spawn, signalbox.wait, and its methods. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/errors.h"
#include "bindings/scheduler.h"

#define WAITER_METATABLE "signalbox.task_wait"
#define MAX_DEAF_YIELDS 100 /* of a cancelled task that yields without waiting */

/* ---- its life -------------------------------------------------------------------------------- */

static void task_anchor(lua_State *L, Task *task, int index) {
    index = lua_absindex(L, index);
    scheduler_push_alive(L);
    lua_pushvalue(L, index);
    lua_rawsetp(L, -2, task);
    lua_pop(L, 1);
}

static void task_release(lua_State *L, Task *task) {
    scheduler_push_alive(L);
    lua_pushnil(L);
    lua_rawsetp(L, -2, task);
    lua_pop(L, 1);
}

/* Keeps the text of the error on top of the task's stack, and where it was raised. */
static int describe_protected(lua_State *L) {
    Task *task = lua_touserdata(L, 1);
    if (!lua_checkstack(task->thread, 1)) return 0;
    lua_pushvalue(task->thread, -1);
    lua_xmove(task->thread, L, 1);
    luaL_traceback(L, task->thread, luaL_tolstring(L, -1, NULL), 0);
    task->trace = strdup(lua_tostring(L, -1));
    return 0;
}

static bool was_interrupted(lua_State *co) {
    if (!lua_istable(co, -1)) return false;
    lua_pushliteral(co, "code");
    lua_rawget(co, -2);
    const char *code = lua_tostring(co, -1);
    bool interrupted = code != NULL && strcmp(code, "interrupted") == 0;
    lua_pop(co, 1);
    return interrupted;
}

/* Runs what a task has left to close that died, or has to; then its error is all its stack has. */
static void task_close(lua_State *L, Task *task) {
    if (lua_resetthread(task->thread) != LUA_OK) return;
    Error error;
    error_set(&error, STATUS_INTERRUPTED, "the task was cancelled");
    error_push(L, &error);
    lua_xmove(L, task->thread, 1);
}

/* `status` is what lua_resume gave; YIELD where it is ended before its own end. */
static void task_end(lua_State *L, Task *task, int status, int results) {
    Scheduler *s = task->scheduler;
    if (status == LUA_OK) {
        task->state = TASK_DONE;
        task->values = results;
    } else {
        if (status != LUA_YIELD && task->waiters == NULL) {
            lua_pushcfunction(L, describe_protected);
            lua_pushlightuserdata(L, task);
            if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
        }
        task_close(L, task);
        task->state = TASK_FAILED;
        task->values = 1;
        if (task->waiters == NULL && !(task->cancelled && was_interrupted(task->thread))) {
            task->next = s->failures;
            task->link = &s->failures;
            if (task->next != NULL) task->next->link = &task->next;
            s->failures = task;
        }
    }
    s->alive--;
    for (TaskWait *waiter = task->waiters; waiter != NULL; waiter = waiter->next) {
        wait_end(&waiter->wait);
    }
    task_release(L, task);
}

/* It has yielded: to wait, or without a reason, and then the others come first. */
static void task_pause(Task *task, int results) {
    bool waits = scheduler_is_wait(task->scheduler, task->thread, results);
    lua_pop(task->thread, results);
    if (waits && task->wait != NULL && !task->wait->done)
        task->state = TASK_WAITING;
    else
        scheduler_queue(task->scheduler, task);
}

void task_run(lua_State *L, Task *task) {
    Scheduler *s = task->scheduler;
    Task *outer = s->current;
    int arguments = task->started ? 0 : task->values;
    int results = 0;
    task->started = true;
    task->state = TASK_RUNNING;
    task->wait = NULL;
    s->current = task;
    scheduler_enter(s, task->thread);
    int status = lua_resume(task->thread, L, arguments, &results);
    if (status == LUA_YIELD && !task->doomed)
        task_pause(task, results);
    else
        task_end(L, task, status, results);
    s->current = outer;
    scheduler_leave(s, L);
}

void task_cancel(lua_State *L, Task *task) {
    if (task->state == TASK_DONE || task->state == TASK_FAILED) return;
    task->cancelled = true;
    if (task->state == TASK_RUNNING) return; /* it hears of it when it waits next */
    if (!task->started) {
        task_unlink(task->scheduler, task);
        task_end(L, task, LUA_YIELD, 0);
        return;
    }
    for (int turn = 0; task->state == TASK_READY || task->state == TASK_WAITING; turn++) {
        task_unlink(task->scheduler, task);
        task->doomed = turn >= MAX_DEAF_YIELDS;
        task_run(L, task);
    }
}

/* ---- waiting for it -------------------------------------------------------------------------- */

static void waiter_link(TaskWait *waiter, TaskWait **list) {
    waiter->next = *list;
    waiter->waiters_link = list;
    if (waiter->next != NULL) waiter->next->waiters_link = &waiter->next;
    *list = waiter;
}

static void waiter_unlink(TaskWait *waiter) {
    if (waiter->waiters_link == NULL) return;
    *waiter->waiters_link = waiter->next;
    if (waiter->next != NULL) waiter->next->waiters_link = waiter->waiters_link;
    waiter->waiters_link = NULL;
    if (waiter->task == NULL && waiter->wait.task != NULL)
        waiter->wait.scheduler->waiting_for_all--;
}

static int waiter_gc(lua_State *L) {
    waiter_unlink(lua_touserdata(L, 1));
    return 0;
}

static TaskWait *waiter_push(lua_State *L, Task *task, const char *name) {
    TaskWait *waiter = lua_newuserdatauv(L, sizeof *waiter, 0);
    memset(waiter, 0, sizeof *waiter);
    waiter->task = task;
    luaL_setmetatable(L, WAITER_METATABLE);
    wait_begin(L, &waiter->wait, name);
    return waiter;
}

/* What the task left on its stack, copied, so that it can be asked again. */
static int give_values(lua_State *L, Task *task) {
    if (!lua_checkstack(task->thread, task->values)) luaL_error(L, "too many results of a task");
    luaL_checkstack(L, task->values + 1, "too many results of a task");
    if (task->state == TASK_FAILED) lua_pushnil(L);
    for (int i = 1; i <= task->values; i++) lua_pushvalue(task->thread, i);
    lua_xmove(task->thread, L, task->values);
    if (task->state == TASK_DONE) return task->values;
    task_unlink(task->scheduler, task);
    free(task->trace);
    task->trace = NULL;
    return 2;
}

static bool task_ended(const Task *task) {
    return task->state == TASK_DONE || task->state == TASK_FAILED;
}

static Task *check_task(lua_State *L) {
    return luaL_checkudata(L, 1, TASK_METATABLE);
}

static int wait_for_task_k(lua_State *L, int status, lua_KContext context) {
    (void)status, (void)context;
    Task *task = check_task(L);
    TaskWait *waiter = luaL_checkudata(L, 2, WAITER_METATABLE);
    waiter_unlink(waiter);
    wait_check(L, &waiter->wait);
    return give_values(L, task);
}

static int wait_for_task(lua_State *L) {
    Task *task = check_task(L);
    lua_settop(L, 1);
    if (task_ended(task)) return give_values(L, task);
    TaskWait *waiter = waiter_push(L, task, "task:wait");
    if (task == waiter->wait.task) luaL_error(L, "task:wait: a task cannot wait for itself");
    waiter_link(waiter, &task->waiters);
    return wait_yield(L, &waiter->wait, 0, wait_for_task_k);
}

static int wait_for_all_k(lua_State *L, int status, lua_KContext context) {
    (void)status, (void)context;
    TaskWait *waiter = luaL_checkudata(L, 1, WAITER_METATABLE);
    waiter_unlink(waiter);
    wait_check(L, &waiter->wait);
    return 0;
}

/* signalbox.wait(task) is task:wait(); signalbox.wait() waits until all the others have ended. */
static int signalbox_wait(lua_State *L) {
    if (!lua_isnoneornil(L, 1)) return wait_for_task(L);
    lua_settop(L, 0);
    TaskWait *waiter = waiter_push(L, NULL, "signalbox.wait");
    Scheduler *s = waiter->wait.scheduler;
    waiter_link(waiter, &s->waiters);
    if (waiter->wait.task != NULL) s->waiting_for_all++;
    return wait_yield(L, &waiter->wait, 0, wait_for_all_k);
}

/* ---- spawn and the methods ------------------------------------------------------------------- */

/* Begins at the next wait of whoever runs. */
static int signalbox_spawn(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    Scheduler *s = scheduler_get(L);
    int values = lua_gettop(L);
    Task *task = lua_newuserdatauv(L, sizeof *task, 1);
    memset(task, 0, sizeof *task);
    luaL_setmetatable(L, TASK_METATABLE);
    task->scheduler = s;
    task->thread = lua_newthread(L);
    lua_setiuservalue(L, -2, 1);
    task_anchor(L, task, -1);
    s->alive++;
    lua_insert(L, 1);
    task->values = values - 1;
    scheduler_queue(s, task);
    if (!lua_checkstack(task->thread, values)) luaL_error(L, "too many arguments");
    lua_xmove(L, task->thread, values);
    return 1;
}

static int task_cancel_method(lua_State *L) {
    Task *task = check_task(L);
    bool alive = !task_ended(task);
    task_cancel(L, task);
    if (task == task->scheduler->current) interrupted_raise(L, "task:cancel");
    lua_pushboolean(L, alive);
    return 1;
}

static const char *task_status(const Task *task) {
    static const char *const names[] = {"ready", "running", "waiting", "done", "failed"};
    return names[task->state];
}

static int task_status_method(lua_State *L) {
    lua_pushstring(L, task_status(check_task(L)));
    return 1;
}

static int task_tostring(lua_State *L) {
    Task *task = check_task(L);
    lua_pushfstring(L, "task (%s)", task_status(task));
    return 1;
}

/* Nobody can ask for its error any more. */
static int task_gc(lua_State *L) {
    Task *task = check_task(L);
    if (task->state == TASK_FAILED && task->link != NULL)
        task_print_failure(task);
    else
        task_unlink(task->scheduler, task);
    free(task->trace);
    task->trace = NULL;
    return 0;
}

static const luaL_Reg task_methods[] = {
    {"wait", wait_for_task},
    {"cancel", task_cancel_method},
    {"status", task_status_method},
    {NULL, NULL},
};

static const luaL_Reg task_metamethods[] = {
    {"__close", task_cancel_method},
    {"__gc", task_gc},
    {"__tostring", task_tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"spawn", signalbox_spawn},
    {"wait", signalbox_wait},
    {NULL, NULL},
};

void spawn_open(lua_State *L) {
    luaL_newmetatable(L, WAITER_METATABLE);
    lua_pushcfunction(L, waiter_gc);
    lua_setfield(L, -2, "__gc");
    luaL_newmetatable(L, TASK_METATABLE);
    luaL_setfuncs(L, task_metamethods, 0);
    luaL_newlib(L, task_methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
    luaL_setfuncs(L, functions, 0);
}
