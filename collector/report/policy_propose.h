/*
 * policy_propose: a white list of what a fleet runs, from the answer of report_policy_init.
 *
 * Threads: plain data.
 */
#ifndef COLLECTOR_REPORT_POLICY_PROPOSE_H
#define COLLECTOR_REPORT_POLICY_PROPOSE_H

#include "collector/report/report.h"

/* One rule for each row; where there are more rows than a file may have rules, rows of a kind share
 * rules. What is not copied into `arena` stays the answer's. ERR_LIMIT where that is not enough. */
int policy_propose(struct policy *out, const struct answer *a, struct arena *arena,
                   struct err *err);

#endif
