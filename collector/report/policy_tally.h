/*
 * policy_tally: the verdicts on every image of the fleet, with the hosts and containers that each
 * concerns. An image that falls under different verdicts on different hosts has several findings.
 *
 * Threads: as the census.
 */
#ifndef COLLECTOR_REPORT_POLICY_TALLY_H
#define COLLECTOR_REPORT_POLICY_TALLY_H

#include "collector/report/policy_view.h"

struct policy_finding { /* an image under one verdict */
    uint32_t image;
    struct policy_verdict verdict;
    int64_t hosts, containers, running, run_unknown;
    uint32_t *named; /* the first POLICY_HOSTS_NAMED hosts by name; none where it is accepted */
    size_t named_count;

    size_t named_cap;   /* private */
    uint32_t last_host; /* private: the last one that was counted, + 1 */
    uint32_t next;      /* private: of the same image, + 1, while hosts are walked */
};

struct policy_tally {
    struct policy_finding *list; /* by the image's digest */
    size_t count;
    int64_t *rule_hosts; /* by rule, and one more for the mode: where it let something not pass */
    int64_t violation_hosts;
    bool containers_known; /* not as of a past time */

    size_t cap;               /* private */
    uint32_t *of_image;       /* private: the first finding, + 1 */
    uint32_t *rule_last_host; /* private */
    uint32_t violation_last_host;
    struct policy_view *view;
};

/* Judges all that is present. Hosts are walked where they differ in what holds on them, or where
 * something does not pass, to name them. */
int policy_tally_fill(struct policy_tally *out, struct policy_view *view, struct err *err);

/* Whether the verdict says that something is wrong with the image, excused or not. */
bool policy_tally_tells(const struct policy_verdict *v);

/* The index of the rule that decided, that of the mode behind the last rule. */
size_t policy_tally_rule(const struct policy_tally *t, const struct policy_verdict *v);

/* How grave an outcome is, for one verdict on an image of several: the most grave is the highest.
 */
int policy_tally_weight(enum policy_outcome outcome);

#endif
