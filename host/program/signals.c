#include "program/signals.h"

#include "bindings/task.h"

#include <signal.h>
#include <stdio.h>

/* A handler gets no context, so what it needs must be reachable from here. */
static Scheduler *volatile watched;
static volatile sig_atomic_t caught;

static void catch_signal(int number) {
    Scheduler *scheduler = watched;
    if (caught != 0 || scheduler == NULL) {
        signal(number, SIG_DFL);
        raise(number); /* delivered when this handler returns */
        return;
    }
    caught = number;
    scheduler_interrupt(scheduler);
}

void signals_watch(lua_State *L) {
    watched = L != NULL ? scheduler_get(L) : NULL;
    /* Also where our parent had it ignored, as a shell does for what a script starts with "&": a
     * signal that somebody sends to this process is meant for it. */
    struct sigaction action = {.sa_handler = catch_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int signals_caught(void) {
    return caught;
}

void signals_forget(lua_State *L) {
    caught = 0;
    scheduler_clear(scheduler_get(L));
}

void signals_die(void) {
    if (caught != 0) {
        fflush(NULL);
        signal(caught, SIG_DFL);
        raise(caught);
    }
}
