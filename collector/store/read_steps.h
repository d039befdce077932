/*
 * read_steps: which step of a history made each chain, for many images at once. Beside
 * read_fleet(), whose indices it speaks and whose transaction it shares.
 *
 * Threads: a reader's own.
 */
#ifndef COLLECTOR_STORE_READ_STEPS_H
#define COLLECTOR_STORE_READ_STEPS_H

#include "collector/store/read_fleet.h"

/* `steps` (parallel to the fleet's chains) gets the step that made each chain of the marked images
 * (`images`, parallel to the fleet's), as an image says whose history has as many steps with layers
 * as it has layers. Where several say something else, the first text by bytes; where none does, it
 * stays. Texts lie in `arena`. Time: a walk over all histories. */
int read_steps(const struct reading *reading, const bool *images, const char **steps,
               struct arena *arena, struct err *err);

#endif
