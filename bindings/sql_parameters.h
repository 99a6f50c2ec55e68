/* Parameters of a user's statement: given one by one, as one table of names, or as many lists.
 *
 * nil and signalbox.null are NULL, true and false are 1 and 0, a string is a text, and a blob where
 * it is no text (not UTF-8, or with a NUL byte in it). A name of the statement that the table has
 * not is NULL, for nil cannot be in a table; a name of the table that the statement has not is an
 * error, for it is misspelt. */
#ifndef SIGNALBOX_BINDINGS_SQL_PARAMETERS_H
#define SIGNALBOX_BINDINGS_SQL_PARAMETERS_H

#include <lua.h>

#include "store/store.h"

enum {
    SQL_TEXT = 2,
    SQL_PARAMETERS = 3
}; /* the stack of a call: the store is 1 */

/* Where the parameters of a call stand on its stack. */
typedef struct Parameters {
    lua_State *L;
    int count;  /* from SQL_PARAMETERS on */
    bool named; /* there is one, a table of names */
} Parameters;

/* Reads the arguments of a call and returns its text. From here on each can be bound, and the stack
 * has room for it, so that nothing raises while a statement is in hand. */
Text parameters_check(lua_State *L, Parameters *parameters);
/* A SqlBind; the context is the Parameters. */
Status parameters_bind(void *context, St *st, Error *error);

/* A list of lists of parameters, one for each run of the statement. */
typedef struct ParameterRows {
    lua_State *L;
    size_t count;
    int changed; /* where the list is that gets how many rows each run has changed */
} ParameterRows;

/* The same for such a call; pushes the list `changed`. INVALID for a NaN. */
Status parameter_rows_check(lua_State *L, ParameterRows *rows, Error *error);
/* Whether each of them has a value for each of the statement's parameters: SQL. */
Status parameter_rows_fit(void *context, St *st, Error *error);
/* A ManyBind and a ManyDone. */
void parameter_rows_bind(void *context, St *st, size_t index);
Status parameter_rows_done(void *context, St *st, size_t index, Error *error);

#endif
