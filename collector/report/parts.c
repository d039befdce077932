#include "collector/report/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/census/os_release.h"

#define TEXT_MAX 256

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted; two spellings of one name are one. */
static void set_names(const char **texts, size_t count, struct sheet_cell *cell)
{
    size_t distinct = 0;

    if (count > 1)
        qsort(texts, count, sizeof(*texts), by_text);
    for (size_t i = 0; i < count; i++)
        if (distinct == 0 || strcmp(texts[distinct - 1], texts[i]) != 0)
            texts[distinct++] = texts[i];
    *cell = cell_texts(texts, distinct);
}

int part_names(const struct census *c, const uint32_t *names, uint32_t count,
               struct sheet_cell *cell, struct err *err)
{
    const char **texts = arena_array(c->arena, count, sizeof(*texts), err);

    if (texts == NULL)
        return -1;
    for (uint32_t i = 0; i < count; i++)
        texts[i] = c->fleet.names[names[i]].normal;
    set_names(texts, count, cell);
    return 0;
}

int part_texts(const struct census *c, const char **texts, size_t count, struct sheet_cell *cell,
               struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct fleet_name name;

        if (fleet_name_set(&name, texts[i], c->arena, err) != 0)
            return -1;
        texts[i] = name.normal;
    }
    set_names(texts, count, cell);
    return 0;
}

const char *part_platform(const struct census *c, const struct fleet_image *image, struct err *err)
{
    char text[TEXT_MAX];

    if (image->os[0] == '\0' && image->arch[0] == '\0')
        return "";
    snprintf(text, sizeof(text), "%s/%s%s%s", image->os, image->arch,
             image->variant[0] != '\0' ? "/" : "", image->variant);
    return arena_text(c->arena, text, strlen(text), err);
}

int64_t part_image_nominal(const struct census *c, const struct fleet_image *image)
{
    int64_t total = 0;

    if (image->parsed != PARSED_READ)
        return FLEET_UNKNOWN;
    for (uint32_t p = 0; p < image->chain_count; p++) {
        int64_t nominal = fleet_nominal(&c->fleet, c->fleet.chains[image->chains[p]].layer);

        if (nominal == FLEET_UNKNOWN)
            return FLEET_UNKNOWN;
        total += nominal;
    }
    return total;
}

const char *part_config_state(const struct fleet_image *image)
{
    if (image->parsed == PARSED_NO_IMAGE)
        return "artifact";
    if (image->parsed == PARSED_DISPUTED || image->document == DOCUMENT_DISPUTED)
        return "disputed";
    if (image->parsed != PARSED_READ)
        return "unknown";
    return image->document == DOCUMENT_UNCONFIRMED ? "unconfirmed" : "proven";
}

const char *part_size_state(const struct fleet_layer *layer)
{
    static const char *const names[] = {
        [FACT_UNKNOWN] = "unknown",
        [FACT_REPORTED] = "reported",
        [FACT_CONFIRMED] = "confirmed",
        [FACT_DISPUTED] = "disputed",
    };

    return layer->state >= FACT_UNKNOWN && layer->state <= FACT_DISPUTED ? names[layer->state]
                                                                         : "unknown";
}

int part_os_name(const struct census *c, const char *os_release, const char **out, struct err *err)
{
    struct os_release os;
    const char *name;

    *out = NULL;
    if (os_release == NULL || os_release[0] == '\0')
        return 0;
    os_release_parse(&os, os_release);
    name = os.pretty_name[0] != '\0' ? os.pretty_name : os.id;
    *out = arena_text(c->arena, name, strlen(name), err);
    return *out != NULL ? 0 : -1;
}

int part_engines(const struct census *c, const struct fleet_host *h, struct sheet_cell *cell,
                 struct err *err)
{
    const char **engines = arena_array(c->arena, h->stores.count, sizeof(*engines), err);
    size_t count = 0;

    if (engines == NULL)
        return -1;
    for (uint32_t i = 0; i < h->stores.count; i++) {
        const struct fleet_store *s = &c->fleet.stores[h->stores.first + i];
        bool known = !s->present;

        for (size_t e = 0; !known && e < count; e++)
            known = strcmp(engines[e], s->engine) == 0;
        if (!known)
            engines[count++] = s->engine;
    }
    *cell = cell_texts(engines, count);
    return 0;
}

int part_labels(struct arena *arena, const struct rec_pair *labels, size_t count,
                struct sheet_cell *cell, struct err *err)
{
    const char **texts = arena_array(arena, count, sizeof(*texts), err);

    if (texts == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(labels[i].key) + strlen(labels[i].value) + 1;
        char *text = arena_alloc(arena, len + 1, err);

        if (text == NULL)
            return -1;
        snprintf(text, len + 1, "%s=%s", labels[i].key, labels[i].value);
        texts[i] = text;
    }
    *cell = cell_texts(texts, count);
    return 0;
}

int part_ledger(struct answer *a, const char *key, const struct ledger *l, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"stored_bytes", "stored (allocated)", CELL_BYTES, false},
        {"copies_bytes", "  copies (allocated)", CELL_BYTES, true},
        {"unique_bytes", "  unique (nominal)", CELL_BYTES, false},
        {"replicas_bytes", "  replicas (nominal)", CELL_BYTES, false},
        {"duplicates_bytes", "  duplicates (nominal)", CELL_BYTES, false},
        {"layout_bytes", "  layout (allocated less nominal)", CELL_BYTES, false},
        {"unsplit_bytes", "  unsplit (allocated)", CELL_BYTES, false},
        {"blobs_kept_bytes", "  blobs beside a copy (allocated)", CELL_BYTES, false},
        {"blobs_only_bytes", "  blobs alone (allocated)", CELL_BYTES, false},
        {"orphans_bytes", "  orphans (allocated)", CELL_BYTES, false},
        {"layers", "distinct layers", CELL_COUNT, false},
        {"copies", "copies", CELL_COUNT, false},
        {"copies_measured", "  measured", CELL_COUNT, false},
        {"copies_estimated", "  estimated", CELL_COUNT, false},
        {"copies_unknown", "  of unknown size", CELL_COUNT, false},
        {"upper_bound", "an upper bound", CELL_FLAG, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, key, "Ledger", true, columns);
    struct sheet_cell *row = sheet_row(a, s, err);
    const int64_t values[] = {
        l->stored,   ledger_copies_bytes(l), l->unique,     l->replicas,   l->duplicates, l->layout,
        l->unsplit,  l->blobs_kept,          l->blobs_only, l->orphans,    l->layers,     l->copies,
        l->measured, l->estimated,           l->unknown,    l->upper_bound};

    if (row == NULL)
        return -1;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        row[i] = cell_number(values[i]);
    return 0;
}

int part_headline(struct answer *a, const struct ledger *l, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"duplicate_storage_bytes", "duplicate storage", CELL_BYTES, false},
        {"replicas_bytes", "  replicas: one more host has it", CELL_BYTES, false},
        {"duplicates_bytes", "  duplicates: twice on one host", CELL_BYTES, false},
        {"blobs_kept_bytes", "  blobs kept beside a copy", CELL_BYTES, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "duplicate_storage", NULL, true, columns);
    struct sheet_cell *row = sheet_row(a, s, err);

    if (row == NULL)
        return -1;
    row[0] = cell_number(ledger_duplicate_storage(l));
    row[1] = cell_number(l->replicas);
    row[2] = cell_number(l->duplicates);
    row[3] = cell_number(l->blobs_kept);
    return 0;
}
