/* How long a program needs until its prompt stands in a terminal.
 *
 *   prompt_ready ROUNDS PROMPT COMMAND [ARGS]
 *
 * Prints "ready<TAB>1/s" of the median, as every peer prints operations a second. */
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double start_once(const char *prompt, char **command) {
    char seen[65536];
    size_t size = 0;
    int terminal;
    double started = now();
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);
    if (child == 0) {
        execvp(command[0], command);
        _exit(127);
    }
    double ready = -1;
    while (ready < 0 && size < sizeof seen - 1) {
        ssize_t got = read(terminal, seen + size, sizeof seen - 1 - size);
        if (got <= 0) {
            break;
        }
        size += (size_t)got;
        seen[size] = '\0';
        if (memmem(seen, size, prompt, strlen(prompt)) != NULL) {
            ready = now() - started;
        }
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(terminal);
    return ready;
}

static int ascending(const void *a, const void *b) {
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

int main(int argc, char **argv) {
    int rounds = argc > 3 ? atoi(argv[1]) : 0;
    alarm(120); /* a prompt that never comes ends us */
    double *seconds = calloc((size_t)(rounds > 0 ? rounds : 1), sizeof *seconds);
    if (seconds == NULL || rounds < 1) {
        fputs("usage: prompt_ready ROUNDS PROMPT COMMAND [ARGS]\n", stderr);
        return 2;
    }
    for (int i = 0; i < rounds; i++) {
        seconds[i] = start_once(argv[2], argv + 3);
        if (seconds[i] < 0) {
            fputs("the prompt did not come\n", stderr);
            return 1;
        }
    }
    qsort(seconds, (size_t)rounds, sizeof *seconds, ascending);
    printf("ready\t%.3f\n", 1 / seconds[rounds / 2]);
    free(seconds);
    return 0;
}
