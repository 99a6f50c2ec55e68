/* signalbox.http: one request, its response waited for.
 *
 *     local response, err = signalbox.http { url = "https://api.example.com/posts", timeout = 10 }
 *     response.status, response.headers["content-type"], response.body, response.url
 *
 * The work is done by the engine in a module of its own (modules/http), loaded at the first
 * request. Any status is a response; only where none came is there an error. A body goes to memory,
 * or with `file` into a file, or with `on_data` to a function piece by piece; these two get the
 * body of a success (2xx) only, so that an error page never ends up in a file.
 *
 * `on_data` runs in the caller's own coroutine, between two waits, so it may wait and raise like
 * any other code. While it does, at most MAX_AHEAD bytes are read ahead. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bindings/errors.h"
#include "bindings/http_request.h"
#include "bindings/scheduler.h"
#include "text/buffer.h"

#define CLIENT_METATABLE "signalbox.http_client"
#define FETCH_METATABLE "signalbox.http_fetch"

#define MAX_BODY (64 * 1024 * 1024) /* kept in memory, unless max_size says more */
#define MAX_AHEAD (256 * 1024)      /* of a body that a function takes */
#define MAX_ERROR_PAGE (64 * 1024)  /* of a body that was meant for a file or a function */
#define MAX_HEAD (1024 * 1024)      /* of all header lines of one response */

/* The engine of one Lua state, on its loop. */
typedef struct Client {
    const HttpApi *api;
    HttpEngine *engine;
    Loop *loop;
    LoopTimer timer;
} Client;

typedef struct Fetch {
    Wait wait;
    Client *client;
    HttpTransfer *transfer;
    HttpRequest request;
    Buffer head, body;
    double max_size, size;
    int status; /* of the response that is being read */
    int fd;     /* of the file, under its temporary name */
    char *path, *partial;
    bool streams; /* to on_data */
    bool paused, ended;
    Error error; /* ours, where `data` refused; its status is OK before */
} Fetch;

/* ---- the client ------------------------------------------------------------------------------ */

typedef struct Socket {
    LoopWatch watch;
    Client *client;
} Socket;

static void socket_ready(LoopWatch *watch, short events) {
    Client *client = ((Socket *)watch->context)->client;
    client->api->ready(client->engine, watch->fd, events);
}

static void *watch_socket(void *context, void *watched, int fd, short events) {
    Client *client = context;
    Socket *socket = watched;
    if (events == 0) {
        if (socket != NULL) loop_unwatch(client->loop, &socket->watch);
        free(socket);
        return NULL;
    }
    if (socket == NULL) socket = calloc(1, sizeof *socket);
    if (socket == NULL) return NULL; /* the request's timeout ends it */
    socket->client = client;
    socket->watch.fd = fd;
    socket->watch.events = events;
    socket->watch.ready = socket_ready;
    socket->watch.context = socket;
    loop_watch(client->loop, &socket->watch);
    return socket;
}

static void timer_due(LoopTimer *timer) {
    Client *client = timer->context;
    client->api->due(client->engine);
}

static void start_timer(void *context, double seconds) {
    Client *client = context;
    if (seconds < 0)
        loop_stop(&client->timer);
    else
        loop_start(client->loop, &client->timer, seconds);
}

static int client_gc(lua_State *L) {
    Client *client = lua_touserdata(L, 1);
    if (client->engine != NULL) client->api->close(client->engine);
    client->engine = NULL;
    loop_stop(&client->timer);
    return 0;
}

/* Loads the module where this is the state's first request. */
static Client *client_get(lua_State *L) {
    if (lua_getfield(L, LUA_REGISTRYINDEX, CLIENT_METATABLE ".instance") == LUA_TUSERDATA) {
        Client *client = lua_touserdata(L, -1);
        lua_pop(L, 1);
        return client;
    }
    lua_pop(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "signalbox.http");
    lua_call(L, 1, 1);
    const HttpApi *api = lua_touserdata(L, -1);
    Client *client = lua_newuserdatauv(L, sizeof *client, 0);
    memset(client, 0, sizeof *client);
    luaL_setmetatable(L, CLIENT_METATABLE);
    client->api = api;
    client->loop = scheduler_loop(scheduler_get(L));
    client->timer.fire = timer_due;
    client->timer.context = client;
    const HttpHost host = {.context = client, .watch = watch_socket, .timer = start_timer};
    client->engine = api->open(&host);
    if (client->engine == NULL) luaL_error(L, "not enough memory");
    lua_setfield(L, LUA_REGISTRYINDEX, CLIENT_METATABLE ".instance");
    lua_pop(L, 1);
    return client;
}

/* ---- what comes in --------------------------------------------------------------------------- */

static bool is_success(const Fetch *fetch) {
    return fetch->status >= 200 && fetch->status < 300;
}

static void take_header(void *context, const char *line, size_t size) {
    Fetch *fetch = context;
    if (size > 5 && strncmp(line, "HTTP/", 5) == 0) {
        const char *code = memchr(line, ' ', size);
        fetch->status = code != NULL ? atoi(code) : 0;
        buffer_clear(&fetch->head);
        return;
    }
    if (fetch->head.size + size > MAX_HEAD) return;
    buffer_append(&fetch->head, line, size);
    buffer_append_byte(&fetch->head, '\n');
}

static HttpTake refuse(Fetch *fetch) {
    fetch->ended = true;
    return HTTP_REFUSED;
}

static HttpTake take_for_file(Fetch *fetch, const char *data, size_t size) {
    while (size > 0) {
        ssize_t written = write(fetch->fd, data, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            error_set(&fetch->error, errno == ENOSPC ? STATUS_FULL : STATUS_IO, "%s: %s",
                      fetch->partial, strerror(errno));
            return refuse(fetch);
        }
        data += written;
        size -= (size_t)written;
    }
    return HTTP_TAKEN;
}

static HttpTake take_data(void *context, const char *data, size_t size) {
    Fetch *fetch = context;
    bool aside = (fetch->fd >= 0 || fetch->streams) && !is_success(fetch);
    if (aside && fetch->body.size + size > MAX_ERROR_PAGE) return HTTP_TAKEN;
    if (fetch->streams && !aside && fetch->body.size >= MAX_AHEAD) {
        fetch->paused = true;
        return HTTP_LATER;
    }
    fetch->size += (double)size;
    if (fetch->size > fetch->max_size) {
        error_set(&fetch->error, STATUS_INVALID,
                  "%s: the body is larger than %.0f bytes (max_size)",
                  fetch->client->api->shown(fetch->transfer), fetch->max_size);
        return refuse(fetch);
    }
    if (fetch->fd >= 0 && !aside) return take_for_file(fetch, data, size);
    buffer_append(&fetch->body, data, size);
    if (fetch->streams && !aside) wait_end(&fetch->wait);
    return HTTP_TAKEN;
}

static void take_end(void *context) {
    Fetch *fetch = context;
    fetch->ended = true;
    wait_end(&fetch->wait);
}

/* ---- a fetch's end --------------------------------------------------------------------------- */

static void fetch_release(Fetch *fetch) {
    if (fetch->transfer != NULL) fetch->client->api->free(fetch->transfer);
    fetch->transfer = NULL;
    if (fetch->fd >= 0) {
        close(fetch->fd);
        unlink(fetch->partial);
    }
    fetch->fd = -1;
    free(fetch->path);
    free(fetch->partial);
    fetch->path = fetch->partial = NULL;
    buffer_free(&fetch->head);
    buffer_free(&fetch->body);
}

/* Both __close, so that an error or a cancel ends it at once, and __gc. */
static int fetch_close(lua_State *L) {
    fetch_release(luaL_checkudata(L, 1, FETCH_METATABLE));
    return 0;
}

/* The file gets its name only when all of it is there, and on the disk. */
static Status commit_file(Fetch *fetch) {
    if (fetch->fd < 0 || !is_success(fetch)) return STATUS_OK;
    int failed = fsync(fetch->fd) != 0 ? errno : 0;
    if (close(fetch->fd) != 0 && failed == 0) failed = errno;
    fetch->fd = -1;
    if (failed == 0 && rename(fetch->partial, fetch->path) != 0) failed = errno;
    if (failed == 0) return STATUS_OK;
    unlink(fetch->partial);
    return error_set(&fetch->error, failed == ENOSPC ? STATUS_FULL : STATUS_IO, "%s: %s",
                     fetch->path, strerror(failed));
}

/* Names in lower case; what comes more than once is joined, as HTTP has it. */
static void push_headers(lua_State *L, const Buffer *head) {
    const char *line = head->data, *end = head->data + head->size;
    lua_newtable(L);
    for (const char *stop; line < end; line = stop + 1) {
        stop = memchr(line, '\n', (size_t)(end - line));
        const char *colon = memchr(line, ':', (size_t)(stop - line));
        if (colon == NULL) continue;
        luaL_Buffer name;
        char *lower = luaL_buffinitsize(L, &name, (size_t)(colon - line));
        for (const char *c = line; c < colon; c++)
            lower[c - line] = (char)tolower((unsigned char)*c);
        luaL_pushresultsize(&name, (size_t)(colon - line));
        const char *value = colon + 1;
        while (value < stop && (*value == ' ' || *value == '\t')) value++;
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) == LUA_TSTRING) {
            lua_pushliteral(L, ", ");
            lua_pushlstring(L, value, (size_t)(stop - value));
            lua_concat(L, 3);
        } else {
            lua_pop(L, 1);
            lua_pushlstring(L, value, (size_t)(stop - value));
        }
        lua_rawset(L, -3);
    }
}

static int give_response(lua_State *L, Fetch *fetch) {
    if (fetch->head.failed || fetch->body.failed) return luaL_error(L, "not enough memory");
    bool kept = fetch->path == NULL && !fetch->streams;
    if (commit_file(fetch) != STATUS_OK) return error_return(L, &fetch->error);
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, fetch->status);
    lua_setfield(L, -2, "status");
    push_headers(L, &fetch->head);
    lua_setfield(L, -2, "headers");
    lua_pushstring(L, fetch->client->api->url(fetch->transfer));
    lua_setfield(L, -2, "url");
    if (kept || !is_success(fetch)) {
        lua_pushlstring(L, fetch->body.size > 0 ? fetch->body.data : "", fetch->body.size);
        lua_setfield(L, -2, "body");
    }
    return 1;
}

static int give_outcome(lua_State *L, Fetch *fetch) {
    if (fetch->error.status != STATUS_OK) return error_return(L, &fetch->error);
    const HttpResult *result = fetch->client->api->result(fetch->transfer);
    if (result->outcome == HTTP_DONE) return give_response(L, fetch);
    error_set(&fetch->error, result->outcome == HTTP_INVALID ? STATUS_INVALID : STATUS_UNAVAILABLE,
              "%s", result->message);
    return error_return(L, &fetch->error);
}

/* ---- its course ------------------------------------------------------------------------------ */

enum {
    WAITED,
    CALLED
};

static int fetch_k(lua_State *L, int status, lua_KContext context);

/* Gives on_data what has come. */
static void hand_on(lua_State *L, Fetch *fetch) {
    lua_pushvalue(L, HTTP_ON_DATA);
    lua_pushlstring(L, fetch->body.data, fetch->body.size);
    buffer_clear(&fetch->body);
    if (fetch->paused) {
        fetch->paused = false;
        fetch->client->api->proceed(fetch->transfer);
    }
    lua_callk(L, 1, 0, CALLED, fetch_k);
}

static int fetch_go(lua_State *L, Fetch *fetch) {
    for (;;) {
        bool failed = fetch->error.status != STATUS_OK || fetch->body.failed;
        if (fetch->streams && fetch->body.size > 0 && is_success(fetch) && !failed) {
            hand_on(L, fetch);
        } else if (fetch->ended || failed) {
            return give_outcome(L, fetch);
        } else {
            wait_begin(L, &fetch->wait, "signalbox.http");
            if (fetch->wait.task != NULL) {
                return wait_yield(L, &fetch->wait, WAITED, fetch_k);
            }
            wait_block(L, &fetch->wait);
            wait_check(L, &fetch->wait);
        }
    }
}

static int fetch_k(lua_State *L, int status, lua_KContext context) {
    (void)status;
    Fetch *fetch = luaL_checkudata(L, HTTP_FETCH, FETCH_METATABLE);
    if (context == WAITED) wait_check(L, &fetch->wait);
    return fetch_go(L, fetch);
}

/* ---- signalbox.http -------------------------------------------------------------------------- */

/* Where the body goes. */
static Status read_destination(lua_State *L, Fetch *fetch, Error *error) {
    const char *path = http_option_text(L, "file");
    fetch->streams = lua_getfield(L, HTTP_OPTIONS, "on_data") != LUA_TNIL;
    lua_replace(L, HTTP_ON_DATA);
    if (fetch->streams)
        luaL_argexpected(L, lua_isfunction(L, HTTP_ON_DATA), 1, "on_data: function");
    luaL_argcheck(L, path == NULL || !fetch->streams, 1, "file and on_data exclude each other");
    bool kept = path == NULL && !fetch->streams;
    fetch->max_size = http_option_number(L, "max_size", kept ? MAX_BODY : 1e18);
    if (path == NULL) return STATUS_OK;
    fetch->path = strdup(path);
    fetch->partial = strdup(lua_pushfstring(L, "%s.part", path));
    if (fetch->path == NULL || fetch->partial == NULL) luaL_error(L, "not enough memory");
    fetch->fd = open(fetch->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fetch->fd >= 0) return STATUS_OK;
    return error_set(error, STATUS_IO, "%s: %s", fetch->partial, strerror(errno));
}

static Fetch *fetch_push(lua_State *L) {
    Fetch *fetch = lua_newuserdatauv(L, sizeof *fetch, 0);
    memset(fetch, 0, sizeof *fetch);
    fetch->fd = -1;
    fetch->request.context = fetch;
    fetch->request.header = take_header;
    fetch->request.data = take_data;
    fetch->request.done = take_end;
    luaL_setmetatable(L, FETCH_METATABLE);
    return fetch;
}

static int signalbox_http(lua_State *L) {
    Error error;
    luaL_checktype(L, HTTP_OPTIONS, LUA_TTABLE);
    luaL_checkstack(L, 50, NULL);
    lua_settop(L, HTTP_OPTIONS);
    Fetch *fetch = fetch_push(L);
    lua_pushnil(L);
    lua_newtable(L);
    lua_toclose(L, HTTP_FETCH);
    wait_begin(L, &fetch->wait, "signalbox.http");
    if (http_request_read(L, &fetch->request, &error) != STATUS_OK) return error_return(L, &error);
    if (read_destination(L, fetch, &error) != STATUS_OK) return error_return(L, &error);
    fetch->client = client_get(L);
    fetch->transfer = fetch->client->api->start(fetch->client->engine, &fetch->request);
    if (fetch->transfer == NULL) return luaL_error(L, "not enough memory");
    fetch->ended = fetch->client->api->result(fetch->transfer) != NULL;
    return fetch_go(L, fetch);
}

/* is_private(url): whether a secret may go there, over TLS or not out of this machine. */
static int signalbox_is_private(lua_State *L) {
    const char *url = luaL_checkstring(L, 1);
    lua_pushboolean(L, client_get(L)->api->is_private(url));
    return 1;
}

void http_open(lua_State *L) {
    luaL_newmetatable(L, CLIENT_METATABLE);
    lua_pushcfunction(L, client_gc);
    lua_setfield(L, -2, "__gc");
    luaL_newmetatable(L, FETCH_METATABLE);
    lua_pushcfunction(L, fetch_close);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, fetch_close);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 2);
    lua_pushcfunction(L, signalbox_http);
    lua_setfield(L, -2, "http");
    lua_pushcfunction(L, signalbox_is_private);
    lua_setfield(L, -2, "is_private");
}
