/*
 * policy_view: what the reports on the policy share: a judge over the census, and how images and
 * rules are told.
 *
 * Threads: as the census.
 */
#ifndef COLLECTOR_REPORT_POLICY_VIEW_H
#define COLLECTOR_REPORT_POLICY_VIEW_H

#include "collector/report/parts.h"
#include "collector/store/read_origins.h"

struct policy_view {
    struct census *c;
    const struct policy *policy;
    struct policy_facts facts;
    struct policy_judge *judge;
    struct all_origins origins;
    bool origins_unknown; /* the policy asks for them, and nobody knows them as of that time */
};

/* Opens a judge of the policy, as of the request's time; it must stay where it is. */
int policy_view_open(struct policy_view *out, struct census *c, const struct policy *policy,
                     struct err *err);

/* What the image is called: its first name, else its ID. NULL on failure. */
const char *policy_view_image(const struct policy_view *v, uint32_t image, struct err *err);

/* "accept", "reject". */
const char *policy_view_action(const struct policy_rule *rule);

/* Whether the exception is the first of those that one of the file became: a name without a tag
 * becomes two. */
bool policy_view_begins(const struct policy *policy, size_t exception);

/* What the exception is of, as its file has it. */
const char *policy_view_excepted(const struct policy_exception *e);

/* Says what to do where no name in the fleet counts. */
int policy_view_note_names(const struct policy_view *v, struct answer *a, struct err *err);

/* "web-1, web-2, web-3 and 14 more": the first of these hosts. NULL on failure. */
const char *policy_view_where(const struct policy_view *v, const uint32_t *hosts, size_t named,
                              int64_t count, struct err *err);
/* The same as a list, of all that are named. */
int policy_view_hosts(const struct policy_view *v, const uint32_t *hosts, size_t named,
                      struct sheet_cell *cell, struct err *err);

/* Host names kept of one row; the others are only counted. */
#define POLICY_HOSTS_NAMED ((size_t)1000)

#endif
