/*
 * apply_survey: keeps what the collector works out by itself (report/survey.h): what each present
 * image stands on, for the view lineage_now, and the day's figures of some reports. All of one
 * survey is one transaction, so that readers see the last one or this one.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_APPLY_SURVEY_H
#define COLLECTOR_STORE_APPLY_SURVEY_H

#include "collector/store/store.h"
#include "common/digest.h"

struct survey_line { /* of one image; texts are never NULL */
    struct digest image;
    struct digest core, base; /* chainIDs; zero: none */
    int64_t base_layers;      /* -1 none */
    const char *core_kind, *core_name, *family, *version, *base_name, *method, *confidence;
};

struct survey_figure {
    const char *report, *sheet, *item, *key;
    int64_t value;
};

struct survey_change {
    int64_t at_s, took_ms;
    const char *catalogue, *policy;    /* files; "" none */
    const struct survey_line *changed; /* new ones too */
    size_t changed_count;
    const struct digest *gone; /* images that are in it no more */
    size_t gone_count;
    const struct survey_figure *figures;
    size_t figure_count;
};

/* An image or chain that the database does not hold (its host took it back meanwhile) is left out.
 */
int apply_survey(struct store *s, const struct survey_change *change, struct err *err);

#endif
