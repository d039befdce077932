#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/report/parts.h"
#include "collector/report/walk.h"

#define REFERENCE_MAX 640 /* bytes of a name with its digest */

/* What one builder made. */
struct builder {
    const struct fleet_evidence *evidence; /* one that names it */
    int64_t images, hosts, running;
    uint32_t last_host, last_image; /* counted, + 1 */
};

/* That a builder made an image; by builder, then by image. */
struct made {
    const struct fleet_evidence *evidence;
    uint32_t builder;
};

struct builders {
    struct builder *list;
    size_t count;
    struct made *made, *by_image;
    size_t made_count;
    struct fleet_run *of_image; /* parallel to the fleet's images: in by_image */
};

/* ---- who made what --------------------------------------------------------------------------- */

static int compare_builders(const struct fleet_evidence *x, const struct fleet_evidence *y)
{
    int order = (x->source > y->source) - (x->source < y->source);

    if (order == 0)
        order = strcmp(x->reference, y->reference);
    return order != 0 ? order : digest_cmp(&x->digest, &y->digest);
}

static int by_builder(const void *a, const void *b)
{
    const struct made *x = a, *y = b;
    int order = compare_builders(x->evidence, y->evidence);

    return order != 0 ? order
                      : (x->evidence->image > y->evidence->image) -
                            (x->evidence->image < y->evidence->image);
}

static int by_image(const void *a, const void *b)
{
    const struct made *x = a, *y = b;

    return (x->evidence->image > y->evidence->image) - (x->evidence->image < y->evidence->image);
}

static bool is_of_builder(const struct census *c, const struct fleet_evidence *e)
{
    return e->role == EVIDENCE_OF_BUILDER && c->images[e->image].kind != IMAGE_ABSENT &&
           (e->source == EVIDENCE_S2I || e->source == EVIDENCE_BUILDPACKS);
}

/* What was built over an image has its labels too, and its builder made only the one. */
static bool is_inherited(const struct census *c, const struct fleet_evidence *e)
{
    return lineage_is_inherited(&c->lineage, &c->fleet, c->request->catalogue, e->image, e->source);
}

static void list_rows(struct builders *b, const struct census *c)
{
    const struct fleet_evidence *last = NULL; /* rows of one image lie side by side */
    bool inherited = false;

    for (size_t i = 0; i < c->fleet.evidence_count; i++) {
        const struct fleet_evidence *e = &c->fleet.evidence[i];

        if (!is_of_builder(c, e))
            continue;
        if (last == NULL || last->image != e->image || last->source != e->source)
            inherited = is_inherited(c, e);
        if (!inherited)
            b->made[b->made_count++].evidence = e;
        last = e;
    }
}

static int list_made(struct builders *b, const struct census *c, struct err *err)
{
    size_t most = 0;

    for (size_t i = 0; i < c->fleet.evidence_count; i++)
        most += is_of_builder(c, &c->fleet.evidence[i]);
    b->made = arena_array(c->arena, most, sizeof(*b->made), err);
    b->by_image = arena_array(c->arena, most, sizeof(*b->by_image), err);
    b->list = arena_array(c->arena, most, sizeof(*b->list), err);
    b->of_image = arena_array(c->arena, c->fleet.image_count, sizeof(*b->of_image), err);
    if (b->made == NULL || b->by_image == NULL || b->list == NULL || b->of_image == NULL)
        return -1;
    list_rows(b, c);
    if (b->made_count > 1)
        qsort(b->made, b->made_count, sizeof(*b->made), by_builder);
    return 0;
}

static void count_made(struct builders *b, const struct census *c)
{
    for (size_t i = 0; i < b->made_count; i++) {
        struct made *m = &b->made[i];
        struct builder *builder;

        if (i == 0 || compare_builders(b->made[i - 1].evidence, m->evidence) != 0)
            b->list[b->count++].evidence = m->evidence;
        m->builder = (uint32_t)b->count - 1;
        builder = &b->list[m->builder];
        if (builder->last_image == m->evidence->image + 1)
            continue;
        builder->last_image = m->evidence->image + 1;
        builder->images++;
        builder->running += c->images[m->evidence->image].running;
    }
    if (b->made_count > 0)
        memcpy(b->by_image, b->made, b->made_count * sizeof(*b->made));
    if (b->made_count > 1)
        qsort(b->by_image, b->made_count, sizeof(*b->by_image), by_image);
    for (uint32_t i = 0; i < b->made_count; i++) {
        struct fleet_run *run = &b->of_image[b->by_image[i].evidence->image];

        if (run->count++ == 0)
            run->first = i;
    }
}

/* ---- on which hosts -------------------------------------------------------------------------- */

static int add_host(const struct walk *w, const struct fleet *f, uint32_t host,
                    const struct copies *copies, struct err *err)
{
    struct builders *b = w->data;
    const struct fleet_run *stores = &f->hosts[host].stores;

    (void)copies;
    (void)err;
    for (uint32_t s = stores->first; s < stores->first + stores->count; s++)
        for (uint32_t i = 0; i < f->stores[s].presences.count; i++) {
            const struct fleet_run *run =
                &b->of_image[f->presences[f->stores[s].presences.first + i].image];

            for (uint32_t n = run->first; n < run->first + run->count; n++) {
                struct builder *builder = &b->list[b->by_image[n].builder];

                builder->hosts += builder->last_host != host + 1;
                builder->last_host = host + 1;
            }
        }
    return 0;
}

/* ---- the sheet ------------------------------------------------------------------------------- */

static const char *reference_text(const struct census *c, const struct fleet_evidence *e,
                                  struct err *err)
{
    static const struct digest none;
    char text[REFERENCE_MAX], digest[DIGEST_TEXT];

    if (digest_eq(&e->digest, &none))
        return e->reference;
    snprintf(text, sizeof(text), "%s%s%s", e->reference, e->reference[0] != '\0' ? "@" : "",
             digest_text(&e->digest, digest));
    return arena_text(c->arena, text, strlen(text), err);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the images of a builder say that they stand on, each text once. */
static int list_bases(const struct census *c, const struct made *made, size_t count,
                      struct sheet_cell *cell, struct err *err)
{
    size_t most = 0, found = 0, kept = 0;
    const char **texts;

    for (size_t i = 0; i < count; i++)
        most += c->fleet.images[made[i].evidence->image].evidence.count;
    texts = arena_array(c->arena, most, sizeof(*texts), err);
    if (texts == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct fleet_run *run = &c->fleet.images[made[i].evidence->image].evidence;

        for (uint32_t n = run->first; n < run->first + run->count; n++) {
            const struct fleet_evidence *e = &c->fleet.evidence[n];

            if (e->role != EVIDENCE_OF_BASE || e->source != made[i].evidence->source)
                continue;
            texts[found] = reference_text(c, e, err);
            if (texts[found] == NULL)
                return -1;
            found += texts[found][0] != '\0';
        }
    }
    if (found > 1)
        qsort(texts, found, sizeof(*texts), by_text);
    for (size_t i = 0; i < found; i++)
        if (kept == 0 || strcmp(texts[kept - 1], texts[i]) != 0)
            texts[kept++] = texts[i];
    *cell = cell_texts(texts, kept);
    return 0;
}

static int add_builder(const struct census *c, struct answer *a, const struct builder *b,
                       const struct made *made, size_t count, struct err *err)
{
    struct sheet_cell *row = sheet_row(a, a->rows, err);
    const char *text = reference_text(c, b->evidence, err);

    if (row == NULL || text == NULL || list_bases(c, made, count, &row[5], err) != 0)
        return -1;
    row[0] = cell_text(text);
    row[1] = cell_text(b->evidence->source == EVIDENCE_S2I ? "source-to-image" : "buildpacks");
    row[2] = cell_number(b->images);
    row[3] = cell_number(b->hosts);
    if (c->request->as_of_s == 0)
        row[4] = cell_number(b->running);
    return 0;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"builder", "BUILDER", CELL_TITLE, false},
        {"kind", "KIND", CELL_TEXT, false},
        {"images", "IMAGES", CELL_COUNT, false},
        {"hosts", "HOSTS", CELL_COUNT, false},
        {"containers_running", "RUNNING", CELL_COUNT, false},
        {"bases", "BUILT ON", CELL_TITLES, false},
        {NULL, NULL, 0, false},
    };
    struct builders b = {0};
    const struct walk w = {.visit = add_host, .data = &b};

    if (list_made(&b, c, err) != 0)
        return -1;
    count_made(&b, c);
    if (b.count > 0 && walk_hosts(c, &w, err) != 0)
        return -1;
    answer_sheet(a, "rows", NULL, false, columns);
    for (size_t i = 0, to; i < b.made_count; i = to) {
        for (to = i + 1; to < b.made_count && b.made[to].builder == b.made[i].builder; to++)
            ;
        if (add_builder(c, a, &b.list[b.made[i].builder], &b.made[i], to - i, err) != 0)
            return -1;
    }
    return 0;
}

const struct report report_builders = {.name = "builders",
                                       .needs = NEEDS_PRESENCE | NEEDS_CONTENT,
                                       .takes_as_of = true,
                                       .sort = "images:desc",
                                       .fill = fill};
