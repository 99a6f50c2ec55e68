/* signalbox.edit: a line of text from a terminal, with editing, history and completion.
 *
 *     local editor <close> = edit.open("/home/ann/.local/state/signalbox/history")
 *     editor:completer(function(before) return "text to insert", "text to show" end)
 *     editor:idle(function() return there_is_more_to_do end)
 *     local line, why = editor:read "> "      -- why: "end" (Ctrl-D), "interrupt" (Ctrl-C)
 *     editor:remember(line)
 *
 * It is a module of its own, so that only a prompt pays for loading libedit. While a line is read,
 * the signals that matter to a terminal are ours; otherwise whoever had them has them again. */
#include "bindings/modules/edit/entries.h"

#include <errno.h>
#include <lauxlib.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define METATABLE "signalbox.edit"
#define IDLE_TURN 10000000 /* nanoseconds */
#define PASTE_END L"\033[201~"
#define PASTE_END_SIZE 6

__attribute__((visibility("default"))) int luaopen_signalbox_edit(lua_State *L);

enum {
    WATCHED_COUNT = 3 /* signals that are ours while a line is read */
};

typedef struct Editor {
    lua_State *L; /* while a line is read: who has to be asked */
    EditLine *line;
    Entries entries;
    char prompt[64];
    struct sigaction before[WATCHED_COUNT]; /* what they did outside of a read */
    sigset_t unblocked;                     /* the mask there */
    bool marks_pastes;                      /* the terminal does, where it is asked to */
    bool interrupted;
} Editor;

/* ---- signals --------------------------------------------------------------------------------- */

static const int watched[WATCHED_COUNT] = {SIGINT, SIGWINCH, SIGCONT};

/* What arrived while a line was read; a handler has nowhere else to leave it. */
static volatile sig_atomic_t arrived[WATCHED_COUNT];

static void note_signal(int number) {
    for (int i = 0; i < WATCHED_COUNT; i++) {
        if (watched[i] == number) {
            arrived[i] = 1;
        }
    }
}

static bool take_signal(int number) {
    for (int i = 0; i < WATCHED_COUNT; i++) {
        if (watched[i] == number && arrived[i] != 0) {
            arrived[i] = 0;
            return true;
        }
    }
    return false;
}

/* They are blocked but where we wait for a key, so that none is missed between looking and
 * waiting. */
static void watch_signals(Editor *editor) {
    struct sigaction action = {.sa_handler = note_signal};
    sigset_t block;
    sigemptyset(&block);
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < WATCHED_COUNT; i++) {
        arrived[i] = 0;
        sigaction(watched[i], &action, &editor->before[i]);
        sigaddset(&block, watched[i]);
    }
    sigaddset(&block, SIGTERM);
    sigprocmask(SIG_BLOCK, &block, &editor->unblocked);
}

static void unwatch_signals(const Editor *editor) {
    sigprocmask(SIG_SETMASK, &editor->unblocked, NULL);
    for (int i = 0; i < WATCHED_COUNT; i++) {
        sigaction(watched[i], &editor->before[i], NULL);
    }
}

/* While Lua runs between two keys, Ctrl-C and SIGTERM are for it as they are outside of a read. */
static void lend_signals(const Editor *editor, struct sigaction *ours, sigset_t *mask) {
    sigset_t lent;
    sigemptyset(&lent);
    sigaddset(&lent, SIGINT);
    sigaddset(&lent, SIGTERM);
    sigaction(SIGINT, &editor->before[0], ours);
    sigprocmask(SIG_UNBLOCK, &lent, mask);
}

static void take_back_signals(const struct sigaction *ours, const sigset_t *mask) {
    sigprocmask(SIG_SETMASK, mask, NULL);
    sigaction(SIGINT, ours, NULL);
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* Columns of the line up to the cursor, prompt and all. */
static int cursor_column(Editor *editor) {
    const LineInfoW *info = el_wline(editor->line);
    int column = (int)strlen(editor->prompt);
    for (const wchar_t *at = info->buffer; at < info->cursor; at++) {
        int width = wcwidth(*at);
        column += width > 0 ? width : 0;
    }
    return column;
}

/* The terminal has wrapped the old line to its new width: go up to its first row and draw anew. */
static void follow_resize(Editor *editor) {
    struct winsize size = {.ws_col = 0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        int rows = cursor_column(editor) / size.ws_col;
        if (rows > 0) {
            printf("\033[%dA", rows);
        }
        fputs("\r\033[J", stdout);
        fflush(stdout);
    }
    el_resize(editor->line);
    el_set(editor->line, EL_REFRESH);
}

/* What arrived is done here; false after Ctrl-C, or after a signal that is not ours to answer. */
static bool answer_signals(Editor *editor) {
    bool known = false;
    if (take_signal(SIGWINCH)) {
        follow_resize(editor);
        known = true;
    }
    if (take_signal(SIGCONT)) {
        el_set(editor->line, EL_PREP_TERM, 1);
        el_set(editor->line, EL_REFRESH);
        known = true;
    }
    editor->interrupted = take_signal(SIGINT) || !known;
    return !editor->interrupted;
}

enum {
    COMPLETER = 1,
    IDLE = 2,
    FAILURE = 3 /* what `idle` raised: raised again when the line editor is left */
};              /* the editor's user values */

/* Lets the tasks go on; false where there are none, so that nobody has to be asked again before
 * the next key. What breaks them off breaks off the line as well. */
static bool run_idle(Editor *editor) {
    lua_State *L = editor->L;
    int top = lua_gettop(L);
    bool again = false;
    if (lua_getiuservalue(L, 1, IDLE) == LUA_TFUNCTION) {
        struct sigaction ours;
        sigset_t mask;
        lend_signals(editor, &ours, &mask);
        bool failed = lua_pcall(L, 0, 1, 0) != LUA_OK;
        take_back_signals(&ours, &mask);
        again = !failed && lua_toboolean(L, -1);
        editor->interrupted = failed || lua_isnil(L, -1);
        if (failed) {
            lua_setiuservalue(L, 1, FAILURE);
        }
    }
    lua_settop(L, top);
    return again;
}

/* One byte: 1, or 0 at the end, or -1. */
static int read_byte(Editor *editor, char *byte) {
    static const struct timespec turn = {.tv_nsec = IDLE_TURN};
    bool idle = true;
    for (;;) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        int ready = ppoll(&input, 1, idle ? &turn : NULL, &editor->unblocked);
        if (ready < 0) {
            if (errno != EINTR || !answer_signals(editor)) {
                return -1;
            }
            continue;
        }
        if (ready == 0) {
            idle = run_idle(editor);
            if (editor->interrupted) {
                return -1;
            }
            continue;
        }
        ssize_t size = read(STDIN_FILENO, byte, 1);
        if (size >= 0 || errno != EINTR) {
            return (int)size;
        }
    }
}

/* One character, for libedit. What is no UTF-8 is passed over. */
static int read_character(EditLine *line, wchar_t *character) {
    Editor *editor = NULL;
    if (el_wget(line, EL_CLIENTDATA, &editor) != 0) {
        return -1;
    }
    mbstate_t state = {0};
    for (;;) {
        char byte = 0;
        int got = read_byte(editor, &byte);
        if (got <= 0) {
            return got;
        }
        size_t done = mbrtowc(character, &byte, 1, &state);
        if (done == (size_t)-1) {
            memset(&state, 0, sizeof state);
        } else if (done != (size_t)-2) {
            return 1;
        }
    }
}

/* ---- what keys do ---------------------------------------------------------------------------- */

/* Pasted text goes in as one piece: a Tab in it completes nothing, a line's end runs nothing. */
static unsigned char insert_paste(EditLine *line, int key) {
    (void)key;
    size_t size = 0, room = 1024;
    wchar_t *text = malloc(room * sizeof *text);
    wchar_t character = 0;
    while (text != NULL && el_wgetc(line, &character) == 1) {
        if (size + 2 > room) {
            wchar_t *larger = realloc(text, 2 * room * sizeof *text);
            if (larger == NULL) {
                break;
            }
            text = larger;
            room *= 2;
        }
        text[size++] = character == L'\r' ? L'\n' : character;
        if (size >= PASTE_END_SIZE &&
            wmemcmp(text + size - PASTE_END_SIZE, PASTE_END, PASTE_END_SIZE) == 0) {
            size -= PASTE_END_SIZE;
            while (size > 0 && text[size - 1] == L'\n') {
                size--;
            }
            text[size] = L'\0';
            el_winsertstr(line, text);
            break;
        }
    }
    free(text);
    return CC_REFRESH;
}

static unsigned char pass_over(EditLine *line, int key) {
    (void)line, (void)key;
    return CC_NORM;
}

/* Asks the completer, whose answers are what to insert and what to show; below lua_pcall. */
static int ask_completer(lua_State *L) {
    Editor *editor = lua_touserdata(L, 1);
    const LineInfo *info = el_line(editor->line);
    if (lua_getiuservalue(L, 1, COMPLETER) != LUA_TFUNCTION) {
        return 0;
    }
    lua_pushlstring(L, info->buffer, (size_t)(info->cursor - info->buffer));
    lua_call(L, 1, 2);
    return 2;
}

static unsigned char complete(EditLine *line, int key) {
    (void)key;
    Editor *editor = NULL;
    if (el_get(line, EL_CLIENTDATA, &editor) != 0) {
        return CC_ERROR;
    }
    lua_State *L = editor->L;
    unsigned char result = CC_ERROR;
    int top = lua_gettop(L);
    lua_pushcfunction(L, ask_completer);
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 1, 2, 0) == LUA_OK) {
        if (lua_isstring(L, -2) && lua_rawlen(L, -2) > 0 &&
            el_insertstr(line, lua_tostring(L, -2)) == 0) {
            result = CC_REFRESH;
        }
        if (lua_isstring(L, -1)) {
            printf("\r\n%s\r\n", lua_tostring(L, -1));
            fflush(stdout);
            result = CC_REDISPLAY;
        }
    }
    lua_settop(L, top);
    return result;
}

static char *current_prompt(EditLine *line) {
    Editor *editor = NULL;
    return el_get(line, EL_CLIENTDATA, &editor) == 0 ? editor->prompt : NULL;
}

static void bind_keys(EditLine *line) {
    el_set(line, EL_EDITOR, "emacs");
    /* Wide, for the narrow call copies the names and loses them. */
    el_wset(line, EL_ADDFN, L"sb-complete", L"complete a name", complete);
    el_wset(line, EL_ADDFN, L"sb-paste", L"insert a paste", insert_paste);
    el_wset(line, EL_ADDFN, L"sb-pass", L"do nothing", pass_over);
    static const char *const keys[][2] = {
        {"^I", "sb-complete"},
        {"\\e[200~", "sb-paste"},
        {"^R", "em-inc-search-prev"},
        {"\\e[A", "ed-search-prev-history"},
        {"\\eOA", "ed-search-prev-history"},
        {"\\e[B", "ed-search-next-history"},
        {"\\eOB", "ed-search-next-history"},
        {"\\e[1;5C", "em-next-word"},
        {"\\e[1;5D", "ed-prev-word"},
        {"\\e[H", "ed-move-to-beg"},
        {"\\e[F", "ed-move-to-end"},
        {"\\e[1~", "ed-move-to-beg"},
        {"\\e[4~", "ed-move-to-end"},
        {"\\e[3~", "ed-delete-next-char"},
        {"\\e[5~", "sb-pass"},
        {"\\e[6~", "sb-pass"},
        {"^W", "ed-delete-prev-word"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        el_set(line, EL_BIND, keys[i][0], keys[i][1], NULL);
    }
}

/* ---- the methods ----------------------------------------------------------------------------- */

static Editor *check_editor(lua_State *L) {
    Editor *editor = luaL_checkudata(L, 1, METATABLE);
    luaL_argcheck(L, editor->line != NULL, 1, "the editor is closed");
    return editor;
}

/* __gc, __close and close(): gives the terminal back */
static int editor_close(lua_State *L) {
    Editor *editor = luaL_checkudata(L, 1, METATABLE);
    if (editor->line != NULL) {
        el_end(editor->line);
        editor->line = NULL;
    }
    entries_close(&editor->entries);
    return 0;
}

/* Whether the output understands more than text. */
static bool knows_escapes(void) {
    const char *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && terminal != NULL && *terminal != '\0' &&
           strcmp(terminal, "dumb") != 0;
}

/* open([path of the history, in a folder that is there]) -> editor */
static int editor_open(lua_State *L) {
    const char *path = luaL_optstring(L, 1, NULL);
    Editor *editor = lua_newuserdatauv(L, sizeof *editor, 3);
    memset(editor, 0, sizeof *editor);
    luaL_setmetatable(L, METATABLE);
    setlocale(LC_CTYPE, "C.UTF-8"); /* LC_NUMERIC stays C, for Lua reads numbers by it */
    editor->line = el_init("signalbox", stdin, stdout, stderr);
    if (editor->line == NULL || !entries_open(&editor->entries, path)) {
        return luaL_error(L, "the line editor does not start");
    }
    el_set(editor->line, EL_CLIENTDATA, editor);
    el_set(editor->line, EL_PROMPT, current_prompt);
    el_set(editor->line, EL_HIST, history, editor->entries.list);
    el_set(editor->line, EL_SIGNAL, 0);
    bind_keys(editor->line);
    el_wset(editor->line, EL_GETCFN, read_character);
    el_source(editor->line, NULL); /* the user's own ~/.editrc */
    editor->marks_pastes = knows_escapes();
    return 1;
}

/* completer(function(before) -> text to insert, text to show) */
static int editor_completer(lua_State *L) {
    check_editor(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_setiuservalue(L, 1, COMPLETER);
    return 0;
}

/* idle(function() -> boolean|nil): called while no key comes, until it gives false; nil breaks the
 * line off */
static int editor_idle(lua_State *L) {
    check_editor(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_setiuservalue(L, 1, IDLE);
    return 0;
}

/* remember(text): a history of entries, each of which can have several lines */
static int editor_remember(lua_State *L) {
    Editor *editor = check_editor(L);
    entries_add(&editor->entries, luaL_checkstring(L, 2));
    return 0;
}

static void mark_pastes(const Editor *editor, bool on) {
    if (editor->marks_pastes) {
        fputs(on ? "\033[?2004h" : "\033[?2004l", stdout);
        fflush(stdout);
    }
}

/* read(prompt) -> text; nil, "end" or "interrupt" */
static int editor_read(lua_State *L) {
    Editor *editor = check_editor(L);
    const char *prompt = luaL_checkstring(L, 2);
    int size = 0;
    snprintf(editor->prompt, sizeof editor->prompt, "%s", prompt);
    luaL_checkstack(L, 8, NULL);
    editor->L = L;
    editor->interrupted = false;
    fflush(stdout);
    mark_pastes(editor, true);
    watch_signals(editor);
    const char *text = el_gets(editor->line, &size);
    unwatch_signals(editor);
    mark_pastes(editor, false);
    editor->L = NULL;
    if (text == NULL || size <= 0) {
        if (editor->interrupted) {
            el_reset(editor->line);
        }
        fputs("\n", stdout);
        if (lua_getiuservalue(L, 1, FAILURE) != LUA_TNIL) {
            return lua_error(L);
        }
        luaL_pushfail(L);
        lua_pushstring(L, editor->interrupted ? "interrupt" : "end");
        return 2;
    }
    lua_pushlstring(L, text, (size_t)size - (text[size - 1] == '\n'));
    return 1;
}

static const luaL_Reg methods[] = {
    {"read", editor_read},         {"completer", editor_completer}, {"idle", editor_idle},
    {"remember", editor_remember}, {"close", editor_close},         {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__gc", editor_close},
    {"__close", editor_close},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"open", editor_open},
    {NULL, NULL},
};

int luaopen_signalbox_edit(lua_State *L) {
    luaL_newmetatable(L, METATABLE);
    luaL_setfuncs(L, metamethods, 0);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    luaL_newlib(L, functions);
    return 1;
}
