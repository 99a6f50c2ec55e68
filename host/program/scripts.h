/* Where scripts are looked for: the folders of $SIGNALBOX_PATH, `scripts` in the configuration
 * folder, and those that the program carries in itself. The first that has the name wins. */
#ifndef SIGNALBOX_SCRIPTS_H
#define SIGNALBOX_SCRIPTS_H

#include <lua.h>
#include <stdbool.h>

/* Pushes the function of script `name` ("stats", "collectors/file", "lib/cli") and returns true;
 * or pushes nil where there is none, or a message where there is one that can't be loaded, and
 * returns false. */
bool script_load(lua_State *L, const char *name);

/* Whether there is a configuration file, in the current folder or in the user's. */
bool has_config(lua_State *L);

/* Adds the searcher that finds signalbox.NAME as lib/NAME.lua, and sets in the table on top of the
 * stack `find`, `load`, `embedded`, `list`, `folders` and `config_folder`. */
void scripts_open(lua_State *L);

#endif
