/* The process that rules run in: see sandbox.h. */
#include "program/sandbox/sandbox.h"

#include <lauxlib.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bindings/json.h"
#include "bindings/reading.h"
#include "bindings/time.h"
#include "program/embedded.h"
#include "program/process.h"
#include "program/sandbox/cage.h"
#include "program/sandbox/frame.h"
#include "program/sandbox/lockdown.h"
#include "store/store.h"

#define CHANNEL STDIN_FILENO
#define SCRIPT "lib/rule_worker"
#define TOOLS_FIELD "signalbox.rule_tools" /* of the registry */
#define OTHER_MEMORY ((size_t)96 << 20)    /* address space for SQLite and messages, beside Lua's */
#define SQL_MEMORY ((int64_t)32 << 20)

typedef struct Worker {
    Store *store;
    DbUntrusted limits; /* of its connection */
    size_t memory;
    Cage *cage;     /* of the file that runs */
    Buffer request; /* text of the file that runs */
} Worker;

/* ---- tools for scripts/lib/rule_worker.lua --------------------------------------------------- */

static Worker *worker_of(lua_State *L) {
    return cage_context(cage_of(L));
}

/* reply(table): one answer. */
static int reply(lua_State *L) {
    Error error;
    luaL_checktype(L, 1, LUA_TTABLE);
    Buffer *out = buffer_push(L);
    if (json_encode(L, 1, "answer", out, &error) != STATUS_OK) {
        return luaL_error(L, "%s", error.message);
    }
    if (out->failed || !frame_write(CHANNEL, out->data, out->size)) {
        _exit(EXIT_FAILED);
    }
    return 0;
}

/* load_text(text, name) -> function | nil, message */
static int load_text(lua_State *L) {
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    if (cage_load_text(L, text, size, luaL_checkstring(L, 2))) {
        return 1;
    }
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static const EmbeddedScript *find_embedded(const char *name) {
    for (size_t i = 0; i < embedded_script_count; i++) {
        if (strcmp(embedded_scripts[i].name, name) == 0) {
            return &embedded_scripts[i];
        }
    }
    return NULL;
}

/* load_embedded(name) -> function | nil, message: a script that the program carries in itself, the
 * only bytecode there is. */
static int load_embedded(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    const EmbeddedScript *script = find_embedded(name);
    if (script &&
        luaL_loadbufferx(L, (const char *)script->data, script->size, name, "b") == LUA_OK) {
        return 1;
    }
    lua_pushnil(L);
    lua_pushfstring(L, "the program carries no script '%s'", name);
    return 2;
}

/* deadline(seconds) */
static int set_deadline(lua_State *L) {
    cage_deadline(cage_of(L), luaL_checknumber(L, 1));
    return 0;
}

/* place() -> "FILE:LINE" of the rule file's code that called, or "" */
static int place(lua_State *L) {
    cage_push_place(L);
    return 1;
}

static const luaL_Reg tools[] = {
    {"reply", reply},           {"load_text", load_text}, {"load_embedded", load_embedded},
    {"deadline", set_deadline}, {"place", place},         {NULL, NULL},
};

/* ---- what a rule file finds ------------------------------------------------------------------ */

/* The globals, on top of the stack, get `store`; what the script alone may use is put aside. */
static int fill_cage(lua_State *L) {
    store_push_reading(L, worker_of(L)->store);
    lua_setfield(L, 1, "store");
    luaL_newlib(L, tools);
    json_open(L);
    time_open(L);
    lua_setfield(L, LUA_REGISTRYINDEX, TOOLS_FIELD);
    return 0;
}

/* Runs the script with the globals, the tools and the request, decoded. */
static int run_script(lua_State *L) {
    const Worker *worker = lua_touserdata(L, 1);
    Error error;
    lua_pushcfunction(L, load_embedded);
    lua_pushliteral(L, SCRIPT);
    lua_call(L, 1, 2);
    if (lua_isnil(L, -2)) {
        return lua_error(L);
    }
    lua_pop(L, 1);
    lua_pushglobaltable(L);
    lua_getfield(L, LUA_REGISTRYINDEX, TOOLS_FIELD);
    if (json_push(L, "request", worker->request.data, worker->request.size, JSON_STRICT, &error) !=
        STATUS_OK) {
        return luaL_error(L, "%s", error.message);
    }
    lua_call(L, 3, 0);
    return 0;
}

/* ---- answers without Lua --------------------------------------------------------------------- */

/* {"NAME":"TEXT"}: what the worker itself has to say. */
static bool say(const char *name, const char *text) {
    Buffer out = {0};
    buffer_append_text(&out, "{\"");
    buffer_append_text(&out, name);
    buffer_append_text(&out, "\":");
    if (json_write_string(&out, text, strlen(text)) != strlen(text)) {
        buffer_append_text(&out, "\"(not UTF-8)\"");
    }
    buffer_append_byte(&out, '}');
    bool sent = !out.failed && frame_write(CHANNEL, out.data, out.size);
    buffer_free(&out);
    return sent;
}

static void out_of_time(void *context, const char *where) {
    (void)context;
    say("expired", where);
    _exit(EXIT_DONE);
}

/* The first answer, {"hello":"", ...}: sizes that can be seen only while the eyes are open. False
 * where they can't. */
static bool write_hello(const char *path, char *text, size_t room) {
    char wal[PATH_MAX];
    struct stat file, log;
    struct statvfs disk;
    int named = snprintf(wal, sizeof wal, "%s-wal", path);
    if (stat(path, &file) != 0 || statvfs(path, &disk) != 0) {
        return false;
    }
    bool has_log = named > 0 && (size_t)named < sizeof wal && stat(wal, &log) == 0;
    int size = snprintf(text, room,
                        "{\"hello\":\"\",\"database_bytes\":%lld,\"wal_bytes\":%lld,"
                        "\"disk_free_bytes\":%lld,\"disk_bytes\":%lld}",
                        (long long)file.st_size, has_log ? (long long)log.st_size : 0,
                        (long long)disk.f_bavail * (long long)disk.f_frsize,
                        (long long)disk.f_blocks * (long long)disk.f_frsize);
    return size > 0 && (size_t)size < room;
}

/* ---- the process ----------------------------------------------------------------------------- */

static bool query_is_late(void *context) {
    const Worker *worker = context;
    return worker->cage && cage_is_late(worker->cage);
}

static Status open_store(Worker *worker, const char *path, Error *error) {
    StoreOptions options = store_options_default();
    options.mode = DB_READ;
    options.migrate = false;
    worker->limits = (DbUntrusted){SQL_MEMORY, query_is_late, worker};
    options.untrusted = &worker->limits;
    return store_open(path, &options, &worker->store, error);
}

/* One rule file, from its request to its last answer. False where the process is of no more use. */
static bool serve(Worker *worker) {
    worker->cage = cage_open(worker->memory, fill_cage, out_of_time, worker);
    if (!worker->cage) {
        return say("failed", "not enough memory");
    }
    lua_State *L = cage_state(worker->cage);
    lua_pushcfunction(L, run_script);
    lua_pushlightuserdata(L, worker);
    int result = lua_pcall(L, 1, 0, 0);
    /* Only a text: anything else would have to run Lua to be shown. */
    const char *raised =
        result != LUA_OK && lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "it failed";
    char problem[512];
    snprintf(problem, sizeof problem, "%s", result == LUA_OK ? "" : raised);
    cage_close(worker->cage);
    worker->cage = NULL;
    return say(result == LUA_OK ? "done" : "failed", problem);
}

int rule_worker_main(int argc, char **argv) {
    Worker worker = {0};
    Error error;
    char hello[256];
    /* Set once more by lockdown, for changing the user clears it. */
    if (argc != 5 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        return EXIT_USAGE;
    }
    setlocale(LC_CTYPE, "C.UTF-8");
    worker.memory = (size_t)strtoull(argv[3], NULL, 10);
    if (open_store(&worker, argv[2], &error) != STATUS_OK) {
        say("refused", error.message);
        return EXIT_FAILED;
    }
    LockdownOptions options = {
        .write_fd = CHANNEL,
        .memory = worker.memory + OTHER_MEMORY,
        .seconds = (unsigned)strtoul(argv[4], NULL, 10),
    };
    if (!write_hello(store_label(worker.store), hello, sizeof hello)) {
        say("refused", "the size of the database can't be seen");
        return EXIT_FAILED;
    }
    if (!lockdown(&options)) {
        say("refused", "this system can't lock a process in (seccomp, or /proc is missing)");
        return EXIT_FAILED;
    }
    bool good = frame_write(CHANNEL, hello, strlen(hello));
    while (good) {
        good = frame_read(CHANNEL, &worker.request) && serve(&worker);
    }
    _exit(EXIT_DONE); /* nothing of this process is worth an orderly end */
}
