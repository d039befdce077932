/*
 * account: where the bytes of one store are. Every directory of the store is walked as what it is
 * (a copy, an orphan, a container's), the engine's own metadata as all that remains, and the whole
 * once more on its own: where nothing changes meanwhile, the parts must add up to it exactly.
 *
 * Threads: any; blocks on disk, and sleeps to keep the pace.
 */
#ifndef AGENT_ACCOUNT_H
#define AGENT_ACCOUNT_H

#include "agent/measure.h"

/* Told once for each copy, in the reading's order. `result` is NULL where the copy was not
 * measured: its directory is not there (missing), or it changed while being measured. */
typedef void account_copy_fn(void *arg, const struct engine_copy *copy,
                             const struct measure_result *result, bool missing);

struct account {
    struct rec_spaces spaces; /* key, age_ms 0; its array is `items`; kinds live with the reading */
    struct rec_space items[REC_SPACES_MAX];
};

/* Walks all of it. on_copy may be NULL. ERR_CANCELED by limits->stop; ERR_IO and the like where a
 * part cannot be read. A part that vanishes meanwhile counts as what was seen of it. The account
 * points into itself: it must not be copied. */
int account_store(const struct engine_root *root, const struct engine_reading *reading,
                  const struct measure_limits *limits, account_copy_fn *on_copy, void *arg,
                  struct account *out, struct err *err);

#endif
