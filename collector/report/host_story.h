/*
 * host_story: the sections of "host X" that are told and not counted: broken entries, events,
 * incarnations.
 *
 * Threads: as the census.
 */
#ifndef COLLECTOR_REPORT_HOST_STORY_H
#define COLLECTOR_REPORT_HOST_STORY_H

#include "collector/report/report.h"
#include "collector/store/read_host.h"

/* Each begins a sheet of its own. */
int story_problems(struct census *c, struct answer *a, const struct host_story *story,
                   struct err *err);
int story_incarnations(struct census *c, struct answer *a, const struct host_story *story,
                       struct err *err);
int story_events(struct answer *a, const struct host_story *story, struct err *err);

#endif
