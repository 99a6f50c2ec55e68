/* Tasks: coroutines that wait side by side on one thread.
 *
 * `signalbox.spawn` makes a task. What waits (sleep, run, http, task:wait) yields the task to the
 * scheduler, also out of coroutines of the user's own inside it; outside a task it blocks, and the
 * other tasks go on meanwhile. A C function that waits fills in a Wait, arms whatever will end it,
 * and returns `wait_yield`.
 *
 * Three things are the scheduler's because it alone sees all of a Lua state: which coroutine runs
 * (an interrupt must reach that one), which stores are open (nothing may wait while one of them is
 * in a transaction), and which tasks are left when a script ends. */
#ifndef SIGNALBOX_BINDINGS_TASK_H
#define SIGNALBOX_BINDINGS_TASK_H

#include <lua.h>
#include <stdbool.h>

#include "bindings/loop.h"
#include "store/store.h"

typedef struct Scheduler Scheduler;

/* Makes the state's scheduler, sets `spawn`, `wait`, `sleep`, `run` and `http` in the module table
 * on top of the stack, and puts `resume` and `wrap` into the table `coroutine` that let waits
 * through. */
void task_open(lua_State *L);

/* The state's scheduler; NULL before task_open. Lives until lua_close. */
Scheduler *scheduler_get(lua_State *L);

/* ---- the script's end ------------------------------------------------------------------------ */

/* Runs until all tasks have ended, and prints on stderr what those raised that nobody waited for.
 * False where there was such a one, now or earlier, or where it was interrupted. Never raises. */
bool scheduler_finish(lua_State *L);

/* Ends all tasks, running what they have to close: for a script that raised. Never raises. */
void scheduler_cancel_all(lua_State *L);

/* ---- interrupts ------------------------------------------------------------------------------ */

/* Breaks off what runs: a wait, a query, a loop in Lua, in whichever coroutine. Each raises an
 * error of code `interrupted`, and again where that was caught, until scheduler_clear; finalizers
 * and `<close>` get time for a little work. Async-signal-safe. */
void scheduler_interrupt(Scheduler *scheduler);
bool scheduler_interrupted(const Scheduler *scheduler);
/* All is well again: for a prompt, and before a script's last clean-up. */
void scheduler_clear(Scheduler *scheduler);

/* ---- stores ---------------------------------------------------------------------------------- */

/* A member of every store userdata; set `store`, zero the rest. */
typedef struct StoreLink {
    Store *store;
    struct StoreLink *next, **link;
} StoreLink;

/* From opening to closing. Both are safe against an interrupt at any moment. */
void scheduler_add_store(Scheduler *scheduler, StoreLink *link);
/* Harmless for one that is not there. */
void scheduler_remove_store(StoreLink *link);

/* ---- for what waits -------------------------------------------------------------------------- */

typedef struct Task Task;

/* One wait of one coroutine; a member of a userdata on that coroutine's stack, whose __gc lets go
 * of what was armed. Members are the scheduler's own. */
typedef struct Wait {
    Scheduler *scheduler;
    Task *task;       /* who is woken; NULL: the script itself blocks */
    const char *name; /* "signalbox.sleep", for messages; static */
    bool done;
    bool refused; /* what is between the task and its coroutine cannot be yielded across */
} Wait;

/* Says that `name` is going to wait. Raises where it must not: inside a transaction (naming the
 * place where that began), in a task that is cancelled, after an interrupt, or where a task cannot
 * yield (inside table.sort and the like). Call it before anything is armed. */
void wait_begin(lua_State *L, Wait *wait, const char *name);

/* Waits until wait_end, then goes on in `k`, which begins with wait_check. `return` it. */
int wait_yield(lua_State *L, Wait *wait, lua_KContext context, lua_KFunction k);

/* The same in the script itself, where `wait->task` is NULL: waits here and now, wait_check is
 * next. For what waits many times in a row. */
void wait_block(lua_State *L, Wait *wait);

/* Returns where wait_end was called; else raises, mostly `interrupted`. Let go of what was armed
 * before. */
void wait_check(lua_State *L, Wait *wait);

/* What was waited for has come. Never raises; harmless when repeated. */
void wait_end(Wait *wait);

Loop *scheduler_loop(Scheduler *scheduler);

#endif
