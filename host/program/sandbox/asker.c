/* The asking side of the sandbox, as the Lua module signalbox.rule_worker: see sandbox.h. */
#include "program/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bindings/task.h"
#include "program/process.h"
#include "program/sandbox/frame.h"

#define WORKER_METATABLE "signalbox.rule_worker"
#define DEFAULT_MEMORY (32 << 20)
#define DEFAULT_SECONDS 600
#define CHUNK 65536

typedef struct Asker {
    pid_t pid;     /* 0: gone */
    int channel;   /* -1: closed */
    Buffer answer; /* what has arrived of it, header first */
} Asker;

/* ---- starting and ending --------------------------------------------------------------------- */

/* A group of its own, for Ctrl-C is ours to handle; and no signal blocked or ignored. */
static int set_attributes(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int failed = posix_spawnattr_setsigmask(attributes, &none);
    if (failed == 0) failed = posix_spawnattr_setsigdefault(attributes, &all);
    if (failed == 0) failed = posix_spawnattr_setpgroup(attributes, 0);
    if (failed == 0) {
        failed = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    return failed;
}

/* Starts ourselves with these words and the channel as standard input. Of our descriptors it gets
 * standard error alone, whoever forgot to mark the others. There is no environment: the tokens in
 * it are none of a rule's business, and memory is the first thing that native code that got through
 * could read. */
static int spawn(pid_t *pid, int channel, const char *const words[]) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *const environment[] = {NULL};
    char room[PATH_MAX];
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = set_attributes(&attributes);
        if (failed == 0) {
            failed = posix_spawn_file_actions_adddup2(&actions, channel, STDIN_FILENO);
        }
        if (failed == 0) {
            failed =
                posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        }
        if (failed == 0) {
            failed = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
        }
        if (failed == 0) {
            failed = posix_spawn(pid, process_again(room), &actions, &attributes,
                                 (char *const *)words, environment);
        }
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static Status spawn_worker(Asker *asker, const char *database, const char *memory,
                           const char *seconds, Error *error) {
    int pair[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return error_set(error, STATUS_IO, "no channel to a rule worker: %s", strerror(errno));
    }
    asker->channel = pair[0];
    const char *const words[] = {"signalbox", RULE_WORKER_FLAG, database, memory, seconds, NULL};
    int failed = spawn(&asker->pid, pair[1], words);
    close(pair[1]);
    if (failed != 0) {
        asker->pid = 0;
        return error_set(error, STATUS_IO, "no rule worker: %s", strerror(failed));
    }
    return STATUS_OK;
}

/* Ends the process and says how it had ended: 0 where it lived until now. */
static int end_worker(Asker *asker) {
    int status = 0;
    if (asker->channel >= 0) {
        close(asker->channel);
        asker->channel = -1;
    }
    if (asker->pid > 0) {
        pid_t ended = waitpid(asker->pid, &status, WNOHANG);
        if (ended == 0) {
            kill(asker->pid, SIGKILL);
            while (waitpid(asker->pid, &status, 0) < 0 && errno == EINTR) {
            }
        }
        asker->pid = 0;
    }
    buffer_free(&asker->answer);
    return status;
}

/* start(database {, memory=, seconds=}) */
static int start(lua_State *L) {
    const char *database = luaL_checkstring(L, 1);
    lua_Integer memory = DEFAULT_MEMORY, seconds = DEFAULT_SECONDS;
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        lua_getfield(L, 2, "memory");
        memory = luaL_optinteger(L, -1, memory);
        lua_getfield(L, 2, "seconds");
        seconds = luaL_optinteger(L, -1, seconds);
    }
    char memory_text[32], seconds_text[32];
    snprintf(memory_text, sizeof memory_text, "%lld", (long long)memory);
    snprintf(seconds_text, sizeof seconds_text, "%lld", (long long)seconds);
    Asker *asker = lua_newuserdatauv(L, sizeof *asker, 0);
    *asker = (Asker){.channel = -1};
    luaL_setmetatable(L, WORKER_METATABLE);
    Error error;
    if (spawn_worker(asker, database, memory_text, seconds_text, &error) != STATUS_OK) {
        end_worker(asker);
        lua_pushnil(L);
        lua_pushstring(L, error.message);
        return 2;
    }
    return 1;
}

static Asker *check_asker(lua_State *L) {
    return luaL_checkudata(L, 1, WORKER_METATABLE);
}

static int close_worker(lua_State *L) {
    end_worker(check_asker(L));
    return 0;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Ends it and returns nil and why: `reason`, or what the process died of. */
static int give_up(lua_State *L, Asker *asker, const char *reason) {
    if (!reason) {
        /* The channel closes before the process is gone; the reason is worth the wait. */
        siginfo_t info;
        const struct timespec moment = {0, 1000000};
        for (int i = 0; i < 100 && asker->pid > 0; i++) {
            info.si_pid = 0;
            if (waitid(P_PID, (id_t)asker->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
                info.si_pid != 0) {
                break;
            }
            nanosleep(&moment, NULL);
        }
    }
    int status = end_worker(asker);
    lua_pushnil(L);
    if (reason) {
        lua_pushstring(L, reason);
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
        lua_pushliteral(L, "it tried a system call that rules may not make");
    } else if (WIFSIGNALED(status)) {
        lua_pushfstring(L, "its process died of signal %d (%s)", WTERMSIG(status),
                        strsignal(WTERMSIG(status)));
    } else {
        lua_pushfstring(L, "its process ended with code %d", WEXITSTATUS(status));
    }
    return 2;
}

/* worker:send(text) -> true | nil, message */
static int send_request(lua_State *L) {
    Asker *asker = check_asker(L);
    size_t size;
    const char *text = luaL_checklstring(L, 2, &size);
    luaL_argcheck(L, size <= FRAME_LIMIT, 2, "the request is too long");
    char header[FRAME_HEADER];
    frame_header(size, header);
    const struct {
        const char *data;
        size_t size;
    } parts[] = {{header, sizeof header}, {text, size}};
    for (size_t i = 0; i < 2; i++) {
        size_t sent = 0;
        while (sent < parts[i].size) {
            ssize_t n =
                send(asker->channel, parts[i].data + sent, parts[i].size - sent, MSG_NOSIGNAL);
            if (n < 0 && errno != EINTR) {
                return give_up(L, asker, NULL);
            }
            sent += n > 0 ? (size_t)n : 0;
        }
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int64_t now_millis(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The whole frame that `answer` begins with, or 0 where it isn't complete; SIZE_MAX where it is
 * longer than a worker of ours would send. */
static size_t complete_frame(const Buffer *answer) {
    if (answer->size < FRAME_HEADER) {
        return 0;
    }
    size_t length = frame_length(answer->data);
    if (length > FRAME_LIMIT) {
        return SIZE_MAX;
    }
    return answer->size >= FRAME_HEADER + length ? FRAME_HEADER + length : 0;
}

/* worker:receive(seconds) */
static int receive(lua_State *L) {
    Asker *asker = check_asker(L);
    int64_t until = now_millis() + (int64_t)(luaL_checknumber(L, 2) * 1000);
    size_t frame;
    while ((frame = complete_frame(&asker->answer)) == 0) {
        int64_t left = until - now_millis();
        if (left <= 0) {
            return give_up(L, asker, "timeout");
        }
        struct pollfd channel = {asker->channel, POLLIN, 0};
        int ready = poll(&channel, 1, (int)(left < 1000000 ? left : 1000000));
        if (ready < 0 && scheduler_interrupted(scheduler_get(L))) {
            return give_up(L, asker, "interrupted");
        }
        if (ready <= 0) {
            continue;
        }
        char *place = buffer_reserve(&asker->answer, CHUNK);
        ssize_t got = place ? recv(asker->channel, place, CHUNK, 0) : -1;
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return give_up(L, asker, NULL);
        }
        asker->answer.size += got > 0 ? (size_t)got : 0;
    }
    if (frame == SIZE_MAX) {
        return give_up(L, asker, "it answered with more than it may");
    }
    lua_pushlstring(L, asker->answer.data + FRAME_HEADER, frame - FRAME_HEADER);
    asker->answer.size -= frame;
    memmove(asker->answer.data, asker->answer.data + frame, asker->answer.size);
    return 1;
}

/* ---- the module ------------------------------------------------------------------------------ */

static const luaL_Reg methods[] = {
    {"send", send_request}, {"receive", receive},      {"close", close_worker},
    {"__gc", close_worker}, {"__close", close_worker}, {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"start", start},
    {NULL, NULL},
};

int luaopen_signalbox_rule_worker(lua_State *L) {
    luaL_newmetatable(L, WORKER_METATABLE);
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}
