/* What task.c, coroutine.c and scheduler.c share; everybody else uses task.h. */
#ifndef SIGNALBOX_BINDINGS_SCHEDULER_H
#define SIGNALBOX_BINDINGS_SCHEDULER_H

#include <signal.h>

#include "bindings/task.h"

#define TASK_METATABLE "signalbox.task"

typedef enum TaskState {
    TASK_READY,   /* in the queue: new, or what it waited for has come */
    TASK_RUNNING, /* its code runs, or runs what runs */
    TASK_WAITING,
    TASK_DONE,  /* its results are on its thread's stack */
    TASK_FAILED /* its error is there */
} TaskState;

typedef struct TaskWait TaskWait;

struct Task {
    Scheduler *scheduler;
    lua_State *thread; /* the userdata's user value */
    TaskState state;
    Wait *wait;         /* of TASK_WAITING */
    TaskWait *waiters;  /* who waits for its end */
    Task *next, **link; /* in the queue, or among the failures */
    int values;         /* arguments while it is new, then results */
    int refusals;       /* waits that it tried after it was cancelled */
    bool started, cancelled;
    bool doomed; /* cancelled, and will not hear: ends at its next yield */
    char *trace; /* of an error that nobody has asked for yet */
};

/* Somebody who waits for a task, or with `task` NULL for all of them. */
struct TaskWait {
    Wait wait;
    Task *task;
    TaskWait *next, **waiters_link;
};

struct Scheduler {
    Loop *loop;
    lua_State *volatile running; /* the coroutine that an interrupt must reach */
    volatile sig_atomic_t interrupted;
    StoreLink *volatile stores;
    Task *current;            /* whose code runs; NULL for the script's own */
    Task *ready, **ready_end; /* the queue */
    Task *failures;           /* ended by an error that nobody has asked for */
    TaskWait *waiters;        /* who waits for all the others */
    size_t alive, waiting_for_all;
    bool failed; /* an error was printed */
};

/* What a coroutine yields that waits: the scheduler's own address, as light userdata. Whatever
 * stands between it and its task hands it up. */
bool scheduler_is_wait(const Scheduler *scheduler, lua_State *co, int results);

/* Before and after `co` is resumed out of `L`. */
void scheduler_enter(Scheduler *scheduler, lua_State *co);
void scheduler_leave(Scheduler *scheduler, lua_State *L);

/* Runs tasks until *done, or where `done` is NULL until there are none. False where it was
 * interrupted, or where nothing can come any more. */
bool scheduler_run(lua_State *L, Scheduler *scheduler, const bool *done);

void scheduler_queue(Scheduler *scheduler, Task *task);

/* Goes on in the task; what ends it is filled in. */
void task_run(lua_State *L, Task *task);
/* Ends it, now if it is not running. */
void task_cancel(lua_State *L, Task *task);

/* Out of the queue, or of the failures. */
void task_unlink(Scheduler *scheduler, Task *task);

/* Pushes the table that keeps tasks from being collected while they are alive: address -> task. */
void scheduler_push_alive(lua_State *L);

/* Tells on stderr of a task's error that nobody has asked for, and that the script has failed. */
void task_print_failure(Task *task);

/* Raises the error of code `interrupted`. */
int interrupted_raise(lua_State *L, const char *name);

void coroutine_open(lua_State *L, Scheduler *scheduler);
void spawn_open(lua_State *L);
void sleep_open(lua_State *L);
void process_open(lua_State *L);
void http_open(lua_State *L);

#endif
