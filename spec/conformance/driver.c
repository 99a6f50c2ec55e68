/* What every driver must do: the contracts of host/driver/driver.h, tried one by one.
 *
 *     driver 'URL with a %d in it'
 *
 * Each check has a database of its own, the URL with its number. Prints what fails; exits 1 where
 * something did. What an engine says that it can't do (db_caps) is not asked of it. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "driver/driver.h"

static const char *checking;
static int failures;

static bool check(bool fine, int line, const char *what) {
    if (!fine) {
        printf("%s: line %d: %s\n", checking, line, what);
        failures++;
    }
    return fine;
}

#define CHECK(condition) check((condition), __LINE__, #condition)

static bool check_status(Status got, Status wanted, const Error *error, int line) {
    if (got != wanted) {
        printf("%s: line %d: %s expected, got %s (%s)\n", checking, line, status_name(wanted),
               status_name(got), got > STATUS_ROW ? error->message : "");
        failures++;
    }
    return got == wanted;
}

#define GIVES(wanted, call) check_status((call), (wanted), &error, __LINE__)
#define FINE(call) GIVES(STATUS_OK, call)

/* ---- helpers ---- */

static Text text(const char *data) {
    return (Text){data, strlen(data)};
}

static bool same(Text one, const char *other) {
    return one.data && one.size == strlen(other) && memcmp(one.data, other, one.size) == 0;
}

static Db *open_with(const char *url, DbOptions options) {
    Error error;
    Db *db = NULL;
    FINE(db_open(url, &options, &db, &error));
    if (!db) {
        exit(1); /* nothing else can be asked */
    }
    return db;
}

static Db *open_db(const char *url) {
    return open_with(url, (DbOptions){.mode = DB_CREATE, .busy_timeout = 5});
}

/* Runs a user's statement in a transaction of its own, or in the one that is open. */
static Status run(Db *db, const char *sql, Error *error) {
    St *st;
    bool alone = !db_in_transaction(db);
    Status status = alone ? db_begin(db, TX_WRITE, error) : STATUS_OK;
    if (status == STATUS_OK) {
        status = db_statement_text(db, sql, strlen(sql), &st, error);
        if (status == STATUS_OK) {
            status = st_run(st, error);
            st_release(st);
        }
        if (alone && status == STATUS_OK) {
            return db_commit(db, error);
        }
        if (alone) {
            db_rollback(db);
        }
    }
    return status;
}

/* The number that a statement gives; INT64_MIN where it gives none. */
static int64_t number(Db *db, const char *sql) {
    Error error;
    St *st;
    int64_t result = INT64_MIN;
    if (FINE(db_statement_text(db, sql, strlen(sql), &st, &error))) {
        if (GIVES(STATUS_ROW, st_step(st, &error))) {
            result = st_int(st, 0);
        }
        st_release(st);
    }
    return result;
}

static void make_items(Db *db) {
    Error error;
    FINE(run(db,
             "CREATE TABLE items(id INTEGER PRIMARY KEY, k TEXT NOT NULL UNIQUE, "
             "n INTEGER NOT NULL CHECK (n >= 0))",
             &error));
}

static const Query insert_item = {
    "insert_item", "INSERT INTO items(k, n) VALUES (?1, ?2) ON CONFLICT (k) DO NOTHING", NULL, 0};
static const Query all_items = {"all_items", "SELECT id, k, n FROM items ORDER BY id", NULL, 1};
static const Query add_item = {"add_item", "INSERT INTO items(k, n) VALUES (?1, ?2)", NULL, 2};

/* ---- opening ---- */

static void opens(const char *url) {
    Error error;
    Db *db = NULL;
    GIVES(STATUS_NOT_FOUND, db_open(url, &(DbOptions){.mode = DB_WRITE}, &db, &error));
    GIVES(STATUS_NOT_FOUND, db_open(url, &(DbOptions){.mode = DB_READ}, &db, &error));
    CHECK(db == NULL);
    db = open_db(url);
    make_items(db);
    CHECK(db_label(db)[0] != '\0');
    db_close(db);
    db = open_with(url, (DbOptions){.mode = DB_READ});
    CHECK(number(db, "SELECT count(*) FROM items") == 0);
    GIVES(STATUS_READONLY, db_begin(db, TX_WRITE, &error));
    GIVES(STATUS_READONLY, db_begin(db, TX_WRITE_SHARED, &error));
    db_close(db);
    db_close(NULL);
}

static void note_text(void *context, const char *sql) {
    *(bool *)context = *(bool *)context || strstr(sql, "4711") != NULL;
}

static void traces(const char *url) {
    bool seen = false;
    Db *db =
        open_with(url, (DbOptions){.mode = DB_CREATE, .trace = note_text, .trace_context = &seen});
    CHECK(number(db, "SELECT 4711") == 4711);
    CHECK(seen);
    db_close(db);
}

/* ---- statements ---- */

static void carries_values(const char *url) {
    static const Query given = {"given", "SELECT ?1 AS a, ?2 AS b, ?3 AS c, ?4 AS d, ?5 AS e", NULL,
                                3};
    static const double doubles[] = {0.1, 5e-324, 1.7976931348623157e308, -1e-7,
                                     123456789.123456789};
    static const char blob[] = {'a', '\0', (char)0xFF};
    Error error;
    St *st;
    Db *db = open_db(url);
    FINE(db_statement(db, &given, &st, &error));
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
        st_bind(st, 1, value_int(i % 2 ? INT64_MAX : INT64_MIN));
        st_bind(st, 2, value_double(doubles[i]));
        st_bind(st, 3, value_text(text("na\xC3\xAFve 'quoted' \"\xF0\x9F\x9A\x80\"")));
        st_bind(st, 4, value_null());
        st_bind(st, 5, (Value){.type = VALUE_BLOB, .as.text = {blob, sizeof blob}});
        if (!GIVES(STATUS_ROW, st_step(st, &error))) {
            break;
        }
        CHECK(st_int(st, 0) == (i % 2 ? INT64_MAX : INT64_MIN));
        CHECK(st_double(st, 1) == doubles[i]);
        CHECK(same(st_text(st, 2), "na\xC3\xAFve 'quoted' \"\xF0\x9F\x9A\x80\""));
        CHECK(st_column(st, 3).type == VALUE_NULL && !st_text(st, 3).data && st_int(st, 3) == 0);
        Value bytes = st_column(st, 4);
        CHECK(bytes.type == VALUE_BLOB && bytes.as.text.size == sizeof blob &&
              memcmp(bytes.as.text.data, blob, sizeof blob) == 0);
        st_reset(st);
    }
    CHECK(st_column_count(st) == 5 && strcmp(st_column_name(st, 1), "b") == 0);
    st_reset(st);
    st_bind(st, 3, value_text(text("")));
    if (GIVES(STATUS_ROW, st_step(st, &error))) {
        CHECK(st_int(st, 0) != 0); /* what is bound stays until it is released */
        CHECK(same(st_text(st, 2), ""));
    }
    st_release(st);
    FINE(db_statement(db, &given, &st, &error));
    if (GIVES(STATUS_ROW, st_step(st, &error))) {
        CHECK(st_column(st, 0).type == VALUE_NULL); /* released: forgotten */
    }
    st_release(st);
    st_release(NULL);
    db_close(db);
}

static void lends_statements(const char *url) {
    Error error;
    St *one, *two;
    Db *db = open_db(url);
    make_items(db);
    FINE(run(db, "INSERT INTO items(k, n) VALUES ('a', 1), ('b', 2)", &error));
    FINE(db_statement(db, &all_items, &one, &error));
    GIVES(STATUS_ROW, st_step(one, &error));
    FINE(db_statement(db, &all_items, &two, &error)); /* in use already: another */
    CHECK(one != two);
    GIVES(STATUS_ROW, st_step(two, &error));
    GIVES(STATUS_ROW, st_step(one, &error));
    CHECK(st_int(one, 2) == 2 && st_int(two, 2) == 1);
    GIVES(STATUS_OK, st_step(one, &error));
    st_release(two); /* early */
    st_release(one);
    CHECK(number(db, "SELECT count(*) FROM items; -- behind") == 2);
    CHECK(number(db, "SELECT count(*) FROM items; -- behind") == 2);
    db_close(db);
}

static void names_parameters(const char *url) {
    static const char sql[] = "SELECT :one, :two, :one";
    Error error;
    St *st;
    Db *db = open_db(url);
    FINE(db_statement_text(db, sql, strlen(sql), &st, &error));
    CHECK(st_parameter_count(st) == 2);
    CHECK(st_parameter_index(st, "two") == 2 && st_parameter_index(st, "three") == 0);
    CHECK(strcmp(st_parameter_name(st, 1), "one") == 0);
    CHECK(st_readonly(st));
    st_bind(st, 3, value_int(1)); /* which it has not */
    GIVES(STATUS_SQL, st_step(st, &error));
    st_release(st);
    db_close(db);
}

static void refuses_texts(const char *url) {
    static const char *const texts[] = {"",
                                        ";",
                                        "-- nothing",
                                        "SELEC 1",
                                        "SELECT 1; SELECT 2",
                                        "SELECT * FROM nowhere",
                                        "BEGIN",
                                        "COMMIT",
                                        "ROLLBACK",
                                        "SAVEPOINT a",
                                        "RELEASE a"};
    Error error;
    St *st;
    Db *db = open_db(url);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        GIVES(STATUS_SQL, db_statement_text(db, texts[i], strlen(texts[i]), &st, &error));
        CHECK(error.message[0] != '\0');
    }
    CHECK(number(db, "SELECT 1") == 1);
    db_close(db);
}

static void counts_changes(const char *url) {
    Error error;
    St *st;
    Db *db = open_db(url);
    make_items(db);
    FINE(db_begin(db, TX_WRITE_SHARED, &error));
    FINE(db_statement(db, &insert_item, &st, &error));
    CHECK(!st_readonly(st));
    for (int i = 0; i < 2; i++) { /* an expected outcome is no failure, and ends nothing */
        st_bind(st, 1, value_text(text("a")));
        st_bind(st, 2, value_int(7));
        FINE(st_run(st, &error));
        CHECK(st_changes(st) == (i == 0));
        if (i == 0) {
            CHECK(st_inserted(st) == number(db, "SELECT id FROM items WHERE k = 'a'"));
        }
        st_reset(st);
    }
    st_release(st);
    FINE(run(db, "INSERT INTO items(k, n) VALUES ('b', 1), ('c', 1)", &error));
    static const char sql[] = "UPDATE items SET n = n + 1 WHERE k <> 'a'";
    FINE(db_statement_text(db, sql, strlen(sql), &st, &error));
    FINE(st_run(st, &error));
    CHECK(st_changes(st) == 2);
    st_release(st);
    FINE(db_commit(db, &error));
    db_close(db);
}

static void tells_errors_apart(const char *url) {
    Error error;
    Db *db = open_db(url);
    make_items(db);
    FINE(db_begin(db, TX_WRITE, &error));
    FINE(run(db, "INSERT INTO items(k, n) VALUES ('a', 1)", &error));
    GIVES(STATUS_DUPLICATE, run(db, "INSERT INTO items(k, n) VALUES ('a', 2)", &error));
    CHECK(!error.tx_dead && !error.unknown);
    GIVES(STATUS_INVALID, run(db, "INSERT INTO items(k, n) VALUES ('b', -1)", &error));
    GIVES(STATUS_INVALID, run(db, "INSERT INTO items(k, n) VALUES (NULL, 1)", &error));
    GIVES(STATUS_SQL, run(db, "INSERT INTO nowhere VALUES (1)", &error));
    CHECK(db_in_transaction(db)); /* a user's statement that fails leaves it going */
    FINE(run(db, "INSERT INTO items(k, n) VALUES ('c', 3)", &error));
    FINE(db_commit(db, &error));
    CHECK(number(db, "SELECT count(*) FROM items") == 2);
    db_close(db);
}

/* ---- many rows ---- */

typedef struct Rows {
    const char *const *keys;
    size_t done, changed, stop_at;
    int64_t last;
} Rows;

static void bind_row(void *context, St *st, size_t index) {
    const Rows *rows = context;
    st_bind(st, 1, value_text(text(rows->keys[index])));
    st_bind(st, 2, value_int((int64_t)index));
}

static Status note_row(void *context, St *st, size_t index, Error *error) {
    Rows *rows = context;
    rows->done++;
    rows->changed += (size_t)st_changes(st);
    rows->last = st_changes(st) ? st_inserted(st) : rows->last;
    return index + 1 == rows->stop_at ? error_set(error, STATUS_INTERRUPTED, "enough") : STATUS_OK;
}

static void runs_many(const char *url) {
    static const char *const keys[] = {"d", "a", "d", "c", "b"};
    Error error;
    St *st;
    Db *db = open_db(url);
    make_items(db);
    FINE(db_begin(db, TX_WRITE_SHARED, &error));
    FINE(db_statement(db, &insert_item, &st, &error));
    Rows rows = {.keys = keys};
    FINE(st_many(st, 0, bind_row, note_row, &rows, &error));
    CHECK(rows.done == 0);
    FINE(st_many(st, 5, bind_row, note_row, &rows, &error));
    CHECK(rows.done == 5 && rows.changed == 4);
    CHECK(rows.last == number(db, "SELECT id FROM items WHERE k = 'b'"));
    CHECK(number(db, "SELECT sum(n) FROM items") == 0 + 1 + 3 + 4);
    FINE(st_many(st, 5, bind_row, NULL, &rows, &error));
    rows = (Rows){.keys = keys, .stop_at = 2};
    GIVES(STATUS_INTERRUPTED, st_many(st, 5, bind_row, note_row, &rows, &error));
    CHECK(rows.done == 2 && error.index == 2);
    st_release(st);
    FINE(db_statement(db, &add_item, &st, &error));
    static const char *const others[] = {"x", "y", "a"};
    rows = (Rows){.keys = others};
    GIVES(STATUS_DUPLICATE, st_many(st, 3, bind_row, NULL, &rows, &error));
    CHECK(error.index == 3);
    st_release(st);
    db_rollback(db);
    CHECK(number(db, "SELECT count(*) FROM items") == 0);
    db_close(db);
}

static void fill(Db *db, int64_t count) {
    Error error;
    St *st;
    FINE(db_begin(db, TX_WRITE, &error));
    FINE(db_statement(db, &add_item, &st, &error));
    for (int64_t i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof key, "key %" PRId64, i);
        st_bind(st, 1, value_text(text(key)));
        st_bind(st, 2, value_int(i));
        FINE(st_run(st, &error));
        st_reset(st);
    }
    st_release(st);
    FINE(db_commit(db, &error));
}

static void streams(const char *url) {
    Error error;
    St *rows, *others;
    int64_t seen = 0;
    Status status;
    Db *db = open_db(url);
    make_items(db);
    fill(db, 2000);
    FINE(db_begin(db, TX_WRITE, &error));
    FINE(db_statement(db, &all_items, &rows, &error));
    FINE(db_statement(db, &all_items, &others, &error));
    while ((status = st_stream(rows, &error)) == STATUS_ROW) {
        CHECK(st_int(rows, 2) == seen++);
        if (seen % 100 == 1) { /* others run meanwhile, and write */
            GIVES(STATUS_ROW, st_stream(others, &error));
            FINE(run(db, "UPDATE items SET n = n WHERE k = 'key 5'", &error));
        }
    }
    FINE(status);
    CHECK(seen == 2000);
    st_release(others); /* early, and harms nothing */
    st_release(rows);
    FINE(db_commit(db, &error));
    db_close(db);
}

/* ---- transactions ---- */

static void keeps_snapshots(const char *url) {
    Error error;
    Db *db = open_db(url);
    make_items(db);
    fill(db, 3);
    Db *reader = open_with(url, (DbOptions){.mode = DB_READ, .side = true});
    FINE(db_begin(reader, TX_READ, &error));
    CHECK(number(reader, "SELECT count(*) FROM items") == 3);
    FINE(run(db, "INSERT INTO items(k, n) VALUES ('new', 1)", &error));
    FINE(run(db, "DELETE FROM items WHERE k = 'key 0'", &error));
    CHECK(number(reader, "SELECT count(*) FROM items WHERE k LIKE 'key %'") == 3);
    CHECK(number(reader, "SELECT count(*) FROM items WHERE k = 'new'") == 0);
    db_rollback(reader);
    CHECK(number(reader, "SELECT count(*) FROM items WHERE k LIKE 'key %'") == 2);
    db_close(reader);
    db_close(db);
}

static void writes_alone(const char *url) {
    Error error;
    Db *db = open_db(url);
    make_items(db);
    Db *other = open_with(url, (DbOptions){.mode = DB_WRITE, .busy_timeout = 0.05});
    FINE(db_begin(db, TX_WRITE, &error));
    FINE(run(db, "INSERT INTO items(k, n) VALUES ('a', 1)", &error));
    CHECK(number(other, "SELECT count(*) FROM items") == 0); /* reads go on */
    GIVES(STATUS_BUSY, db_begin(other, TX_WRITE, &error));
    GIVES(STATUS_BUSY, db_begin(other, TX_WRITE_SHARED, &error));
    CHECK(!db_in_transaction(other));
    FINE(db_commit(db, &error));
    CHECK(!db_in_transaction(db));
    FINE(db_begin(other, TX_WRITE, &error));
    CHECK(number(other, "SELECT n FROM items WHERE k = 'a'") == 1);
    db_rollback(other);
    db_rollback(other); /* never fails */
    GIVES(STATUS_CONFLICT, db_commit(other, &error));
    db_close(other);
    FINE(db_begin(db, TX_WRITE, &error));
    FINE(run(db, "DELETE FROM items", &error));
    db_close(db); /* rolls back */
    db = open_db(url);
    CHECK(number(db, "SELECT count(*) FROM items") == 1);
    db_close(db);
}

enum {
    STEPS = 200,
    THREADS = 3
};

/* Reads, then writes what it has read and one more. */
static void *increment(void *url) {
    Error error;
    Db *db = open_with(url, (DbOptions){.mode = DB_WRITE, .busy_timeout = 60});
    for (int i = 0; i < STEPS; i++) {
        char sql[64];
        FINE(db_begin(db, TX_WRITE, &error));
        snprintf(sql, sizeof sql, "UPDATE items SET n = %" PRId64,
                 number(db, "SELECT n FROM items") + 1);
        FINE(run(db, sql, &error));
        FINE(db_commit(db, &error));
    }
    db_close(db);
    return NULL;
}

static void loses_no_update(const char *url) {
    Error error;
    pthread_t threads[THREADS];
    Db *db = open_db(url);
    make_items(db);
    FINE(run(db, "INSERT INTO items(k, n) VALUES ('a', 0)", &error));
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, increment, (void *)url);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(number(db, "SELECT n FROM items") == STEPS * THREADS);
    db_close(db);
}

static void nests_savepoints(const char *url) {
    Error error;
    Db *db = open_db(url);
    make_items(db);
    FINE(db_begin(db, TX_WRITE, &error));
    FINE(run(db, "INSERT INTO items(k, n) VALUES ('a', 0)", &error));
    FINE(db_savepoint(db, SAVEPOINT_SET, 1, &error));
    FINE(run(db, "INSERT INTO items(k, n) VALUES ('b', 0)", &error));
    FINE(db_savepoint(db, SAVEPOINT_SET, 2, &error));
    FINE(run(db, "INSERT INTO items(k, n) VALUES ('c', 0)", &error));
    FINE(db_savepoint(db, SAVEPOINT_UNDO, 2, &error));
    CHECK(number(db, "SELECT count(*) FROM items") == 2);
    FINE(db_savepoint(db, SAVEPOINT_SET, 2, &error));
    FINE(db_savepoint(db, SAVEPOINT_KEEP, 1, &error)); /* and the one inside it */
    FINE(db_savepoint(db, SAVEPOINT_SET, 1, &error));
    FINE(run(db, "DELETE FROM items", &error));
    FINE(db_savepoint(db, SAVEPOINT_UNDO, 1, &error));
    FINE(db_commit(db, &error));
    CHECK(number(db, "SELECT count(*) FROM items") == 2);
    db_close(db);
}

static void runs_scripts(const char *url) {
    Error error;
    Db *db = open_db(url);
    FINE(db_begin(db, TX_WRITE, &error));
    FINE(db_script(db, "CREATE TABLE one(a INTEGER); -- and\nINSERT INTO one VALUES (1), (2);\n",
                   &error));
    CHECK(number(db, "SELECT sum(a) FROM one") == 3);
    FINE(db_savepoint(db, SAVEPOINT_SET, 1, &error));
    GIVES(STATUS_SQL,
          db_script(db, "INSERT INTO one VALUES (3); INSERT INTO two VALUES (4)", &error));
    CHECK(strstr(error.message, "statement 2") != NULL);
    FINE(db_savepoint(db, SAVEPOINT_UNDO, 1, &error));
    FINE(db_commit(db, &error));
    CHECK(number(db, "SELECT sum(a) FROM one") == 3);
    db_close(db);
}

/* ---- counters ---- */

static int64_t counted(Db *db, const char *value) {
    char sql[128];
    snprintf(sql, sizeof sql,
             "SELECT coalesce(sum(n), 0) FROM counters WHERE name = 'kinds' AND value = '%s'",
             value);
    return number(db, sql);
}

static const Query insert_thing = {"insert_thing", "INSERT INTO things(kind) VALUES (?1)", NULL, 4};
static const Query move_thing = {"move_thing", "UPDATE things SET kind = ?1", NULL, 5};

static void run_with(Db *db, const Query *query, const char *value) {
    Error error;
    St *st;
    FINE(db_statement(db, query, &st, &error));
    st_bind(st, 1, value_text(text(value)));
    FINE(st_run(st, &error));
    st_release(st);
}

static void counts_rows(const char *url) {
    static const Counted tables[] = {{"things", "kind", "kinds"}, {NULL, NULL, NULL}};
    Error error;
    Db *db = open_with(url, (DbOptions){.mode = DB_CREATE, .counted = tables});
    FINE(db_begin(db, TX_WRITE, &error));
    FINE(db_script(db,
                   "CREATE TABLE counters(name TEXT NOT NULL, value TEXT NOT NULL, "
                   "n INTEGER NOT NULL, PRIMARY KEY (name, value));"
                   "CREATE TABLE things(id INTEGER PRIMARY KEY, kind TEXT NOT NULL)",
                   &error));
    FINE(db_commit(db, &error));
    FINE(db_begin(db, TX_WRITE, &error));
    run_with(db, &insert_thing, "a");
    run_with(db, &insert_thing, "b");
    CHECK(counted(db, "a") == 1 && counted(db, "b") == 1); /* inside the transaction too */
    FINE(db_savepoint(db, SAVEPOINT_SET, 1, &error));
    run_with(db, &move_thing, "c");
    FINE(db_savepoint(db, SAVEPOINT_UNDO, 1, &error));
    run_with(db, &insert_thing, "b");
    FINE(db_commit(db, &error));
    CHECK(counted(db, "a") == 1 && counted(db, "b") == 2 && counted(db, "c") == 0);
    FINE(db_begin(db, TX_WRITE, &error));
    run_with(db, &move_thing, "c");
    db_rollback(db);
    CHECK(counted(db, "b") == 2 && counted(db, "c") == 0);
    db_close(db);
}

/* ---- clock, workers, breaking off ---- */

static void tells_time(const char *url) {
    Error error;
    int64_t one, two;
    Db *db = open_db(url);
    FINE(db_now(db, &one, &error));
    FINE(db_now(db, &two, &error));
    CHECK(two >= one && one / 1000000 > 1700000000);
    db_close(db);
}

static void knows_the_living(const char *url) {
    Error error;
    int64_t one, two;
    bool alive;
    Db *db = open_db(url), *other = open_db(url);
    make_items(db);
    FINE(db_worker_hold(db, &one, &error));
    FINE(db_worker_hold(db, &two, &error));
    CHECK(one != two);
    FINE(db_worker_alive(other, one, &alive, &error));
    CHECK(alive);
    FINE(db_worker_alive(db, one, &alive, &error));
    CHECK(alive);
    db_worker_drop(db, one);
    FINE(db_worker_alive(other, one, &alive, &error));
    CHECK(!alive);
    FINE(db_worker_alive(other, two, &alive, &error));
    CHECK(alive);
    db_close(db);
    FINE(db_worker_alive(other, two, &alive, &error));
    CHECK(!alive);
    db_close(other);
}

static void *interrupt_soon(void *db) {
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    db_interrupt(db);
    return NULL;
}

static void breaks_off(const char *url) {
    static const char endless[] =
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT max(i) FROM r";
    Error error;
    St *st;
    pthread_t thread;
    Db *db = open_db(url);
    FINE(db_statement_text(db, endless, strlen(endless), &st, &error));
    pthread_create(&thread, NULL, interrupt_soon, db);
    GIVES(STATUS_INTERRUPTED, st_step(st, &error));
    pthread_join(thread, NULL);
    st_release(st);
    CHECK(number(db, "SELECT 1") == 1);
    db_close(db);
}

/* ---- files ---- */

static bool stop_copying(void *context, int64_t done, int64_t total) {
    (void)context;
    (void)done;
    (void)total;
    return false;
}

static void copies_files(const char *url) {
    char copy[600];
    Error error;
    Db *db = open_db(url);
    if (db_caps(db) & DB_CAP_FILE) {
        make_items(db);
        fill(db, 5000);
        snprintf(copy, sizeof copy, "%s.copy", url);
        GIVES(STATUS_INTERRUPTED, db_backup(db, copy, false, stop_copying, NULL, &error));
        CHECK(access(copy, F_OK) != 0);
        FINE(db_backup(db, copy, true, NULL, NULL, &error));
        GIVES(STATUS_INVALID, db_backup(db, copy, true, NULL, NULL, &error));
        CHECK(driver_owns_file(url) && !driver_owns_file(copy));
        Db *other = open_db(copy);
        CHECK(number(other, "SELECT count(*) FROM items") == 5000);
        db_close(other);
        FINE(run(db, "DELETE FROM items", &error));
        FINE(db_compact(db, &error));
        FINE(db_begin(db, TX_WRITE, &error));
        GIVES(STATUS_BUSY, db_compact(db, &error));
        db_rollback(db);
    }
    FINE(db_tidy(db, true, &error));
    db_close(db);
}

static const struct {
    const char *name;
    void (*run)(const char *url);
} checks[] = {
    {"opens", opens},
    {"traces", traces},
    {"carries values", carries_values},
    {"lends statements", lends_statements},
    {"names parameters", names_parameters},
    {"refuses texts", refuses_texts},
    {"counts changes", counts_changes},
    {"tells errors apart", tells_errors_apart},
    {"runs many", runs_many},
    {"streams", streams},
    {"keeps snapshots", keeps_snapshots},
    {"writes alone", writes_alone},
    {"loses no update", loses_no_update},
    {"nests savepoints", nests_savepoints},
    {"runs scripts", runs_scripts},
    {"counts rows", counts_rows},
    {"tells time", tells_time},
    {"knows the living", knows_the_living},
    {"breaks off", breaks_off},
    {"copies files", copies_files},
};

int main(int argc, char **argv) {
    const char *mark = argc == 2 ? strstr(argv[1], "%d") : NULL;
    if (!mark) {
        fprintf(stderr, "usage: driver 'URL with a %%d in it'\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        char url[512];
        snprintf(url, sizeof url, "%.*s%zu%s", (int)(mark - argv[1]), argv[1], i + 1, mark + 2);
        checking = checks[i].name;
        checks[i].run(url);
    }
    printf("%zu checks, %d failures\n", sizeof checks / sizeof *checks, failures);
    return failures > 0;
}
