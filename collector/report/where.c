#include <inttypes.h>
#include <string.h>

#include "collector/report/meant.h"
#include "collector/report/parts.h"
#include "collector/store/read_past.h"
#include "common/buf.h"
#include "common/cleanup.h"

#define SENTENCE_MAX ((size_t)1 << 20) /* bytes: an argument may be long */

/* What is known of one place. */
enum place_state {
    PLACE_PRESENT,    /* seen there, and the store can be read */
    PLACE_LAST_KNOWN, /* it was there when the store was last read: the host is stale or retired, or
                         the store cannot be read now */
    PLACE_GONE,
};

struct where {
    struct census *c;
    struct answer *a;
    struct meant meant; /* images that the subject means */
    bool *all;          /* with their descendants, where those were asked for */
    bool past_names;    /* names that images had are shown */
    struct past past;
    bool *at_host[3];             /* by place_state, by host */
    bool *images_present;         /* that are present somewhere */
    int64_t hosts[3];             /* by the best that each can say */
    int64_t sum_hosts;            /* that are in the sums */
    int64_t unknown_hosts;        /* that cannot say what they hold now */
    int64_t gone_after_s, gone_s; /* of the latest end */
};

static const struct sheet_column columns[] = {
    {"host", "HOST", CELL_TEXT, false},
    {"state", "STATE", CELL_TEXT, false},
    {"image_id", "IMAGE ID", CELL_DIGEST, false},
    {"names", "NAMES THERE", CELL_NAMES, false},
    {"relation", "RELATION", CELL_TEXT, false},
    {"engine", "ENGINE", CELL_TEXT, true},
    {"root", "ROOT", CELL_TEXT, true},
    {"containers_running", "RUNNING", CELL_COUNT, false},
    {"containers", "CONTAINERS", CELL_COUNT, true},
    {"since", "SINCE", CELL_TIME, true},
    {"last_seen", "LAST SEEN", CELL_TIME, false},
    {"gone_by", "GONE BY", CELL_TIME, false},
    {"host_state", "HOST IS", CELL_TEXT, false},
    {NULL, NULL, 0, false},
};

/* ---- finding --------------------------------------------------------------------------------- */

static bool *new_marks(struct census *c, size_t count, struct err *err)
{
    return arena_array(c->arena, count, sizeof(bool), err);
}

static int prepare(struct where *w, struct err *err)
{
    const struct fleet *f = &w->c->fleet;

    for (int i = 0; i < 3; i++) {
        w->at_host[i] = new_marks(w->c, f->host_count, err);
        if (w->at_host[i] == NULL)
            return -1;
    }
    w->images_present = new_marks(w->c, f->image_count, err);
    w->all = new_marks(w->c, f->image_count, err);
    return w->images_present != NULL && w->all != NULL ? 0 : -1;
}

/* Names of the past count where they are asked for, or where nothing has the name now. */
static int find_images(struct where *w, struct err *err)
{
    const struct report_request *request = w->c->request;
    const struct fleet *f = &w->c->fleet;

    if (meant_find(&w->meant, w->c, w->c->images, RESOLVED_CHAIN,
                   request->ever ? RESOLVE_EVER : RESOLVE_NOW, err) != 0)
        return -1;
    if (w->meant.found.digests > 1)
        return part_fail_digests(w->c, &w->meant.found, err);
    w->past_names = request->ever || w->meant.only_past || w->meant.count == 0;
    memcpy(w->all, w->meant.images, f->image_count * sizeof(bool));
    return request->built_on ? resolve_descendants(f, w->all, w->c->arena, err) : 0;
}

/* ---- places ---------------------------------------------------------------------------------- */

static const char *state_name(enum place_state state)
{
    static const char *const names[] = {
        [PLACE_PRESENT] = "present", [PLACE_LAST_KNOWN] = "last-known", [PLACE_GONE] = "gone"};

    return names[state];
}

static struct sheet_cell *add_row(struct where *w, enum place_state state, uint32_t store,
                                  uint32_t image, struct err *err)
{
    const struct fleet *f = &w->c->fleet;
    const struct fleet_store *s = &f->stores[store];
    const struct fleet_host *h = &f->hosts[s->host];
    struct sheet_cell *row = sheet_row(w->a, w->a->rows, err);

    if (row == NULL)
        return NULL;
    row[0] = cell_text(h->name);
    row[1] = cell_text(state_name(state));
    row[2] = cell_digest(&f->images[image].digest);
    row[4] = cell_text(w->meant.images[image] ? "itself" : "built-on");
    row[5] = cell_text(s->engine);
    row[6] = cell_text(s->root);
    row[12] =
        cell_text(coverage_freshness_name(coverage_freshness(f, h, w->c->request->fresh_within_s)));
    return row;
}

/* Every name of that stay, also those that it lost before its end. */
static int add_names_had(struct where *w, const struct past_presence *p, struct sheet_cell *cell,
                         struct err *err)
{
    const char **names;
    size_t count;

    if (read_names_had(w->c->store, &w->c->fleet, p, &names, &count, w->c->arena, err) != 0)
        return -1;
    return part_texts(w->c, names, count, cell, err);
}

static int add_names_there(struct where *w, const struct fleet_presence *p, struct sheet_cell *cell,
                           struct err *err)
{
    const struct past_presence open = {.store = p->store, .image = p->image, .from_s = p->from_s};

    return w->past_names ? add_names_had(w, &open, cell, err)
                         : part_names(w->c, w->c->fleet.place_names + p->names.first,
                                      p->names.count, cell, err);
}

static int add_present(struct where *w, const struct fleet_presence *p, struct err *err)
{
    const struct fleet *f = &w->c->fleet;
    const struct fleet_store *s = &f->stores[p->store];
    int64_t fresh_within_s = w->c->request->fresh_within_s;
    bool sure = coverage_freshness(f, &f->hosts[s->host], fresh_within_s) == HOST_FRESH &&
                !fleet_store_unsure(s->state);
    enum place_state state = sure ? PLACE_PRESENT : PLACE_LAST_KNOWN;
    struct sheet_cell *row = add_row(w, state, p->store, p->image, err);
    int64_t running = 0, containers = 0;

    if (row == NULL || add_names_there(w, p, &row[3], err) != 0)
        return -1;
    for (uint32_t i = 0; i < s->containers.count; i++) {
        const struct fleet_container *k = &f->containers[s->containers.first + i];

        containers += k->image == p->image;
        running += k->image == p->image && k->state == REC_RUNNING;
    }
    w->at_host[state][s->host] = true;
    w->images_present[p->image] = w->images_present[p->image] || sure;
    row[7] = cell_number(running);
    row[8] = cell_number(containers);
    row[9] = cell_time(p->from_s);
    row[10] = cell_time(s->look_s);
    return 0;
}

/* A retired host was never seen to lose it. One that ended, or whose store is gone, has. */
static int add_past(struct where *w, const struct past_presence *p, bool show_gone, struct err *err)
{
    const struct fleet_store *s = &w->c->fleet.stores[p->store];
    bool is_open = p->gone_s == 0 && s->gone_s == 0 && w->c->fleet.hosts[s->host].ended_s == 0;
    enum place_state state = is_open ? PLACE_LAST_KNOWN : PLACE_GONE;
    int64_t gone_s = p->gone_s != 0 ? p->gone_s : s->gone_s;
    int64_t seen_s = p->gone_after_s != 0 ? p->gone_after_s : s->look_s;
    struct sheet_cell *row;

    w->at_host[state][s->host] = true;
    if (!is_open && gone_s >= w->gone_s) {
        w->gone_s = gone_s;
        w->gone_after_s = seen_s;
    }
    if (!is_open && !show_gone)
        return 0;
    row = add_row(w, state, p->store, p->image, err);
    if (row == NULL || add_names_had(w, p, &row[3], err) != 0)
        return -1;
    row[9] = cell_time(p->from_s);
    row[10] = cell_time(seen_s);
    row[11] = cell_time(is_open ? 0 : gone_s);
    return 0;
}

/* A host that has it in one place has it, though it lost it in another. */
static void count_hosts(struct where *w)
{
    const struct fleet *f = &w->c->fleet;

    for (size_t i = 0; i < f->host_count; i++) {
        bool has = w->at_host[PLACE_PRESENT][i], had = w->at_host[PLACE_LAST_KNOWN][i];

        w->hosts[PLACE_PRESENT] += has;
        w->hosts[PLACE_LAST_KNOWN] += !has && had;
        w->hosts[PLACE_GONE] += !has && !had && w->at_host[PLACE_GONE][i];
        w->sum_hosts += f->hosts[i].present;
        w->unknown_hosts += f->hosts[i].present && !has && !had &&
                            coverage_host_unsure(f, &f->hosts[i], w->c->request->fresh_within_s);
    }
}

static int fill_places(struct where *w, struct err *err)
{
    const struct fleet *f = &w->c->fleet;
    bool show_gone;

    answer_sheet(w->a, "rows", NULL, false, columns);
    for (size_t i = 0; i < f->presence_count; i++)
        if (w->all[f->presences[i].image] && add_present(w, &f->presences[i], err) != 0)
            return -1;
    show_gone = w->c->request->ever || w->a->rows->row_count == 0;
    for (size_t i = 0; i < w->past.count; i++)
        if (add_past(w, &w->past.list[i], show_gone, err) != 0)
            return -1;
    count_hosts(w);
    return 0;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static const char *verdict(const struct where *w)
{
    if (w->hosts[PLACE_PRESENT] > 0)
        return "present";
    if (w->hosts[PLACE_LAST_KNOWN] > 0)
        return "last-known";
    if (w->unknown_hosts > 0)
        return "unknown";
    return w->hosts[PLACE_GONE] > 0 ? "gone" : "never-seen";
}

static int fill_answer(struct where *w, struct err *err)
{
    static const struct sheet_column answer_columns[] = {
        {"subject", "asked for", CELL_TEXT, false},
        {"state", "state", CELL_TEXT, false},
        {"hosts_present", "hosts that have it", CELL_COUNT, false},
        {"hosts_last_known", "hosts that had it when last read", CELL_COUNT, false},
        {"hosts_gone", "hosts where it is over", CELL_COUNT, false},
        {"hosts_unknown", "hosts that cannot say", CELL_COUNT, false},
        {"gone_after", "last seen by the last of them", CELL_TIME, false},
        {"gone_by", "gone by", CELL_TIME, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = &w->a->sheets[0];
    struct sheet_cell *row;

    sheet_init(s, "answer", NULL, true, answer_columns);
    row = sheet_row(w->a, s, err);
    if (row == NULL)
        return -1;
    row[0] = cell_text(w->c->request->subject);
    row[1] = cell_text(verdict(w));
    for (int i = 0; i < 3; i++)
        row[2 + i] = cell_number(w->hosts[i]);
    row[5] = cell_number(w->unknown_hosts);
    row[6] = cell_time(w->gone_after_s);
    row[7] = cell_time(w->gone_s);
    return 0;
}

static int fill_resolved(struct where *w, struct err *err)
{
    static const struct sheet_column resolved_columns[] = {
        {"kind", "WHAT IT IS", CELL_TEXT, false},
        {"name", "NAME", CELL_NAME, false},
        {"digest", "DIGEST", CELL_DIGEST, false},
        {NULL, NULL, 0, false},
    };
    const struct fleet *f = &w->c->fleet;
    struct sheet *s = answer_sheet(w->a, "resolved", NULL, false, resolved_columns);

    for (size_t i = 0; i < w->meant.found.count; i++) {
        const struct resolve_hit *h = &w->meant.found.hits[i];
        bool is_repo_digest = h->kind == RESOLVED_MANIFEST && !h->by_image;
        struct sheet_cell *row = sheet_row(w->a, s, err);

        if (row == NULL)
            return -1;
        row[0] = cell_text(resolve_kind_name(f, h));
        if (h->kind == RESOLVED_NAME)
            row[1] = cell_text(f->names[h->index].text);
        else
            row[2] = cell_digest(&h->digest);
        if (is_repo_digest)
            row[1] = cell_text(f->names[f->repo_digests[h->index].repository].text);
    }
    return 0;
}

static int fill_images(struct where *w, struct err *err)
{
    static const struct sheet_column image_columns[] = {
        {"image_id", "IMAGE ID", CELL_DIGEST, false},
        {"names", "NAMES NOW", CELL_NAMES, false},
        {"relation", "RELATION", CELL_TEXT, false},
        {"hosts", "HOSTS", CELL_COUNT, false},
        {NULL, NULL, 0, false},
    };
    const struct fleet *f = &w->c->fleet;
    struct sheet *s = answer_sheet(w->a, "images", NULL, false, image_columns);

    for (uint32_t i = 0; i < f->image_count; i++) {
        const struct standing *standing = &w->c->images[i];
        struct sheet_cell *row;

        if (!w->all[i])
            continue;
        row = sheet_row(w->a, s, err);
        if (row == NULL ||
            part_names(w->c, standing->names, standing->name_count, &row[1], err) != 0)
            return -1;
        row[0] = cell_digest(&f->images[i].digest);
        row[2] = cell_text(w->meant.images[i] ? "itself" : "built-on");
        row[3] = cell_number(standing->hosts);
    }
    return 0;
}

/* "alpine:3 is present on 4 hosts (2 images), gone from 1, unknown on 0." */
static int tell_answer(struct where *w, struct err *err)
{
    AUTO(buf_close) struct buf b;
    char hosts[COUNT_TEXT], images[COUNT_TEXT];
    int64_t image_count = 0;

    buf_init(&b, SENTENCE_MAX);
    for (size_t i = 0; i < w->c->fleet.image_count; i++)
        image_count += w->images_present[i];
    if (buf_printf(&b, err, "%s%s is present on %s", w->meant.only_past ? "What was named " : "",
                   w->c->request->subject,
                   count_text(w->hosts[PLACE_PRESENT], "host", hosts)) != 0 ||
        (image_count > 0 &&
         buf_printf(&b, err, " (%s)", count_text(image_count, "image", images)) != 0) ||
        (w->hosts[PLACE_LAST_KNOWN] > 0 &&
         buf_printf(&b, err, ", last known on %" PRId64, w->hosts[PLACE_LAST_KNOWN]) != 0) ||
        buf_printf(&b, err, ", gone from %" PRId64 ", unknown on %" PRId64 ".",
                   w->hosts[PLACE_GONE], w->unknown_hosts) != 0)
        return -1;
    w->a->sentence = arena_text(w->c->arena, buf_str(&b), b.len, err);
    return w->a->sentence != NULL ? 0 : -1;
}

static int add_sentences(struct where *w, struct err *err)
{
    const char *subject = w->c->request->subject, *state = verdict(w), *did_you_mean = "";

    if (w->meant.found.count == 0 && w->meant.count == 0)
        did_you_mean = meant_suggest(w->c, err);
    if (did_you_mean == NULL || meant_note(&w->meant, w->c, w->a, err) != 0)
        return -1;
    if (strcmp(state, "never-seen") == 0)
        return answer_note(w->a, err, "%s was never seen on any host%s", subject,
                           did_you_mean[0] != '\0' ? did_you_mean : ".");
    if (strcmp(state, "gone") == 0)
        return answer_note(w->a, err, "%s is gone from every host that had it.", subject);
    if (w->unknown_hosts > 0)
        return answer_note(w->a, err,
                           "Unknown on %" PRId64 " of %" PRId64 " hosts: silent, or with a store "
                           "that cannot be read.",
                           w->unknown_hosts, w->sum_hosts);
    return 0;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    struct where w = {.c = c, .a = a};

    if (prepare(&w, err) != 0 || find_images(&w, err) != 0 ||
        read_stays(c->reading, &c->fleet, &w.past, w.all, c->arena, err) != 0)
        return -1;
    a->sheet_count = 1; /* the answer goes first, and is known last */
    if (fill_resolved(&w, err) != 0 || fill_images(&w, err) != 0 || fill_places(&w, err) != 0 ||
        fill_answer(&w, err) != 0 || tell_answer(&w, err) != 0)
        return -1;
    return add_sentences(&w, err);
}

const struct report report_where = {.name = "where",
                                    .needs = NEEDS_PRESENCE | NEEDS_CONTENT,
                                    .digests = true,
                                    .past = true,
                                    .sort = "host",
                                    .fill = fill};
