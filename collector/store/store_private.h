/*
 * store_private: what a store is made of. Only store.c, statements.c and check.c look inside.
 */
#ifndef COLLECTOR_STORE_STORE_PRIVATE_H
#define COLLECTOR_STORE_STORE_PRIVATE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "collector/store/statements.h"

struct store {
    sqlite3 *db;
    char *path;
    bool writes;
    int lock_fd;                          /* the writer's "FILE.lock"; -1 none */
    bool in_transaction;                  /* between store_begin() and its end */
    struct err lost;                      /* why SQLite itself took back the running transaction */
    sqlite3_stmt **sets[STORE_SET_COUNT]; /* NULL where this connection does not prepare it */
};

#endif
