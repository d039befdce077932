/*
 * apply_event: events that name two hosts.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_APPLY_EVENT_H
#define COLLECTOR_STORE_APPLY_EVENT_H

#include "collector/store/statements.h"

/* "host A <verb> ...; the other is host B": an event of incarnation `one` that also names `other`
 * (which may be gone). Where neither is believed, the other one gets its own, the other way round.
 */
int apply_event_pair(struct store *s, const char *kind, const char *subject, const char *what,
                     int64_t one, int64_t other, int64_t now_ms, struct err *err);

#endif
