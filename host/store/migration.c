/* The schema's steps, applied and taken back.
 *
 * All steps of one move are one transaction: a schema that stopped half-way between two versions
 * would be a third thing to reason about. The write lock is taken before the state is read, so of
 * two processes that open the same file one moves it and the other finds nothing left to do. What
 * holds data is copied first, to a file beside it, which stays only where the move fails. */
#include "store/internal.h"
#include "store/migrations.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SEED_VERSION 1002 /* the seed's tables, which a predecessor's file has */

typedef struct SchemaState {
    int64_t version;     /* the newest that was applied; 0: none */
    int64_t predecessor; /* the newest of the predecessor's own; 0: none */
    bool foreign;        /* it has tables, and they aren't ours */
} SchemaState;

static int newest_version(void) {
    return migrations[migration_count - 1].version;
}

static Status read_numbers(Db *db, const Query *query, int64_t *out, int columns, Error *error) {
    Status status = query_numbers(db, query, NULL, 0, out, columns, error);
    return status == STATUS_ROW ? STATUS_OK : status;
}

/* A table schema_migrations alone says little: other programs have one, too. Ours and the
 * predecessor's have when and what; and a predecessor's file has signals. */
static Status read_state(Db *db, SchemaState *state, Error *error) {
    enum { TABLES, MIGRATIONS, COLUMNS, SIGNALS, COUNT };
    int64_t found[COUNT] = {0}, versions[2] = {0, 0};
    *state = (SchemaState){0};
    Status status = read_numbers(db, &query_migration_tables, found, COUNT, error);
    bool known = found[MIGRATIONS] && found[COLUMNS] == 3;
    if (status == STATUS_OK && known) {
        status = read_numbers(db, &query_migration_version, versions, 2, error);
    }
    state->version = versions[0];
    state->predecessor = versions[1];
    state->foreign = found[TABLES] && (!known || (state->predecessor > 0 && !found[SIGNALS]));
    return status;
}

/* ---- what can't be used ---- */

static Status refuse_foreign(const Store *store, Error *error) {
    return error_set(error, STATUS_SCHEMA, "%s is a database of something else: it has tables, and "
                     "none of signalbox's", store_label(store));
}

static Status refuse_newer(const Store *store, int64_t version, Error *error) {
    return error_set(error, STATUS_SCHEMA,
                     "%s: the schema is version %lld, newer than this program's %d: it can be "
                     "opened for reading only, or with a newer signalbox",
                     store_label(store), (long long)version, newest_version());
}

static Status refuse_older(const Store *store, int64_t version, Error *error) {
    return error_set(error, STATUS_SCHEMA,
                     "%s: the schema is version %lld, this program needs %d: run signalbox migrate "
                     "up %s",
                     store_label(store), (long long)version, newest_version(), store_label(store));
}

static Status check_usable(const Store *store, const SchemaState *state, Error *error) {
    if (state->foreign) {
        return refuse_foreign(store, error);
    }
    if (state->version > newest_version() && !store_readonly(store)) {
        return refuse_newer(store, state->version, error);
    }
    return STATUS_OK;
}

/* ---- one step ---- */

static Status run_with_version(Db *db, const Query *query, int version, const char *text,
                               Error *error) {
    St *st;
    Status status = db_statement(db, query, &st, error);
    if (status == STATUS_OK) {
        bind_int(st, 1, version);
        if (text) {
            bind_text(st, 2, text_of(text));
        }
        status = st_run(st, error);
        st_release(st);
    }
    return status;
}

static Status record(Db *db, const Migration *migration, Error *error) {
    TimeText now;
    St *st;
    Status status = db_statement(db, &query_migration_record, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    bind_int(st, 1, migration->version);
    bind_text(st, 2, now_text(now));
    bind_text(st, 3, text_of(migration->name));
    status = st_run(st, error);
    st_release(st);
    return status == STATUS_OK ? run_with_version(db, &query_migration_checksum, migration->version,
                                                  migration->checksum, error)
                               : status;
}

/* Says which step it was that failed. */
static Status name_step(const Migration *migration, bool down, Status status, Error *error) {
    return error_set(error, status, "%04d_%s.%s.sql: %s", migration->version, migration->name,
                     down ? "down" : "up", error->message);
}

static Status step_up(Db *db, const Migration *migration, bool adopted, Error *error) {
    Status status = STATUS_OK;
    if (!adopted || migration->version != SEED_VERSION) {
        status = db_script(db, migration->up, error);
    }
    if (status == STATUS_OK) {
        status = record(db, migration, error);
    }
    return status == STATUS_OK ? status : name_step(migration, false, status, error);
}

static Status step_down(Db *db, const Migration *migration, bool adopted, Error *error) {
    int version = migration->version;
    Status status = run_with_version(db, &query_migration_forget, version, NULL, error);
    if (status == STATUS_OK) {
        status = run_with_version(db, &query_migration_checksum_forget, version, NULL, error);
    }
    if (status == STATUS_OK && (!adopted || version != SEED_VERSION)) {
        status = db_script(db, migration->down, error);
    }
    if (status == STATUS_OK && !adopted && version == migrations[0].version) {
        int64_t none;
        status = read_numbers(db, &query_migration_forget_all, &none, 0, error);
    }
    return status == STATUS_OK ? status : name_step(migration, true, status, error);
}

/* ---- a move ---- */

/* Which steps lie between the state and the version that is wanted. */
static Status plan(const SchemaState *state, int to, MigrateReport *report, Error *error) {
    int first = migrations[0].version, newest = newest_version();
    bool before_ours = to == 0 || (to == state->predecessor && to > 0);
    if (!before_ours && (to < first || to > newest)) {
        return error_invalid(error, "to", "to is %d, and must be from %d to %d, or %lld, what the "
                             "database was before",
                             to, first, newest, (long long)state->predecessor);
    }
    int from = state->version < first ? first - 1 : (int)state->version;
    int target = before_ours ? first - 1 : to;
    report->from = state->version;
    report->to = before_ours ? (int)state->predecessor : to;
    report->down = target < from;
    report->adopted = state->predecessor > 0;
    report->steps = &migrations[(report->down ? target : from) + 1 - first];
    report->count = (size_t)(report->down ? from - target : target - from);
    return STATUS_OK;
}

/* What steps back would drop: for each, a query of the tables that it takes away, with how many
 * rows each has. Claims and counters are no loss. */
static const struct {
    int version;
    const Query *rows;
} losses[] = {
    {1002, &query_migration_loss_1002}, {1003, &query_migration_loss_1003},
    {1004, &query_migration_loss_1004}, {1005, &query_migration_loss_1005},
    {1006, &query_migration_loss_1006}, {1007, &query_migration_loss_1007},
};

/* Appends "2 of outbox" and so on. */
static Status add_losses(Db *db, const Query *query, Buffer *text, Error *error) {
    St *st;
    Status status = db_statement(db, query, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    while ((status = st_step(st, error)) == STATUS_ROW) {
        char line[80];
        Text table = st_text(st, 0);
        snprintf(line, sizeof line, "%s%lld of %.*s", text->size ? ", " : "",
                 (long long)st_int(st, 1), (int)table.size, table.data);
        buffer_append_text(text, line);
    }
    st_release(st);
    return status;
}

static bool undoes(const MigrateReport *report, int version) {
    return report->down && report->count > 0 && report->steps[0].version <= version &&
           report->steps[report->count - 1].version >= version &&
           !(report->adopted && version == SEED_VERSION);
}

static Status check_loss(Store *store, const MigrateReport *report, Error *error) {
    Buffer text = {0};
    Status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof losses / sizeof *losses; i++) {
        if (undoes(report, losses[i].version)) {
            status = add_losses(store->main, losses[i].rows, &text, error);
        }
    }
    buffer_append_byte(&text, '\0');
    if (status == STATUS_OK && text.failed) {
        status = error_set(error, STATUS_NO_MEMORY, "not enough memory");
    } else if (status == STATUS_OK && text.size > 1) {
        status = error_set(error, STATUS_CONFLICT,
                           "%s: going down to version %d drops rows: %s; export them, or force it",
                           store_label(store), report->to, text.data);
    }
    buffer_free(&text);
    return status;
}

/* Copies a database that holds something; `path` is empty where there was nothing to copy. What an
 * earlier move left under that name is older than the file or the same, for this one is whole. */
static Status snapshot(Store *store, const SchemaState *state, const MigrateReport *report,
                       char path[PATH_MAX], Error *error) {
    int64_t has_data = 0;
    Status status = STATUS_OK;
    path[0] = '\0';
    if (state->version >= SEED_VERSION || state->predecessor > 0) {
        status = read_numbers(store->main, &query_migration_has_data, &has_data, 1, error);
    }
    if (status != STATUS_OK || has_data == 0 || !(store_caps(store) & DB_CAP_FILE)) {
        return status;
    }
    int size = snprintf(path, PATH_MAX, "%s.before-%d", store_label(store), report->to);
    if (size >= PATH_MAX || (unlink(path) != 0 && errno != ENOENT)) {
        path[0] = '\0';
        return error_set(error, STATUS_IO, "a copy beside %s can't be made: %s", store_label(store),
                         size >= PATH_MAX ? "its name is too long" : strerror(errno));
    }
    status = db_backup(store->main, path, true, NULL, NULL, error);
    if (status != STATUS_OK) {
        path[0] = '\0';
    }
    return status;
}

static Status walk(Db *db, const MigrateReport *report, Error *error) {
    Status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < report->count; i++) {
        status = report->down
                     ? step_down(db, &report->steps[report->count - 1 - i], report->adopted, error)
                     : step_up(db, &report->steps[i], report->adopted, error);
    }
    return status;
}

static void name_snapshot(const char *path, Status status, Error *error) {
    error_set(error, status, "%.300s; the database is as it was, and %s is a copy of it",
              error->message, path);
}

/* Inside the transaction: everything but its end. */
static Status move(Store *store, const MigrateOptions *options, MigrateReport *report,
                   char copy[PATH_MAX], Error *error) {
    SchemaState state;
    Status status = read_state(store->main, &state, error);
    if (status == STATUS_OK && state.version > newest_version()) {
        status = refuse_newer(store, state.version, error);
    }
    if (status == STATUS_OK) {
        status = check_usable(store, &state, error);
    }
    if (status == STATUS_OK) {
        status = plan(&state, options->to < 0 ? newest_version() : options->to, report, error);
    }
    if (status == STATUS_OK && !options->force) {
        status = check_loss(store, report, error);
    }
    if (status != STATUS_OK || report->count == 0 || options->dry_run) {
        return status;
    }
    status = snapshot(store, &state, report, copy, error);
    return status == STATUS_OK ? walk(store->main, report, error) : status;
}

Status store_migrate(Store *store, const MigrateOptions *options, MigrateReport *report,
                     Error *error) {
    char copy[PATH_MAX] = "";
    *report = (MigrateReport){0};
    if (store->tx_depth > 0) {
        return error_set(error, STATUS_CONFLICT, "the schema can't be moved in a transaction");
    }
    Status status = db_begin(store->main, options->dry_run ? TX_READ : TX_WRITE, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = move(store, options, report, copy, error);
    if (status == STATUS_OK && !options->dry_run) {
        status = db_commit(store->main, error);
    } else {
        db_rollback(store->main);
    }
    if (copy[0] && status == STATUS_OK) {
        unlink(copy);
    } else if (copy[0]) {
        name_snapshot(copy, status, error);
    }
    return status;
}

Status store_schema(Store *store, StoreSchema *schema, Error *error) {
    SchemaState state;
    Status status = read_state(store->main, &state, error);
    if (status == STATUS_OK) {
        *schema = (StoreSchema){state.version, newest_version(), state.predecessor};
    }
    return status;
}

/* Whether it is up to date: one read of the version, which is all that most openings cost. Where
 * the table isn't there or isn't ours that fails, which no transaction suffers from, for none is
 * open; read_state says what it is then. */
static bool is_current(Store *store) {
    int64_t versions[2];
    Error ignored;
    return read_numbers(store->main, &query_migration_version, versions, 2, &ignored) ==
               STATUS_OK &&
           versions[0] == newest_version();
}

Status migration_check(Store *store, Error *error) {
    SchemaState state;
    if (is_current(store)) {
        return STATUS_OK;
    }
    Status status = read_state(store->main, &state, error);
    if (status == STATUS_OK) {
        status = check_usable(store, &state, error);
    }
    if (status != STATUS_OK || state.version >= newest_version() || store->options.any_schema) {
        return status;
    }
    if (store_readonly(store) || !store->options.migrate) {
        return refuse_older(store, state.version, error);
    }
    MigrateReport report;
    return store_migrate(store, &(MigrateOptions){.to = -1}, &report, error);
}
