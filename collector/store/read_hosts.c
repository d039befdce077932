#include <stdlib.h>
#include <string.h>

#include "collector/store/read_private.h"
#include "common/json.h"

enum { HOSTS, HOSTS_WHOLE, HOST_WHOLE, STORES, STORES_WHOLE, STORE_WHOLE, PROBLEMS };

/* What every answer needs of all hosts and stores, and all that there is of them. */
#define HOST_COLUMNS "SELECT h.id, h.name, h.last_s, h.retired_s, h.ended_s"
#define HOST_MORE                                                                                  \
    ", h.cluster, h.labels, h.lifetime, h.first_s, i.address, i.agent_version, i.os, i.kernel, "   \
    "i.arch, i.generation "                                                                        \
    "FROM host h LEFT JOIN incarnation i ON i.id = "                                               \
    "(SELECT n.id FROM incarnation n WHERE n.host_id = h.id "                                      \
    "ORDER BY n.ended_s IS NULL DESC, n.last_s DESC, n.id DESC LIMIT 1) "
#define STORE_COLUMNS                                                                              \
    "SELECT s.id, i.host_id, s.gone_s, i.ended_s, s.state, s.problems_more, s.sample, "            \
    "s.owner, s.look_s, s.engine, s.root"
#define STORE_MORE ", s.state_s, s.version, s.driver, s.space, s.fs_type, s.error, s.first_s"
#define STORE_TABLES " FROM store s JOIN incarnation i ON i.id = s.incarnation_id "

static const char *const sql[] = {
    [HOSTS] = HOST_COLUMNS " FROM host h ORDER BY h.id",
    [HOSTS_WHOLE] = HOST_COLUMNS HOST_MORE "ORDER BY h.id",
    [HOST_WHOLE] = HOST_COLUMNS HOST_MORE "WHERE h.id = ?",
    [STORES] = STORE_COLUMNS STORE_TABLES "ORDER BY s.id",
    [STORES_WHOLE] = STORE_COLUMNS STORE_MORE STORE_TABLES "ORDER BY s.id",
    [STORE_WHOLE] = STORE_COLUMNS STORE_MORE STORE_TABLES "WHERE s.id = ?",
    [PROBLEMS] = "SELECT store_id, count(*) FROM problem GROUP BY store_id",
};
const struct store_sql store_sql_hosts = STORE_SQL(sql);

static bool reads_whole(const struct reading *r)
{
    return r->options->texts || r->options->label_count > 0 || r->options->as_of_s != 0;
}

/* ---- the past -------------------------------------------------------------------------------- */

/* A time that was still to come is none. */
static int64_t not_after(int64_t at_s, int64_t as_of_s)
{
    return at_s > as_of_s ? 0 : at_s;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The host as it was then. One that was to come is none that anybody asks for. */
static void take_host_back(const struct reading *r, struct fleet_host *h)
{
    int64_t then = r->options->as_of_s;

    if (then == 0)
        return;
    h->retired_s = not_after(h->retired_s, then);
    h->ended_s = not_after(h->ended_s, then);
    h->last_s = earlier(h->last_s, then);
    h->selected = h->selected && h->first_s <= then;
}

/* The store as it was then, on a host that is so. What has been the matter with it since a later
 * time was not yet; what was then is not known. */
static void take_store_back(const struct reading *r, struct fleet_store *s)
{
    int64_t then = r->options->as_of_s;

    if (then == 0)
        return;
    s->gone_s = not_after(s->gone_s, then);
    s->look_s = earlier(s->look_s, then);
    s->problem_count = s->problems_more = 0;
    if (s->state_s <= then)
        return;
    s->state = REC_STORE_OK;
    s->state_s = 0;
    s->error = "";
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Labels of the host's JSON object; what is no text is left out. Most hosts have none. */
static int read_labels(struct reading *r, struct fleet_host *h, const char *text, struct err *err)
{
    AUTO_JSON json_t *object = NULL;
    const char *key;
    json_t *value;

    if (strcmp(text, "{}") == 0)
        return 0;
    object = json_parse(text, strlen(text), err);
    if (object == NULL)
        return err_wrap(err, "labels of host %s", h->name);
    h->labels = arena_array(r->arena, json_object_size(object), sizeof(*h->labels), err);
    if (h->labels == NULL)
        return -1;
    json_object_foreach (object, key, value) {
        struct rec_pair *pair = &h->labels[h->label_count];

        if (!json_is_string(value))
            continue;
        pair->key = arena_text(r->arena, key, strlen(key), err);
        pair->value =
            arena_text(r->arena, json_string_value(value), json_string_length(value), err);
        if (pair->key == NULL || pair->value == NULL)
            return -1;
        h->label_count++;
    }
    return 0;
}

static bool has_labels(const struct fleet_host *h, const struct read_options *o)
{
    for (size_t i = 0; i < o->label_count; i++) {
        const char *value = fleet_label(h, o->labels[i].key);

        if (value == NULL || strcmp(value, o->labels[i].value) != 0)
            return false;
    }
    return true;
}

/* Copies text columns from `first` on into `fields`, as many as there are. */
static int copy_texts(struct reading *r, const struct stmt *st, int first,
                      const char **const fields[], size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        *fields[i] = stmt_copy_text(st, first + (int)i, r->arena, err);
        if (*fields[i] == NULL)
            return -1;
    }
    return 0;
}

static int fill_host(struct reading *r, struct fleet_host *h, const struct stmt *st,
                     struct err *err)
{
    h->ephemeral = stmt_get_int(st, 7) == REC_LIFETIME_EPHEMERAL;
    h->first_s = stmt_get_int(st, 8);
    h->generation = stmt_get_int(st, 14);
    if (copy_texts(r, st, 5, (const char **const[]){&h->cluster}, 1, err) != 0 ||
        copy_texts(
            r, st, 9,
            (const char **const[]){&h->address, &h->agent_version, &h->os, &h->kernel, &h->arch}, 5,
            err) != 0)
        return -1;
    return read_labels(r, h, stmt_get_text(st, 6), err);
}

static int host_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_host *list = read_room(r, f->hosts, f->host_count, sizeof(*list), err), *h;

    if (list == NULL)
        return -1;
    f->hosts = list;
    h = &list[f->host_count];
    *h = (struct fleet_host){.id = stmt_get_int(st, 0),
                             .name = stmt_copy_text(st, 1, r->arena, err),
                             .last_s = stmt_get_int(st, 2),
                             .retired_s = stmt_get_int(st, 3),
                             .ended_s = stmt_get_int(st, 4),
                             .cluster = "",
                             .address = "",
                             .agent_version = "",
                             .os = "",
                             .kernel = "",
                             .arch = ""};
    if (h->name == NULL || (reads_whole(r) && fill_host(r, h, st, err) != 0))
        return -1;
    h->selected = has_labels(h, r->options);
    take_host_back(r, h);
    h->present = h->selected && h->retired_s == 0 && h->ended_s == 0;
    return read_ids_add(&r->hosts, h->id, (uint32_t)f->host_count++, r->arena, err);
}

static int whole_host_row(struct reading *r, const struct stmt *st, struct err *err)
{
    return fill_host(r, &r->f->hosts[read_ids_find(&r->hosts, stmt_get_int(st, 0))], st, err);
}

static int fill_store(struct reading *r, struct fleet_store *s, const struct stmt *st,
                      struct err *err)
{
    s->state_s = stmt_get_int(st, 11);
    return copy_texts(
        r, st, 12,
        (const char **const[]){&s->version, &s->driver, &s->space, &s->fs_type, &s->error}, 5, err);
}

/* Most stores have the engine and the root of the one before: that one's text, or a copy. */
static const char *share_text(struct reading *r, const struct stmt *st, int column,
                              const char *before, struct err *err)
{
    return before != NULL && strcmp(before, stmt_get_text(st, column)) == 0
               ? before
               : stmt_copy_text(st, column, r->arena, err);
}

/* Now, or then; sets it back to then. */
static bool was_there(const struct reading *r, struct fleet_store *s, const struct stmt *st)
{
    int64_t then = r->options->as_of_s, ended_s = stmt_get_int(st, 3);

    take_store_back(r, s);
    if (then != 0)
        ended_s = not_after(ended_s, then);
    return r->f->hosts[s->host].present && s->gone_s == 0 && ended_s == 0 &&
           (then == 0 || stmt_get_int(st, 17) <= then);
}

static int store_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_store *list = read_room(r, f->stores, f->store_count, sizeof(*list), err), *s;
    const struct fleet_store *before;

    if (list == NULL)
        return -1;
    f->stores = list;
    s = &list[f->store_count];
    before = f->store_count > 0 ? s - 1 : NULL;
    *s = (struct fleet_store){
        .id = stmt_get_int(st, 0),
        .gone_s = stmt_get_int(st, 2),
        .state = (enum rec_store_state)stmt_get_int(st, 4),
        .problem_count = (uint32_t)stmt_get_int(st, 5),
        .problems_more = (uint32_t)stmt_get_int(st, 5),
        .sample = stmt_get_int(st, 6) != 0,
        .owner = (uint32_t)stmt_get_int(st, 7),
        .look_s = stmt_get_int(st, 8),
        .engine = share_text(r, st, 9, before != NULL ? before->engine : NULL, err),
        .root = share_text(r, st, 10, before != NULL ? before->root : NULL, err),
        .version = "",
        .driver = "",
        .space = "",
        .fs_type = "",
        .error = ""};
    if (s->engine == NULL || s->root == NULL ||
        read_reference(&r->hosts, st, 1, &s->host, err) != 0)
        return -1;
    f->store_count++;
    if (reads_whole(r) && fill_store(r, s, st, err) != 0)
        return -1;
    s->present = was_there(r, s, st);
    return 0;
}

static int whole_store_row(struct reading *r, const struct stmt *st, struct err *err)
{
    return fill_store(r, &r->f->stores[read_ids_find(&r->stores, stmt_get_int(st, 0))], st, err);
}

int read_host_texts(struct reading *r, uint32_t host, struct err *err)
{
    const struct fleet_host *h = &r->f->hosts[host];

    if (reads_whole(r))
        return 0;
    for (uint32_t s = h->stores.first; s < h->stores.first + h->stores.count; s++)
        if (read_rows_of(r, STORE_SET_hosts, STORE_WHOLE, r->f->stores[s].id, whole_store_row,
                         err) != 0)
            return -1;
    return read_rows_of(r, STORE_SET_hosts, HOST_WHOLE, h->id, whole_host_row, err);
}

static int by_host_then_engine(const void *a, const void *b)
{
    const struct fleet_store *x = a, *y = b;
    int engine;

    if (x->host != y->host)
        return x->host < y->host ? -1 : 1;
    if (x->owner != y->owner)
        return x->owner < y->owner ? -1 : 1;
    engine = strcmp(x->engine, y->engine);
    return engine != 0 ? engine : x->id < y->id ? -1 : x->id > y->id;
}

/* Stores are mostly numbered as their hosts are, so most files have them in order already. */
static int arrange_stores(struct reading *r, struct err *err)
{
    struct fleet *f = r->f;

    for (size_t i = 1; i < f->store_count; i++)
        if (by_host_then_engine(&f->stores[i - 1], &f->stores[i]) > 0) {
            qsort(f->stores, f->store_count, sizeof(*f->stores), by_host_then_engine);
            break;
        }
    for (uint32_t i = 0; i < f->store_count; i++) {
        read_extend(&f->hosts[f->stores[i].host].stores, i);
        if (read_ids_add(&r->stores, f->stores[i].id, i, r->arena, err) != 0)
            return -1;
    }
    read_ids_sort(&r->stores);
    return 0;
}

static int problem_row(struct reading *r, const struct stmt *st, struct err *err)
{
    uint32_t store;

    if (read_reference(&r->stores, st, 0, &store, err) != 0)
        return -1;
    r->f->stores[store].problem_count += (uint32_t)stmt_get_int(st, 1);
    return 0;
}

int read_hosts(struct reading *r, struct err *err)
{
    bool whole = reads_whole(r);

    if (read_rows(r, STORE_SET_hosts, whole ? HOSTS_WHOLE : HOSTS, host_row, err) != 0)
        return -1;
    if (read_rows(r, STORE_SET_hosts, whole ? STORES_WHOLE : STORES, store_row, err) != 0 ||
        arrange_stores(r, err) != 0)
        return -1;
    return r->options->as_of_s == 0 ? read_rows(r, STORE_SET_hosts, PROBLEMS, problem_row, err) : 0;
}
