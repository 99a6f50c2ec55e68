/* Which engine answers to a URL. */
#include "driver/driver.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "driver/sqlite_file.h"

static bool begins_with(const char *text, const char *prefix) {
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* Length of "scheme" where `url` is scheme://..., else 0. */
static size_t scheme_length(const char *url) {
    size_t length =
        strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return strncmp(url + length, "://", 3) == 0 ? length : 0;
}

/* A message here never repeats the URL: it may hold a password. */
Status db_open(const char *url, const DbOptions *options, Db **db, Error *error) {
    *db = NULL;
    if (begins_with(url, "postgresql://") || begins_with(url, "postgres://")) {
        return error_set(error, STATUS_UNAVAILABLE, "this build has no PostgreSQL driver");
    }
    size_t scheme = scheme_length(url);
    if (scheme > 0) {
        return error_invalid(error, "path", "path is a URL of an unknown kind, '%.*s'",
                             scheme < 20 ? (int)scheme : 20, url);
    }
    return sqlite_driver.open(url, options, db, error);
}

void db_close(Db *db) {
    if (db) {
        db->driver->close(db);
    }
}

bool driver_owns_file(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && sqlite_file_owned(&status);
}

bool driver_owns_descriptor(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) == 0 && sqlite_file_owned(&status);
}
