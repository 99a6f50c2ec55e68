/* How arguments are read.
 *
 * A value of the wrong type is a mistake in the program and raises, as Lua's own library does,
 * naming the argument and the field: "bad argument #1 to 'save_signal' (field 'confidence': number
 * expected, got string)". A number is not taken for a text, nor a text for a number. A value of the
 * right type that is out of bounds is an INVALID for the caller to return.
 *
 * Texts are borrowed from the Lua value. Those of fields are left on the stack, a slot each, so
 * that they live as long as the caller leaves them there. */
#ifndef SIGNALBOX_BINDINGS_ARGUMENTS_H
#define SIGNALBOX_BINDINGS_ARGUMENTS_H

#include <lua.h>
#include <stdbool.h>

#include "store/store.h"
#include "error.h"
#include "text/buffer.h"

/* ---- arguments ---- */

Text arg_text(lua_State *L, int arg);
/* Absent where it is nil or none. */
Text arg_text_or_none(lua_State *L, int arg);
/* A float without a fraction is taken, as in Lua's library. */
int64_t arg_integer(lua_State *L, int arg);
/* Seconds, not below 0, not NaN or infinite; `fallback` where it is nil or none. */
Status arg_seconds(lua_State *L, int arg, const char *name, double fallback, double *seconds,
                   Error *error);

/* JSON as a table, which is written to the end of `out`, or as a text, which is borrowed; absent
 * where the value is nil and not `required`. */
Status arg_json(lua_State *L, int arg, const char *name, bool required, Buffer *out, Text *json,
                Error *error);

/* ---- fields of a table ---- */

/* A table whose fields are read. */
typedef struct Record {
    int arg;      /* the argument that it is, or is part of */
    int index;    /* its place on the stack, absolute */
    int64_t item; /* its position in the list that the argument is; 0 where it is the argument */
} Record;

/* The table that is argument `arg`. */
Record record_check(lua_State *L, int arg);
/* The same for a table of options, which may be left out (an empty one takes its place) and has
 * none but the fields in `names`, a list that ends in NULL: a misspelt filter would be none. */
Record record_options(lua_State *L, int arg, const char *const names[]);

/* Raises about the record as a whole, or about one of its fields. */
int record_error(lua_State *L, const Record *record, const char *message);
int field_type_error(lua_State *L, const Record *record, const char *name, const char *expected,
                     int index);

/* Each pushes the field's value. */
Text field_text(lua_State *L, const Record *record, const char *name);
Text field_text_or_none(lua_State *L, const Record *record, const char *name);
double field_number(lua_State *L, const Record *record, const char *name);
int64_t field_integer_or(lua_State *L, const Record *record, const char *name, int64_t fallback);
bool field_boolean_or(lua_State *L, const Record *record, const char *name, bool fallback);
/* As arg_seconds. */
Status field_seconds_or(lua_State *L, const Record *record, const char *name, double fallback,
                        double *seconds, Error *error);
/* A text or epoch seconds; STORE_TIME_NONE where it is absent. */
Status field_time_or_none(lua_State *L, const Record *record, const char *name, int64_t *micros,
                          Error *error);
/* One of `words`, a list that ends in NULL: its index in *choice, which is left as it is where the
 * field is absent. */
Status field_choice(lua_State *L, const Record *record, const char *name, const char *const words[],
                    int *choice, Error *error);
/* As arg_json. */
Status field_json(lua_State *L, const Record *record, const char *name, bool required, Buffer *out,
                  Text *json, Error *error);

#endif
