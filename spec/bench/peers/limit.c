/* The floor under every store on SQLite: the seed's schema driven by a hand-written C loop with
 * prepared statements and no library between. Prints "workload<TAB>operations per second". Build:
 * cc -O2 limit.c -lsqlite3 -o limit    Run: ./limit DIR [rows] [full|normal] */
#define _GNU_SOURCE
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}
static sqlite3 *db;
static void x(const char *s) {
    char *e = 0;
    if (sqlite3_exec(db, s, 0, 0, &e)) {
        fprintf(stderr, "%s: %s\n", s, e);
        exit(1);
    }
}
static sqlite3_stmt *p(const char *s) {
    sqlite3_stmt *st;
    if (sqlite3_prepare_v3(db, s, -1, SQLITE_PREPARE_PERSISTENT, &st, 0)) {
        fprintf(stderr, "%s: %s\n", s, sqlite3_errmsg(db));
        exit(1);
    }
    return st;
}
static void schema(void) {
    x("CREATE TABLE signals(id INTEGER PRIMARY KEY AUTOINCREMENT,signal_type TEXT NOT "
      "NULL,source_api TEXT NOT NULL,canonical_key TEXT NOT NULL,company_name TEXT,confidence REAL "
      "NOT NULL,raw_data TEXT NOT NULL,detected_at TEXT NOT NULL,created_at TEXT NOT "
      "NULL,UNIQUE(canonical_key,signal_type,source_api,detected_at));"
      "CREATE INDEX i1 ON signals(canonical_key);CREATE INDEX i2 ON signals(signal_type);CREATE "
      "INDEX i3 ON signals(created_at);CREATE INDEX i4 ON signals(detected_at);"
      "CREATE TABLE signal_processing(id INTEGER PRIMARY KEY AUTOINCREMENT,signal_id INTEGER NOT "
      "NULL REFERENCES signals(id) ON DELETE CASCADE,status TEXT NOT NULL,notion_page_id "
      "TEXT,processed_at TEXT,error_message TEXT,metadata TEXT,created_at TEXT NOT NULL,updated_at "
      "TEXT NOT NULL);"
      "CREATE INDEX i5 ON signal_processing(signal_id);CREATE INDEX i6 ON "
      "signal_processing(status);CREATE INDEX i7 ON signal_processing(notion_page_id);"
      "CREATE TABLE suppression_cache(id INTEGER PRIMARY KEY AUTOINCREMENT,canonical_key TEXT NOT "
      "NULL UNIQUE,notion_page_id TEXT NOT NULL,status TEXT NOT NULL,company_name TEXT,cached_at "
      "TEXT NOT NULL,expires_at TEXT NOT NULL,metadata TEXT);"
      "CREATE INDEX i8 ON suppression_cache(notion_page_id);CREATE INDEX i9 ON "
      "suppression_cache(expires_at);");
}
static const char *RAW =
    "{\"repo\":\"acme/"
    "awesome-ml\",\"stars\":1500,\"recent_stars\":200,\"topics\":[\"ai\",\"machine-learning\","
    "\"devtools\"],\"description\":\"An awesome machine learning library for doing things fast and "
    "well\",\"language\":\"Python\",\"owner\":{\"login\":\"acme\",\"id\":1234567,\"type\":"
    "\"Organization\"},\"homepage\":\"https://acme.ai\"}";
static sqlite3_stmt *ins, *insp;
static void stamp(char *b, long i) {
    time_t t = 1760000000 + i;
    struct tm m;
    gmtime_r(&t, &m);
    strftime(b, 40, "%Y-%m-%dT%H:%M:%S.000001+00:00", &m);
}
static void save(long i) {
    char k[64], d[40], n[40];
    snprintf(k, 64, "domain:company%ld.example", i / 3);
    stamp(d, i);
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    struct tm m;
    gmtime_r(&ts.tv_sec, &m);
    strftime(n, 40, "%Y-%m-%dT%H:%M:%S.123456+00:00", &m);
    sqlite3_bind_text(ins, 1, i % 3 ? "github_spike" : "incorporation", -1, SQLITE_STATIC);
    sqlite3_bind_text(ins, 2, i % 3 ? "github" : "companies_house", -1, SQLITE_STATIC);
    sqlite3_bind_text(ins, 3, k, -1, SQLITE_STATIC);
    sqlite3_bind_text(ins, 4, "Acme Inc", -1, SQLITE_STATIC);
    sqlite3_bind_double(ins, 5, 0.85);
    sqlite3_bind_text(ins, 6, RAW, -1, SQLITE_STATIC);
    sqlite3_bind_text(ins, 7, d, -1, SQLITE_STATIC);
    sqlite3_bind_text(ins, 8, n, -1, SQLITE_STATIC);
    if (sqlite3_step(ins) != SQLITE_DONE) {
        fprintf(stderr, "%s\n", sqlite3_errmsg(db));
        exit(1);
    }
    sqlite3_reset(ins);
    sqlite3_bind_int64(insp, 1, sqlite3_last_insert_rowid(db));
    sqlite3_bind_text(insp, 2, n, -1, SQLITE_STATIC);
    sqlite3_bind_text(insp, 3, n, -1, SQLITE_STATIC);
    sqlite3_step(insp);
    sqlite3_reset(insp);
}
static void fresh(const char *dir, const char *sync) {
    char f[512], c[600];
    snprintf(f, 512, "%s/limit.db", dir);
    snprintf(c, 600, "rm -f %s %s-wal %s-shm", f, f, f);
    if (system(c))
        exit(1);
    if (db)
        sqlite3_close_v2(db);
    sqlite3_open(f, &db);
    x("PRAGMA journal_mode=WAL");
    snprintf(c, 600, "PRAGMA synchronous=%s", sync);
    x(c);
    x("PRAGMA foreign_keys=ON");
    schema();
    ins = p("INSERT INTO "
            "signals(signal_type,source_api,canonical_key,company_name,confidence,raw_data,"
            "detected_at,created_at)VALUES(?,?,?,?,?,?,?,?)");
    insp = p("INSERT INTO "
             "signal_processing(signal_id,status,created_at,updated_at)VALUES(?,'pending',?,?)");
}
int main(int c, char **v) {
    const char *dir = c > 1 ? v[1] : ".";
    long N = c > 2 ? atol(v[2]) : 100000;
    const char *sync = c > 3 ? v[3] : "full";
    double t;
    fresh(dir, sync);
    long S = 2000;
    t = now();
    for (long i = 0; i < S; i++) {
        x("BEGIN IMMEDIATE");
        save(i);
        x("COMMIT");
    }
    printf("save_each\t%.0f\n", S / (now() - t));
    sqlite3_finalize(ins);
    sqlite3_finalize(insp);
    fresh(dir, sync);
    t = now();
    x("BEGIN IMMEDIATE");
    for (long i = 0; i < N; i++) {
        save(i);
        if (i % 10000 == 9999) {
            x("COMMIT");
            x("BEGIN IMMEDIATE");
        }
    }
    x("COMMIT");
    printf("save_bulk\t%.0f\n", N / (now() - t));
    {
        sqlite3_stmt *s = p("SELECT "
                            "s.id,s.signal_type,s.source_api,s.canonical_key,s.company_name,s."
                            "confidence,s.raw_data,s.detected_at,s.created_at,p.status,p.notion_"
                            "page_id,p.processed_at,p.error_message FROM signals s LEFT JOIN "
                            "signal_processing p ON p.signal_id=s.id ORDER BY s.id");
        t = now();
        long n = 0, b = 0;
        while (sqlite3_step(s) == SQLITE_ROW) {
            for (int k = 0; k < 13; k++) {
                sqlite3_column_text(s, k);
                b += sqlite3_column_bytes(s, k);
            }
            n++;
        }
        printf("scan\t%.0f\n", n / (now() - t));
        sqlite3_finalize(s);
    }
    {
        sqlite3_stmt *s = p("SELECT EXISTS(SELECT 1 FROM signals WHERE canonical_key=?)");
        long L = 200000;
        char k[64];
        t = now();
        for (long i = 0; i < L; i++) {
            snprintf(k, 64, "domain:company%ld.example", (i * 7919) % (N / 2));
            sqlite3_bind_text(s, 1, k, -1, SQLITE_STATIC);
            sqlite3_step(s);
            sqlite3_reset(s);
        }
        printf("is_duplicate\t%.0f\n", L / (now() - t));
    }
    {
        sqlite3_stmt *s =
            p("INSERT INTO "
              "suppression_cache(canonical_key,notion_page_id,status,company_name,cached_at,"
              "expires_at,metadata)VALUES(?,?,'Source','Acme','2026-01-01T00:00:00.000001+00:00','"
              "2099-01-01T00:00:00.000001+00:00',NULL) ON CONFLICT(canonical_key)DO UPDATE SET "
              "notion_page_id=excluded.notion_page_id,status=excluded.status,company_name=excluded."
              "company_name,cached_at=excluded.cached_at,expires_at=excluded.expires_at,metadata="
              "excluded.metadata");
        long L = 50000;
        char k[64];
        t = now();
        x("BEGIN IMMEDIATE");
        for (long i = 0; i < L; i++) {
            snprintf(k, 64, "domain:sup%ld.example", i);
            sqlite3_bind_text(s, 1, k, -1, SQLITE_STATIC);
            sqlite3_bind_text(s, 2, k, -1, SQLITE_STATIC);
            sqlite3_step(s);
            sqlite3_reset(s);
        }
        x("COMMIT");
        printf("suppress_bulk\t%.0f\n", L / (now() - t));
        s = p(
            "SELECT canonical_key,notion_page_id,status,company_name,cached_at,expires_at,metadata "
            "FROM suppression_cache WHERE canonical_key=? AND expires_at>?");
        L = 200000;
        t = now();
        for (long i = 0; i < L; i++) {
            snprintf(k, 64, "domain:sup%ld.example", (i * 7919) % 100000);
            sqlite3_bind_text(s, 1, k, -1, SQLITE_STATIC);
            sqlite3_bind_text(s, 2, "2026-11-23", -1, SQLITE_STATIC);
            sqlite3_step(s);
            sqlite3_reset(s);
        }
        printf("check_suppression\t%.0f\n", L / (now() - t));
    }
    {
        sqlite3_stmt *s = p("UPDATE signal_processing SET "
                            "status='pushed',notion_page_id=?,processed_at=?,metadata=?,updated_at="
                            "? WHERE signal_id=?");
        long L = N < 20000 ? N : 20000;
        t = now();
        x("BEGIN IMMEDIATE");
        for (long i = 0; i < L; i++) {
            sqlite3_bind_text(s, 1, "page", -1, 0);
            sqlite3_bind_text(s, 2, "2026-11-23T00:00:00.000001+00:00", -1, 0);
            sqlite3_bind_null(s, 3);
            sqlite3_bind_text(s, 4, "2026-11-23T00:00:00.000001+00:00", -1, 0);
            sqlite3_bind_int64(s, 5, i + 1);
            sqlite3_step(s);
            sqlite3_reset(s);
        }
        x("COMMIT");
        printf("mark_bulk\t%.0f\n", L / (now() - t));
    }
    {
        t = now();
        sqlite3_stmt *s = p("SELECT signal_type,COUNT(*) FROM signals GROUP BY signal_type");
        while (sqlite3_step(s) == SQLITE_ROW)
            ;
        s = p("SELECT status,COUNT(*) FROM signal_processing GROUP BY status");
        while (sqlite3_step(s) == SQLITE_ROW)
            ;
        s = p("SELECT COUNT(*) FROM signals");
        while (sqlite3_step(s) == SQLITE_ROW)
            ;
        printf("get_stats\t%.1f\n", 1 / (now() - t));
    }
    {
        sqlite3_stmt *s =
            p("SELECT s.id,s.raw_data FROM signals s JOIN signal_processing p ON s.id=p.signal_id "
              "WHERE p.status='pending' ORDER BY s.detected_at DESC LIMIT 50");
        t = now();
        int L = 20;
        for (int i = 0; i < L; i++) {
            while (sqlite3_step(s) == SQLITE_ROW)
                ;
            sqlite3_reset(s);
        }
        printf("pending50_as_seed\t%.1f\n", L / (now() - t));
    }
    return 0;
}
