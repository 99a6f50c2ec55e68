/* HTTP by libcurl, in a module of its own that is loaded at the first request: libcurl takes three
 * times as long to load as the whole program takes to start.
 *
 * `require "signalbox.http"` gives a light userdata, the address of an HttpApi, whose functions
 * bindings/http.c calls. The engine has no loop and no Lua: it asks its host to watch descriptors
 * and to start a timer, and is told what came. What a response brings it hands on at once and
 * keeps none of it.
 *
 * Redirects are followed here rather than by libcurl, so that to another host nothing goes that was
 * meant for the first one: no credentials, no header but those that any server may see. */
#ifndef SIGNALBOX_HTTP_ENGINE_H
#define SIGNALBOX_HTTP_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct HttpEngine HttpEngine;
typedef struct HttpTransfer HttpTransfer;

/* What the engine asks of who runs the loop. */
typedef struct HttpHost {
    void *context;
    /* Watch `fd` for `events` (POLLIN, POLLOUT; 0: no longer). `watch` is what this gave for the
     * same descriptor the last time, or NULL. */
    void *(*watch)(void *context, void *watch, int fd, short events);
    /* Call `due` once, `seconds` from now; below 0: not at all. Replaces what was asked before. */
    void (*timer)(void *context, double seconds);
} HttpHost;

typedef enum HttpTake {
    HTTP_TAKEN,
    HTTP_LATER,
    HTTP_REFUSED
} HttpTake;

typedef enum HttpOutcome {
    HTTP_DONE,        /* a whole response, of any status */
    HTTP_UNAVAILABLE, /* another attempt may bring one */
    HTTP_INVALID,     /* what was asked for cannot be had */
    HTTP_STOPPED      /* `data` refused */
} HttpOutcome;

typedef struct HttpResult {
    HttpOutcome outcome;
    int status;
    char message
        [640]; /* of an outcome other than DONE: a sentence, with a hint where there is one */
} HttpResult;

/* A request and who hears of it. Texts must outlive the transfer. */
typedef struct HttpRequest {
    const char *url, *method;
    const char *const *headers; /* "Name: value", NULL at the end */
    const char *body;           /* NULL: none */
    size_t body_size;
    const char *user, *password;     /* HTTP basic; NULL: none */
    double timeout, connect_timeout; /* seconds; 0: none */
    int max_redirects;
    const char *proxy;   /* NULL: as the environment says */
    const char *ca_file; /* NULL: the system's */
    const char *agent;
    void *context;
    /* The first line and each header of the response, without its line end; a first line begins
     * anew. */
    void (*header)(void *context, const char *line, size_t size);
    /* A piece of its body. LATER: again with the same piece after `proceed`. */
    HttpTake (*data)(void *context, const char *data, size_t size);
    void (*done)(void *context);
} HttpRequest;

typedef struct HttpApi {
    /* NULL where there is no memory. */
    HttpEngine *(*open)(const HttpHost *host);
    /* After all its transfers. */
    void (*close)(HttpEngine *engine);

    /* NULL where there is no memory. One that is refused at once is done when this returns; its
     * request is not called back. */
    HttpTransfer *(*start)(HttpEngine *engine, const HttpRequest *request);
    void (*proceed)(HttpTransfer *transfer);
    /* NULL while it runs; then valid until it is freed. */
    const HttpResult *(*result)(const HttpTransfer *transfer);
    /* Where it has been redirected to. */
    const char *(*url)(const HttpTransfer *transfer);
    /* The same for people: without credentials and query. */
    const char *(*shown)(const HttpTransfer *transfer);
    /* At any time but out of a callback: breaks it off where it runs. */
    void (*free)(HttpTransfer *transfer);

    void (*ready)(HttpEngine *engine, int fd, short events);
    void (*due)(HttpEngine *engine);

    /* A secret may go to that address: url_is_private. */
    bool (*is_private)(const char *url);
} HttpApi;

#endif
