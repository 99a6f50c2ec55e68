/* What the engine alone needs for what the batch run writes of a company: the same rows, in the
 * same transactions of 500, by prepared statements with values that are there already. One writer
 * at a time may do this, so no number of workers comes past it. Prints
 *
 *   floor<TAB>companies a second, of the time between BEGIN and the end of COMMIT
 *
 * usage: process_floor DATABASE COMPANIES    a database that workloads/process.lua has filled */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 500
#define NOW "2026-11-01T00:00:00.000000+00:00"
#define LATER "2026-11-01T00:05:00.000000+00:00"

static const char verdict[] = "{\"as long as a breakdown of one signal is, which is 450 bytes\":\"";
static const char item[] = "{\"as long as the line for the sink, which is 355 bytes\":\"";

enum {
    CLAIM,
    HELD,
    MEMBER,
    QUEUE,
    END,
    DECIDE,
    OFFER,
    SENT,
    PUSH,
    COUNT
};

static const char *const texts[COUNT] = {
    [CLAIM] = "INSERT INTO company_claims VALUES(?1, ?2, 1, 'host:1', '" NOW "', '" LATER "') "
              "ON CONFLICT (canonical_key) DO NOTHING",
    [HELD] = "SELECT 1 FROM company_claims WHERE fence = ?1 AND canonical_key = ?2",
    [MEMBER] = "SELECT 1 FROM signals WHERE id = ?1 AND canonical_key = ?2",
    [QUEUE] = "UPDATE OR FAIL signal_processing SET status = 'queued', error_message = NULL, "
              "updated_at = '" NOW "' WHERE signal_id = ?1 AND status = 'pending'",
    [END] = "DELETE FROM company_claims WHERE fence = ?1 AND canonical_key = ?2",
    [DECIDE] =
        "INSERT INTO decisions(canonical_key, decided_at, as_of, decision, score, "
        "verification_status, reason, breakdown, signal_ids) VALUES(?2, '" NOW "', '" NOW "', "
        "'needs_review', 0.25, 'single_source', "
        "'score 0.266 from one source reaches 0.1, not 0.7', ?3, '[' || ?1 || ']')",
    [OFFER] = "INSERT INTO outbox(sink, canonical_key, version, payload, signal_ids, state, "
              "not_before, worker, fence, taken_at, created_at, updated_at) VALUES('file', ?2, 1, "
              "?3, '[' || ?1 || ']', 'sending', '" NOW "', 1, 1, '" NOW "', '" NOW "', '" NOW "') "
              "ON CONFLICT (sink, canonical_key) DO NOTHING",
    [SENT] = "UPDATE outbox SET state = 'sent', page_id = ?2 || '#1', worker = NULL, "
             "updated_at = '" NOW "' WHERE sink = 'file' AND canonical_key = ?2 AND fence = 1",
    [PUSH] = "UPDATE OR FAIL signal_processing SET status = 'pushed', notion_page_id = ?2, "
             "processed_at = '" NOW "', updated_at = '" NOW "' "
             "WHERE signal_id = ?1 AND status = 'queued'",
};

typedef struct Floor {
    sqlite3 *db;
    sqlite3_stmt *statements[COUNT];
    char payloads[2][512]; /* of a decision and of the outbox */
    double locked;
} Floor;

static void must(Floor *floor, int code, const char *what) {
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) {
        fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(floor->db));
        exit(1);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void run(Floor *floor, const char *sql) {
    must(floor, sqlite3_exec(floor->db, sql, NULL, NULL, NULL), sql);
}

/* One statement for company `i`, whose only signal has that number. */
static void step(Floor *floor, int which, int i) {
    sqlite3_stmt *statement = floor->statements[which];
    char key[64];
    snprintf(key, sizeof key, "domain:company-%d.ai", i - 1);
    sqlite3_bind_int(statement, 1, i);
    sqlite3_bind_text(statement, 2, key, -1, SQLITE_STATIC);
    if (sqlite3_bind_parameter_count(statement) > 2) {
        sqlite3_bind_text(statement, 3, floor->payloads[which == OFFER], -1, SQLITE_STATIC);
    }
    must(floor, sqlite3_step(statement), texts[which]);
    sqlite3_reset(statement);
}

static void claim(Floor *floor, int first) {
    double begun = now();
    run(floor, "BEGIN IMMEDIATE");
    for (int i = first; i < first + BATCH; i++) {
        step(floor, CLAIM, i);
    }
    run(floor, "COMMIT");
    floor->locked += now() - begun;
}

/* Confirms what was decided before, and decides this batch. */
static void decide(Floor *floor, int first) {
    double begun = now();
    run(floor, "BEGIN IMMEDIATE");
    for (int i = first - BATCH; first > BATCH && i < first; i++) {
        step(floor, SENT, i);
        step(floor, PUSH, i);
    }
    for (int i = first; i < first + BATCH; i++) {
        for (int which = HELD; which <= OFFER; which++) {
            step(floor, which, i);
        }
    }
    run(floor, "COMMIT");
    floor->locked += now() - begun;
}

static void fill(char *payload, const char *head, size_t size) {
    memset(payload, 'x', size);
    memcpy(payload, head, strlen(head));
    memcpy(payload + size - 2, "\"}", 3);
}

int main(int argc, char **argv) {
    Floor floor = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: process_floor DATABASE COMPANIES\n");
        return 2;
    }
    int count = atoi(argv[2]) / BATCH * BATCH;
    must(&floor, sqlite3_open(argv[1], &floor.db), argv[1]);
    sqlite3_db_config(floor.db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    run(&floor, "PRAGMA synchronous=FULL; PRAGMA cache_size=-32768; PRAGMA journal_mode=WAL");
    for (int i = 0; i < COUNT; i++) {
        must(&floor,
             sqlite3_prepare_v3(floor.db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                &floor.statements[i], NULL),
             texts[i]);
    }
    fill(floor.payloads[0], verdict, 450);
    fill(floor.payloads[1], item, 355);
    for (int first = 1; first <= count; first += BATCH) {
        claim(&floor, first);
        decide(&floor, first);
    }
    printf("floor\t%.1f\n", count / floor.locked);
    for (int i = 0; i < COUNT; i++) {
        sqlite3_finalize(floor.statements[i]);
    }
    return sqlite3_close(floor.db) == SQLITE_OK ? 0 : 1;
}
