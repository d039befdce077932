/*
 * policy_check: the answer of `policy check` in the making, and the parts of it that are of the
 * policy itself.
 *
 * Threads: as the census.
 */
#ifndef COLLECTOR_REPORT_POLICY_CHECK_H
#define COLLECTOR_REPORT_POLICY_CHECK_H

#include "collector/report/policy_tally.h"

#define POLICY_BY_MODE "(the mode)" /* where no rule decided */

struct policy_check {
    struct census *c;
    struct answer *a;
    struct policy_view view;
    struct policy_tally tally;
    int64_t images[POLICY_UNJUDGED + 1]; /* by their gravest outcome */
    int64_t *rule_images;                /* by rule, and of the mode */
    int64_t *rule_running;
    int64_t *excused;             /* by exception: images */
    int64_t running;              /* containers of violating images */
    int64_t seen;                 /* images that are seen as something */
    int64_t accepted_unconfirmed; /* of the accepted ones: on one host's word */
    bool twice_named;             /* of those that do not pass two are called the same */
};

/* Owner, reason and last day of an exception (NULL: none) into three cells. */
int policy_check_exception(const struct policy_check *k, const struct policy_exception *e,
                           struct sheet_cell *cells, struct err *err);

/* The sheets "rules" and "exceptions", and the notes. */
int policy_check_rules(struct policy_check *k, struct err *err);
int policy_check_exceptions(struct policy_check *k, struct err *err);
int policy_check_notes(struct policy_check *k, struct err *err);

#endif
