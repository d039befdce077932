/* places: what reports show of single stores: their containers, and those that nobody uses. */
#include "collector/report/parts.h"
#include "collector/store/read_fleet.h"

enum {
    HOST,
    ENGINE,
    ROOT,
    CONTAINER,
    NAME,
    KUBE_NAMESPACE,
    KUBE_POD,
    IMAGE,
    STATE,
    SINCE,
    CONTAINER_COLUMNS
};

/* What all rows have in common is only data. */
#define COLUMNS(of_image)                                                                          \
    {                                                                                              \
        [HOST] = {"host", "HOST", CELL_TEXT, !(of_image)},                                         \
        [ENGINE] = {"engine", "ENGINE", CELL_TEXT, false},                                         \
        [ROOT] = {"root", "ROOT", CELL_TEXT, true},                                                \
        [CONTAINER] = {"container", "CONTAINER", CELL_TEXT, true},                                 \
        [NAME] = {"name", "NAME", CELL_TEXT, false},                                               \
        [KUBE_NAMESPACE] = {"kube_namespace", "NAMESPACE", CELL_TEXT, true},                       \
        [KUBE_POD] = {"kube_pod", "POD", CELL_TEXT, true},                                         \
        [IMAGE] = {"image_id", "IMAGE ID", CELL_DIGEST, (of_image)},                               \
        [STATE] = {"state", "STATE", CELL_TEXT, false},                                            \
        [SINCE] = {"since", "SINCE", CELL_TIME, false},                                            \
        [CONTAINER_COLUMNS] = {NULL, NULL, 0, false},                                              \
    }
static const struct sheet_column on_host[] = COLUMNS(false);
static const struct sheet_column of_image[] = COLUMNS(true);

static struct sheet_cell known_text(const char *text)
{
    return cell_text(text[0] != '\0' ? text : NULL);
}

struct sheet *part_begin_containers(struct answer *a, bool of_one_image)
{
    return answer_sheet(a, "containers", "Containers", false, of_one_image ? of_image : on_host);
}

int part_add_containers(const struct census *c, struct answer *a, struct sheet *s, uint32_t store,
                        uint32_t image, struct err *err)
{
    const struct fleet *f = &c->fleet;
    const struct fleet_store *from = &f->stores[store];

    for (uint32_t i = 0; i < from->containers.count; i++) {
        const struct fleet_container *k = &f->containers[from->containers.first + i];
        struct sheet_cell *row;

        if (image != FLEET_NONE && k->image != image)
            continue;
        row = sheet_row(a, s, err);
        if (row == NULL)
            return -1;
        row[HOST] = cell_text(f->hosts[from->host].name);
        row[ENGINE] = cell_text(from->engine);
        row[ROOT] = cell_text(from->root);
        row[CONTAINER] = cell_text(k->id);
        row[NAME] = known_text(k->name);
        row[KUBE_NAMESPACE] = known_text(k->kube_namespace);
        row[KUBE_POD] = known_text(k->kube_pod);
        row[IMAGE] = cell_digest(&f->images[k->image].digest);
        row[STATE] = cell_text(rec_run_state_name(k->state));
        row[SINCE] = cell_time(k->since_s);
    }
    return 0;
}

int part_end_containers(struct answer *a, struct sheet *s, struct err *err)
{
    return sheet_reveal(a, s, "kube_namespace", err) == 0 ? sheet_reveal(a, s, "kube_pod", err)
                                                          : -1;
}

int part_orphaned(const struct census *c, uint32_t host, struct part_orphaned *out, struct err *err)
{
    *out = (struct part_orphaned){0};
    for (uint32_t i = 0; i < c->fleet.store_count; i++) {
        const struct fleet_store *s = &c->fleet.stores[i];
        int64_t bytes;

        if (!s->present || s->state != REC_STORE_ORPHANED ||
            (host != FLEET_NONE && s->host != host))
            continue;
        if (read_store_bytes(c->reading, i, &bytes, err) != 0)
            return -1;
        out->stores++;
        out->bytes += bytes;
    }
    return 0;
}

int part_note_orphaned(struct answer *a, const struct part_orphaned *o, struct err *err)
{
    char stores[COUNT_TEXT], size[SIZE_TEXT];

    if (o->stores == 0)
        return 0;
    return answer_note(a, err,
                       "%s %s orphaned: no engine uses %s any more. Removing %s would free %s "
                       "(allocated, as far as measured).",
                       count_text(o->stores, "store", stores), o->stores == 1 ? "is" : "are",
                       o->stores == 1 ? "it" : "them", o->stores == 1 ? "it" : "them",
                       size_text(o->bytes, size));
}
