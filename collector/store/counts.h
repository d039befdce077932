/*
 * counts: the counter tables of the file, beside those in memory (mirror.h).
 *
 * Threads: as the store.
 */
#ifndef COLLECTOR_STORE_COUNTS_H
#define COLLECTOR_STORE_COUNTS_H

#include "collector/store/mirror.h"
#include "collector/store/statements.h"

struct counts_difference {
    const char *table, *what, *column; /* `what` it counts: "chain", ... */
    uint32_t id;
    int64_t written, recomputed;
};

/* Notes what the file says in a new mirror whose counters are complete, and tells each column that
 * says something else there; a row that is not there says 0. *rows gets how many the file has.
 * ERR_CORRUPT where one counts what is not there. */
int counts_compare(struct store *s, struct mirror *m, uint64_t *rows,
                   void (*differs)(const struct counts_difference *d, void *arg), void *arg,
                   struct err *err);

/* The writer: writes each counter that changed since it was written last, as the last thing before
 * a COMMIT. What it notes as written does not go back: where it or the COMMIT fails, the mirror is
 * dropped. */
int counts_write(struct store *s, struct err *err);

#endif
