/*
 * report: the questions that can be asked, one file each. A report says which columns it has, what
 * it needs to read and what must be known for its answer to be complete, and fills the answer from
 * what census computes. Whoever asks (the command, later HTTP) gets the same figures: they have one
 * definition, here and in census.
 *
 * Threads: a reader's own.
 */
#ifndef COLLECTOR_REPORT_REPORT_H
#define COLLECTOR_REPORT_REPORT_H

#include <stdatomic.h>

#include "collector/census/bases.h"
#include "collector/census/coverage.h"
#include "collector/census/ledger.h"
#include "collector/census/model.h"
#include "collector/census/policy.h"
#include "collector/report/sheet.h"
#include "collector/store/store.h"

enum report_by { BY_TERM, BY_LAYER, BY_HOST, BY_IMAGE };

/* What one row of `bases` is. */
enum report_level { LEVEL_CORE, LEVEL_PARENT, LEVEL_VERSION, LEVEL_FAMILY };

/* What `tree` shows. */
struct report_tree {
    bool up;            /* the subject's line; else what is built on it */
    bool labelled_only; /* named nodes, roots and branch points */
    bool incremental;   /* sizes of the node alone; else with all below it */
    bool show_created_by;
    bool count_named;  /* depth and limit count only nodes with a name */
    bool plain_bytes;  /* the notes tell sizes as bytes */
    const char *host;  /* only what lies there; NULL: the whole fleet */
    int64_t depth;     /* 0: all */
    int64_t min_bytes; /* branches that hold less are collapsed */
    int64_t limit;     /* nodes: the largest branches stay; 0: all */
};

struct report_request {
    const char *subject;         /* the X of "image X"; NULL for reports without one */
    const char *const *subjects; /* of reports that take several */
    size_t subject_count;
    enum report_by by;
    bool built_on, ever;
    const struct rec_pair *labels;
    size_t label_count;
    const char *sort; /* NULL: the report's own order */
    int64_t limit;    /* rows; 0: all */
    int64_t fresh_within_s;
    int64_t now_s;
    int64_t as_of_s; /* the fleet at that time; 0: now. Only reports with takes_as_of. */
    bool known_then; /* with the names and images that were known then */
    enum report_level level;
    struct report_tree tree;
    const struct catalogue *catalogue; /* NULL: an empty one; a report never sees NULL */
    const struct policy *policy;       /* NULL: none given */
    const atomic_bool *canceled; /* another thread sets it to have the answer end; NULL: never */
};

/* Everything that the reports draw from, computed once for a request: from counters or, for the
 * hosts of a label, from their rows. What is of single hosts a report reads itself (walk.h,
 * read_one_host(), read_stays()), and puts it here. */
struct census {
    struct store *store;
    struct reading *reading;
    struct fleet fleet;
    struct standing *images; /* parallel to the fleet's */
    struct ledgers ledgers;
    bool *trusted_stores; /* parallel to the fleet's: the operator trusts it to name */
    bool *trusted_said;   /* parallel to the fleet's: such a store said it, ever */
    struct naming naming;
    struct lineage lineage; /* of all images that ever were */
    struct bases bases;     /* without hosts */
    const char **titles;    /* by chain, once asked for: part_chain_title() */
    bool *layers_present;   /* parallel to the fleet's layers: of a present image, or with a copy */
    const struct report_request *request;
    struct arena *arena;
};

struct report {
    const char *name;
    unsigned needs;            /* of coverage, for a complete answer */
    bool digests, past, texts; /* what else to read: read_fleet.h */
    bool takes_as_of;
    bool figures_only; /* tells what surveys kept: the fleet is not read, only `store` is there */
    const char *sort;  /* the order of its rows */
    int (*fill)(struct census *c, struct answer *a, struct err *err);
};

extern const struct report report_summary, report_hosts, report_host, report_images, report_image,
    report_layers, report_layer, report_bases, report_duplicates, report_where, report_lineage,
    report_builders, report_tree, report_policy_check, report_policy_explain, report_policy_history,
    report_policy_init, report_history;

/* -1 and ERR_CANCELED where the request is canceled: asked between the steps of an answer. */
int report_go_on(const struct census *c, struct err *err);

/* Reads, computes and fills *out; everything lies in `arena`. ERR_NOT_FOUND where the subject is
 * not known; ERR_USAGE where it means several things (the text lists them), the sort column is
 * none, or the report tells only of now, or only of the whole fleet, and something else is asked
 * for. */
int report_run(struct answer *out, const struct report *report,
               const struct report_request *request, struct store *store, struct arena *arena,
               struct err *err);

#endif
