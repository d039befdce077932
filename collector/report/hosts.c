#include "collector/report/parts.h"
#include "collector/report/walk.h"
#include "collector/store/read_fleet.h"

static const struct sheet_column columns[] = {
    {"host", "HOST", CELL_TEXT, false},
    {"cluster", "CLUSTER", CELL_TEXT, true},
    {"state", "STATE", CELL_TEXT, false},
    {"last_seen", "LAST SEEN", CELL_TIME, false},
    {"engines", "ENGINES", CELL_TEXTS, false},
    {"stores", "STORES", CELL_COUNT, false},
    {"stores_not_ok", "NOT OK", CELL_COUNT, false},
    {"problems", "PROBLEMS", CELL_COUNT, true},
    {"images", "IMAGES", CELL_COUNT, false},
    {"containers_running", "RUNNING", CELL_COUNT, false},
    {"containers", "CONTAINERS", CELL_COUNT, true},
    {"stored_bytes", "STORED", CELL_BYTES, false},
    {"unique_bytes", "UNIQUE", CELL_BYTES, false},
    {"duplicates_bytes", "DUPLICATES", CELL_BYTES, false},
    {"orphans_bytes", "ORPHANS", CELL_BYTES, true},
    {"agent_version", "AGENT", CELL_TEXT, true},
    {"os", "OS", CELL_TEXT, true},
    {"kernel", "KERNEL", CELL_TEXT, true},
    {"arch", "ARCH", CELL_TEXT, true},
    {"address", "ADDRESS", CELL_TEXT, true},
    {"generation", "GENERATION", CELL_COUNT, true},
    {"stores_orphaned", "ORPHANED STORES", CELL_COUNT, true},
    {NULL, NULL, 0, false},
};

struct counts {
    int64_t stores, not_ok, orphaned, problems, images, containers, running;
};

/* An image that lies in two stores of the host counts twice: it is there twice. */
static struct counts count(const struct fleet *f, const struct fleet_host *h)
{
    struct counts n = {0};

    for (uint32_t i = 0; i < h->stores.count; i++) {
        const struct fleet_store *s = &f->stores[h->stores.first + i];

        if (!s->present)
            continue;
        n.stores++;
        n.not_ok += s->state != REC_STORE_OK;
        n.orphaned += s->state == REC_STORE_ORPHANED;
        n.problems += s->problem_count;
        n.images += s->presences.count;
        n.containers += s->containers.count;
        for (uint32_t k = 0; k < s->containers.count; k++)
            n.running += f->containers[s->containers.first + k].state == REC_RUNNING;
    }
    return n;
}

static int count_host(const struct walk *w, const struct fleet *f, uint32_t host,
                      const struct copies *copies, struct err *err)
{
    struct counts *counts = w->data;

    (void)copies;
    (void)err;
    counts[host] = count(f, &f->hosts[host]);
    return 0;
}

/* Left unknown for a host that is in no sum. */
static void fill_sums(const struct ledger *l, const struct counts *n, struct sheet_cell *row)
{
    row[5] = cell_number(n->stores);
    row[6] = cell_number(n->not_ok);
    row[7] = cell_number(n->problems);
    row[8] = cell_number(n->images);
    row[9] = cell_number(n->running);
    row[10] = cell_number(n->containers);
    row[11] = cell_number(l->stored);
    row[12] = cell_number(l->unique);
    row[13] = cell_number(l->duplicates);
    row[14] = cell_number(l->orphans);
    row[21] = cell_number(n->orphaned);
}

static int add_host(struct census *c, struct answer *a, uint32_t index, const struct counts *n,
                    struct err *err)
{
    const struct fleet_host *h = &c->fleet.hosts[index];
    struct sheet_cell *row = sheet_row(a, a->rows, err);

    if (row == NULL || part_engines(c, h, &row[4], err) != 0)
        return -1;
    row[0] = cell_text(h->name);
    row[1] = cell_text(h->cluster);
    row[2] = cell_text(
        coverage_freshness_name(coverage_freshness(&c->fleet, h, c->request->fresh_within_s)));
    row[3] = cell_time(h->last_s);
    row[15] = cell_text(h->agent_version);
    row[16] = cell_text(h->os);
    row[17] = cell_text(h->kernel);
    row[18] = cell_text(h->arch);
    row[19] = cell_text(h->address);
    row[20] = cell_number(h->generation);
    if (h->present)
        fill_sums(&c->ledgers.hosts[index], n, row);
    return 0;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    struct counts *counts = arena_array(c->arena, c->fleet.host_count, sizeof(*counts), err);
    const struct walk also = {.what = READ_CONTAINERS, .visit = count_host, .data = counts};

    if (counts == NULL || walk_ledgers(c, &also, err) != 0)
        return -1;
    answer_sheet(a, "rows", NULL, false, columns);
    for (uint32_t i = 0; i < c->fleet.host_count; i++)
        if (c->fleet.hosts[i].selected && c->fleet.hosts[i].ended_s == 0 &&
            add_host(c, a, i, &counts[i], err) != 0)
            return -1;
    return sheet_reveal(a, a->rows, "stores_orphaned", err);
}

const struct report report_hosts = {.name = "hosts",
                                    .needs = NEEDS_PRESENCE | NEEDS_CONTENT | NEEDS_SIZES,
                                    .texts = true,
                                    .sort = "host",
                                    .fill = fill};
