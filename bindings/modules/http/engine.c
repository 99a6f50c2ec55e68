#include "bindings/modules/http/engine.h"

#include <curl/curl.h>
#include <lauxlib.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bindings/modules/http/url.h"

struct HttpEngine {
    CURLM *multi;
    HttpHost host;
};

struct HttpTransfer {
    HttpEngine *engine;
    CURL *easy;
    HttpRequest request;
    struct curl_slist *headers;
    char *url; /* that of the running attempt */
    int redirects;
    bool away;     /* at another origin than the first: nothing secret goes there */
    bool bodiless; /* a redirect has turned it into a GET */
    bool status_redirects, located; /* the response is a redirect that will be followed */
    bool stopped, added, ended;
    double spent; /* seconds, in the attempts before this one */
    HttpResult result;
    char shown[256]; /* the URL for people: no credentials, no query */
    char curl_message[CURL_ERROR_SIZE];
};

int luaopen_signalbox_http(lua_State *L);

/* ---- what went wrong ------------------------------------------------------------------------- */

static void fail(HttpTransfer *transfer, HttpOutcome outcome, const char *text) {
    transfer->result.outcome = outcome;
    snprintf(transfer->result.message, sizeof transfer->result.message, "%s: %s", transfer->shown,
             text);
}

typedef struct Failure {
    CURLcode code;
    HttpOutcome outcome;
    const char *text; /* NULL: libcurl's own */
} Failure;

static const Failure failures[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, HTTP_UNAVAILABLE, "what answers there does not speak HTTP"},
    {CURLE_URL_MALFORMAT, HTTP_INVALID, "this is no address"},
    {CURLE_COULDNT_RESOLVE_PROXY, HTTP_UNAVAILABLE, "the proxy's name is not known"},
    {CURLE_COULDNT_RESOLVE_HOST, HTTP_UNAVAILABLE,
     "the host's name is not known (is it spelled right, and is there a network?)"},
    {CURLE_COULDNT_CONNECT, HTTP_UNAVAILABLE, "nothing answers there (connection refused or lost)"},
    {CURLE_PARTIAL_FILE, HTTP_UNAVAILABLE, "the connection ended before the whole body had come"},
    {CURLE_OPERATION_TIMEDOUT, HTTP_UNAVAILABLE, "no whole answer in time (timeout)"},
    {CURLE_GOT_NOTHING, HTTP_UNAVAILABLE, "the connection was closed without an answer"},
    {CURLE_SEND_ERROR, HTTP_UNAVAILABLE, "the connection was lost"},
    {CURLE_RECV_ERROR, HTTP_UNAVAILABLE, "the connection was lost"},
    {CURLE_BAD_CONTENT_ENCODING, HTTP_UNAVAILABLE, "the compressed body is damaged"},
    {CURLE_PEER_FAILED_VERIFICATION, HTTP_UNAVAILABLE, NULL},
    {CURLE_SSL_CACERT_BADFILE, HTTP_INVALID, "the file of trusted certificates cannot be read"},
    {CURLE_OUT_OF_MEMORY, HTTP_UNAVAILABLE, "not enough memory"},
    {CURLE_OK, HTTP_UNAVAILABLE, NULL},
};

static void fail_by_code(HttpTransfer *transfer, CURLcode code) {
    const Failure *failure = failures;
    while (failure->code != code && failure->code != CURLE_OK) failure++;
    const char *text =
        transfer->curl_message[0] != '\0' ? transfer->curl_message : curl_easy_strerror(code);
    char sentence[CURL_ERROR_SIZE + 64];
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        snprintf(sentence, sizeof sentence, "its certificate is not trusted (%s)", text);
    } else {
        snprintf(sentence, sizeof sentence, "%s", failure->text != NULL ? failure->text : text);
    }
    fail(transfer, failure->outcome, sentence);
}

/* ---- what a response brings ------------------------------------------------------------------ */

static size_t take_header(char *data, size_t one, size_t size, void *context) {
    HttpTransfer *transfer = context;
    size_t length = size;
    (void)one;
    while (length > 0 && (data[length - 1] == '\r' || data[length - 1] == '\n')) length--;
    if (length == 0) return size;
    if (length > 5 && strncmp(data, "HTTP/", 5) == 0) {
        const char *code = memchr(data, ' ', length);
        int status = code != NULL ? atoi(code) : 0;
        transfer->status_redirects =
            status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
        transfer->located = false;
    } else if (length > 9 && strncasecmp(data, "location:", 9) == 0) {
        transfer->located = true;
    }
    transfer->request.header(transfer->request.context, data, length);
    return size;
}

static bool will_redirect(const HttpTransfer *transfer) {
    return transfer->status_redirects && transfer->located && transfer->request.max_redirects > 0;
}

static size_t take_data(char *data, size_t one, size_t size, void *context) {
    HttpTransfer *transfer = context;
    (void)one;
    if (will_redirect(transfer)) return size;
    switch (transfer->request.data(transfer->request.context, data, size)) {
    case HTTP_TAKEN: return size;
    case HTTP_LATER: return CURL_WRITEFUNC_PAUSE;
    case HTTP_REFUSED: break;
    }
    transfer->stopped = true;
    return 0;
}

/* ---- an attempt ------------------------------------------------------------------------------ */

/* What any server may see. The others stay with the server that they were meant for. */
static bool header_is_public(const char *line) {
    static const char *const names[] = {"accept", "accept-language", "content-type", "user-agent"};
    const char *colon = strchr(line, ':');
    size_t length = colon != NULL ? (size_t)(colon - line) : 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == length && strncasecmp(names[i], line, length) == 0) return true;
    }
    return false;
}

static bool header_named(const char *line, const char *name) {
    size_t length = strlen(name);
    return strncasecmp(line, name, length) == 0 && line[length] == ':';
}

static bool has_header(const HttpRequest *request, const char *name) {
    for (const char *const *line = request->headers; *line != NULL; line++) {
        if (header_named(*line, name)) return true;
    }
    return false;
}

static bool add_header(HttpTransfer *transfer, const char *line) {
    struct curl_slist *list = curl_slist_append(transfer->headers, line);
    if (list != NULL) transfer->headers = list;
    return list != NULL;
}

/* libcurl's own: no wait for a go-ahead before a body, and no media type that we did not name. */
static bool build_headers(HttpTransfer *transfer) {
    const HttpRequest *request = &transfer->request;
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    for (const char *const *line = request->headers; *line != NULL; line++) {
        bool body = header_named(*line, "content-type");
        if (transfer->away && !header_is_public(*line)) continue;
        if (transfer->bodiless && body) continue;
        if (!add_header(transfer, *line)) return false;
    }
    if (request->body == NULL || transfer->bodiless) return true;
    return add_header(transfer, "Expect:") &&
           (has_header(request, "content-type") || add_header(transfer, "Content-Type:"));
}

/* Whether doing it twice is as doing it once (RFC 9110, 9.2.2). */
static bool is_repeatable(const char *method) {
    static const char *const repeatable[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof repeatable / sizeof *repeatable; i++) {
        if (strcmp(method, repeatable[i]) == 0) return true;
    }
    return false;
}

static bool has_secret(const HttpRequest *request) {
    return request->user != NULL || has_header(request, "authorization") ||
           url_has_credentials(request->url);
}

/* A proxy of the environment cannot reach our loopback, and one that was asked for would read a
 * secret that goes there without TLS. */
static bool passes_proxy_by(const HttpTransfer *transfer) {
    const HttpRequest *request = &transfer->request;
    bool readable = strncasecmp(transfer->url, "https:", 6) != 0;
    return url_is_loopback(transfer->url) &&
           (request->proxy == NULL || (readable && has_secret(request)));
}

#define SET(option, value)                                                             \
    do {                                                                               \
        if (curl_easy_setopt(transfer->easy, option, value) != CURLE_OK) return false; \
    } while (0)

static bool set_request(HttpTransfer *transfer) {
    const HttpRequest *request = &transfer->request;
    bool body = request->body != NULL && !transfer->bodiless;
    const char *method = transfer->bodiless ? "GET" : request->method;
    if (!build_headers(transfer)) return false;
    SET(CURLOPT_URL, transfer->url);
    SET(CURLOPT_NOPROXY, passes_proxy_by(transfer) ? "*" : NULL);
    SET(CURLOPT_HTTPHEADER, transfer->headers);
    SET(CURLOPT_HTTPGET, 1L);
    SET(CURLOPT_NOBODY, strcmp(method, "HEAD") == 0 ? 1L : 0L);
    if (body) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDS, request->body);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
    }
    /* Where a connection that was used before breaks, libcurl sends the request again by itself;
     * what must not be done twice gets a new one. */
    SET(CURLOPT_FRESH_CONNECT, is_repeatable(method) ? 0L : 1L);
    SET(CURLOPT_CUSTOMREQUEST, strcmp(method, "HEAD") == 0 ? NULL : method);
    SET(CURLOPT_USERNAME, transfer->away ? NULL : request->user);
    SET(CURLOPT_PASSWORD, transfer->away ? NULL : request->password);
    double left = request->timeout - transfer->spent;
    if (request->timeout > 0) SET(CURLOPT_TIMEOUT_MS, left > 0.001 ? (long)(left * 1000) : 1L);
    return true;
}

/* Options that hold for every attempt. NOSIGNAL stays off: libcurl then keeps SIGPIPE away from its
 * own writing. QUICK_EXIT: breaking off does not wait for a name server. */
static bool set_options(HttpTransfer *transfer) {
    const HttpRequest *request = &transfer->request;
    SET(CURLOPT_PRIVATE, transfer);
    SET(CURLOPT_ERRORBUFFER, transfer->curl_message);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_ACCEPT_ENCODING, "");
    SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    SET(CURLOPT_USERAGENT, request->agent);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, take_data);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(request->connect_timeout * 1000));
    if (request->proxy != NULL) SET(CURLOPT_PROXY, request->proxy);
    if (request->ca_file != NULL) SET(CURLOPT_CAINFO, request->ca_file);
    return true;
}

static bool attempt(HttpTransfer *transfer) {
    url_show(transfer->url, transfer->shown, sizeof transfer->shown);
    transfer->curl_message[0] = '\0';
    transfer->status_redirects = transfer->located = false;
    if (!set_request(transfer)) return false;
    transfer->added = curl_multi_add_handle(transfer->engine->multi, transfer->easy) == CURLM_OK;
    return transfer->added;
}

/* What is not even tried. */
static bool is_refused(HttpTransfer *transfer) {
    if (!url_is_web(transfer->url)) {
        fail(transfer, HTTP_INVALID,
             "only addresses that begin with http:// or https:// are "
             "fetched");
    } else if (has_secret(&transfer->request) && !url_is_private(transfer->url)) {
        fail(transfer, HTTP_INVALID,
             "a secret goes over https or to a loopback address, and "
             "nowhere else");
    } else {
        return false;
    }
    return true;
}

/* ---- its end --------------------------------------------------------------------------------- */

/* Sets the next attempt up, or says why there is none. */
static bool follow(HttpTransfer *transfer) {
    const char *location = NULL;
    curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &location);
    if (location == NULL || !url_is_web(location)) {
        fail(transfer, HTTP_INVALID, "it redirects to what is no http or https address");
        return false;
    }
    if (++transfer->redirects > transfer->request.max_redirects) {
        fail(transfer, HTTP_INVALID, "it redirects too often, perhaps in a circle (max_redirects)");
        return false;
    }
    char *url = strdup(location);
    if (url == NULL) {
        fail(transfer, HTTP_UNAVAILABLE, "not enough memory");
        return false;
    }
    long status = transfer->result.status;
    bool read_only = strcmp(transfer->request.method, "GET") == 0 ||
                     strcmp(transfer->request.method, "HEAD") == 0;
    if (!read_only && (status == 303 || ((status == 301 || status == 302) &&
                                         strcmp(transfer->request.method, "POST") == 0))) {
        transfer->bodiless = true;
    }
    if (!url_same_origin(transfer->request.url, url)) transfer->away = true;
    free(transfer->url);
    transfer->url = url;
    if (attempt(transfer)) return true;
    fail(transfer, HTTP_UNAVAILABLE, "not enough memory");
    return false;
}

static void finish(HttpTransfer *transfer, CURLcode code) {
    long status = 0;
    double spent = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME, &spent);
    transfer->spent += spent;
    transfer->result.status = (int)status;
    curl_multi_remove_handle(transfer->engine->multi, transfer->easy);
    transfer->added = false;
    if (transfer->stopped)
        fail(transfer, HTTP_STOPPED, "stopped");
    else if (code != CURLE_OK)
        fail_by_code(transfer, code);
    else if (will_redirect(transfer) && follow(transfer))
        return;
    transfer->ended = true;
    transfer->request.done(transfer->request.context);
}

static void read_messages(HttpEngine *engine) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(engine->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) continue;
        HttpTransfer *transfer = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        finish(transfer, code);
    }
}

/* ---- the engine's functions ------------------------------------------------------------------ */

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *watch) {
    (void)easy;
    HttpEngine *engine = context;
    short events = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= POLLIN;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= POLLOUT;
    watch = engine->host.watch(engine->host.context, watch, fd, events);
    curl_multi_assign(engine->multi, fd, watch);
    return 0;
}

static int set_timer(CURLM *multi, long milliseconds, void *context) {
    (void)multi;
    HttpEngine *engine = context;
    engine->host.timer(engine->host.context, milliseconds < 0 ? -1 : (double)milliseconds / 1000);
    return 0;
}

static HttpEngine *engine_open(const HttpHost *host) {
    HttpEngine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) return NULL;
    engine->host = *host;
    engine->multi = curl_multi_init();
    if (engine->multi == NULL) {
        free(engine);
        return NULL;
    }
    curl_multi_setopt(engine->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(engine->multi, CURLMOPT_SOCKETDATA, engine);
    curl_multi_setopt(engine->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(engine->multi, CURLMOPT_TIMERDATA, engine);
    return engine;
}

static void engine_close(HttpEngine *engine) {
    curl_multi_cleanup(engine->multi);
    free(engine);
}

static void transfer_free(HttpTransfer *transfer) {
    if (transfer->added) curl_multi_remove_handle(transfer->engine->multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    free(transfer->url);
    free(transfer);
}

static HttpTransfer *transfer_start(HttpEngine *engine, const HttpRequest *request) {
    HttpTransfer *transfer = calloc(1, sizeof *transfer);
    if (transfer == NULL) return NULL;
    transfer->request = *request;
    transfer->engine = engine;
    transfer->easy = curl_easy_init();
    transfer->url = strdup(request->url);
    if (transfer->easy == NULL || transfer->url == NULL || !set_options(transfer)) goto failed;
    url_show(transfer->url, transfer->shown, sizeof transfer->shown);
    transfer->ended = is_refused(transfer);
    if (transfer->ended) return transfer;
    if (attempt(transfer)) return transfer;
failed:
    transfer_free(transfer);
    return NULL;
}

static const HttpResult *transfer_result(const HttpTransfer *transfer) {
    return transfer->ended ? &transfer->result : NULL;
}

static const char *transfer_url(const HttpTransfer *transfer) {
    return transfer->url;
}

static const char *transfer_shown(const HttpTransfer *transfer) {
    return transfer->shown;
}

static void engine_ready(HttpEngine *engine, int fd, short events) {
    int running, mask = 0;
    if ((events & POLLIN) != 0) mask |= CURL_CSELECT_IN;
    if ((events & POLLOUT) != 0) mask |= CURL_CSELECT_OUT;
    if ((events & (POLLERR | POLLHUP | POLLNVAL)) != 0) mask |= CURL_CSELECT_ERR | CURL_CSELECT_IN;
    curl_multi_socket_action(engine->multi, fd, mask, &running);
    read_messages(engine);
}

static void engine_due(HttpEngine *engine) {
    int running;
    curl_multi_socket_action(engine->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    read_messages(engine);
}

static void transfer_proceed(HttpTransfer *transfer) {
    if (!transfer->added) return;
    curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
    engine_due(transfer->engine);
}

/* ---- the module ------------------------------------------------------------------------------ */

static const HttpApi api = {.open = engine_open,
                            .close = engine_close,
                            .start = transfer_start,
                            .proceed = transfer_proceed,
                            .result = transfer_result,
                            .url = transfer_url,
                            .shown = transfer_shown,
                            .free = transfer_free,
                            .ready = engine_ready,
                            .due = engine_due,
                            .is_private = url_is_private};

__attribute__((visibility("default"))) int luaopen_signalbox_http(lua_State *L) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return luaL_error(L, "libcurl cannot be set up");
    }
    lua_pushlightuserdata(L, (void *)&api);
    return 1;
}
