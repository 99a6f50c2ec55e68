#include "store/import_map.h"

Status import_map_begin(ImportMap *map, Store *store, Error *error) {
    static const Query *const queries[] = {&query_import_map_make, &query_import_map_index,
                                           &query_import_map_clear};
    Status status = STATUS_OK;
    *map = (ImportMap){.store = store};
    for (size_t i = 0; status == STATUS_OK && i < sizeof queries / sizeof *queries; i++) {
        status = run_query(store, queries[i], NULL, 0, NULL, error);
    }
    return status;
}

static bool in_runs(const ImportMap *map, int64_t id) {
    int low = 0, high = map->run_count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (map->runs[middle].last < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < map->run_count && map->runs[low].first <= id;
}

/* False where it follows none, and there is no room for another. */
static bool add_to_runs(ImportMap *map, int64_t id) {
    int count = map->run_count;
    if (count > 0 && map->runs[count - 1].last + 1 == id) {
        map->runs[count - 1].last = id;
        return true;
    }
    if (count == IMPORT_RUNS_MAX || (count > 0 && id <= map->runs[count - 1].last)) {
        return false;
    }
    map->runs[count].first = map->runs[count].last = id;
    map->run_count++;
    return true;
}

static Status refuse_twice(int64_t document_id, Error *error) {
    return error_invalid(error, "id", "id %lld is given to two signals", (long long)document_id);
}

Status import_map_put(ImportMap *map, int64_t document_id, int64_t id, bool added, Error *error) {
    int64_t there;
    bool ignored;
    Status status = import_map_get(map, document_id, &there, &ignored, error);
    if (status != STATUS_OK) {
        return status == STATUS_ROW ? refuse_twice(document_id, error) : status;
    }
    if (added && id == document_id && add_to_runs(map, id)) {
        return STATUS_OK;
    }
    map->spilled = true;
    Value values[] = {value_int(document_id), value_int(id), value_int(added)};
    return run_query(map->store, &query_import_map_put, values, 3, NULL, error);
}

Status import_map_get(ImportMap *map, int64_t document_id, int64_t *id, bool *added,
                      Error *error) {
    int64_t out[2] = {document_id, 1};
    Value value = value_int(document_id);
    Status status = STATUS_ROW;
    if (!in_runs(map, document_id)) {
        status = map->spilled ? query_numbers(map->store->main, &query_import_map_get, &value, 1,
                                              out, 2, error)
                              : STATUS_OK;
    }
    *id = out[0];
    *added = out[1] != 0;
    return status;
}

Status import_map_taken(ImportMap *map, int64_t id, bool *taken, Error *error) {
    int64_t found;
    Value value = value_int(id);
    *taken = in_runs(map, id);
    if (*taken || !map->spilled) {
        return STATUS_OK;
    }
    Status status = query_numbers(map->store->main, &query_import_map_taken, &value, 1, &found, 1,
                                  error);
    *taken = status == STATUS_ROW;
    return status == STATUS_ROW ? STATUS_OK : status;
}

Status import_map_strand(ImportMap *map, int64_t document_id, Error *error) {
    int64_t id;
    bool added;
    Status status = import_map_get(map, document_id, &id, &added, error);
    if (status != STATUS_ROW || !added) {
        return status == STATUS_ROW ? STATUS_OK : status;
    }
    map->stranded = true;
    Value values[] = {value_int(document_id), value_int(id)};
    return run_query(map->store, &query_import_map_strand, values, 2, NULL, error);
}

Status import_map_reopen(ImportMap *map, Text now, int64_t *count, Error *error) {
    Value value = value_text(now);
    return map->stranded
               ? run_query(map->store, &query_import_map_reopen, &value, 1, count, error)
               : STATUS_OK;
}
