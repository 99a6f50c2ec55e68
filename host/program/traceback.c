#include "program/traceback.h"

#include "program/problem.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

/* Reaching a level takes as many steps as it is deep, so of a stack that has overflowed only both
 * ends are looked at, and each level once. */
#define LEVELS_AT_TOP 100
#define LEVELS_AT_END 11
#define FRAMES_AT_TOP 12 /* of those, shown */
#define FRAMES_AT_END 10

/* Errors of Lua's own that don't say what a person has to do. */
typedef struct Hint {
    const char *mark; /* stands in the message */
    const char *text;
} Hint;

static const Hint hints[] = {
    /* Debian's Lua 5.4.4 forgets to close a `for` loop's iterator there, and a later line fails. */
    {"metamethod 'close'",
     "\n  Lua 5.4.4 fails like this after a `for` loop over an iterator whose body makes a\n"
     "  function that uses a loop variable, and leaves by `break`: leave by `goto` or `return`,\n"
     "  or put the body into a function of its own"},
    /* What gives an iterator gives nil and the reason where it can't; the loop drops the reason. */
    {"call a nil value (for iterator",
     "\n  There was nil in the place of an iterator. `assert` round the call says why:\n"
     "  for signal in assert(store:signals { ... }) do"},
};

/* Whose code a frame runs. */
typedef enum Origin {
    ORIGIN_C,
    ORIGIN_CARRIED,
    ORIGIN_USER
} Origin;

static Origin frame_origin(const lua_Debug *frame) {
    if (*frame->what == 'C') {
        return ORIGIN_C;
    }
    return strncmp(frame->source, "=scripts/", 9) == 0 ? ORIGIN_CARRIED : ORIGIN_USER;
}

/* The levels that are looked at, from the function that raised on. */
typedef struct Stack {
    int count;
    lua_Debug frames[LEVELS_AT_TOP + LEVELS_AT_END];
} Stack;

static int last_level(lua_State *L) {
    lua_Debug frame;
    int low = 1, high = 1;
    while (lua_getstack(L, high, &frame)) {
        low = high;
        high *= 2;
    }
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (lua_getstack(L, middle, &frame)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return high - 1;
}

static void read_stack(lua_State *L, Stack *stack) {
    int last = last_level(L), level = 1;
    stack->count = 0;
    while (level <= last && lua_getstack(L, level, &stack->frames[stack->count])) {
        lua_getinfo(L, "Sl", &stack->frames[stack->count]);
        stack->count++;
        level++;
        if (stack->count == LEVELS_AT_TOP && level < last - LEVELS_AT_END + 1) {
            level = last - LEVELS_AT_END + 1;
        }
    }
}

static int count_frames(const Stack *stack, Origin origin) {
    int count = 0;
    for (int i = 0; i < stack->count; i++) {
        count += frame_origin(&stack->frames[i]) >= origin;
    }
    return count;
}

static void add_frame(lua_State *L, luaL_Buffer *text, lua_Debug *frame) {
    lua_getinfo(L, "Slnt", frame);
    luaL_addstring(text, "\n\t");
    lua_pushfstring(L, frame->currentline > 0 ? "%s:%d: in " : "%s: in ", frame->short_src,
                    frame->currentline);
    luaL_addvalue(text);
    if (*frame->what == 'm') {
        luaL_addstring(text, "main chunk");
    } else if (frame->name != NULL) {
        lua_pushfstring(L, "%s '%s'", frame->namewhat, frame->name);
        luaL_addvalue(text);
    } else if (*frame->what == 'C') {
        luaL_addstring(text, "?");
    } else {
        lua_pushfstring(L, "function <%s:%d>", frame->short_src, frame->linedefined);
        luaL_addvalue(text);
    }
    if (frame->istailcall) {
        luaL_addstring(text, "\n\t(...tail calls...)");
    }
}

static void add_frames(lua_State *L, luaL_Buffer *text, Stack *stack, Origin origin) {
    int count = count_frames(stack, origin), number = 0;
    if (count > 0) {
        luaL_addstring(text, "\nstack traceback:");
    }
    for (int i = 0; i < stack->count; i++) {
        if (frame_origin(&stack->frames[i]) < origin) {
            continue;
        }
        number++;
        if (number <= FRAMES_AT_TOP || number > count - FRAMES_AT_END) {
            add_frame(L, text, &stack->frames[i]);
        } else if (number == FRAMES_AT_TOP + 1) {
            luaL_addstring(text, "\n\t...");
        }
    }
}

/* Pushes "file:line: " of the innermost frame of at least `origin`, or an empty text. */
static void push_place(lua_State *L, const Stack *stack, Origin origin) {
    for (int i = 0; i < stack->count; i++) {
        const lua_Debug *frame = &stack->frames[i];
        if (frame_origin(frame) >= origin && frame->currentline > 0) {
            lua_pushfstring(L, "%s:%d: ", frame->short_src, frame->currentline);
            return;
        }
    }
    lua_pushliteral(L, "");
}

/* Replaces the error at 1 by its text. Texts have their place from Lua; tables get it here. */
static void render_message(lua_State *L, const Stack *stack, Origin origin) {
    if (lua_type(L, 1) == LUA_TSTRING) {
        return;
    }
    push_place(L, stack, origin);
    if (luaL_getmetafield(L, 1, "__tostring") != LUA_TNIL) {
        lua_pop(L, 1);
        luaL_tolstring(L, 1, NULL);
    } else if (lua_type(L, 1) == LUA_TNUMBER || lua_isnil(L, 1)) {
        luaL_tolstring(L, 1, NULL);
    } else {
        lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
    }
    lua_concat(L, 2);
    lua_replace(L, 1);
}

static bool is_interruption(lua_State *L) {
    bool is = problem_is(L, 1) && lua_getfield(L, 1, "code") == LUA_TSTRING &&
              strcmp(lua_tostring(L, -1), "interrupted") == 0;
    lua_settop(L, 1);
    return is;
}

static void add_hints(luaL_Buffer *text, const char *message) {
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        if (strstr(message, hints[i].mark) != NULL) {
            luaL_addstring(text, hints[i].text);
        }
    }
}

int traceback_handler(lua_State *L) {
    int status = 0;
    if (problem_ends(L, 1, &status)) {
        return 1;
    }
    Stack stack;
    read_stack(L, &stack);
    bool has_user = count_frames(&stack, ORIGIN_USER) > 0;
    if (!has_user && problem_is(L, 1)) {
        return 1; /* a command's, and its message says it all */
    }
    Origin origin = has_user ? ORIGIN_USER : ORIGIN_C;
    bool interrupted = is_interruption(L);
    render_message(L, &stack, origin);
    if (interrupted) {
        return 1;
    }
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    lua_pushvalue(L, 1);
    luaL_addvalue(&text);
    add_hints(&text, lua_tostring(L, 1));
    add_frames(L, &text, &stack, origin);
    luaL_pushresult(&text);
    return 1;
}
