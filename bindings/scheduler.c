/* The scheduler: a queue of tasks that can go on, and a loop that says who can next.
 *
 * A task is a coroutine of its own. When it waits it yields the scheduler's address; a wait deep
 * inside coroutines of the user's travels up through each `resume` (coroutine.c) to here, and later
 * the resuming travels down the same way. So a wait never keeps its result in what it yields or is
 * resumed with: it reads it from its Wait, when it goes on.
 *
 * The script itself is no task: where it waits, scheduler_run runs the others in its place. */
#include "bindings/scheduler.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/errors.h"

#define SCHEDULER_KEY "signalbox.scheduler"
#define MAX_REFUSALS 100 /* waits after a cancel that a task may catch before it is ended */
#define GRACE 10000      /* instructions until an interrupt that was caught raises again ... */
#define MAX_GRACES 16    /* ... and how often there are so many */

/* ---- interrupts ------------------------------------------------------------------------------ */

static void stop_hook(lua_State *L, lua_Debug *debug) {
    (void)debug;
    Scheduler *s = scheduler_get(L);
    if (s == NULL || !s->interrupted) {
        lua_sethook(L, NULL, 0, 0);
        return;
    }
    interrupted_raise(L, NULL);
}

void scheduler_interrupt(Scheduler *s) {
    s->interrupted = 1;
    lua_sethook(s->running, stop_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT,
                1);
    for (StoreLink *link = s->stores; link != NULL; link = link->next) store_interrupt(link->store);
    loop_wake(s->loop);
}

bool scheduler_interrupted(const Scheduler *s) {
    return s->interrupted != 0;
}

void scheduler_clear(Scheduler *s) {
    s->interrupted = 0;
}

static void arm_hook(Scheduler *s, lua_State *L) {
    lua_sethook(L, stop_hook, LUA_MASKCOUNT, s->interrupted <= MAX_GRACES ? GRACE : 1);
}

/* There is some grace, for what is closed on the way out; who catches the error and goes on all the
 * same will in the end not get one step further. Which wait a signal met says nothing to whoever
 * sent it; which one a cancelled task was in does. */
int interrupted_raise(lua_State *L, const char *name) {
    Error error;
    Scheduler *s = scheduler_get(L);
    if (s->interrupted) {
        arm_hook(s, L);
        if (s->interrupted <= MAX_GRACES) s->interrupted++;
    }
    if (name == NULL || s->interrupted)
        error_set(&error, STATUS_INTERRUPTED, "interrupted");
    else
        error_set(&error, STATUS_INTERRUPTED, "%s: interrupted", name);
    return error_raise(L, &error);
}

void scheduler_enter(Scheduler *s, lua_State *co) {
    s->running = co;
    if (s->interrupted && lua_gethook(co) == NULL) arm_hook(s, co);
}

void scheduler_leave(Scheduler *s, lua_State *L) {
    scheduler_enter(s, L);
}

/* ---- stores ---------------------------------------------------------------------------------- */

/* A signal handler may walk the list between any two of these assignments. */
void scheduler_add_store(Scheduler *s, StoreLink *link) {
    link->next = s->stores;
    link->link = (StoreLink **)&s->stores;
    if (link->next != NULL) link->next->link = &link->next;
    s->stores = link;
}

void scheduler_remove_store(StoreLink *link) {
    if (link->link == NULL) return;
    *(StoreLink *volatile *)link->link = link->next;
    if (link->next != NULL) link->next->link = link->link;
    link->link = NULL;
}

/* Any store's, not only one that this coroutine began: the write lock is held either way. */
static const char *transaction_place(const Scheduler *s) {
    for (StoreLink *link = s->stores; link != NULL; link = link->next) {
        bool mine;
        if (store_transaction(link->store, &mine) > 0) return store_transaction_place(link->store);
    }
    return NULL;
}

/* ---- waits ----------------------------------------------------------------------------------- */

bool scheduler_is_wait(const Scheduler *s, lua_State *co, int results) {
    return results == 1 && lua_islightuserdata(co, -1) && lua_touserdata(co, -1) == s;
}

static int raise_cannot_wait(lua_State *L, const char *name) {
    return luaL_error(L,
                      "%s cannot wait here (called from table.sort, string.gsub, require or "
                      "the like)",
                      name);
}

void wait_begin(lua_State *L, Wait *wait, const char *name) {
    Scheduler *s = scheduler_get(L);
    Task *task = s->current;
    memset(wait, 0, sizeof *wait);
    wait->scheduler = s;
    wait->task = task;
    wait->name = name;
    const char *place = transaction_place(s);
    if (place != NULL) {
        luaL_error(L,
                   "%s: cannot wait inside a transaction (begun at %s): every other writer would "
                   "wait for it; fetch first, then store",
                   name, place[0] != '\0' ? place : "?");
    }
    if (s->interrupted) interrupted_raise(L, name);
    if (task == NULL) return;
    if (task->cancelled && ++task->refusals <= MAX_REFUSALS) interrupted_raise(L, name);
    if (!lua_isyieldable(L)) raise_cannot_wait(L, name);
    if (task->cancelled) task->doomed = true;
}

void wait_block(lua_State *L, Wait *wait) {
    scheduler_run(L, wait->scheduler, &wait->done);
}

int wait_yield(lua_State *L, Wait *wait, lua_KContext context, lua_KFunction k) {
    if (wait->task == NULL) {
        wait_block(L, wait);
        return k(L, LUA_OK, context);
    }
    if (wait->done && !wait->task->doomed) return k(L, LUA_OK, context);
    wait->task->wait = wait;
    lua_pushlightuserdata(L, wait->scheduler);
    return lua_yieldk(L, 1, context, k);
}

void wait_check(lua_State *L, Wait *wait) {
    Scheduler *s = wait->scheduler;
    Task *task = wait->task;
    if (wait->done) return;
    if (wait->refused) raise_cannot_wait(L, wait->name);
    if (s->interrupted || (task != NULL && task->cancelled)) interrupted_raise(L, wait->name);
    if (task == NULL) {
        luaL_error(L, "%s: nothing is left that could end this wait", wait->name);
        return;
    }
    if (task->state == TASK_WAITING && task->wait == wait) scheduler_queue(s, task);
    luaL_error(L, "%s: its coroutine was resumed before the wait was over", wait->name);
}

void wait_end(Wait *wait) {
    if (wait->scheduler == NULL || wait->done) return;
    wait->done = true;
    Task *task = wait->task;
    if (task != NULL && task->state == TASK_WAITING && task->wait == wait) {
        scheduler_queue(wait->scheduler, task);
    }
}

/* ---- running --------------------------------------------------------------------------------- */

void scheduler_queue(Scheduler *s, Task *task) {
    task->state = TASK_READY;
    task->wait = NULL;
    task->next = NULL;
    task->link = s->ready_end;
    *s->ready_end = task;
    s->ready_end = &task->next;
}

void task_unlink(Scheduler *s, Task *task) {
    if (task->link == NULL) return;
    if (s->ready_end == &task->next) s->ready_end = task->link;
    *task->link = task->next;
    if (task->next != NULL) task->next->link = task->link;
    task->link = NULL;
}

/* The tasks that are ready now, each once: one that is ready again at once has to wait for what
 * the loop has. */
static void run_ready(lua_State *L, Scheduler *s) {
    size_t count = 0;
    for (Task *task = s->ready; task != NULL; task = task->next) count++;
    for (; count > 0 && s->ready != NULL && !s->interrupted; count--) {
        Task *task = s->ready;
        task_unlink(s, task);
        task_run(L, task);
    }
}

/* The others have ended, or wait for the same. */
static void end_waits_for_all(Scheduler *s) {
    if (s->waiters == NULL || s->alive > s->waiting_for_all) return;
    for (TaskWait *waiter = s->waiters; waiter != NULL; waiter = waiter->next) {
        wait_end(&waiter->wait);
    }
}

bool scheduler_run(lua_State *L, Scheduler *s, const bool *done) {
    for (;;) {
        end_waits_for_all(s);
        if (done != NULL ? *done : s->alive == 0) return true;
        if (s->interrupted) return false;
        if (s->ready == NULL && loop_idle(s->loop)) return false;
        if (s->ready == NULL || !loop_idle(s->loop)) loop_turn(s->loop, s->ready == NULL);
        run_ready(L, s);
    }
}

/* ---- the script's end ------------------------------------------------------------------------ */

static int finish_protected(lua_State *L) {
    Scheduler *s = lua_touserdata(L, 1);
    lua_pushboolean(L, scheduler_run(L, s, NULL));
    return 1;
}

void task_print_failure(Task *task) {
    Scheduler *s = task->scheduler;
    task_unlink(s, task);
    fprintf(stderr, "signalbox: in a task that nobody waited for:\n%s\n",
            task->trace != NULL ? task->trace : "not enough memory");
    free(task->trace);
    task->trace = NULL;
    s->failed = true;
}

bool scheduler_finish(lua_State *L) {
    Scheduler *s = scheduler_get(L);
    if (s == NULL) return true;
    lua_pushcfunction(L, finish_protected);
    lua_pushlightuserdata(L, s);
    bool sound = lua_pcall(L, 1, 1, 0) == LUA_OK && lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (!sound && !s->interrupted && s->alive > 0) {
        fprintf(stderr, "signalbox: %zu tasks wait for each other, and for nothing else\n",
                s->alive);
    }
    while (s->failures != NULL) task_print_failure(s->failures);
    return sound && !s->failed;
}

static int cancel_all_protected(lua_State *L) {
    scheduler_push_alive(L);
    for (;;) {
        lua_pushnil(L);
        if (lua_next(L, -2) == 0) return 0;
        Task *task = lua_touserdata(L, -1);
        if (task->state == TASK_RUNNING) return 0; /* called out of a task, against the rules */
        task_cancel(L, task);
        lua_pop(L, 2);
    }
}

void scheduler_cancel_all(lua_State *L) {
    Scheduler *s = scheduler_get(L);
    if (s == NULL) return;
    lua_pushcfunction(L, cancel_all_protected);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) lua_pop(L, 1);
    while (s->failures != NULL) task_print_failure(s->failures);
}

/* ---- the scheduler itself -------------------------------------------------------------------- */

Scheduler *scheduler_get(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, SCHEDULER_KEY);
    Scheduler *s = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return s;
}

void scheduler_push_alive(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, SCHEDULER_KEY);
    lua_getiuservalue(L, -1, 1);
    lua_remove(L, -2);
}

Loop *scheduler_loop(Scheduler *s) {
    return s->loop;
}

/* A state that is closed with tasks in it: a stock lua5.4 does not know that it should wait. */
static int scheduler_gc(lua_State *L) {
    Scheduler *s = lua_touserdata(L, 1);
    if (s->alive > 0) {
        fprintf(stderr,
                "signalbox: the script ended before %zu of its tasks; end it with "
                "signalbox.wait()\n",
                s->alive);
    }
    loop_free(s->loop);
    s->loop = NULL;
    return 0;
}

static Scheduler *scheduler_push(lua_State *L) {
    Scheduler *s = lua_newuserdatauv(L, sizeof *s, 1);
    memset(s, 0, sizeof *s);
    s->ready_end = &s->ready;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, scheduler_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_newtable(L);
    lua_setiuservalue(L, -2, 1);
    s->loop = loop_new();
    if (s->loop == NULL) luaL_error(L, "not enough memory");
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    s->running = lua_tothread(L, -1);
    lua_pop(L, 1);
    return s;
}

/* A state has one scheduler, also where the module is loaded into it again: what waits is linked to
 * its loop. */
void task_open(lua_State *L) {
    if (scheduler_get(L) == NULL) {
        Scheduler *s = scheduler_push(L);
        lua_setfield(L, LUA_REGISTRYINDEX, SCHEDULER_KEY);
        coroutine_open(L, s);
    }
    spawn_open(L);
    sleep_open(L);
    process_open(L);
    http_open(L);
}
