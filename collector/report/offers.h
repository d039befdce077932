/*
 * offers: a list in a sentence that has an end: as many items as fit in whole, and how many more
 * there are.
 *
 * Threads: as the reports.
 */
#ifndef COLLECTOR_REPORT_OFFERS_H
#define COLLECTOR_REPORT_OFFERS_H

#include "common/buf.h"
#include "common/error.h"

#define OFFERS_ROOM 1024 /* bytes, the most that a list can have */

struct offers {
    struct buf text;
    size_t room;
    size_t count, told; /* items, and those that are in the text */
};

/* An empty list of at most `room` bytes, and never more than OFFERS_ROOM; offers_close() frees it.
 */
void offers_init(struct offers *o, size_t room);
void offers_close(struct offers *o);

/* Adds an item. Behind one that did not fit none is told. */
void offers_add(struct offers *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The list, "and 3 more" at its end where that is so; "" of nothing. Valid until it is closed. */
const char *offers_text(struct offers *o);

/* ERR_USAGE: the subject may be all of these. Returns -1. */
int offers_fail(struct offers *o, const char *subject, struct err *err);

/* What such a list has room for in an error about this subject. */
size_t offers_error_room(const char *subject);

#endif
