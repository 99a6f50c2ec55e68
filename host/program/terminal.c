#include "program/terminal.h"

#include <lauxlib.h>
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

/* is_terminal(descriptor) -> boolean */
static int terminal_is(lua_State *L) {
    lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)) == 1);
    return 1;
}

/* size() -> columns, rows of the terminal that output, errors or input go to; 80, 24 without one */
static int terminal_size(lua_State *L) {
    static const int descriptors[] = {STDOUT_FILENO, STDERR_FILENO, STDIN_FILENO};
    struct winsize size = {.ws_col = 0};
    for (size_t i = 0; i < 3 && size.ws_col == 0; i++) {
        if (ioctl(descriptors[i], TIOCGWINSZ, &size) != 0) {
            size.ws_col = 0;
        }
    }
    lua_pushinteger(L, size.ws_col > 0 ? size.ws_col : 80);
    lua_pushinteger(L, size.ws_row > 0 ? size.ws_row : 24);
    return 2;
}

/* Text is UTF-8 here, whatever the user's locale. Only who measures text pays for the tables;
 * LC_NUMERIC stays C, for Lua reads numbers by it. */
static void know_characters(void) {
    if (MB_CUR_MAX == 1) {
        setlocale(LC_CTYPE, "C.UTF-8");
    }
}

/* One character at `text`: its bytes, and in *columns its width. What is no character is a byte
 * wide, as a terminal shows it. */
static size_t read_character(const char *text, size_t size, int *columns) {
    wchar_t wide = 0;
    mbstate_t state = {0};
    size_t bytes = mbrtowc(&wide, text, size, &state);
    if (bytes == 0 || bytes > size) {
        *columns = 1;
        return 1;
    }
    int width = wcwidth(wide);
    *columns = width >= 0 ? width : 1;
    return bytes;
}

/* width(text) -> columns that it takes */
static int terminal_width(lua_State *L) {
    size_t size = 0;
    const char *text = luaL_checklstring(L, 1, &size);
    lua_Integer total = 0;
    know_characters();
    for (size_t at = 0; at < size;) {
        int columns = 0;
        at += read_character(text + at, size - at, &columns);
        total += columns;
    }
    lua_pushinteger(L, total);
    return 1;
}

/* cut(text, columns) -> the longest beginning that fits, and its width */
static int terminal_cut(lua_State *L) {
    size_t size = 0, at = 0;
    const char *text = luaL_checklstring(L, 1, &size);
    lua_Integer room = luaL_checkinteger(L, 2), total = 0;
    know_characters();
    while (at < size) {
        int columns = 0;
        size_t bytes = read_character(text + at, size - at, &columns);
        if (total + columns > room) {
            break;
        }
        total += columns;
        at += bytes;
    }
    lua_pushlstring(L, text, at);
    lua_pushinteger(L, total);
    return 2;
}

static const luaL_Reg functions[] = {
    {"is_terminal", terminal_is},
    {"size", terminal_size},
    {"width", terminal_width},
    {"cut", terminal_cut},
    {NULL, NULL},
};

void terminal_open(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
