/* The event loop under everything that waits: file descriptors and timers on one thread, over poll.
 *
 * It knows nothing of Lua. A watch and a timer are structs of their owner's, linked in while they
 * are active, so nothing here can run out of memory but the array that poll reads. Lists are plain
 * and unsorted: a turn costs a pass over what is active, and a program that waits for ten thousand
 * things at once is not what this is for.
 *
 * Callbacks may add and remove watches and timers, their own as well; they must not turn the loop.
 */
#ifndef SIGNALBOX_BINDINGS_LOOP_H
#define SIGNALBOX_BINDINGS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Loop Loop;
typedef struct LoopWatch LoopWatch;
typedef struct LoopTimer LoopTimer;

/* A descriptor and the poll events (POLLIN, POLLOUT) that `ready` is called for, with those that
 * came, POLLERR and POLLHUP among them. Set the first four members, zero the rest. */
struct LoopWatch {
    int fd;
    short events;
    void (*ready)(LoopWatch *watch, short events);
    void *context;
    LoopWatch *next, **link;
    int place; /* in the array that is polled, while a turn hands out events; else -1 */
};

/* `fire` is called once at `due`, by then the timer is inactive. Set the first two members, zero
 * the rest. */
struct LoopTimer {
    void (*fire)(LoopTimer *timer);
    void *context;
    int64_t due; /* loop_now's microseconds */
    LoopTimer *next, **link;
};

/* NULL where there is no memory. */
Loop *loop_new(void);
/* What is still linked in is let go. NULL is allowed. */
void loop_free(Loop *loop);

/* Microseconds of a clock that never goes back. */
int64_t loop_now(void);

/* Active from now on; one that is active already just takes its new events. */
void loop_watch(Loop *loop, LoopWatch *watch);
/* Harmless for one that is not active. */
void loop_unwatch(Loop *loop, LoopWatch *watch);

/* Due `seconds` from now; moves a timer that is active. */
void loop_start(Loop *loop, LoopTimer *timer, double seconds);
void loop_stop(LoopTimer *timer);

/* Nothing is active: a turn would never end. */
bool loop_idle(const Loop *loop);

/* Waits until something is due (not at all where `block` is false) and calls what is. It also ends
 * when loop_wake is called, from now on or since the last turn. */
void loop_turn(Loop *loop, bool block);

/* Ends the turn that runs, or the next one at once. Async-signal-safe. */
void loop_wake(Loop *loop);

#endif
