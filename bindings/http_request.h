/* What signalbox.http is asked for.
 *
 * Texts are borrowed from Lua: each stays on the stack of the calling function, which must keep all
 * that is pushed here until the response is there. Wrong types raise. */
#ifndef SIGNALBOX_BINDINGS_HTTP_REQUEST_H
#define SIGNALBOX_BINDINGS_HTTP_REQUEST_H

#include <lua.h>

#include "bindings/modules/http/engine.h"
#include "error.h"

/* Where things are on that stack: the options' table, the request's userdata, on_data or nil, a
 * table that the header lines are put into. */
enum {
    HTTP_OPTIONS = 1,
    HTTP_FETCH,
    HTTP_ON_DATA,
    HTTP_LINES
};

/* Fills in all but the callbacks. INVALID with the option it is about. */
Status http_request_read(lua_State *L, HttpRequest *request, Error *error);

/* One option; `otherwise`, or NULL, where it is not given. */
double http_option_number(lua_State *L, const char *name, double otherwise);
const char *http_option_text(lua_State *L, const char *name);

#endif
