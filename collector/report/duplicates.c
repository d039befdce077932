#include <inttypes.h>

#include "collector/census/charge.h"
#include "collector/report/parts.h"
#include "collector/report/walk.h"
#include "collector/store/read_fleet.h"

static int fill_causes(struct census *c, struct answer *a, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"cause", "CAUSE OF DUPLICATES", CELL_TEXT, false},
        {"copies", "COPIES", CELL_COUNT, false},
        {"nominal_bytes", "NOMINAL", CELL_BYTES, false},
        {"meaning", "MEANING", CELL_TEXT, false},
        {NULL, NULL, 0, false},
    };
    static const char *const meanings[LEDGER_CAUSES] = {
        [CAUSE_PARENTS] = "within one store, on another parent",
        [CAUSE_STORES] = "in another store of the same engine and user",
        [CAUSE_ENGINES] = "in another engine of the same user",
        [CAUSE_USERS] = "in another user's store",
    };
    struct sheet *s = answer_sheet(a, "causes", NULL, false, columns);

    for (int i = 0; i < LEDGER_CAUSES; i++) {
        struct sheet_cell *row = sheet_row(a, s, err);

        if (row == NULL)
            return -1;
        row[0] = cell_text(ledger_cause_name((enum ledger_cause)i));
        row[1] = cell_number(c->ledgers.fleet.cause_copies[i]);
        row[2] = cell_number(c->ledgers.fleet.by_cause[i]);
        row[3] = cell_text(meanings[i]);
    }
    return 0;
}

static int fill_terms(struct census *c, struct answer *a, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"term", "TERM", CELL_TEXT, false},
        {"bytes", "BYTES", CELL_BYTES, false},
        {"size_kind", "SIZE", CELL_TEXT, false},
        {"meaning", "MEANING", CELL_TEXT, false},
        {NULL, NULL, 0, false},
    };
    const struct ledger *l = &c->ledgers.fleet;
    const struct {
        const char *term, *kind, *meaning;
        int64_t bytes;
    } terms[] = {
        {"unique", "nominal", "every distinct layer once", l->unique},
        {"replicas", "nominal", "one copy on each further host", l->replicas},
        {"duplicates", "nominal", "more than one copy on one host", l->duplicates},
        {"layout", "mixed", "allocated less nominal: rounding, whole-tree drivers", l->layout},
        {"unsplit", "allocated", "copies whose layer nobody has sized yet", l->unsplit},
        {"blobs-kept", "allocated", "blobs beside an unpacked copy", l->blobs_kept},
        {"blobs-only", "allocated", "blobs that are the only form present", l->blobs_only},
        {"orphans", "allocated", "what no metadata explains", l->orphans},
        {"stored", l->estimated > 0 ? "mixed" : "allocated", "the sum of all these", l->stored},
    };

    answer_sheet(a, "rows", NULL, false, columns);
    for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
        struct sheet_cell *row = sheet_row(a, a->rows, err);

        if (row == NULL)
            return -1;
        row[0] = cell_text(terms[i].term);
        row[1] = cell_number(terms[i].bytes);
        row[2] = cell_text(terms[i].kind);
        row[3] = cell_text(terms[i].meaning);
    }
    return 0;
}

static int fill_hosts(struct census *c, struct answer *a, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"host", "HOST", CELL_TEXT, false},
        {"stored_bytes", "STORED", CELL_BYTES, false},
        {"unique_bytes", "UNIQUE", CELL_BYTES, false},
        {"duplicates_bytes", "DUPLICATES", CELL_BYTES, false},
        {"duplicates_parents_bytes", "BY PARENTS", CELL_BYTES, true},
        {"duplicates_stores_bytes", "BY STORES", CELL_BYTES, true},
        {"duplicates_engines_bytes", "BY ENGINES", CELL_BYTES, true},
        {"duplicates_users_bytes", "BY USERS", CELL_BYTES, true},
        {"layout_bytes", "LAYOUT", CELL_BYTES, false},
        {"unsplit_bytes", "UNSPLIT", CELL_BYTES, false},
        {"blobs_kept_bytes", "BLOBS KEPT", CELL_BYTES, false},
        {"blobs_only_bytes", "BLOBS ONLY", CELL_BYTES, true},
        {"orphans_bytes", "ORPHANS", CELL_BYTES, false},
        {"copies", "COPIES", CELL_COUNT, false},
        {"copies_estimated", "ESTIMATED", CELL_COUNT, true},
        {"copies_unknown", "UNKNOWN", CELL_COUNT, true},
        {NULL, NULL, 0, false},
    };

    if (walk_ledgers(c, NULL, err) != 0)
        return -1;
    answer_sheet(a, "rows", NULL, false, columns);
    a->sort = "duplicates_bytes:desc";
    for (size_t i = 0; i < c->fleet.host_count; i++) {
        const struct ledger *l = &c->ledgers.hosts[i];
        const int64_t values[] = {
            l->stored,
            l->unique,
            l->duplicates,
            l->by_cause[CAUSE_PARENTS],
            l->by_cause[CAUSE_STORES],
            l->by_cause[CAUSE_ENGINES],
            l->by_cause[CAUSE_USERS],
            l->layout,
            l->unsplit,
            l->blobs_kept,
            l->blobs_only,
            l->orphans,
            l->copies,
            l->estimated,
            l->unknown,
        };
        struct sheet_cell *row;

        if (!c->fleet.hosts[i].present)
            continue;
        row = sheet_row(a, a->rows, err);
        if (row == NULL)
            return -1;
        row[0] = cell_text(c->fleet.hosts[i].name);
        for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
            row[v + 1] = cell_number(values[v]);
    }
    return 0;
}

static int fill_layers(struct census *c, struct answer *a, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"diff_id", "LAYER", CELL_DIGEST, false},
        {"twice_bytes", "REPLICAS + DUPLICATES", CELL_BYTES, false},
        {"replicas_bytes", "REPLICAS", CELL_BYTES, false},
        {"duplicates_bytes", "DUPLICATES", CELL_BYTES, false},
        {"duplicates_parents_bytes", "BY PARENTS", CELL_BYTES, true},
        {"duplicates_stores_bytes", "BY STORES", CELL_BYTES, true},
        {"duplicates_engines_bytes", "BY ENGINES", CELL_BYTES, true},
        {"duplicates_users_bytes", "BY USERS", CELL_BYTES, true},
        {"nominal_bytes", "NOMINAL", CELL_BYTES, false},
        {"hosts", "HOSTS", CELL_COUNT, false},
        {"copies", "COPIES", CELL_COUNT, false},
        {"stored_bytes", "STORED", CELL_BYTES, true},
        {"unique_bytes", "UNIQUE", CELL_BYTES, true},
        {"layout_bytes", "LAYOUT", CELL_BYTES, true},
        {"unsplit_bytes", "UNSPLIT", CELL_BYTES, true},
        {NULL, NULL, 0, false},
    };

    answer_sheet(a, "rows", NULL, false, columns);
    a->sort = "twice_bytes:desc";
    for (size_t i = 0; i < c->fleet.layer_count; i++) {
        const struct ledger_layer *l = &c->ledgers.layers[i];
        struct sheet_cell *row;

        if (l->copies == 0)
            continue;
        row = sheet_row(a, a->rows, err);
        if (row == NULL)
            return -1;
        row[0] = cell_digest(&c->fleet.layers[i].diff);
        row[1] = cell_number(l->replicas + l->duplicates);
        row[2] = cell_number(l->replicas);
        row[3] = cell_number(l->duplicates);
        for (int k = 0; k < LEDGER_CAUSES; k++)
            row[4 + k] = cell_number(l->by_cause[k]);
        row[8] = cell_size(c->fleet.layers[i].nominal_bytes);
        row[9] = cell_number(l->hosts);
        row[10] = cell_number(l->copies);
        row[11] = cell_number(l->stored);
        row[12] = cell_number(l->unique);
        row[13] = cell_number(l->layout);
        row[14] = cell_number(l->unsplit);
    }
    return 0;
}

static const struct sheet_column image_columns[] = {
    {"image_id", "IMAGE ID", CELL_DIGEST, false},
    {"names", "NAMES", CELL_NAMES, false},
    {"twice_bytes", "REPLICAS + DUPLICATES", CELL_BYTES, false},
    {"replicas_bytes", "REPLICAS", CELL_BYTES, false},
    {"duplicates_bytes", "DUPLICATES", CELL_BYTES, false},
    {"unique_bytes", "UNIQUE", CELL_BYTES, false},
    {"layout_bytes", "LAYOUT", CELL_BYTES, true},
    {"unsplit_bytes", "UNSPLIT", CELL_BYTES, true},
    {"stored_bytes", "STORED", CELL_BYTES, false},
    {"hosts", "HOSTS", CELL_COUNT, false},
    {NULL, NULL, 0, false},
};

/* index is the fleet's image_count for copies that no image explains. */
static int add_charge(struct census *c, struct answer *a, uint32_t index, const struct charge *part,
                      struct err *err)
{
    static const char *nobody[] = {"(no image)"};
    struct sheet_cell *row = sheet_row(a, a->rows, err);

    if (row == NULL)
        return -1;
    if (index < c->fleet.image_count) {
        const struct standing *s = &c->images[index];

        if (part_names(c, s->names, s->name_count, &row[1], err) != 0)
            return -1;
        row[0] = cell_digest(&c->fleet.images[index].digest);
        row[9] = cell_number(s->hosts);
    } else {
        row[1] = cell_texts(nobody, 1);
    }
    row[2] = cell_number(part->replicas + part->duplicates);
    row[3] = cell_number(part->replicas);
    row[4] = cell_number(part->duplicates);
    row[5] = cell_number(part->unique);
    row[6] = cell_number(part->layout);
    row[7] = cell_number(part->unsplit);
    row[8] = cell_number(part->stored);
    return 0;
}

/* Copies that no image explains. */
struct extras {
    bool *hosts;     /* that have chains which may be such */
    int64_t *layers; /* charge.h */
};

static bool has_extras(const struct walk *w, const struct fleet *f, uint32_t host)
{
    const struct extras *extras = w->data;

    (void)f;
    return extras->hosts[host];
}

static int count_extras(const struct walk *w, const struct fleet *f, uint32_t host,
                        const struct copies *copies, struct err *err)
{
    const struct extras *extras = w->data;

    (void)host;
    (void)err;
    charge_count_extras(extras->layers, f, copies);
    return 0;
}

static int fill_images(struct census *c, struct answer *a, struct err *err)
{
    struct extras extras = {
        .hosts = arena_array(c->arena, c->fleet.host_count, sizeof(bool), err),
        .layers = arena_array(c->arena, c->fleet.layer_count + 1, sizeof(int64_t), err)};
    const struct walk w = {.what = READ_PLACES,
                           .copies = true,
                           .wants = has_extras,
                           .visit = count_extras,
                           .data = &extras};
    uint32_t nobody = (uint32_t)c->fleet.image_count;
    struct charge *parts;

    if (extras.hosts == NULL || extras.layers == NULL ||
        read_extra_hosts(c->reading, extras.hosts, err) != 0 || walk_hosts(c, &w, err) != 0)
        return -1;
    parts = charge_images(&c->fleet, extras.layers, &c->ledgers, c->images, c->arena, err);
    if (parts == NULL)
        return -1;
    answer_sheet(a, "rows", NULL, false, image_columns);
    a->sort = "twice_bytes:desc";
    for (uint32_t i = 0; i < nobody; i++)
        if (c->images[i].kind != IMAGE_ABSENT && add_charge(c, a, i, &parts[i], err) != 0)
            return -1;
    return parts[nobody].stored != 0 ? add_charge(c, a, nobody, &parts[nobody], err) : 0;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    static int (*const rows[])(struct census *, struct answer *, struct err *) = {
        [BY_TERM] = fill_terms,
        [BY_LAYER] = fill_layers,
        [BY_HOST] = fill_hosts,
        [BY_IMAGE] = fill_images,
    };
    const struct ledger *l = &c->ledgers.fleet;
    struct part_orphaned orphaned;

    if (part_orphaned(c, FLEET_NONE, &orphaned, err) != 0 || part_headline(a, l, err) != 0 ||
        fill_causes(c, a, err) != 0 || rows[c->request->by](c, a, err) != 0 ||
        part_ledger(a, "ledger", l, err) != 0)
        return -1;
    /* The rows by term are the ledger: a table shows it once. */
    a->sheets[a->sheet_count - 1].only_data = c->request->by == BY_TERM;
    if (part_note_orphaned(a, &orphaned, err) != 0)
        return -1;
    if (l->estimated > 0 &&
        answer_note(a, err,
                    "Copies that count with their nominal size until they are measured: %" PRId64
                    " of %" PRId64 ".",
                    l->estimated, l->copies) != 0)
        return -1;
    if (l->upper_bound)
        return answer_note(a, err,
                           "An upper bound: on some file systems shared extents cannot be seen.");
    return 0;
}

const struct report report_duplicates = {
    .name = "duplicates", .needs = NEEDS_PRESENCE | NEEDS_CONTENT | NEEDS_SIZES, .fill = fill};
