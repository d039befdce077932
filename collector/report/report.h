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

#include "collector/census/bases.h"
#include "collector/census/coverage.h"
#include "collector/census/ledger.h"
#include "collector/census/model.h"
#include "collector/report/sheet.h"
#include "collector/store/store.h"

enum report_by { BY_TERM, BY_LAYER, BY_HOST, BY_IMAGE };

struct report_request {
    const char *subject; /* the X of "image X"; NULL for reports without one */
    enum report_by by;
    bool built_on, ever;
    const struct rec_pair *labels;
    size_t label_count;
    const char *sort; /* NULL: the report's own order */
    int64_t limit;    /* rows; 0: all */
    int64_t fresh_within_s;
    int64_t now_s;
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
    struct bases bases;   /* without hosts */
    bool *layers_present; /* parallel to the fleet's layers: of a present image, or with a copy */
    const struct report_request *request;
    struct arena *arena;
};

struct report {
    const char *name;
    unsigned needs;            /* of coverage, for a complete answer */
    bool digests, past, texts; /* what else to read: read_fleet.h */
    const char *sort;          /* the order of its rows */
    int (*fill)(struct census *c, struct answer *a, struct err *err);
};

extern const struct report report_summary, report_hosts, report_host, report_images, report_image,
    report_layers, report_layer, report_bases, report_duplicates, report_where;

/* Reads, computes and fills *out; everything lies in `arena`. ERR_NOT_FOUND where the subject is
 * not known; ERR_USAGE where it means several things (the text lists them) or the sort column is
 * none. */
int report_run(struct answer *out, const struct report *report,
               const struct report_request *request, struct store *store, struct arena *arena,
               struct err *err);

#endif
