/* signalbox.run: another program, its output collected, waited for.
 *
 *     local result, err = signalbox.run { "zstd", "--test", path, timeout = 60 }
 *
 * The program gets a process group of its own, so that ending it ends what it started. Its input is
 * a socket rather than a pipe: writing to one that nobody reads any more is then an answer and no
 * SIGPIPE. Its end is asked for when its output has ended, and from then on by a timer, for most
 * programs are gone a moment later. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bindings/errors.h"
#include "bindings/scheduler.h"
#include "text/buffer.h"

#define PROCESS_METATABLE "signalbox.process"
#define MAX_OUTPUT (64 * 1024 * 1024)
#define LONGEST_NAP 0.02       /* seconds between two looks whether it has ended */
#define GRACE_MILLISECONDS 500 /* between SIGTERM and SIGKILL */

typedef struct Stream {
    LoopWatch watch;
    Buffer text; /* of output: what came; of input: what goes */
    size_t sent;
} Stream;

typedef struct Process {
    Wait wait;
    LoopTimer limit, reap;
    double nap;
    Stream streams[3]; /* as the program numbers them */
    pid_t pid;         /* 0: not started, or reaped */
    int ended;         /* as waitpid gives it */
    size_t max_size;
    bool too_slow, too_large;
} Process;

/* ---- its streams and its end ----------------------------------------------------------------- */

static void stream_close(Process *process, Stream *stream) {
    if (stream->watch.fd < 0) return;
    loop_unwatch(scheduler_loop(process->wait.scheduler), &stream->watch);
    close(stream->watch.fd);
    stream->watch.fd = -1;
}

static bool process_reap(Process *process) {
    if (process->pid == 0) return true;
    pid_t pid = waitpid(process->pid, &process->ended, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR)) return false;
    process->pid = 0;
    return true;
}

/* Asks it to end, and ends it where it does not. Not a wait: nothing else runs meanwhile. */
static void process_kill(Process *process) {
    const struct timespec pause = {.tv_nsec = 1000000};
    if (process->pid == 0) return;
    kill(-process->pid, SIGTERM);
    for (int i = 0; i < GRACE_MILLISECONDS && !process_reap(process); i++) nanosleep(&pause, NULL);
    if (process->pid == 0) return;
    kill(-process->pid, SIGKILL);
    while (waitpid(process->pid, &process->ended, 0) < 0 && errno == EINTR) {
    }
    process->pid = 0;
}

static void process_release(Process *process) {
    if (process->wait.scheduler == NULL) return;
    process_kill(process);
    loop_stop(&process->limit);
    loop_stop(&process->reap);
    for (int i = 0; i < 3; i++) stream_close(process, &process->streams[i]);
}

static void look_for_end(LoopTimer *timer) {
    Process *process = timer->context;
    if (process_reap(process)) {
        wait_end(&process->wait);
        return;
    }
    loop_start(scheduler_loop(process->wait.scheduler), timer, process->nap);
    process->nap = process->nap * 2 < LONGEST_NAP ? process->nap * 2 : LONGEST_NAP;
}

static void give_up(LoopTimer *timer) {
    Process *process = timer->context;
    process->too_slow = true;
    wait_end(&process->wait);
}

static void output_ready(LoopWatch *watch, short events) {
    (void)events;
    Process *process = watch->context;
    Stream *stream = &process->streams[watch == &process->streams[1].watch ? 1 : 2];
    char *room = buffer_reserve(&stream->text, 65536);
    ssize_t size = room != NULL ? read(watch->fd, room, 65536) : 0;
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (size > 0) {
        stream->text.size += (size_t)size;
        process->too_large = stream->text.size > process->max_size;
        if (process->too_large) wait_end(&process->wait);
        return;
    }
    stream_close(process, stream);
    if (process->streams[1].watch.fd >= 0 || process->streams[2].watch.fd >= 0) return;
    loop_start(scheduler_loop(process->wait.scheduler), &process->reap, 0);
}

static void input_ready(LoopWatch *watch, short events) {
    (void)events;
    Process *process = watch->context;
    Stream *input = &process->streams[0];
    ssize_t size = send(watch->fd, input->text.data + input->sent, input->text.size - input->sent,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (size > 0) input->sent += (size_t)size;
    if (size < 0 || input->sent == input->text.size) stream_close(process, input);
}

/* ---- starting it ----------------------------------------------------------------------------- */

/* What posix_spawn reads. Its texts are the Lua table's; its arrays are freed by the caller. */
typedef struct Command {
    const char **words, **environment;
    const char *folder;
} Command;

/* Puts both ends where they belong: ours into the stream, the program's into *theirs. */
static int open_stream(Process *process, int number, int *theirs) {
    int ends[2];
    Stream *stream = &process->streams[number];
    bool input = number == 0;
    if (input && stream->text.size == 0) {
        *theirs = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return *theirs < 0 ? errno : 0;
    }
    int status =
        input ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) : pipe2(ends, O_CLOEXEC);
    if (status < 0) return errno;
    stream->watch.fd = ends[0];
    *theirs = ends[1];
    stream->watch.events = input ? POLLOUT : POLLIN;
    stream->watch.ready = input ? input_ready : output_ready;
    stream->watch.context = process;
    loop_watch(scheduler_loop(process->wait.scheduler), &stream->watch);
    return 0;
}

static int spawn(Process *process, const Command *command, const int theirs[3]) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    if (posix_spawn_file_actions_init(&actions) != 0) return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    sigemptyset(&none);
    sigfillset(&all);
    int status = 0;
    for (int i = 0; i < 3 && status == 0; i++) {
        status = posix_spawn_file_actions_adddup2(&actions, theirs[i], i);
    }
    if (status == 0 && command->folder != NULL) {
        status = posix_spawn_file_actions_addchdir_np(&actions, command->folder);
    }
    if (status == 0) status = posix_spawnattr_setsigmask(&attributes, &none);
    if (status == 0) status = posix_spawnattr_setsigdefault(&attributes, &all);
    if (status == 0) status = posix_spawnattr_setpgroup(&attributes, 0);
    if (status == 0) {
        status = posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    if (status == 0) {
        status = posix_spawnp(
            &process->pid, command->words[0], &actions, &attributes, (char *const *)command->words,
            command->environment != NULL ? (char *const *)command->environment : environ);
    }
    if (status != 0) process->pid = 0;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return status;
}

static int process_start(Process *process, const Command *command) {
    int theirs[3] = {-1, -1, -1};
    int status = 0;
    for (int i = 0; i < 3 && status == 0; i++) status = open_stream(process, i, &theirs[i]);
    if (status == 0) status = spawn(process, command, theirs);
    for (int i = 0; i < 3; i++) {
        if (theirs[i] >= 0) close(theirs[i]);
    }
    return status;
}

/* ---- its Lua face ---------------------------------------------------------------------------- */

/* An array in a userdata of its own, so that nothing is lost where reading the table raises. */
static const char **push_words(lua_State *L, size_t count) {
    const char **words = lua_newuserdatauv(L, (count + 1) * sizeof *words, 0);
    memset(words, 0, (count + 1) * sizeof *words);
    return words;
}

static const char *check_word(lua_State *L, int index, const char *what) {
    size_t size = 0;
    const char *word = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &size) : NULL;
    if (word == NULL) luaL_error(L, "signalbox.run: %s must be a string", what);
    if (strlen(word) != size) luaL_error(L, "signalbox.run: %s contains a zero byte", what);
    return word;
}

/* Each pushes one value, which has to stay on the stack while the command is read. */
static const char **read_words(lua_State *L) {
    size_t count = lua_rawlen(L, 1);
    luaL_argcheck(L, count > 0, 1, "the program and its arguments are missing");
    const char **words = push_words(L, count);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i + 1);
        words[i] = check_word(L, -1, "the program and each of its arguments");
        lua_pop(L, 1); /* the table holds it */
    }
    return words;
}

/* `env` adds to ours; a value of false takes one away. */
static const char **read_environment(lua_State *L) {
    if (lua_getfield(L, 1, "env") == LUA_TNIL) return NULL;
    luaL_argexpected(L, lua_istable(L, -1), 1, "env: table");
    size_t count = 0;
    for (char **entry = environ; *entry != NULL; entry++) count++;
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) count++;
    lua_newtable(L); /* holds the texts */
    const char **words = push_words(L, count);
    size_t used = 0;
    for (char **entry = environ; *entry != NULL; entry++) {
        const char *equals = strchr(*entry, '=');
        if (equals == NULL) continue;
        lua_pushlstring(L, *entry, (size_t)(equals - *entry));
        bool replaced = lua_rawget(L, -4) != LUA_TNIL;
        lua_pop(L, 1);
        if (!replaced) words[used++] = *entry;
    }
    lua_pushnil(L);
    while (lua_next(L, -4) != 0) {
        if (lua_toboolean(L, -1)) {
            words[used] = lua_pushfstring(L, "%s=%s", check_word(L, -2, "a name in env"),
                                          check_word(L, -1, "a value in env"));
            lua_rawseti(L, -5, (lua_Integer)++used);
        }
        lua_pop(L, 1);
    }
    return words;
}

static double read_number(lua_State *L, const char *name, double otherwise) {
    if (lua_getfield(L, 1, name) != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TNUMBER)
            luaL_error(L, "signalbox.run: %s must be a number", name);
        otherwise = lua_tonumber(L, -1);
        if (!(otherwise > 0)) luaL_error(L, "signalbox.run: %s must be above 0", name);
    }
    lua_pop(L, 1);
    return otherwise;
}

static int process_gc(lua_State *L) {
    Process *process = lua_touserdata(L, 1);
    process_release(process);
    for (int i = 0; i < 3; i++) buffer_free(&process->streams[i].text);
    return 0;
}

static Process *process_push(lua_State *L) {
    Process *process = lua_newuserdatauv(L, sizeof *process, 0);
    memset(process, 0, sizeof *process);
    for (int i = 0; i < 3; i++) process->streams[i].watch.fd = -1;
    process->limit.fire = give_up;
    process->limit.context = process;
    process->reap.fire = look_for_end;
    process->reap.context = process;
    process->nap = 0.0005;
    luaL_setmetatable(L, PROCESS_METATABLE);
    return process;
}

static void set_output(lua_State *L, const Stream *stream, const char *name) {
    lua_pushlstring(L, stream->text.size > 0 ? stream->text.data : "", stream->text.size);
    lua_setfield(L, -2, name);
}

static int give_result(lua_State *L, Process *process) {
    bool killed = WIFSIGNALED(process->ended);
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, killed ? 128 + WTERMSIG(process->ended) : WEXITSTATUS(process->ended));
    lua_setfield(L, -2, "status");
    if (killed) {
        lua_pushinteger(L, WTERMSIG(process->ended));
        lua_setfield(L, -2, "signal");
    }
    set_output(L, &process->streams[1], "stdout");
    set_output(L, &process->streams[2], "stderr");
    return 1;
}

/* The name is read again, for a table can change while one waits. */
static const char *program_name(lua_State *L) {
    lua_rawgeti(L, 1, 1);
    const char *name = lua_tostring(L, -1);
    return name != NULL ? name : "?";
}

static int run_k(lua_State *L, int status, lua_KContext context) {
    (void)status, (void)context;
    Error error;
    Process *process = luaL_checkudata(L, 2, PROCESS_METATABLE);
    process_release(process);
    wait_check(L, &process->wait);
    if (process->too_slow) {
        error_set(&error, STATUS_UNAVAILABLE, "signalbox.run: %s took longer than its timeout",
                  program_name(L));
        return error_return(L, &error);
    }
    if (process->too_large) {
        error_set(&error, STATUS_INVALID, "signalbox.run: %s wrote more than %zu bytes (max_size)",
                  program_name(L), process->max_size);
        return error_return(L, &error);
    }
    if (process->streams[1].text.failed || process->streams[2].text.failed) {
        return luaL_error(L, "not enough memory");
    }
    return give_result(L, process);
}

static bool is_folder(const char *path) {
    struct stat file;
    return stat(path, &file) == 0 && S_ISDIR(file.st_mode);
}

static int run_failed(lua_State *L, Process *process, const char *folder, int status) {
    Error error;
    process_release(process);
    bool astray = folder != NULL && !is_folder(folder);
    error_set(&error, status == ENOENT ? STATUS_NOT_FOUND : STATUS_IO,
              "signalbox.run: cannot start %s%s%s: %s", program_name(L), astray ? " in " : "",
              astray ? folder : "", strerror(status));
    return error_return(L, &error);
}

static int signalbox_run(lua_State *L) {
    Command command;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    Process *process = process_push(L);
    double timeout = read_number(L, "timeout", 0);
    process->max_size = (size_t)read_number(L, "max_size", MAX_OUTPUT);
    if (lua_getfield(L, 1, "stdin") != LUA_TNIL) {
        size_t size;
        luaL_argexpected(L, lua_type(L, -1) == LUA_TSTRING, 1, "stdin: string");
        const char *text = lua_tolstring(L, -1, &size);
        buffer_append(&process->streams[0].text, text, size);
        if (process->streams[0].text.failed) return luaL_error(L, "not enough memory");
    }
    lua_pop(L, 1);
    lua_getfield(L, 1, "cwd");
    command.folder = lua_isnil(L, -1) ? NULL : check_word(L, -1, "cwd");
    command.words = read_words(L);
    command.environment = read_environment(L);
    wait_begin(L, &process->wait, "signalbox.run");
    int status = process_start(process, &command);
    if (status != 0) return run_failed(L, process, command.folder, status);
    if (timeout > 0) loop_start(scheduler_loop(process->wait.scheduler), &process->limit, timeout);
    return wait_yield(L, &process->wait, 0, run_k);
}

void process_open(lua_State *L) {
    luaL_newmetatable(L, PROCESS_METATABLE);
    lua_pushcfunction(L, process_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    lua_pushcfunction(L, signalbox_run);
    lua_setfield(L, -2, "run");
}
