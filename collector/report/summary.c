#include <inttypes.h>

#include "collector/census/model.h"
#include "collector/report/parts.h"
#include "collector/report/walk.h"
#include "collector/store/read_fleet.h"

enum {
    HOSTS,
    STORES,
    IMAGES,
    NAMED,
    DANGLING,
    INTERMEDIATE,
    IN_USE,
    RUNNING,
    UNUSED,
    PLACES,
    CONTAINERS,
    CONTAINERS_RUNNING,
    CONTAINERS_UNKNOWN,
    LAYERS,
    CHAINS,
    COPIES,
    STORES_ORPHANED,
    ORPHANED_BYTES,
    FLEET_COUNTS
};

static void count_images(const struct census *c, int64_t n[FLEET_COUNTS])
{
    for (size_t i = 0; i < c->fleet.image_count; i++) {
        const struct standing *s = &c->images[i];

        if (s->kind == IMAGE_ABSENT)
            continue;
        n[IMAGES]++;
        n[PLACES] += s->stores;
        n[NAMED] += s->kind == IMAGE_NAMED;
        n[DANGLING] += s->kind == IMAGE_DANGLING;
        n[INTERMEDIATE] += s->kind == IMAGE_INTERMEDIATE;
        n[IN_USE] += s->containers > 0;
        n[RUNNING] += s->running > 0;
        n[UNUSED] += s->containers == 0;
        n[CONTAINERS] += s->containers;
        n[CONTAINERS_RUNNING] += s->running;
        n[CONTAINERS_UNKNOWN] += s->run_unknown;
    }
}

static int fill_fleet(struct census *c, struct answer *a, const struct part_orphaned *orphaned,
                      struct err *err)
{
    static const struct sheet_column columns[] = {
        [HOSTS] = {"hosts", "hosts", CELL_COUNT, false},
        [STORES] = {"stores", "stores", CELL_COUNT, false},
        [IMAGES] = {"images", "images", CELL_COUNT, false},
        [NAMED] = {"images_named", "  named", CELL_COUNT, false},
        [DANGLING] = {"images_dangling", "  dangling", CELL_COUNT, false},
        [INTERMEDIATE] = {"images_intermediate", "  intermediate", CELL_COUNT, false},
        [IN_USE] = {"images_in_use", "  used by a container", CELL_COUNT, false},
        [RUNNING] = {"images_running", "  used by a running one", CELL_COUNT, false},
        [UNUSED] = {"images_unused", "  unused", CELL_COUNT, false},
        [PLACES] = {"image_places", "images in stores", CELL_COUNT, false},
        [CONTAINERS] = {"containers", "containers", CELL_COUNT, false},
        [CONTAINERS_RUNNING] = {"containers_running", "  running", CELL_COUNT, false},
        [CONTAINERS_UNKNOWN] = {"containers_unknown", "  state unknown", CELL_COUNT, false},
        [LAYERS] = {"layers", "distinct layers", CELL_COUNT, false},
        [CHAINS] = {"chains", "distinct chains unpacked", CELL_COUNT, false},
        [COPIES] = {"copies", "copies", CELL_COUNT, false},
        [STORES_ORPHANED] = {"stores_orphaned", "stores without an engine", CELL_COUNT, true},
        [ORPHANED_BYTES] = {"stores_orphaned_bytes", "  measured", CELL_BYTES, true},
        [FLEET_COUNTS] = {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "fleet", "Fleet", true, columns);
    struct sheet_cell *row = sheet_row(a, s, err);
    int64_t n[FLEET_COUNTS] = {0};

    if (row == NULL)
        return -1;
    count_images(c, n);
    for (size_t i = 0; i < c->fleet.chain_count; i++)
        n[CHAINS] += c->ledgers.chains[i].copies > 0;
    n[COPIES] = c->ledgers.fleet.copies;
    n[STORES_ORPHANED] = orphaned->stores;
    n[ORPHANED_BYTES] = orphaned->bytes;
    for (size_t i = 0; i < c->fleet.host_count; i++)
        n[HOSTS] += c->fleet.hosts[i].present;
    for (size_t i = 0; i < c->fleet.store_count; i++)
        n[STORES] += c->fleet.stores[i].present;
    for (size_t i = 0; i < c->fleet.layer_count; i++)
        n[LAYERS] += c->layers_present[i];
    for (int i = 0; i < FLEET_COUNTS; i++)
        row[i] = cell_number(n[i]);
    return 0;
}

static int fill_model(const struct model *m, struct answer *a, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"core_builds", "core builds (N)", CELL_COUNT, false},
        {"core_build_mean_nominal_bytes", "  mean size (nominal)", CELL_BYTES, false},
        {"software_layers", "software layers (M)", CELL_COUNT, false},
        {"software_layer_mean_nominal_bytes", "  mean size (nominal)", CELL_BYTES, false},
        {"core_bytes", "core on all hosts (nominal)", CELL_BYTES, false},
        {"software_bytes", "software on all hosts (nominal)", CELL_BYTES, false},
        {"waste_bytes", "waste: duplicates, layout, blobs, orphans", CELL_BYTES, false},
        {"unsplit_bytes", "not split yet (allocated)", CELL_BYTES, false},
        {"residual_bytes", "stored less core and software", CELL_BYTES, false},
        {"residual_median_share", "  of a host's stored bytes, median", CELL_SHARE, false},
        {"residual_p90_share", "  of a host's stored bytes, p90", CELL_SHARE, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s =
        answer_sheet(a, "model", "Model: core build x N + software x M", true, columns);
    struct sheet_cell *row = sheet_row(a, s, err);
    const int64_t values[] = {
        m->core_builds, m->core_build_mean, m->software_layers, m->software_layer_mean,
        m->core,        m->software,        m->waste,           m->unsplit,
        m->residual,    m->residual_median, m->residual_p90,
    };

    if (row == NULL)
        return -1;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        row[i] = cell_number(values[i]);
    return 0;
}

/* Whether more images stand on it, then whether it is on more hosts. */
static bool is_wider(const struct fleet *f, const struct base *a, const struct base *b)
{
    if (a->standing != b->standing)
        return a->standing > b->standing;
    if (a->hosts != b->hosts)
        return a->hosts > b->hosts;
    return digest_cmp(&f->chains[a->chain].digest, &f->chains[b->chain].digest) < 0;
}

/* The core build that most images stand on; NULL where none has any. */
static const struct base *widest_base(const struct fleet *f, const struct bases *bases)
{
    const struct base *widest = NULL;

    for (uint32_t i = 0; i < bases->count; i++) {
        const struct base *b = &bases->list[i];

        if (b->kind != BASE_SCRATCH && b->standing > 0 &&
            (widest == NULL || is_wider(f, b, widest)))
            widest = b;
    }
    return widest;
}

/* The sentences that answer what the product began with, as far as names and layers can. */
static int add_sentences(struct census *c, const struct model *m, struct answer *a, struct err *err)
{
    const struct base *widest = widest_base(&c->fleet, &c->bases);
    char size[SIZE_TEXT], images[COUNT_TEXT], hosts[COUNT_TEXT];
    const char *name;

    if (m->core_builds == 0)
        return 0;
    if (answer_note(a, err,
                    "All core builds shrunk to 5 MB would save %s (nominal; assumes that software "
                    "layers keep their size).",
                    size_text(m->small_base_saves, size)) != 0)
        return -1;
    if (m->application_places > 0 &&
        answer_note(a, err, "Core bytes for each application image on a host: %s (nominal; %s).",
                    size_text(m->core / m->application_places, size),
                    count_text(m->application_places, "such image", images)) != 0)
        return -1;
    if (widest == NULL)
        return 0;
    if (part_base_name(c, widest, &name, err) != 0)
        return -1;
    return answer_note(a, err,
                       "Places to patch when a core build has a hole: at most %s on %s (%s); core "
                       "builds in all: %" PRId64 ".",
                       count_text(widest->standing, "image", images),
                       count_text(widest->hosts, "host", hosts), name, m->core_builds);
}

static int note_samples(struct census *c, struct answer *a, struct err *err)
{
    int64_t samples = 0;

    for (size_t i = 0; i < c->fleet.store_count; i++)
        samples += c->fleet.stores[i].present && c->fleet.stores[i].sample;
    if (samples == 0)
        return 0;
    return answer_note(a, err, "%" PRId64 " of the stores %s made by quickstart.", samples,
                       samples == 1 ? "is a sample" : "are samples");
}

struct model_walk {
    struct bases *bases;
    struct model_pass *pass;
};

static int add_host(const struct walk *w, const struct fleet *f, uint32_t host,
                    const struct copies *copies, struct err *err)
{
    struct model_walk *m = w->data;

    (void)err;
    bases_add_host(m->bases, f, host);
    model_add_host(m->pass, f, host, copies->list, copies->count);
    return 0;
}

static int compute_model(struct model *out, struct census *c, struct err *err)
{
    struct model_walk m = {.bases = &c->bases};
    const struct walk w = {.what = READ_PLACES, .copies = true, .visit = add_host, .data = &m};

    if (model_open(&m.pass, &c->fleet, &c->ledgers, &c->bases, c->arena, err) != 0 ||
        walk_hosts(c, &w, err) != 0)
        return -1;
    model_close(m.pass, out);
    return 0;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    const struct ledger *l = &c->ledgers.fleet;
    struct part_orphaned orphaned;
    struct versions versions;
    struct model m;

    if (part_versions(c, &versions, err) != 0)
        return -1;
    if (part_orphaned(c, FLEET_NONE, &orphaned, err) != 0 || compute_model(&m, c, err) != 0)
        return -1;
    if (fill_fleet(c, a, &orphaned, err) != 0 || part_core_counts(c, &versions, a, err) != 0 ||
        part_headline(a, l, err) != 0 || part_ledger(a, "ledger", l, err) != 0 ||
        fill_model(&m, a, err) != 0)
        return -1;
    if (part_note_orphaned(a, &orphaned, err) != 0)
        return -1;
    return note_samples(c, a, err) == 0 ? add_sentences(c, &m, a, err) : -1;
}

const struct report report_summary = {
    .name = "summary", .needs = NEEDS_PRESENCE | NEEDS_CONTENT | NEEDS_SIZES, .fill = fill};
