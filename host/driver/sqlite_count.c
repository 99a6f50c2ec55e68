/* Counting rows as they change.
 *
 * The file's triggers count what other programs do, but a trigger a row costs a third of the speed
 * of a claim. So our own connection switches the triggers off for the store's statements and counts
 * in SQLite's preupdate hook, which sees every row that changes, cascades and REPLACE included; the
 * sums are written once a transaction.
 *
 * Triggers stay on, and nothing is counted here, where that wouldn't be the same: for a user's
 * statement that writes to a counted table (the triggers do more than count), for definitions and
 * scripts, outside a transaction, and in a file that has other triggers than ours. The switch makes
 * SQLite prepare all statements anew, so once a transaction has gone over to the triggers it stays
 * there: the sums so far and what the triggers count add up. */
#include <stdlib.h>
#include <string.h>

#include "driver/sqlite.h"
#include "gen/queries.h"
#include "text/hash.h"

#define TABLES_MOST 8

/* A sum: of all rows of a table that have one value. */
typedef struct Sum {
    struct Sum *next_running; /* of those that the running statement changed */
    struct Sum *next_settled; /* of those that wait to be written */
    bool is_running, is_settled;
    unsigned table;           /* index into `tables` */
    int64_t running, settled; /* what they are to be changed by */
    size_t size;
    char value[];
} Sum;

/* A change of a sum's `settled`, kept while a savepoint is open so that it can be taken back. */
typedef struct Change {
    Sum *sum;
    int64_t delta;
} Change;

struct RowCounter {
    const Counted *tables;
    int table_count;
    int columns[TABLES_MOST]; /* of the counted value; -1: all rows are counted under '' */
    int64_t cookie;           /* of the schema that the rest was read from; -1: none yet */
    bool possible;            /* the table is there, and no triggers but ours */
    bool counting;            /* triggers are off, the hook counts */
    bool by_triggers;         /* until this transaction ends */
    bool failed;              /* no memory: the transaction can't be committed */
    bool flushing;            /* the statement that runs is our own */
    Sum **places;             /* open addressing by table and value */
    size_t capacity, used;    /* capacity is a power of two, or 0 */
    Sum *running, *settled;
    Change *changes; /* since the outermost savepoint */
    size_t change_count, change_capacity;
    size_t *savepoints; /* by depth: how many changes there were when it was set */
    size_t depth, depth_capacity;
};

/* ---- sums ------------------------------------------------------------------------------------ */

/* Where the sum is, or the free place for it. There is always a free one. */
static Sum **find_place(const RowCounter *counter, unsigned table, const char *value, size_t size) {
    size_t mask = counter->capacity - 1;
    size_t at = hash_bytes(table, value, size) & mask;
    for (; counter->places[at]; at = (at + 1) & mask) {
        const Sum *sum = counter->places[at];
        if (sum->table == table && sum->size == size && memcmp(sum->value, value, size) == 0) {
            break;
        }
    }
    return &counter->places[at];
}

/* Keeps the table at most half full. */
static bool make_room(RowCounter *counter) {
    if (counter->used * 2 < counter->capacity) {
        return true;
    }
    size_t old_capacity = counter->capacity;
    Sum **old = counter->places;
    size_t capacity = old_capacity ? old_capacity * 2 : 64;
    Sum **places = calloc(capacity, sizeof(Sum *));
    if (!places) {
        return false;
    }
    counter->places = places;
    counter->capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i]) {
            *find_place(counter, old[i]->table, old[i]->value, old[i]->size) = old[i];
        }
    }
    free(old);
    return true;
}

/* The sum of this value, made where it isn't there; NULL without memory. */
static Sum *find_sum(RowCounter *counter, unsigned table, const char *value, size_t size) {
    if (!make_room(counter)) {
        return NULL;
    }
    Sum **place = find_place(counter, table, value, size);
    if (!*place && (*place = calloc(1, sizeof(Sum) + size + 1))) {
        (*place)->table = table;
        (*place)->size = size;
        memcpy((*place)->value, value, size);
        counter->used++;
    }
    return *place;
}

static void add(RowCounter *counter, unsigned table, const char *value, size_t size, int delta) {
    Sum *sum = find_sum(counter, table, value, size);
    if (!sum) {
        counter->failed = true;
        return;
    }
    sum->running += delta;
    if (!sum->is_running) {
        sum->is_running = true;
        sum->next_running = counter->running;
        counter->running = sum;
    }
}

/* Doubles *array, which has room for *capacity elements of `size` bytes. */
static bool grow(void *array, size_t *capacity, size_t size) {
    size_t more = *capacity ? *capacity * 2 : 32;
    void *grown = realloc(*(void **)array, more * size);
    if (grown) {
        *(void **)array = grown;
        *capacity = more;
    }
    return grown != NULL;
}

static void change_settled(RowCounter *counter, Sum *sum, int64_t delta) {
    if (counter->depth > 0) {
        if (counter->change_count == counter->change_capacity &&
            !grow(&counter->changes, &counter->change_capacity, sizeof(Change))) {
            counter->failed = true;
            return;
        }
        counter->changes[counter->change_count++] = (Change){sum, delta};
    }
    sum->settled += delta;
    if (!sum->is_settled) {
        sum->is_settled = true;
        sum->next_settled = counter->settled;
        counter->settled = sum;
    }
}

/* Ends the running statement. */
static void settle(RowCounter *counter, bool success) {
    for (Sum *sum = counter->running; sum; sum = sum->next_running) {
        if (success) {
            change_settled(counter, sum, sum->running);
        }
        sum->running = 0;
        sum->is_running = false;
    }
    counter->running = NULL;
}

static Sum *take_settled(RowCounter *counter) {
    Sum *sum = counter->settled;
    if (sum) {
        counter->settled = sum->next_settled;
        sum->is_settled = false;
    }
    return sum;
}

/* ---- the hook -------------------------------------------------------------------------------- */

static void add_value(RowCounter *counter, unsigned table, sqlite3_value *value, int delta) {
    const char *text = (const char *)sqlite3_value_text(value);
    add(counter, table, text ? text : "", text ? (size_t)sqlite3_value_bytes(value) : 0, delta);
}

static void count_moved(RowCounter *counter, sqlite3 *connection, unsigned table, int column) {
    sqlite3_value *before, *after;
    if (sqlite3_preupdate_old(connection, column, &before) != SQLITE_OK ||
        sqlite3_preupdate_new(connection, column, &after) != SQLITE_OK) {
        counter->failed = true;
        return;
    }
    const char *old_text = (const char *)sqlite3_value_text(before);
    const char *new_text = (const char *)sqlite3_value_text(after);
    if (old_text && new_text && strcmp(old_text, new_text) == 0) {
        return;
    }
    add_value(counter, table, before, -1);
    add_value(counter, table, after, 1);
}

static void count_row(void *context, sqlite3 *connection, int operation, const char *schema,
                      const char *name, sqlite3_int64 old_id, sqlite3_int64 new_id) {
    RowCounter *counter = context;
    sqlite3_value *value;
    (void)old_id;
    (void)new_id;
    if (!counter->counting || counter->flushing || strcmp(schema, "main") != 0) {
        return;
    }
    unsigned table = 0;
    while (counter->tables[table].table && strcmp(counter->tables[table].table, name) != 0) {
        table++;
    }
    if (!counter->tables[table].table) {
        return;
    }
    int column = counter->columns[table];
    if (operation == SQLITE_UPDATE) {
        if (column >= 0) {
            count_moved(counter, connection, table, column);
        }
    } else if (column < 0) {
        add(counter, table, "", 0, operation == SQLITE_INSERT ? 1 : -1);
    } else if ((operation == SQLITE_INSERT
                    ? sqlite3_preupdate_new(connection, column, &value)
                    : sqlite3_preupdate_old(connection, column, &value)) == SQLITE_OK) {
        add_value(counter, table, value, operation == SQLITE_INSERT ? 1 : -1);
    } else {
        counter->failed = true;
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

Status sqlite_count_open(SqliteDb *db, const Counted *counted, Error *error) {
    RowCounter *counter = calloc(1, sizeof *counter);
    if (!counter) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    counter->tables = counted;
    while (counted[counter->table_count].table && counter->table_count < TABLES_MOST) {
        counter->table_count++;
    }
    counter->cookie = -1;
    db->counter = counter;
    sqlite3_preupdate_hook(db->connection, count_row, counter);
    return STATUS_OK;
}

void sqlite_count_close(SqliteDb *db) {
    RowCounter *counter = db->counter;
    if (!counter) {
        return;
    }
    for (size_t i = 0; i < counter->capacity; i++) {
        free(counter->places[i]);
    }
    free(counter->places);
    free(counter->changes);
    free(counter->savepoints);
    free(counter);
    db->counter = NULL;
}

bool sqlite_counts_table(const SqliteDb *db, const char *name) {
    for (const Counted *table = db->counter->tables; table->table; table++) {
        if (strcmp(table->table, name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- who counts ------------------------------------------------------------------------------ */

static Status set_counting(SqliteDb *db, bool counting, Error *error) {
    if (db->counter->counting == counting) {
        return STATUS_OK;
    }
    int code = sqlite3_db_config(db->connection, SQLITE_DBCONFIG_ENABLE_TRIGGER, !counting, NULL);
    if (code != SQLITE_OK) {
        return sqlite_fail(db, code, error);
    }
    db->counter->counting = counting;
    return STATUS_OK;
}

static Status find_columns(SqliteDb *db, Error *error) {
    RowCounter *counter = db->counter;
    Status status = STATUS_OK;
    for (int i = 0; i < counter->table_count && status <= STATUS_ROW && counter->possible; i++) {
        const Counted *table = &counter->tables[i];
        counter->columns[i] = -1;
        if (!table->column) {
            continue;
        }
        St *st;
        status = sqlite_statement(&db->head, &query_counter_column, &st, error);
        if (status != STATUS_OK) {
            return status;
        }
        sqlite_bind(st, 1, value_text((Text){table->table, strlen(table->table)}));
        sqlite_bind(st, 2, value_text((Text){table->column, strlen(table->column)}));
        status = sqlite_step(st, error);
        if (status == STATUS_ROW) {
            counter->columns[i] = (int)sqlite_column_int(st, 0);
        } else if (status == STATUS_OK) {
            counter->possible = false;
        }
        sqlite_release(st);
    }
    return status == STATUS_ROW ? STATUS_OK : status;
}

/* Looks into the schema whether we may count. */
static Status read_schema(SqliteDb *db, int64_t cookie, Error *error) {
    RowCounter *counter = db->counter;
    St *st;
    counter->cookie = -1;
    Status status = sqlite_statement(&db->head, &query_counter_triggers, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = sqlite_step(st, error);
    counter->possible =
        status == STATUS_ROW && sqlite_column_int(st, 0) == 1 && sqlite_column_int(st, 1) == 0;
    sqlite_release(st);
    if (status == STATUS_ROW) {
        status = find_columns(db, error);
    }
    if (status == STATUS_OK) {
        counter->cookie = cookie;
    }
    return status;
}

Status sqlite_count_begin(SqliteDb *db, Error *error) {
    RowCounter *counter = db->counter;
    int64_t cookie = 0;
    counter->by_triggers = false;
    int code = sqlite_control(db, CONTROL_COOKIE, &cookie);
    if (code != SQLITE_OK) {
        return sqlite_fail(db, code, error);
    }
    Status status = cookie == counter->cookie ? STATUS_OK : read_schema(db, cookie, error);
    /* Another program's trigger, of whatever table, is to run. */
    return status == STATUS_OK && !counter->possible ? set_counting(db, false, error) : status;
}

Status sqlite_count_by_triggers(SqliteDb *db, Error *error) {
    Status status = sqlite_count_flush(db, error);
    db->counter->by_triggers = true;
    db->counter->cookie = -1; /* it may define triggers, temporary ones included */
    return status == STATUS_OK ? set_counting(db, false, error) : status;
}

Status sqlite_count_statement(SqliteDb *db, unsigned does, Error *error) {
    RowCounter *counter = db->counter;
    if (counter->flushing) {
        return STATUS_OK;
    }
    if (does & DOES_DEFINE) {
        return sqlite_count_by_triggers(db, error);
    }
    if (does & DOES_TOUCH_COUNTED) {
        if (does & DOES_USERS_WORK) {
            counter->by_triggers = true;
        }
        Status status = set_counting(db,
                                     counter->possible && !counter->by_triggers &&
                                         !sqlite3_get_autocommit(db->connection),
                                     error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return does & DOES_READ_COUNTERS && !sqlite3_get_autocommit(db->connection)
               ? sqlite_count_flush(db, error)
               : STATUS_OK;
}

/* ---- settling and writing -------------------------------------------------------------------- */

void sqlite_count_settle(SqliteDb *db, bool success) {
    settle(db->counter, success);
}

static Status write_sum(SqliteDb *db, Sum *sum, Error *error) {
    St *st;
    Status status = sqlite_statement(&db->head, &query_counter_add, &st, error);
    if (status == STATUS_OK) {
        const char *name = db->counter->tables[sum->table].name;
        sqlite_bind(st, 1, value_text((Text){name, strlen(name)}));
        sqlite_bind(st, 2, value_text((Text){sum->value, sum->size}));
        sqlite_bind(st, 3, value_int(sum->settled));
        status = sqlite_step(st, error);
        sqlite_release(st);
    }
    return status;
}

/* Where one can't be written, the counts are wrong from there on: `failed` keeps the transaction
 * from being committed. */
Status sqlite_count_flush(SqliteDb *db, Error *error) {
    RowCounter *counter = db->counter;
    Status status = STATUS_OK;
    if (counter->failed) {
        return error_set(error, STATUS_NO_MEMORY, "the rows couldn't be counted");
    }
    counter->flushing = true;
    Sum *pending = counter->settled;
    counter->settled = NULL;
    while (pending) {
        Sum *sum = pending;
        pending = sum->next_settled;
        if (status == STATUS_OK && sum->settled != 0) {
            status = write_sum(db, sum, error);
        }
        sum->is_settled = false;
        if (sum->settled != 0) {
            change_settled(counter, sum, -sum->settled);
        }
    }
    counter->flushing = false;
    counter->failed = counter->failed || status != STATUS_OK;
    return status;
}

void sqlite_count_forget(SqliteDb *db) {
    RowCounter *counter = db->counter;
    settle(counter, false);
    for (Sum *sum; (sum = take_settled(counter)) != NULL;) {
        sum->settled = 0;
    }
    counter->change_count = 0;
    counter->depth = 0;
    counter->failed = false;
}

/* ---- savepoints ------------------------------------------------------------------------------ */

Status sqlite_count_savepoint(SqliteDb *db, Error *error) {
    RowCounter *counter = db->counter;
    if (counter->depth == counter->depth_capacity &&
        !grow(&counter->savepoints, &counter->depth_capacity, sizeof *counter->savepoints)) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    counter->savepoints[counter->depth++] = counter->change_count;
    return STATUS_OK;
}

/* What was written to the table since is undone by SQLite; what waited then waits again. */
void sqlite_count_end_savepoint(SqliteDb *db, int depth, bool undo) {
    RowCounter *counter = db->counter;
    size_t outer = (size_t)depth - 1;
    if (outer >= counter->depth) {
        return;
    }
    size_t kept = counter->savepoints[outer];
    counter->depth = 0; /* nothing of this is to be taken back */
    while (undo && counter->change_count > kept) {
        Change change = counter->changes[--counter->change_count];
        change_settled(counter, change.sum, -change.delta);
    }
    counter->depth = outer;
    if (outer == 0) {
        counter->change_count = 0;
    }
}
