/* What the engine has to know of an address. Each is true or false for a whole URL; one that is
 * none is never web, private or the same as another. */
#ifndef SIGNALBOX_HTTP_URL_H
#define SIGNALBOX_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>

/* The same scheme, host and port. */
bool url_same_origin(const char *a, const char *b);

/* http or https. */
bool url_is_web(const char *url);

/* This machine: `localhost`, or an address of loopback's; not a name that looks like one. */
bool url_is_loopback(const char *url);

/* A secret may go there: over TLS, or not out of this machine. */
bool url_is_private(const char *url);

/* With a user or a password in it. */
bool url_has_credentials(const char *url);

/* For people: without credentials and query, for either may hold a secret. */
void url_show(const char *url, char *out, size_t size);

#endif
