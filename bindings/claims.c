/* store:claim, and what a worker does with a claim.
 *
 * A claim is a table: {canonical_key=, signals={...}, fence=, lease_until=, lease=, store=}. Its
 * methods name the fence with every write, so a worker that has lost its lease gets `conflict` and
 * changes nothing. They read canonical_key, fence and store from the table, and that is all they
 * trust it with. */
#include <lauxlib.h>
#include <string.h>

#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/handle.h"
#include "bindings/signal.h"
#include "text/iso_time.h"

#define CLAIM_METATABLE "signalbox.claim"
#define CLAIM_SET_METATABLE "signalbox.claims"
#define LIMIT 50
#define LEASE 300.0

/* ---- taking ---- */

/* A ClaimSet is owned by a userdata while claims are made of it. */
static ClaimSet **claim_set_push(lua_State *L) {
    ClaimSet **set = lua_newuserdatauv(L, sizeof *set, 0);
    *set = NULL;
    luaL_setmetatable(L, CLAIM_SET_METATABLE);
    return set;
}

static int claim_set_collect(lua_State *L) {
    ClaimSet **set = luaL_checkudata(L, 1, CLAIM_SET_METATABLE);
    claim_set_free(*set);
    *set = NULL;
    return 0;
}

static Status read_options(lua_State *L, const Record *record, ClaimOptions *options,
                           Error *error) {
    options->limit = field_integer_or(L, record, "limit", LIMIT);
    options->owner = field_text_or_none(L, record, "owner");
    options->signal_type = field_text_or_none(L, record, "signal_type");
    return field_seconds_or(L, record, "lease", LEASE, &options->lease, error);
}

static bool is_of(const Signal *signal, const Claim *claim) {
    return signal->canonical_key.size == claim->canonical_key.size &&
           memcmp(signal->canonical_key.data, claim->canonical_key.data,
                  claim->canonical_key.size) == 0;
}

/* Pushes the signals of `claim`, which begin at *next, as a sequence. */
static void signals_push(lua_State *L, const ClaimSet *set, const Claim *claim, size_t *next) {
    size_t count, first = *next;
    const Signal *signals = claim_set_signals(set, &count);
    while (*next < count && is_of(&signals[*next], claim)) {
        ++*next;
    }
    lua_createtable(L, (int)(*next - first), 0);
    for (size_t i = first; i < *next; i++) {
        signal_push(L, NULL, &signals[i], NULL);
        lua_rawseti(L, -2, (lua_Integer)(i - first) + 1);
    }
}

/* Pushes a claim of the store that is argument 1. */
static void claim_push(lua_State *L, const ClaimSet *set, const Claim *claim, double lease,
                       size_t *next) {
    lua_createtable(L, 0, 6);
    lua_pushlstring(L, claim->canonical_key.data, claim->canonical_key.size);
    lua_setfield(L, -2, "canonical_key");
    lua_pushinteger(L, claim->fence);
    lua_setfield(L, -2, "fence");
    lua_pushlstring(L, claim->lease_until.data, claim->lease_until.size);
    lua_setfield(L, -2, "lease_until");
    lua_pushnumber(L, lease);
    lua_setfield(L, -2, "lease");
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "store");
    signals_push(L, set, claim, next);
    lua_setfield(L, -2, "signals");
    luaL_setmetatable(L, CLAIM_METATABLE);
}

/* Pushes an array of the claims of `set`. */
static void claims_push(lua_State *L, const ClaimSet *set, double lease) {
    size_t count = claim_set_count(set), next = 0;
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        claim_push(L, set, claim_set_get(set, i), lease, &next);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* store:claim{limit=50, lease=300, owner=?, signal_type=?} */
static int claim(lua_State *L) {
    static const char *const names[] = {"limit", "lease", "owner", "signal_type", NULL};
    Error error;
    ClaimOptions options;
    Handle *handle = handle_check(L);
    Record record = record_options(L, 2, names);
    Status status = read_options(L, &record, &options, &error);
    ClaimSet **set = claim_set_push(L);
    if (status == STATUS_OK) {
        Store *store = handle_store(L, handle, &error);
        status = store ? store_claim(store, &options, set, &error) : STATUS_CLOSED;
    }
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    claims_push(L, *set, options.lease);
    return 1;
}

/* ---- holding ---- */

/* The claim that is argument 1. */
typedef struct Held {
    Record record;
    Handle *handle;
    Text key;
    int64_t fence;
} Held;

static Held held_check(lua_State *L) {
    Held held = {.record = record_check(L, 1)};
    held.key = field_text(L, &held.record, "canonical_key");
    lua_getfield(L, 1, "fence");
    held.fence = luaL_checkinteger(L, -1);
    lua_getfield(L, 1, "store");
    held.handle = luaL_checkudata(L, -1, STORE_METATABLE);
    return held;
}

static int return_true(lua_State *L, Status status, const Error *error) {
    if (status != STATUS_OK) {
        return error_return(L, error);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* claim:check() */
static int check(lua_State *L) {
    Error error;
    Held held = held_check(L);
    Store *store = handle_store(L, held.handle, &error);
    Status status = store ? store_claim_check(store, held.key, held.fence, &error) : STATUS_CLOSED;
    return return_true(L, status, &error);
}

/* claim:release() */
static int release(lua_State *L) {
    Error error;
    Held held = held_check(L);
    Store *store = handle_store(L, held.handle, &error);
    Status status =
        store ? store_claim_release(store, held.key, held.fence, &error) : STATUS_CLOSED;
    return return_true(L, status, &error);
}

/* claim:renew([lease]) */
static int renew(lua_State *L) {
    Error error;
    double lease;
    Text until;
    lua_settop(L, 2);
    Held held = held_check(L);
    lua_getfield(L, 1, "lease");
    Status status = arg_seconds(L, 2, "lease", lua_tonumber(L, -1), &lease, &error);
    if (status == STATUS_OK) {
        Store *store = handle_store(L, held.handle, &error);
        status = store ? store_claim_renew(store, held.key, held.fence, lease, &until, &error)
                       : STATUS_CLOSED;
    }
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushlstring(L, until.data, until.size);
    lua_pushvalue(L, -1);
    lua_setfield(L, 1, "lease_until");
    return 1;
}

/* ---- settling ---- */

/* The ids of a claim's signals, in a userdata of their own. */
typedef struct Ids {
    int64_t *ids;
    size_t count;
} Ids;

/* The id that is item `item` of a list, and on top of the stack: itself, or its field `id`. */
static int64_t read_id(lua_State *L, const Record *record, bool of_signals, size_t item) {
    if (!of_signals) {
        int exact;
        int64_t id = lua_tointegerx(L, -1, &exact);
        if (lua_type(L, -1) != LUA_TNUMBER || !exact) {
            field_type_error(L, record, "signal_ids", "list of integers", -1);
        }
        return id;
    }
    Record signal = {.arg = 1, .index = lua_gettop(L), .item = (int64_t)item};
    if (!lua_istable(L, -1)) {
        record_error(L, &signal, "signal expected");
    }
    return field_integer_or(L, &signal, "id", 0);
}

/* Pushes the ids in the list that is on top of the stack: of signals, or by themselves. */
static Ids ids_read(lua_State *L, const Record *record, bool of_signals) {
    int list = lua_gettop(L);
    if (!lua_istable(L, list)) {
        field_type_error(L, record, of_signals ? "signals" : "signal_ids", "table", list);
    }
    size_t size = lua_rawlen(L, list);
    Ids ids = {.ids = lua_newuserdatauv(L, (size + 1) * sizeof *ids.ids, 0)};
    for (size_t i = 1; i <= size; i++) {
        lua_rawgeti(L, list, (lua_Integer)i);
        int64_t id = read_id(L, record, of_signals, i);
        ids.ids[ids.count++] = id;
        lua_settop(L, list + 1);
    }
    return ids;
}

/* Pushes the ids of the signals that the claim has. */
static Ids ids_of_claim(lua_State *L, const Held *held) {
    lua_getfield(L, 1, "signals");
    return ids_read(L, &held->record, true);
}

/* Pushes the ids in the field `signal_ids`, or those of the claim's signals. */
static Ids ids_to_settle(lua_State *L, const Held *held, const Record *record) {
    return lua_getfield(L, record->index, "signal_ids") == LUA_TNIL ? ids_of_claim(L, held)
                                                                    : ids_read(L, record, false);
}

static void ids_push(lua_State *L, const Ids *ids) {
    lua_createtable(L, (int)ids->count, 0);
    for (size_t i = 0; i < ids->count; i++) {
        lua_pushinteger(L, ids->ids[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* Reads what becomes of the signals. */
static Status read_mark(lua_State *L, const Record *record, Buffer *json, Mark *mark,
                        Error *error) {
    Text state = field_text(L, record, "state");
    *mark = (Mark){0};
    if (!processing_state_parse(state, &mark->state) || mark->state == STATE_PENDING) {
        return error_invalid(error, "state",
                             "state is \"%.40s\", and must be queued, pushed, rejected or failed",
                             state.data);
    }
    if (mark->state == STATE_PUSHED) {
        mark->page_id = field_text(L, record, "notion_page_id");
    } else if (mark->state != STATE_QUEUED) {
        mark->reason = field_text(L, record, "reason");
    }
    return field_json(L, record, "metadata", false, json, &mark->metadata, error);
}

/* claim:settle{state=, notion_page_id=?, reason=?, metadata=?, signal_ids=?} */
static int settle(lua_State *L) {
    static const char *const names[] = {"state",    "notion_page_id", "reason",
                                        "metadata", "signal_ids",     NULL};
    Error error;
    Mark mark;
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    Record record = record_options(L, 2, names);
    Held held = held_check(L);
    Ids ids = ids_to_settle(L, &held, &record);
    size_t from = handle_mark(held.handle);
    Status status = read_mark(L, &record, &held.handle->bytes, &mark, &error);
    if (status == STATUS_OK) {
        Store *store = handle_store(L, held.handle, &error);
        status = store ? store_claim_settle(store, held.key, held.fence, ids.ids, &ids.count, &mark,
                                            &error)
                       : STATUS_CLOSED;
    }
    handle_cut(held.handle, from);
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushboolean(L, 1);
    ids_push(L, &ids);
    return 2;
}

/* store:settle_queued(ids, {state=, notion_page_id=?, reason=?, metadata=?}) */
static int settle_queued(lua_State *L) {
    static const char *const names[] = {"state", "notion_page_id", "reason", "metadata", NULL};
    Error error;
    Mark mark;
    int64_t marked;
    Handle *handle = handle_check(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    Record record = record_options(L, 3, names);
    lua_pushvalue(L, 2);
    Ids ids = ids_read(L, &(Record){.arg = 2, .index = 2}, false);
    size_t from = handle_mark(handle);
    Status status = read_mark(L, &record, &handle->bytes, &mark, &error);
    if (status == STATUS_OK) {
        Store *store = handle_store(L, handle, &error);
        status = store ? store_settle_queued(store, ids.ids, ids.count, &mark, &marked, &error)
                       : STATUS_CLOSED;
    }
    handle_cut(handle, from);
    if (status != STATUS_OK) {
        return error_return(L, &error);
    }
    lua_pushinteger(L, marked);
    return 1;
}

/* The time until which a claim is held: of the fields `until_` and `for_`. */
static Status read_until(lua_State *L, const Record *record, int64_t *until, Error *error) {
    double seconds;
    Status status = field_time_or_none(L, record, "until_", until, error);
    if (status == STATUS_OK) {
        status = field_seconds_or(L, record, "for_", -1, &seconds, error);
    }
    if (status != STATUS_OK || seconds < 0) {
        return status;
    }
    if (*until != STORE_TIME_NONE) {
        return error_invalid(error, "for_", "for_ and until_ are both given, and one must do");
    }
    double end = iso_seconds(iso_now()) + seconds;
    return iso_read_seconds("for_", end, until, error);
}

/* claim:hold{until_=?, for_=?, reason=?} */
static int hold(lua_State *L) {
    static const char *const names[] = {"until_", "for_", "reason", NULL};
    Error error;
    int64_t until;
    lua_settop(L, 2);
    Record record = record_options(L, 2, names);
    Held held = held_check(L);
    Ids ids = ids_of_claim(L, &held);
    Text reason = field_text_or_none(L, &record, "reason");
    Status status = read_until(L, &record, &until, &error);
    if (status == STATUS_OK) {
        Store *store = handle_store(L, held.handle, &error);
        status = store ? store_claim_hold(store, held.key, held.fence, until, reason, ids.ids,
                                          ids.count, &error)
                       : STATUS_CLOSED;
    }
    return return_true(L, status, &error);
}

/* ---- registration ---- */

static int claim_tostring(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "canonical_key");
    const char *key = luaL_tolstring(L, -1, NULL);
    lua_getfield(L, 1, "lease_until");
    const char *until = luaL_tolstring(L, -1, NULL);
    lua_pushfstring(L, "claim of %s until %s", key, until);
    return 1;
}

static const luaL_Reg claim_methods[] = {
    {"check", check},   {"release", release}, {"renew", renew},
    {"settle", settle}, {"hold", hold},       {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"claim", claim},
    {"settle_queued", settle_queued},
    {NULL, NULL},
};

void claims_open(lua_State *L) {
    luaL_newmetatable(L, CLAIM_SET_METATABLE);
    lua_pushcfunction(L, claim_set_collect);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);

    luaL_newmetatable(L, CLAIM_METATABLE);
    lua_pushcfunction(L, claim_tostring);
    lua_setfield(L, -2, "__tostring");
    luaL_newlib(L, claim_methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);

    handle_methods(L, methods);
}
