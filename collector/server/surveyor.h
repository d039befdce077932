/*
 * surveyor: has the fleet surveyed again and again (report/survey.h): read by a connection of its
 * own on a pool thread, and given to the writer as one job. Ingest waits for neither.
 *
 *     timer -> pool thread: files, reports -> loop -> writer's job -> loop -> timer
 *
 * The catalogue and the policy are read anew at each interval; one that is wrong is told in the
 * log, once until the complaint is another one, and the last survey stays. A survey that takes long
 * makes the next one wait for more intervals, so that surveys take 2 % of one processor at most.
 *
 * Threads: the loop's.
 */
#ifndef COLLECTOR_SERVER_SURVEYOR_H
#define COLLECTOR_SERVER_SURVEYOR_H

#include <uv.h>

#include "collector/server/options.h"
#include "collector/store/writer.h"

struct surveyor;

/* Whether the operator's files can be read. Blocks on disk. */
int surveyor_check(const struct options *options, struct err *err);

/* Begins; the first survey comes soon. `options` and `writer` outlive it. */
int surveyor_open(struct surveyor **out, uv_loop_t *loop, struct writer *writer,
                  const struct options *options, struct err *err);

/* Makes a survey that is under way end early, at its next step, then frees and calls on_stopped
 * from the loop. Before writer_stop(): the writer may still have its job. */
void surveyor_stop(struct surveyor *s, void (*on_stopped)(void *arg), void *arg);

#endif
