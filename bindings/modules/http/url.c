#include "bindings/modules/http/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
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

/* An IPv6 address stands in brackets. */
static bool host_is_loopback(const char *host) {
    struct in_addr four;
    struct in6_addr six;
    char inner[INET6_ADDRSTRLEN] = "";
    size_t size = strlen(host);
    if (host[0] == '[' && size > 2 && size - 2 < sizeof inner) memcpy(inner, host + 1, size - 2);
    if (inet_pton(AF_INET6, inner, &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six);
    if (inet_pton(AF_INET, host, &four) == 1) return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
    return strcasecmp(host, "localhost") == 0;
}

bool url_is_loopback(const char *url) {
    char *host = url_part(url, CURLUPART_HOST);
    bool loopback = host != NULL && host_is_loopback(host);
    curl_free(host);
    return loopback;
}

bool url_is_private(const char *url) {
    char *scheme = url_part(url, CURLUPART_SCHEME);
    bool safe = scheme != NULL && (strcmp(scheme, "https") == 0 || url_is_loopback(url));
    curl_free(scheme);
    return safe;
}

bool url_has_credentials(const char *url) {
    char *user = url_part(url, CURLUPART_USER), *password = url_part(url, CURLUPART_PASSWORD);
    bool has = user != NULL || password != NULL;
    curl_free(user);
    curl_free(password);
    return has;
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
