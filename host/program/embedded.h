/* The scripts that the program carries in itself: scripts/NAME.lua, compiled at build.
 *
 * They are Lua bytecode with line numbers, whose chunk names are "=scripts/NAME.lua" (a file that
 * a user loads begins with "@", so a traceback can tell the two apart). */
#ifndef SIGNALBOX_EMBEDDED_H
#define SIGNALBOX_EMBEDDED_H

#include <stddef.h>

typedef struct EmbeddedScript {
    const char *name;          /* below scripts/, without ".lua": "process", "collectors/file" */
    const unsigned char *data; /* for lua_load, mode "b" */
    size_t size;
} EmbeddedScript;

/* All of them in the order of strcmp. */
extern const EmbeddedScript embedded_scripts[];
extern const size_t embedded_script_count;

#endif
