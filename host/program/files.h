/* What scripts need to know of files, and Lua's own library does not tell. */
#ifndef SIGNALBOX_FILES_H
#define SIGNALBOX_FILES_H

#include <lua.h>

/* Sets in the table on top of the stack:
 *   file(path)         -> {kind = "file", "folder" or "other", size=, mode=, is_ours=,
 *                          modified= (epoch seconds), disk_free= (bytes for us)}; nil, message
 *   make_folders(path) -> true: the folder is there, and those above it; nil, message
 *   set_mode(path, mode) -> true; nil, message
 *   program()          -> the path of the running program; nil
 *   again()            -> what to run for another process of it */
void files_open(lua_State *L);

#endif
