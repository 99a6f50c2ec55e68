/* Any bytes as a document. An import takes it whole or changes nothing, says why in text, and what
 * it took it takes again without adding a row; the sanitizers watch the memory. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/store.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/signalbox-fuzz-XXXXXX";
static char path[64];

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static void clean_up(void) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-workers"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    rmdir(folder);
}

/* One store for all runs: what one has taken is rolled back by its caller. */
static Store *open_once(void) {
    static Store *store;
    Error error;
    if (!store) {
        StoreOptions options = store_options_default();
        options.relaxed = true;
        require(mkdtemp(folder) != NULL);
        snprintf(path, sizeof path, "%s/fuzz.db", folder);
        require(store_open(path, &options, &store, &error) == STATUS_OK);
        atexit(clean_up);
    }
    return store;
}

static int64_t added(const ImportReport *report) {
    int64_t sum = 0;
    for (size_t i = 0; i < report->table_count; i++) {
        sum += report->tables[i].added;
    }
    return sum;
}

static int64_t count_signals(Store *store) {
    Stats stats = {0};
    Error error;
    require(store_stats(store, &stats, &error) == STATUS_OK);
    int64_t total = stats.total_signals;
    stats_free(&stats);
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Store *store = open_once();
    Error error;
    int depth, file = memfd_create("document", MFD_CLOEXEC);
    char document[64];
    require(file >= 0 && write(file, data, size) == (ssize_t)size);
    snprintf(document, sizeof document, "/proc/self/fd/%d", file);

    ImportOptions options = {.ignore_unknown = size % 2 == 1};
    ImportReport report, again;
    require(store_begin(store, "fuzz", &depth, &error) == STATUS_OK);
    Status status = store_import(store, document, &options, &report, &error);
    if (status == STATUS_OK) {
        require(store_import(store, document, &options, &again, &error) == STATUS_OK);
        require(added(&again) == 0);
    } else {
        require(error.message[0] != '\0' &&
                utf8_is_text(error.message, strlen(error.message)));
        require(count_signals(store) == 0);
    }
    require(store_rollback(store, depth, &error) == STATUS_OK);
    close(file);
    return 0;
}
