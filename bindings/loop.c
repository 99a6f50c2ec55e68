#include "bindings/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct Loop {
    LoopWatch *watches;
    LoopTimer *timers;
    int count;             /* of active watches */
    int wake;              /* an eventfd; where there is none, -1, which poll passes over */
    struct pollfd *polled; /* what the running turn polls: the eventfd first */
    LoopWatch **owners;    /* the watch of each; NULL once it was removed */
    int polled_count, capacity;
};

Loop *loop_new(void) {
    Loop *loop = calloc(1, sizeof *loop);
    if (loop != NULL) loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return loop;
}

void loop_free(Loop *loop) {
    if (loop == NULL) return;
    while (loop->watches != NULL) loop_unwatch(loop, loop->watches);
    while (loop->timers != NULL) loop_stop(loop->timers);
    if (loop->wake >= 0) close(loop->wake);
    free(loop->polled);
    free(loop->owners);
    free(loop);
}

int64_t loop_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- watches and timers ---------------------------------------------------------------------- */

void loop_watch(Loop *loop, LoopWatch *watch) {
    if (watch->link != NULL) return;
    watch->place = -1;
    watch->next = loop->watches;
    watch->link = &loop->watches;
    if (watch->next != NULL) watch->next->link = &watch->next;
    loop->watches = watch;
    loop->count++;
}

void loop_unwatch(Loop *loop, LoopWatch *watch) {
    if (watch->link == NULL) return;
    if (watch->place >= 0) loop->owners[watch->place] = NULL;
    *watch->link = watch->next;
    if (watch->next != NULL) watch->next->link = watch->link;
    watch->link = NULL;
    loop->count--;
}

void loop_start(Loop *loop, LoopTimer *timer, double seconds) {
    const double most = 1e9; /* three decades: what is longer will not be seen to end */
    double wait = seconds > 0 ? (seconds < most ? seconds : most) : 0;
    timer->due = loop_now() + (int64_t)(wait * 1e6);
    if (timer->link != NULL) return;
    timer->next = loop->timers;
    timer->link = &loop->timers;
    if (timer->next != NULL) timer->next->link = &timer->next;
    loop->timers = timer;
}

void loop_stop(LoopTimer *timer) {
    if (timer->link == NULL) return;
    *timer->link = timer->next;
    if (timer->next != NULL) timer->next->link = timer->link;
    timer->link = NULL;
}

bool loop_idle(const Loop *loop) {
    return loop->watches == NULL && loop->timers == NULL;
}

/* ---- a turn ---------------------------------------------------------------------------------- */

/* Room for the active watches and the eventfd. Where memory is short, as many as there is room for
 * are polled; the others have their turn later. */
static bool grow_polled(Loop *loop) {
    int wanted = loop->count + 1;
    if (wanted <= loop->capacity) return true;
    int capacity = wanted * 2;
    struct pollfd *polled = realloc(loop->polled, (size_t)capacity * sizeof *polled);
    if (polled == NULL) return loop->capacity > 0;
    loop->polled = polled;
    LoopWatch **owners = realloc(loop->owners, (size_t)capacity * sizeof(LoopWatch *));
    if (owners == NULL) return loop->capacity > 0;
    loop->owners = owners;
    loop->capacity = capacity;
    return true;
}

static void fill_polled(Loop *loop) {
    loop->polled[0] = (struct pollfd){.fd = loop->wake, .events = POLLIN};
    loop->owners[0] = NULL;
    int count = 1;
    for (LoopWatch *w = loop->watches; w != NULL && count < loop->capacity; w = w->next) {
        loop->polled[count] = (struct pollfd){.fd = w->fd, .events = w->events};
        loop->owners[count] = w;
        w->place = count++;
    }
    loop->polled_count = count;
}

/* Milliseconds to the earliest timer, rounded up so that it is due then; -1 where there is none. */
static int poll_timeout(const Loop *loop) {
    int64_t earliest = INT64_MAX;
    for (const LoopTimer *t = loop->timers; t != NULL; t = t->next) {
        if (t->due < earliest) earliest = t->due;
    }
    if (earliest == INT64_MAX) return -1;
    int64_t left = earliest - loop_now();
    if (left <= 0) return 0;
    int64_t milliseconds = (left + 999) / 1000;
    return milliseconds > 3600000 ? 3600000 : (int)milliseconds;
}

static void call_ready(Loop *loop) {
    for (int i = 1; i < loop->polled_count; i++) {
        LoopWatch *watch = loop->owners[i];
        if (watch == NULL) continue;
        watch->place = -1;
        loop->owners[i] = NULL;
        if (loop->polled[i].revents != 0) watch->ready(watch, loop->polled[i].revents);
    }
    loop->polled_count = 0;
}

/* A timer that `fire` starts again is later than `now`, so this ends. */
static void call_due(Loop *loop) {
    int64_t now = loop_now();
    LoopTimer *timer = loop->timers;
    while (timer != NULL) {
        if (timer->due > now) {
            timer = timer->next;
            continue;
        }
        loop_stop(timer);
        timer->fire(timer);
        timer = loop->timers; /* the call may have changed any of the list */
    }
}

void loop_turn(Loop *loop, bool block) {
    if (!grow_polled(loop)) return;
    fill_polled(loop);
    int ready = poll(loop->polled, (nfds_t)loop->polled_count, block ? poll_timeout(loop) : 0);
    uint64_t woken;
    if (ready > 0 && loop->polled[0].revents != 0) {
        while (read(loop->wake, &woken, sizeof woken) < 0 && errno == EINTR) {
        }
    }
    if (ready <= 0) {
        for (int i = 0; i < loop->polled_count; i++) loop->polled[i].revents = 0;
    }
    call_ready(loop);
    call_due(loop);
}

void loop_wake(Loop *loop) {
    int saved = errno;
    uint64_t one = 1;
    if (loop->wake >= 0 && write(loop->wake, &one, sizeof one) < 0) errno = 0;
    errno = saved;
}
