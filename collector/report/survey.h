/*
 * survey: what the collector works out by itself, from the same reports that people read: what each
 * present image stands on, and figures of bases and of its own policy, which are kept day by day.
 *
 * Threads: a reader's own, off every loop.
 */
#ifndef COLLECTOR_REPORT_SURVEY_H
#define COLLECTOR_REPORT_SURVEY_H

#include "collector/report/report.h"
#include "collector/store/apply_survey.h"

/* Surveys the fleet as it is at request->now_s, with request's catalogue and policy (NULL: none).
 * *out is what differs from the survey before, and lies in `arena`. Takes at most `memory_max`
 * bytes at a time, what `arena` has used before included; ERR_LIMIT where that is not enough. */
int survey_take(struct survey_change *out, const struct report_request *request,
                struct store *reader, size_t memory_max, struct arena *arena, struct err *err);

#endif
