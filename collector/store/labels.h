/*
 * labels: a host's labels as the JSON object that the database keeps.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_STORE_LABELS_H
#define COLLECTOR_STORE_LABELS_H

#include "common/record.h"

/* A malloc()ed object of strings, keys sorted; of a key given twice the last value counts. */
char *labels_text(const struct rec_pair *labels, size_t count, struct err *err);

#endif
