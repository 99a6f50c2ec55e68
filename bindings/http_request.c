/* The options of signalbox.http, read from its table. */
#include "bindings/http_request.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "version.h"

static const char *const known_options[] = {
    "url",           "method", "headers", "body", "timeout", "connect_timeout", "max_size",
    "max_redirects", "file",   "on_data", "auth", "proxy",   "ca_file",         NULL};

static void check_names(lua_State *L) {
    for (lua_pushnil(L); lua_next(L, HTTP_OPTIONS) != 0; lua_pop(L, 1)) {
        const char *const *name = known_options;
        if (lua_type(L, -2) == LUA_TSTRING) {
            while (*name != NULL && strcmp(*name, lua_tostring(L, -2)) != 0) name++;
            if (*name != NULL) continue;
        }
        luaL_error(L, "signalbox.http: there is no option '%s'", luaL_tolstring(L, -2, NULL));
    }
}

double http_option_number(lua_State *L, const char *name, double otherwise) {
    if (lua_getfield(L, HTTP_OPTIONS, name) != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TNUMBER || !(lua_tonumber(L, -1) >= 0)) {
            luaL_error(L, "signalbox.http: %s must be a number from 0", name);
        }
        otherwise = lua_tonumber(L, -1);
    }
    lua_pop(L, 1);
    return otherwise;
}

static const char *text_at_top(lua_State *L, const char *name, size_t *size) {
    if (lua_isnil(L, -1)) return NULL;
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "signalbox.http: %s must be a string", name);
    return lua_tolstring(L, -1, size);
}

const char *http_option_text(lua_State *L, const char *name) {
    size_t size;
    lua_getfield(L, HTTP_OPTIONS, name);
    const char *text = text_at_top(L, name, &size);
    if (text != NULL && strlen(text) != size) {
        luaL_error(L, "signalbox.http: %s contains a zero byte", name);
    }
    return text;
}

/* No line end may smuggle in a header of its own. */
static bool is_line(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' && *text != '\t') return false;
    }
    return true;
}

/* Takes the line on top of the stack. */
static void add_line(lua_State *L) {
    lua_rawseti(L, HTTP_LINES, (lua_Integer)lua_rawlen(L, HTTP_LINES) + 1);
}

static bool is_web(const char *url) {
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static const char *header_text(lua_State *L, int index) {
    size_t size = 0;
    const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &size) : NULL;
    if (text == NULL) luaL_error(L, "signalbox.http: headers must be strings by name");
    return strlen(text) == size && is_line(text) ? text : NULL;
}

/* INVALID for a name or a value that no header can have. */
static Status read_headers(lua_State *L, Error *error) {
    if (lua_getfield(L, HTTP_OPTIONS, "headers") == LUA_TNIL) return STATUS_OK;
    if (!lua_istable(L, -1)) luaL_error(L, "signalbox.http: headers must be a table");
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        const char *name = header_text(L, -2), *value = header_text(L, -1);
        if (name == NULL || name[0] == '\0' || strpbrk(name, ": \t") != NULL) {
            return error_invalid(error, "headers", "headers has a name that HTTP does not allow");
        }
        if (value == NULL) {
            return error_invalid(error, "headers", "headers has a control character in %.40s",
                                 name);
        }
        lua_pushfstring(L, "%s: %s", name, value);
        add_line(L);
    }
    return STATUS_OK;
}

/* auth = { user =, password = } or { bearer = }. */
static Status read_auth(lua_State *L, HttpRequest *request, Error *error) {
    size_t size;
    if (lua_getfield(L, HTTP_OPTIONS, "auth") == LUA_TNIL) return STATUS_OK;
    if (!lua_istable(L, -1)) luaL_error(L, "signalbox.http: auth must be a table");
    int auth = lua_gettop(L);
    lua_getfield(L, auth, "bearer");
    const char *bearer = text_at_top(L, "auth.bearer", &size);
    lua_getfield(L, auth, "user");
    request->user = text_at_top(L, "auth.user", &size);
    lua_getfield(L, auth, "password");
    request->password = text_at_top(L, "auth.password", &size);
    if (request->user != NULL && request->password == NULL) request->password = "";
    if (bearer == NULL) return STATUS_OK;
    if (!is_line(bearer)) {
        return error_invalid(error, "auth", "auth has a control character in bearer");
    }
    lua_pushfstring(L, "Authorization: Bearer %s", bearer);
    add_line(L);
    return STATUS_OK;
}

static const char *const *push_lines(lua_State *L) {
    size_t count = lua_rawlen(L, HTTP_LINES);
    const char **array = lua_newuserdatauv(L, (count + 1) * sizeof *array, 0);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, HTTP_LINES, (lua_Integer)i + 1);
        array[i] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    array[count] = NULL;
    return array;
}

static Status read_method(HttpRequest *request, Error *error) {
    if (request->method == NULL) request->method = request->body != NULL ? "POST" : "GET";
    if (request->method[0] != '\0' &&
        strspn(request->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(request->method)) {
        return STATUS_OK;
    }
    return error_invalid(error, "method", "method is %.40s, and must be capital letters",
                         request->method);
}

Status http_request_read(lua_State *L, HttpRequest *request, Error *error) {
    check_names(L);
    request->url = http_option_text(L, "url");
    if (request->url == NULL) luaL_error(L, "signalbox.http: url is missing");
    if (!is_web(request->url) || !is_line(request->url)) {
        return error_invalid(error, "url", "url must begin with http:// or https://");
    }
    request->method = http_option_text(L, "method");
    request->proxy = http_option_text(L, "proxy");
    request->ca_file = http_option_text(L, "ca_file");
    if (request->ca_file == NULL) request->ca_file = getenv("SSL_CERT_FILE");
    lua_getfield(L, HTTP_OPTIONS, "body");
    request->body = text_at_top(L, "body", &request->body_size);
    request->timeout = http_option_number(L, "timeout", 30);
    request->connect_timeout = http_option_number(L, "connect_timeout", 10);
    request->max_redirects = (int)http_option_number(L, "max_redirects", 5);
    request->agent = "signalbox/" SIGNALBOX_VERSION;
    if (read_method(request, error) != STATUS_OK) return error->status;
    if (read_headers(L, error) != STATUS_OK) return error->status;
    if (read_auth(L, request, error) != STATUS_OK) return error->status;
    request->headers = push_lines(L);
    return STATUS_OK;
}
