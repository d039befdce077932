#include <string.h>

#include "collector/report/host_story.h"
#include "collector/report/parts.h"
#include "collector/store/read_fleet.h"

static int fill_identity(struct census *c, struct answer *a, const struct fleet_host *h,
                         struct err *err)
{
    static const struct sheet_column columns[] = {
        {"host", "host", CELL_TEXT, false},
        {"cluster", "cluster", CELL_TEXT, false},
        {"labels", "labels", CELL_TEXTS, false},
        {"state", "state", CELL_TEXT, false},
        {"last_seen", "last seen", CELL_TIME, false},
        {"first_seen", "first seen", CELL_TIME, false},
        {"retired_at", "retired", CELL_TIME, true},
        {"ended_at", "name taken over", CELL_TIME, true},
        {"lifetime", "lifetime", CELL_TEXT, false},
        {"address", "address", CELL_TEXT, false},
        {"agent_version", "agent", CELL_TEXT, false},
        {"os", "os", CELL_TEXT, false},
        {"kernel", "kernel", CELL_TEXT, false},
        {"arch", "arch", CELL_TEXT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "host", NULL, true, columns);
    struct sheet_cell *row = sheet_row(a, s, err);

    if (row == NULL || part_labels(c->arena, h->labels, h->label_count, &row[2], err) != 0)
        return -1;
    row[0] = cell_text(h->name);
    row[1] = cell_text(h->cluster);
    row[3] = cell_text(
        coverage_freshness_name(coverage_freshness(&c->fleet, h, c->request->fresh_within_s)));
    row[4] = cell_time(h->last_s);
    row[5] = cell_time(h->first_s);
    row[6] = cell_time(h->retired_s);
    row[7] = cell_time(h->ended_s);
    row[8] = cell_text(h->ephemeral ? "ephemeral" : "lasting");
    row[9] = cell_text(h->address);
    row[10] = cell_text(h->agent_version);
    row[11] = cell_text(h->os);
    row[12] = cell_text(h->kernel);
    row[13] = cell_text(h->arch);
    return 0;
}

static int fill_stores(struct census *c, struct answer *a, const struct fleet_host *h,
                       struct err *err)
{
    static const struct sheet_column columns[] = {
        {"engine", "ENGINE", CELL_TEXT, false},
        {"version", "VERSION", CELL_TEXT, false},
        {"driver", "DRIVER", CELL_TEXT, false},
        {"namespace", "NAMESPACE", CELL_TEXT, false},
        {"root", "ROOT", CELL_TEXT, false},
        {"owner", "OWNER", CELL_COUNT, false},
        {"fs_type", "FS", CELL_TEXT, false},
        {"state", "STATE", CELL_TEXT, false},
        {"error", "ERROR", CELL_TEXT, false},
        {"problems", "PROBLEMS", CELL_COUNT, false},
        {"last_look", "LAST LOOK", CELL_TIME, false},
        {"images", "IMAGES", CELL_COUNT, false},
        {"sample", "SAMPLE", CELL_FLAG, true},
        {"problems_more", "UNNAMED", CELL_COUNT, true},
        {"measured_bytes", "MEASURED", CELL_BYTES, true},
        {NULL, NULL, 0, false},
    };
    struct sheet *sheet = answer_sheet(a, "stores", "Stores", false, columns);

    for (uint32_t i = 0; i < h->stores.count; i++) {
        const struct fleet_store *s = &c->fleet.stores[h->stores.first + i];
        struct sheet_cell *row;
        int64_t bytes;

        if (s->gone_s != 0)
            continue;
        row = sheet_row(a, sheet, err);
        if (row == NULL || read_store_bytes(c->reading, h->stores.first + i, &bytes, err) != 0)
            return -1;
        row[0] = cell_text(s->engine);
        row[1] = cell_text(s->version);
        row[2] = cell_text(s->driver);
        row[3] = cell_text(s->space);
        row[4] = cell_text(s->root);
        row[5] = cell_number(s->owner);
        row[6] = cell_text(s->fs_type);
        row[7] = cell_text(rec_store_state_name(s->state));
        row[8] = cell_text(s->error);
        row[9] = cell_number(s->problem_count);
        row[10] = cell_time(s->look_s);
        row[11] = cell_number(s->presences.count);
        row[12] = cell_flag(s->sample);
        row[13] = cell_number(s->problems_more);
        row[14] = cell_number(bytes);
    }
    return sheet_reveal(a, sheet, "sample", err);
}

/* What was measured under the roots of the host's stores. */
struct walk {
    int64_t total, writable, metadata, other;
    bool measured;
};

static struct walk walk_spaces(const struct fleet *f, const struct fleet_host *h)
{
    struct walk w = {0};

    for (uint32_t i = 0; i < h->stores.count; i++) {
        const struct fleet_run *run = &f->stores[h->stores.first + i].spaces;

        for (uint32_t k = 0; k < run->count; k++) {
            const struct fleet_space *s = &f->spaces[run->first + k];

            if (s->klass == REC_SPACE_TOTAL) {
                w.total += s->bytes;
                w.measured = true;
            } else if (s->klass == REC_SPACE_OUTSIDE) {
                if (strcmp(s->kind, "container-writable") == 0)
                    w.writable += s->bytes;
                else if (strcmp(s->kind, "engine-metadata") == 0)
                    w.metadata += s->bytes;
                else
                    w.other += s->bytes;
            }
        }
    }
    return w;
}

static int fill_space(struct census *c, struct answer *a, const struct fleet_host *h,
                      int64_t explained, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"allocated_bytes", "allocated under the roots", CELL_BYTES, false},
        {"explained_bytes", "  explained by the ledger", CELL_BYTES, false},
        {"container_writable_bytes", "  outside: containers' writable layers", CELL_BYTES, false},
        {"engine_metadata_bytes", "  outside: the engine's metadata", CELL_BYTES, false},
        {"outside_other_bytes", "  outside: other", CELL_BYTES, false},
        {"difference_bytes", "  difference", CELL_BYTES, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "space", "Space", true, columns);
    struct sheet_cell *row = sheet_row(a, s, err);
    struct walk w = walk_spaces(&c->fleet, h);

    if (row == NULL)
        return -1;
    row[1] = cell_number(explained);
    if (!w.measured)
        return 0;
    row[0] = cell_number(w.total);
    row[2] = cell_number(w.writable);
    row[3] = cell_number(w.metadata);
    row[4] = cell_number(w.other);
    row[5] = cell_number(w.total - explained - w.writable - w.metadata - w.other);
    return 0;
}

static const struct sheet_column image_columns[] = {
    {"image_id", "IMAGE ID", CELL_DIGEST, false},
    {"names", "NAMES", CELL_NAMES, false},
    {"kind", "KIND", CELL_TEXT, false},
    {"engine", "ENGINE", CELL_TEXT, false},
    {"root", "ROOT", CELL_TEXT, true},
    {"unpacked", "UNPACKED", CELL_FLAG, true},
    {"since", "SINCE", CELL_TIME, false},
    {"containers_running", "RUNNING", CELL_COUNT, false},
    {"containers", "CONTAINERS", CELL_COUNT, true},
    {"nominal_bytes", "NOMINAL", CELL_BYTES, false},
    {"core", "CORE BUILD", CELL_TITLE, false},
    {NULL, NULL, 0, false},
};

static int add_image(struct census *c, struct answer *a, const struct fleet_presence *p,
                     struct err *err)
{
    const struct fleet *f = &c->fleet;
    const struct fleet_store *s = &f->stores[p->store];
    struct sheet_cell *row = sheet_row(a, a->rows, err);
    int64_t running = 0, containers = 0;
    const char *core;

    if (row == NULL ||
        part_names(c, f->place_names + p->names.first, p->names.count, &row[1], err) != 0 ||
        part_core_name(c, p->image, &core, err) != 0)
        return -1;
    for (uint32_t i = 0; i < s->containers.count; i++) {
        const struct fleet_container *k = &f->containers[s->containers.first + i];

        containers += k->image == p->image;
        running += k->image == p->image && k->state == REC_RUNNING;
    }
    row[0] = cell_digest(&f->images[p->image].digest);
    row[2] = cell_text(standing_kind_name(standing_in_store(f, p)));
    row[3] = cell_text(s->engine);
    row[4] = cell_text(s->root);
    row[5] = cell_flag(p->unpacked);
    row[6] = cell_time(p->from_s);
    row[7] = cell_number(running);
    row[8] = cell_number(containers);
    row[9] = cell_size(part_image_nominal(c, &f->images[p->image]));
    row[10] = cell_text(core);
    return 0;
}

static int fill_images(struct census *c, struct answer *a, const struct fleet_host *h,
                       struct err *err)
{
    answer_sheet(a, "rows", "Images", false, image_columns);
    for (uint32_t i = 0; i < h->stores.count; i++) {
        const struct fleet_run *run = &c->fleet.stores[h->stores.first + i].presences;

        for (uint32_t k = 0; k < run->count; k++)
            if (add_image(c, a, &c->fleet.presences[run->first + k], err) != 0)
                return -1;
    }
    return 0;
}

static int fill_containers(struct census *c, struct answer *a, const struct fleet_host *h,
                           struct err *err)
{
    struct sheet *s = part_begin_containers(a, false);

    for (uint32_t i = 0; i < h->stores.count; i++)
        if (part_add_containers(c, a, s, h->stores.first + i, FLEET_NONE, err) != 0)
            return -1;
    return part_end_containers(a, s, err);
}

static int note_orphaned(struct census *c, struct answer *a, uint32_t host, struct err *err)
{
    struct part_orphaned orphaned;

    return part_orphaned(c, host, &orphaned, err) == 0 ? part_note_orphaned(a, &orphaned, err) : -1;
}

/* Reads the host and makes its ledger. */
static int compute_host(struct census *c, uint32_t host, struct ledger *ledger, struct err *err)
{
    const unsigned what = READ_SINCE | READ_PLACES | READ_CONTAINERS | READ_TEXTS;
    struct copies_maker *maker;
    struct ledger_pass *pass;
    struct copies copies;

    if (read_one_host(c->reading, &c->fleet, host, what, c->arena, err) != 0 ||
        copies_open(&maker, &c->fleet, c->arena, err) != 0 ||
        copies_of_host(maker, &copies, &c->fleet, host, c->arena, err) != 0 ||
        ledger_pass_open(&pass, &c->fleet, NULL, c->arena, err) != 0)
        return -1;
    ledger_pass_host(pass, ledger, &c->fleet, host, &copies);
    return ledger_check_one(ledger, c->fleet.hosts[host].name, err);
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    const struct fleet_host *h;
    struct host_story story;
    struct ledger ledger;
    uint32_t index = 0;

    if (part_find_host(c, &index, err) != 0 || compute_host(c, index, &ledger, err) != 0 ||
        read_host(c->store, &story, &c->fleet, index, c->arena, err) != 0)
        return -1;
    h = &c->fleet.hosts[index];
    if (fill_identity(c, a, h, err) != 0 || fill_stores(c, a, h, err) != 0 ||
        story_problems(c, a, &story, err) != 0 || part_ledger(a, "ledger", &ledger, err) != 0 ||
        fill_space(c, a, h, ledger.stored, err) != 0 || fill_images(c, a, h, err) != 0 ||
        fill_containers(c, a, h, err) != 0 || story_incarnations(c, a, &story, err) != 0 ||
        story_events(a, &story, err) != 0 || note_orphaned(c, a, index, err) != 0)
        return -1;
    if (!h->present)
        return answer_note(
            a, err, "%s is %s: it is in no sum, and its images are not listed.", h->name,
            coverage_freshness_name(coverage_freshness(&c->fleet, h, c->request->fresh_within_s)));
    return 0;
}

const struct report report_host = {.name = "host",
                                   .needs = NEEDS_PRESENCE | NEEDS_CONTENT | NEEDS_SIZES,
                                   .sort = "names",
                                   .fill = fill};
