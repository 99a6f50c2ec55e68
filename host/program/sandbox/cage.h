/* A Lua state that a stranger's text may run in.
 *
 * What it has: the parts of Lua's library below that neither reach outside nor reach the known
 * errors of Debian's Lua 5.4.4 (coroutines, weak tables, finalizers, bytecode), in tables of their
 * own; memory up to a limit; time up to a deadline. It is no wall (lockdown.h is), it is what makes
 * a rule that went wrong end with a sentence instead of a dead process. */
#ifndef SIGNALBOX_SANDBOX_CAGE_H
#define SIGNALBOX_SANDBOX_CAGE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Cage Cage;

/* Called when the deadline has passed while Lua code ran, with the place in the stranger's text
 * ("quiet.lua:12"; empty where there is none). It must not return: an error that is raised could be
 * caught for ever. */
typedef void CageExpired(void *context, const char *place);

/* NULL where there is no memory for the state itself. `fill` runs protected, with the table of
 * globals on top of the stack, to add what else the text may use; where it raises, the result is
 * NULL too. */
Cage *cage_open(size_t memory, lua_CFunction fill, CageExpired *expired, void *context);

/* Runs nothing of the stranger's but what is waiting to be closed. NULL is allowed. */
void cage_close(Cage *cage);

lua_State *cage_state(Cage *cage);

/* The cage that `L` is the state of. */
Cage *cage_of(lua_State *L);
void *cage_context(Cage *cage);

/* The deadline is `seconds` from now; none before the first call. */
void cage_deadline(Cage *cage, double seconds);

/* Whether it has passed: for a query, which Lua's own hook does not see. */
bool cage_is_late(const Cage *cage);

/* Pushes the loaded text as a function that sees the cage's globals and returns true; or pushes why
 * it can't be loaded and returns false. Bytecode is refused. `name` as in lua_load. */
bool cage_load_text(lua_State *L, const char *text, size_t size, const char *name);

/* Pushes "FILE:LINE" of the innermost function on the stack that is a rule file's, or "". */
void cage_push_place(lua_State *L);

#endif
