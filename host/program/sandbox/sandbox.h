/* Rules of strangers, run in a process of their own.
 *
 * `signalbox --rule-worker DB MEMORY SECONDS` is that process: started anew (never forked with a
 * store open), it opens the database for reading, begins the one snapshot that all rules see, gives
 * up everything else (lockdown.h), and then answers requests on descriptor 0 until that closes.
 * Each request is a rule file, which gets a Lua state of its own (cage.h) where
 * scripts/lib/rule_worker.lua runs it, the one place that knows what requests and answers say.
 *
 * Whoever asks keeps the clock: what a deadline inside can't end (one long call in C) it ends by
 * killing the process, and starts another for the files that follow. */
#ifndef SIGNALBOX_SANDBOX_H
#define SIGNALBOX_SANDBOX_H

#include <lua.h>

#define RULE_WORKER_FLAG "--rule-worker"

/* The process: argv[1] is the flag. Returns its exit code. */
int rule_worker_main(int argc, char **argv);

/* luaopen_ function of the module signalbox.rule_worker, the asking side:
 *
 *   start(database {, memory=, seconds=}) -> worker | nil, message
 *   worker:send(text)              hands over one request
 *   worker:receive(seconds)        -> the next answer | nil, "timeout" | nil, how it ended
 *   worker:close()                 ends the process; also __close and __gc
 *
 * memory: bytes that one file's Lua state may have. seconds: processor time of the process in all.
 * After nil the process is gone. */
int luaopen_signalbox_rule_worker(lua_State *L);

#endif
