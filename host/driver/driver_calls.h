/* The calls of driver.h, each handed to the engine that its first argument belongs to. */
#ifndef SIGNALBOX_DRIVER_CALLS_H
#define SIGNALBOX_DRIVER_CALLS_H

static inline Status db_statement(Db *db, const Query *query, St **st, Error *error) {
    return db->driver->statement(db, query, st, error);
}

static inline Status db_statement_text(Db *db, const char *sql, size_t size, St **st,
                                       Error *error) {
    return db->driver->statement_text(db, sql, size, st, error);
}

static inline void st_release(St *st) {
    if (st) {
        st->driver->release(st);
    }
}

static inline void st_reset(St *st) {
    st->driver->reset(st);
}

static inline void st_bind(St *st, int index, Value value) {
    st->driver->bind(st, index, value);
}

static inline int st_parameter_count(St *st) {
    return st->driver->parameter_count(st);
}

static inline int st_parameter_index(St *st, const char *name) {
    return st->driver->parameter_index(st, name);
}

static inline const char *st_parameter_name(St *st, int index) {
    return st->driver->parameter_name(st, index);
}

static inline Status st_step(St *st, Error *error) {
    return st->driver->step(st, error);
}

static inline Status st_stream(St *st, Error *error) {
    return st->driver->stream(st, error);
}

static inline Status st_many(St *st, size_t count, ManyBind *bind, ManyDone *done, void *context,
                             Error *error) {
    return st->driver->many(st, count, bind, done, context, error);
}

static inline int st_column_count(St *st) {
    return st->driver->column_count(st);
}

static inline const char *st_column_name(St *st, int index) {
    return st->driver->column_name(st, index);
}

static inline Value st_column(St *st, int index) {
    return st->driver->column(st, index);
}

static inline int64_t st_int(St *st, int index) {
    return st->driver->column_int(st, index);
}

static inline double st_double(St *st, int index) {
    return st->driver->column_double(st, index);
}

static inline Text st_text(St *st, int index) {
    return st->driver->column_text(st, index);
}

static inline int64_t st_changes(St *st) {
    return st->driver->changes(st);
}

static inline int64_t st_inserted(St *st) {
    return st->driver->inserted(st);
}

static inline bool st_readonly(St *st) {
    return st->driver->readonly(st);
}

static inline Status db_begin(Db *db, TxKind kind, Error *error) {
    return db->driver->begin(db, kind, error);
}

static inline Status db_commit(Db *db, Error *error) {
    return db->driver->commit(db, error);
}

static inline void db_rollback(Db *db) {
    db->driver->rollback(db);
}

static inline bool db_in_transaction(Db *db) {
    return db->driver->in_transaction(db);
}

static inline Status db_savepoint(Db *db, SavepointAct act, int depth, Error *error) {
    return db->driver->savepoint(db, act, depth, error);
}

static inline Status db_script(Db *db, const char *sql, Error *error) {
    return db->driver->script(db, sql, error);
}

static inline void db_interrupt(Db *db) {
    db->driver->interrupt(db);
}

static inline unsigned db_caps(Db *db) {
    return db->driver->caps(db);
}

static inline Status db_now(Db *db, int64_t *now, Error *error) {
    return db->driver->now(db, now, error);
}

static inline const char *db_label(Db *db) {
    return db->driver->label(db);
}

static inline Status db_worker_hold(Db *db, int64_t *worker, Error *error) {
    return db->driver->worker_hold(db, worker, error);
}

static inline void db_worker_drop(Db *db, int64_t worker) {
    db->driver->worker_drop(db, worker);
}

static inline Status db_worker_alive(Db *db, int64_t worker, bool *alive, Error *error) {
    return db->driver->worker_alive(db, worker, alive, error);
}

static inline Status db_backup(Db *db, const char *path, bool synced, BackupProgress *progress,
                               void *context, Error *error) {
    return db->driver->backup(db, path, synced, progress, context, error);
}

static inline Status db_tidy(Db *db, bool full, Error *error) {
    return db->driver->tidy(db, full, error);
}

static inline Status db_compact(Db *db, Error *error) {
    return db->driver->compact(db, error);
}

static inline Status st_run(St *st, Error *error) {
    Status status;
    do {
        status = st_step(st, error);
    } while (status == STATUS_ROW);
    return status;
}

static inline Value value_null(void) {
    return (Value){.type = VALUE_NULL};
}

static inline Value value_int(int64_t integer) {
    return (Value){.type = VALUE_INT, .as.integer = integer};
}

static inline Value value_double(double number) {
    return (Value){.type = VALUE_DOUBLE, .as.number = number};
}

/* NULL where the text is absent. */
static inline Value value_text(Text text) {
    return (Value){.type = text.data ? VALUE_TEXT : VALUE_NULL, .as.text = text};
}

#endif
