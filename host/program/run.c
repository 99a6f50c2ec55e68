#include "program/run.h"

#include "bindings/bindings.h"
#include "bindings/task.h"
#include "program/files.h"
#include "program/guard.h"
#include "program/problem.h"
#include "program/process.h"
#include "program/prompt.h"
#include "program/sandbox/sandbox.h"
#include "program/scripts.h"
#include "program/signals.h"
#include "program/terminal.h"
#include "program/traceback.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the words of the command line come to. */
typedef struct Invocation {
    int argc, at; /* argv[at] is the command */
    char **argv;
    const Flag *flags;
    int script;    /* argv[script] becomes arg[0]; what follows it are the arguments */
    bool prepared; /* the state has all its libraries */
} Invocation;

/* ---- the state ------------------------------------------------------------------------------- */

/* Makes the modules in C that lie beside the program findable: in lib/ of the build folder, or
 * where `make install` puts them. */
static void add_module_path(lua_State *L) {
    char folder[PATH_MAX];
    if (!process_folder(folder)) {
        return;
    }
    lua_getglobal(L, "package");
    lua_pushfstring(L, "%s/lib/?.so;%s/../lib/lua/5.4/?.so;", folder, folder);
    lua_getfield(L, -2, "cpath");
    lua_concat(L, 2);
    lua_setfield(L, -2, "cpath");
    lua_pop(L, 1);
}

/* signalbox.host: what only the program itself can tell its scripts; see scripts.h, terminal.h,
 * files.h and prompt.h. The table `flags` has the options before the command. */
static int open_host(lua_State *L) {
    lua_newtable(L);
    lua_newtable(L);
    lua_setfield(L, -2, "flags");
    scripts_open(L);
    terminal_open(L);
    files_open(L);
    prompt_open(L);
    return 1;
}

/* Hands on the options before the command; the table signalbox.host is on top of the stack. */
static void set_flags(lua_State *L, const Flag flags[]) {
    lua_getfield(L, -1, "flags");
    for (; flags->name != NULL; flags++) {
        if (flags->value != NULL) {
            lua_pushstring(L, flags->value);
            lua_setfield(L, -2, flags->name);
        }
    }
    lua_getfield(L, -1, "db");
    lua_setfield(L, LUA_REGISTRYINDEX, DATABASE_FIELD);
    lua_pop(L, 1);
}

/* arg[0] is the script, what precedes it counts down to the program, as with lua itself. */
static void set_arguments(lua_State *L, const Invocation *invocation) {
    lua_createtable(L, invocation->argc - invocation->script, invocation->script + 1);
    for (int i = 0; i < invocation->argc; i++) {
        lua_pushstring(L, invocation->argv[i]);
        lua_rawseti(L, -2, i - invocation->script);
    }
    lua_setglobal(L, "arg");
}

/* Pushes the function `name` of a library in Lua. */
static void push_library(lua_State *L, const char *library, const char *name) {
    lua_getglobal(L, "require");
    lua_pushstring(L, library);
    lua_call(L, 1, 1);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
}

/* Pushes the database that a configuration file names. */
static int configured_database(lua_State *L) {
    push_library(L, "signalbox.config", "get");
    lua_pushliteral(L, "database");
    lua_call(L, 1, 1);
    return 1;
}

/* What signalbox.open() opens where neither the command line nor the environment says so. A file
 * with a mistake in it is so one for those alone that need it. */
static void set_configured_database(lua_State *L, const Flag flags[]) {
    const char *variable = getenv("SIGNALBOX_DB");
    if (flags[0].value == NULL && (variable == NULL || *variable == '\0') && has_config(L)) {
        lua_pushcfunction(L, configured_database);
        lua_setfield(L, LUA_REGISTRYINDEX, DATABASE_FIELD);
    }
}

static void prepare_state(lua_State *L, Invocation *invocation) {
    luaL_checkversion(L);
    lua_gc(L, LUA_GCSTOP); /* nothing of what follows is garbage */
    luaL_openlibs(L);
    guard_open(L);
    add_module_path(L);
    luaL_requiref(L, "signalbox.host", open_host, false);
    set_flags(L, invocation->flags);
    luaL_requiref(L, "signalbox", luaopen_signalbox, false);
    lua_pop(L, 2);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_signalbox_rule_worker);
    lua_setfield(L, -2, "signalbox.rule_worker");
    lua_pop(L, 1);
    signals_watch(L);
    set_configured_database(L, invocation->flags);
    invocation->prepared = true;
}

static int push_words(lua_State *L, const Invocation *invocation) {
    int count = 0;
    luaL_checkstack(L, invocation->argc, "too many arguments");
    for (int i = invocation->script + 1; i < invocation->argc; i++, count++) {
        lua_pushstring(L, invocation->argv[i]);
    }
    return count;
}

/* ---- run ------------------------------------------------------------------------------------- */

static const char run_usage[] =
    "usage: signalbox run SCRIPT.lua [ARGS]   (- reads it from standard input, -e CODE takes it "
    "from the line)";

static int fail_run(lua_State *L, const char *what) {
    lua_pushstring(L, what);
    return problem_raise(L, EXIT_USAGE, run_usage);
}

/* Pushes the function of the user's script; NULL is standard input. */
static void load_script(lua_State *L, const char *path) {
    if (luaL_loadfile(L, path) != LUA_OK) {
        problem_raise(L, EXIT_FAILED, NULL);
    }
}

/* run SCRIPT [ARGS] · run - [ARGS] · run -e CODE [ARGS] */
static void load_run(lua_State *L, Invocation *invocation) {
    char **words = invocation->argv + invocation->at + 1;
    if (words[0] == NULL) {
        fail_run(L, "run: no script");
    }
    if (strcmp(words[0], "-e") == 0) {
        if (words[1] == NULL) {
            fail_run(L, "run: -e without its code");
        }
        invocation->script = invocation->at + 2;
        if (luaL_loadbufferx(L, words[1], strlen(words[1]), "=(command line)", "t") != LUA_OK) {
            problem_raise(L, EXIT_FAILED, NULL);
        }
        return;
    }
    bool from_stdin = strcmp(words[0], "-") == 0;
    bool separated = strcmp(words[0], "--") == 0;
    if (separated && words[1] == NULL) {
        fail_run(L, "run: no script");
    }
    if (words[0][0] == '-' && !from_stdin && !separated) {
        lua_pushfstring(L, "run: unknown option '%s'", words[0]);
        problem_raise(L, EXIT_USAGE, run_usage);
    }
    invocation->script = invocation->at + 1 + separated;
    load_script(L, from_stdin ? NULL : words[separated]);
}

/* Pushes what is to be run, and says whether it is a user's script. */
static bool load_command(lua_State *L, Invocation *invocation) {
    const char *name = invocation->argv[invocation->at];
    const char *next = invocation->argv[invocation->at + 1];
    bool asks_help = next != NULL && (strcmp(next, "--help") == 0 || strcmp(next, "-h") == 0);
    invocation->script = invocation->at;
    if (strcmp(name, "run") == 0 && !asks_help) {
        load_run(L, invocation);
        return true;
    }
    if (strchr(name, '/') != NULL) { /* as from a script's first line, "#!/usr/bin/env signalbox" */
        load_script(L, name);
        return true;
    }
    if (!script_load(L, name) && !lua_isnil(L, -1)) {
        problem_raise(L, EXIT_FAILED, NULL);
    }
    return false;
}

/* ---- the run --------------------------------------------------------------------------------- */

/* The whole run, below lua_pcall; its one result is the exit code. */
static int run_protected(lua_State *L) {
    Invocation *invocation = lua_touserdata(L, 1);
    lua_settop(L, 0);
    prepare_state(L, invocation);
    bool is_script = load_command(L, invocation);
    const char *name = invocation->argv[invocation->at];
    set_arguments(L, invocation);
    lua_gc(L, LUA_GCRESTART);

    if (lua_isnil(L, -1)) {
        push_library(L, "signalbox.cli", "missing");
        lua_pushstring(L, name);
        lua_call(L, 1, 1);
        return 1;
    }
    lua_call(L, push_words(L, invocation), is_script ? 0 : 1);
    if (!is_script && lua_istable(L, -1)) { /* what cli.command gave */
        push_library(L, "signalbox.cli", "main");
        lua_insert(L, -2);
        lua_pushstring(L, name);
        lua_call(L, 2 + push_words(L, invocation), 1);
        return 1;
    }
    lua_pushinteger(L, EXIT_DONE);
    return 1;
}

/* Hands the error on top of the stack to the log, which knows in what form lines are wanted. */
static int log_error(lua_State *L) {
    push_library(L, "signalbox.log", "final");
    lua_insert(L, 1);
    lua_call(L, 1, 0);
    return 0;
}

/* Shows the error on top of the stack and gives the exit code it stands for. */
static int report_error(lua_State *L, bool interrupted) {
    int status = EXIT_FAILED;
    bool is_ours = problem_is(L, -1);
    problem_ends(L, -1, &status);
    fflush(stdout);
    lua_pushcfunction(L, log_error);
    lua_pushvalue(L, -2);
    if (!interrupted && lua_pcall(L, 1, 0, 0) == LUA_OK) {
        return status;
    }
    lua_settop(L, lua_absindex(L, interrupted ? -3 : -2));
    const char *message = luaL_tolstring(L, -1, NULL);
    fprintf(stderr, is_ours || interrupted ? "signalbox: %s\n" : "%s\n", message);
    return status;
}

static int run_state(lua_State *L, Invocation *invocation) {
    lua_pushcfunction(L, traceback_handler);
    lua_pushcfunction(L, run_protected);
    lua_pushlightuserdata(L, invocation);
    if (lua_pcall(L, 1, 1, -3) == LUA_OK) {
        int status = (int)lua_tointeger(L, -1);
        bool finished = scheduler_finish(L);
        return status == EXIT_DONE && !finished ? EXIT_FAILED : status;
    }
    int status = report_error(L, signals_caught() != 0);
    if (invocation->prepared) {
        scheduler_clear(scheduler_get(L)); /* closing may take a little Lua */
        scheduler_cancel_all(L);
    }
    return status;
}

int run_command(int argc, char **argv, int at, const Flag flags[]) {
    Invocation invocation = {.argc = argc, .argv = argv, .at = at, .flags = flags};
    lua_State *L = luaL_newstate();
    if (L == NULL) {
        fputs("signalbox: not enough memory\n", stderr);
        return EXIT_FAILED;
    }
    int status = run_state(L, &invocation);
    signals_watch(NULL);
    lua_close(L);
    signals_die();
    return status;
}
