/* JSON to Lua values and back, exactly.
 *
 * Objects are tables, arrays are sequences with the metatable that `signalbox.array` sets (so an
 * empty one, and one that is emptied, stays an array), null is the light userdata NULL (the same
 * value as cjson.null), integers are integers and every other number is a float. Decoding and
 * encoding a document gives its compact form with sorted keys. */
#ifndef SIGNALBOX_BINDINGS_JSON_H
#define SIGNALBOX_BINDINGS_JSON_H

#include <lua.h>

#include "error.h"
#include "text/buffer.h"
#include "text/json.h"

/* The name of the array metatable in the registry. */
#define ARRAY_METATABLE "signalbox.array"

/* Decodes a document and pushes the value; pushes nothing where it is INVALID, about `field`. Can
 * raise (memory), so `data` must be owned by something Lua collects, or by nobody. */
Status json_push(lua_State *L, const char *field, const char *data, size_t size, unsigned flags,
                 Error *error);

/* The same for an object whose member `raw` is given as its text, byte for byte as it stands. NULL:
 * no member. */
Status json_push_raw(lua_State *L, const char *field, const char *data, size_t size, unsigned flags,
                     const char *raw, Error *error);

/* Appends the value at `index`, compact, keys sorted by their bytes. INVALID for what JSON or the
 * store cannot hold: a function, a thread, other userdata, NaN, infinities, text that is not UTF-8
 * or has a NUL, keys that are neither all text nor 1..n, nesting over JSON_MAX_DEPTH, which every
 * cycle is. The message begins with the path of the value in `field`: `raw_data.owner.id`; the
 * error's field is `field` itself. Tables are read raw. On failure `out` is as long as before.
 * NO_MEMORY where the buffer could not grow. No Lua code runs; it can raise (memory, stack), so
 * `out` is one of buffer_push's, or is owned likewise. */
Status json_encode(lua_State *L, int index, const char *field, Buffer *out, Error *error);

/* Pushes a userdata that owns an empty buffer, and returns it: freed when it is collected. */
Buffer *buffer_push(lua_State *L);

/* Sets the fields `null`, `array` and `json` of the module table on top of the stack. */
void json_open(lua_State *L);

#endif
