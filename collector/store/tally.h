/*
 * tally: what one host adds to the counters (mirror.h), and takes away again. Whoever changes
 * anything that a host's part follows from takes that host out first; at the job's end all hosts
 * that were taken out are put back as they are then. So there is one definition of a host's part,
 * and no rule for each kind of change.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_TALLY_H
#define COLLECTOR_STORE_TALLY_H

#include "collector/store/mirror.h"

struct tally;

/* No host is out. */
int tally_open(struct tally **out, struct err *err);
void tally_close(struct tally **t);

/* Takes a host's part out of the counters, unless this job did so already. */
int tally_take(struct tally *t, struct mirror *m, int64_t host_id, struct err *err);
/* The same for the host of a store, and for all hosts that hold an image unpacked. */
int tally_take_store(struct tally *t, struct mirror *m, int64_t store_id, struct err *err);
int tally_take_holders(struct tally *t, struct mirror *m, uint32_t image, struct err *err);

/* Before a store's listings become `now` (sorted by image). Small changes of a simple host need not
 * be taken out: their effect is counted at once. */
int tally_step(struct tally *t, struct mirror *m, int64_t store_id, const uint32_t *now,
               uint32_t count, struct err *err);

/* All hosts that have an exception of a chain. */
int tally_take_exceptions(struct tally *t, struct mirror *m, int64_t chain, struct err *err);

/* Puts back what was taken out. */
int tally_put(struct tally *t, struct mirror *m, struct err *err);

/* Whoever was taken out is in again, because the mirror went back. */
void tally_forget(struct tally *t);

/* Puts in every host of a new mirror. */
int tally_all(struct tally *t, struct mirror *m, struct err *err);

#endif
