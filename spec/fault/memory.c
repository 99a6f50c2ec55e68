/* Runs a script in a Lua state whose memory ends at the nth request, for every nth.
 *
 *   memory SCRIPT STEP [ARG...]
 *
 * Once with the one request refused, and once with all from there on. Each time the script must end
 * with Lua's own error and the state give back all it has taken. Every STEPth point is tried.
 * Prints how many points there were; exits 1 at the first that went wrong. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Memory {
    size_t taken;
    long requests, refused_from;
    bool once;
} Memory;

static void *allocate(void *context, void *block, size_t before, size_t after) {
    Memory *memory = context;
    if (!block) {
        before = 0;
    }
    if (after == 0) {
        memory->taken -= before;
        free(block);
        return NULL;
    }
    if (after > before) {
        long request = ++memory->requests;
        if (request == memory->refused_from || (request > memory->refused_from && !memory->once)) {
            return NULL;
        }
    }
    void *grown = realloc(block, after);
    if (grown) {
        memory->taken += after - before;
    }
    return grown;
}

static int run(lua_State *L) {
    char **arguments = lua_touserdata(L, 1);
    luaL_openlibs(L);
    if (luaL_loadfile(L, arguments[1]) != LUA_OK) {
        return lua_error(L);
    }
    int count = 0;
    for (char **argument = arguments + 3; *argument; argument++, count++) {
        lua_pushstring(L, *argument);
    }
    lua_call(L, count, 0);
    return 0;
}

/* Whether the script came to its end, or to the end of the memory, and gave all back. */
static bool try_point(char **arguments, Memory *memory, bool *complete) {
    lua_State *L = lua_newstate(allocate, memory);
    if (!L) {
        *complete = false;
        return memory->taken == 0;
    }
    lua_pushcfunction(L, run);
    lua_pushlightuserdata(L, arguments);
    int status = lua_pcall(L, 1, 0, 0);
    const char *message = status == LUA_OK ? "" : lua_tostring(L, -1);
    bool refused = memory->requests >= memory->refused_from;
    bool sound = status == LUA_OK || (refused && message && strstr(message, "not enough memory"));
    if (!sound) {
        printf("request %ld: %s\n", memory->refused_from, message ? message : "(no text)");
    }
    *complete = status == LUA_OK && !refused;
    memory->refused_from = 0x7fffffff;
    lua_close(L);
    if (memory->taken != 0) {
        printf("request %ld: %zu bytes were not given back\n", memory->refused_from, memory->taken);
    }
    return sound && memory->taken == 0;
}

int main(int count, char **arguments) {
    if (count < 3) {
        return 2;
    }
    long points = 0, step = atol(arguments[2]);
    for (int once = 0; once <= 1; once++) {
        bool complete = false;
        for (long request = 1 + once; !complete; request += step) {
            Memory memory = {.refused_from = request, .once = once};
            if (!try_point(arguments, &memory, &complete)) {
                return 1;
            }
            points++;
        }
    }
    printf("%ld points\n", points);
    return 0;
}
