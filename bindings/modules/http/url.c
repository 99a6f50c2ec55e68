#include "bindings/modules/http/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static char *url_part(const char *url, CURLUPart part) {
    char *text = NULL;
    CURLU *handle = curl_url();
    if (handle != NULL && curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK) {
        if (curl_url_get(handle, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) text = NULL;
    }
    curl_url_cleanup(handle);
    return text;
}

static bool same_part(const char *a, const char *b, CURLUPart part) {
    char *one = url_part(a, part), *other = url_part(b, part);
    bool same = one != NULL && other != NULL && strcasecmp(one, other) == 0;
    curl_free(one);
    curl_free(other);
    return same;
}

bool url_same_origin(const char *a, const char *b) {
    return same_part(a, b, CURLUPART_SCHEME) && same_part(a, b, CURLUPART_HOST) &&
           same_part(a, b, CURLUPART_PORT);
}

bool url_is_web(const char *url) {
    char *scheme = url_part(url, CURLUPART_SCHEME);
    bool web = scheme != NULL && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    return web;
}

bool url_is_private(const char *url) {
    char *scheme = url_part(url, CURLUPART_SCHEME), *host = url_part(url, CURLUPART_HOST);
    bool safe = scheme != NULL && host != NULL &&
                (strcmp(scheme, "https") == 0 || strcasecmp(host, "localhost") == 0 ||
                 strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0);
    curl_free(scheme);
    curl_free(host);
    return safe;
}

void url_show(const char *url, char *out, size_t size) {
    char *text = NULL;
    CURLU *handle = curl_url();
    if (handle != NULL && curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_set(handle, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
        curl_url_set(handle, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
        curl_url_set(handle, CURLUPART_QUERY, NULL, 0) == CURLUE_OK) {
        curl_url_get(handle, CURLUPART_URL, &text, 0);
    }
    snprintf(out, size, "%s", text != NULL ? text : "that address");
    curl_free(text);
    curl_url_cleanup(handle);
}
