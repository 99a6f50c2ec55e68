/* A named statement of the store's. Its text stands in host/queries/NAME.sql and is embedded at
 * build as `query_NAME`. */
#ifndef SIGNALBOX_QUERY_H
#define SIGNALBOX_QUERY_H

typedef struct Query {
    const char *name;
    const char *sql;
    const char *sql_postgresql; /* where that engine needs another text; else NULL */
    int slot;                   /* 0 to QUERY_COUNT - 1: where a connection keeps the statement */
} Query;

#endif
