#include "collector/report/report.h"

#include "collector/report/coverage_sheet.h"
#include "collector/store/read_fleet.h"

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
    for (size_t i = 0; i < c->copies.count; i++)
        if (c->copies.list[i].layer != FLEET_NONE)
            c->layers_present[c->copies.list[i].layer] = true;
    return 0;
}

static int compute(struct census *c, struct err *err)
{
    if (copies_derive(&c->copies, &c->fleet, c->arena, err) != 0)
        return -1;
    c->images = standing_compute(&c->fleet, c->arena, err);
    if (c->images == NULL ||
        ledger_compute(&c->ledgers, &c->fleet, &c->copies, c->arena, err) != 0 ||
        ledger_check(&c->ledgers, &c->fleet, err) != 0 ||
        bases_compute(&c->bases, &c->fleet, &c->copies, c->images, c->arena, err) != 0 ||
        model_compute(&c->model, &c->fleet, &c->copies, &c->ledgers, &c->bases, c->arena, err) != 0)
        return -1;
    return mark_layers(c, err);
}

static int cover(const struct census *c, const struct report *report, struct answer *out,
                 struct err *err)
{
    struct coverage coverage;

    if (coverage_compute(&coverage, &c->fleet, &c->copies, c->images, c->layers_present,
                         c->request->fresh_within_s, report->needs, c->arena, err) != 0)
        return -1;
    out->complete = coverage.complete;
    return coverage_fill(out, &coverage, err);
}

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

static int answer(struct census *c, struct answer *out, const struct report *report,
                  struct err *err)
{
    const struct read_options options = {.now_s = c->request->now_s,
                                         .labels = c->request->labels,
                                         .label_count = c->request->label_count,
                                         .digests = report->digests,
                                         .past = report->past};

    if (read_fleet(c->store, &c->fleet, &options, c->arena, err) != 0 || compute(c, err) != 0)
        return -1;
    return report->fill(c, out, err);
}

int report_run(struct answer *out, const struct report *report,
               const struct report_request *request, struct store *store, struct arena *arena,
               struct err *err)
{
    struct census c = {.store = store, .request = request, .arena = arena};
    int rc;

    if (request->subject != NULL && request->subject[0] == '\0')
        return err_set(err, ERR_USAGE, "%s: asked for nothing: the text is empty", report->name);
    *out = (struct answer){.report = report->name, .now_s = request->now_s, .arena = arena};
    if (store_begin(store, err) != 0)
        return -1;
    rc = answer(&c, out, report, err);
    store_rollback(store);
    if (rc != 0 || cover(&c, report, out, err) != 0)
        return -1;
    return arrange(out, report, request, err);
}
