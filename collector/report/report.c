#include "collector/report/report.h"

#include "collector/census/counted.h"
#include "collector/report/coverage_sheet.h"
#include "collector/report/lines.h"
#include "collector/store/read_fleet.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define LABELS_MAX ((size_t)1 << 20) /* bytes; a note ends before */
#define LABELS_TOLD 1000

static int mark_layers(struct census *c, struct err *err)
{
    const struct fleet *f = &c->fleet;

    c->layers_present = arena_array(c->arena, f->layer_count, sizeof(bool), err);
    if (c->layers_present == NULL)
        return -1;
    for (size_t i = 0; i < f->image_count; i++) {
        const struct fleet_image *image = &f->images[i];

        for (uint32_t p = 0; c->images[i].kind != IMAGE_ABSENT && p < image->chain_count; p++)
            if (f->chains[image->chains[p]].layer != FLEET_NONE)
                c->layers_present[f->chains[image->chains[p]].layer] = true;
    }
    for (size_t i = 0; i < f->layer_count; i++)
        c->layers_present[i] = c->layers_present[i] || c->ledgers.layers[i].copies > 0;
    return 0;
}

/* From every row of presence. */
static int compute_all(struct census *c, struct err *err)
{
    struct copies copies;

    if (copies_derive(&copies, &c->fleet, c->arena, err) != 0)
        return -1;
    c->images = standing_compute(&c->fleet, c->arena, err);
    if (c->images == NULL || ledger_compute(&c->ledgers, &c->fleet, &copies, c->arena, err) != 0)
        return -1;
    return ledger_check(&c->ledgers, &c->fleet, err);
}

/* From counters: what is distinct, whatever the number of hosts. */
static int compute_counted(struct census *c, const struct counted *counted, struct err *err)
{
    c->images = counted_standing(counted, &c->fleet, c->arena, err);
    if (c->images == NULL || counted_ledgers(&c->ledgers, counted, &c->fleet, c->arena, err) != 0)
        return -1;
    return ledger_check(&c->ledgers, &c->fleet, err);
}

/* ---- one answer ------------------------------------------------------------------------------ */

static int arrange(struct answer *out, const struct report *report,
                   const struct report_request *request, struct err *err)
{
    struct sheet *rows = out->rows;
    const char *own = out->sort != NULL ? out->sort : report->sort;
    const char *by = request->sort != NULL ? request->sort : own;

    if (rows == NULL)
        return request->sort == NULL
                   ? 0
                   : err_set(err, ERR_USAGE, "--sort: %s has no rows", report->name);
    if (by != NULL && sheet_sort(out, rows, by, err) != 0)
        return -1;
    if (request->limit > 0 && rows->row_count > (size_t)request->limit)
        rows->row_count = (size_t)request->limit;
    return 0;
}

/* The counters are over the whole fleet as it is now, and tell no host from another. */
static int read_and_compute(struct census *c, const struct read_options *options, struct err *err)
{
    struct counted *counted;

    if (options->label_count > 0 || options->as_of_s != 0)
        return read_fleet(c->store, &c->fleet, options, &c->reading, c->arena, err) == 0
                   ? compute_all(c, err)
                   : -1;
    counted = arena_alloc(c->arena, sizeof(*counted), err);
    if (counted == NULL ||
        read_counted(c->store, &c->fleet, counted, options, &c->reading, c->arena, err) != 0)
        return -1;
    return compute_counted(c, counted, err);
}

/* A label that nobody has is rather a slip than a question. */
static int note_labels(const struct census *c, struct answer *out, struct err *err)
{
    const struct report_request *request = c->request;
    AUTO(buf_close) struct buf labels = {0};

    for (size_t i = 0; i < c->fleet.host_count; i++)
        if (c->fleet.hosts[i].selected)
            return 0;
    if (request->label_count == 0)
        return 0;
    buf_init(&labels, LABELS_MAX);
    for (size_t i = 0; i < request->label_count && labels.len < LABELS_TOLD; i++)
        if (buf_printf(&labels, err, "%s%s=%s", i > 0 ? ", " : "", request->labels[i].key,
                       request->labels[i].value) != 0)
            return -1;
    return answer_note(
        out, err, "No host %s %s %s.", request->as_of_s != 0 ? "had" : "has",
        request->label_count == 1 ? "the label" : "all these labels:", buf_str(&labels));
}

/* A fleet of nothing is no answer for a time of which nobody knows anything. */
static int note_before_all(const struct census *c, struct answer *out, struct err *err)
{
    char text[CLOCK_TEXT];
    int64_t first_s = 0;

    for (size_t i = 0; i < c->fleet.host_count; i++)
        if (first_s == 0 || c->fleet.hosts[i].first_s < first_s)
            first_s = c->fleet.hosts[i].first_s;
    if (c->request->as_of_s == 0 || first_s == 0 || c->request->as_of_s >= first_s)
        return 0;
    return answer_note(out, err,
                       "The first host was heard of at %s: nothing is known of the fleet "
                       "before.",
                       clock_text(first_s * 1000, text));
}

int report_go_on(const struct census *c, struct err *err)
{
    const atomic_bool *canceled = c->request->canceled;

    return canceled != NULL && atomic_load(canceled) ? sheet_canceled(err) : 0;
}

/* The coverage comes before the report, which may read presence of its own. */
static int answer(struct census *c, struct answer *out, const struct report *report,
                  struct err *err)
{
    const struct read_options options = {.now_s = c->request->now_s,
                                         .as_of_s = c->request->as_of_s,
                                         .labels = c->request->labels,
                                         .label_count = c->request->label_count,
                                         .fresh_within_s = c->request->fresh_within_s,
                                         .digests = report->digests,
                                         .past = report->past,
                                         .texts = report->texts};
    struct coverage coverage;

    if (report->figures_only) {
        coverage_of_figures(out);
        return report->fill(c, out, err);
    }
    if (report_go_on(c, err) != 0 || read_and_compute(c, &options, err) != 0 ||
        mark_layers(c, err) != 0 || report_go_on(c, err) != 0 ||
        coverage_compute(&coverage, &c->fleet, &c->ledgers, c->images, c->layers_present,
                         options.fresh_within_s, report->needs, c->arena, err) != 0 ||
        lines_compute(c, err) != 0 || report->fill(c, out, err) != 0)
        return -1;
    out->complete = coverage.complete;
    return note_labels(c, out, err) == 0 && note_before_all(c, out, err) == 0
               ? coverage_fill(out, &coverage, err)
               : -1;
}

static int check_request(const struct report *report, const struct report_request *request,
                         struct err *err)
{
    if (request->subject != NULL && request->subject[0] == '\0')
        return err_set(err, ERR_USAGE, "%s: asked for nothing: the text is empty", report->name);
    if (request->as_of_s != 0 && !report->takes_as_of)
        return err_set(err, ERR_USAGE, "--as-of: %s tells only of now", report->name);
    if (request->label_count > 0 && report->figures_only)
        return err_set(err, ERR_USAGE, "--label: %s tells only of the whole fleet", report->name);
    return 0;
}

int report_run(struct answer *out, const struct report *report,
               const struct report_request *request, struct store *store, struct arena *arena,
               struct err *err)
{
    static const struct catalogue empty;
    struct report_request whole = *request;
    struct census c = {.store = store, .request = &whole, .arena = arena};
    int rc;

    if (whole.catalogue == NULL)
        whole.catalogue = &empty;
    if (check_request(report, request, err) != 0)
        return -1;
    *out = (struct answer){.report = report->name,
                           .now_s = request->now_s,
                           .arena = arena,
                           .canceled = request->canceled};
    if (store_begin(store, err) != 0)
        return -1;
    rc = answer(&c, out, report, err);
    store_rollback(store);
    if (rc != 0)
        return -1;
    return arrange(out, report, request, err);
}
