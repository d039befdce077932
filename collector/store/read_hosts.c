#include <stdlib.h>
#include <string.h>

#include "collector/store/read_private.h"
#include "common/json.h"

enum { HOSTS, HOST_TIMES, STORES, STORE_STATES, PROBLEMS };

static const char *const sql[] = {
    [HOSTS] = "SELECT h.id, h.name, h.cluster, h.labels, h.lifetime, h.first_s, h.last_s, "
              "h.retired_s, h.ended_s, i.address, i.agent_version, i.os, i.kernel, i.arch, "
              "i.generation "
              "FROM host h LEFT JOIN incarnation i ON i.id = "
              "(SELECT n.id FROM incarnation n WHERE n.host_id = h.id "
              "ORDER BY n.ended_s IS NULL DESC, n.last_s DESC, n.id DESC LIMIT 1) ORDER BY h.id",
    [HOST_TIMES] = "SELECT id, last_s, retired_s, ended_s FROM host ORDER BY id",
    [STORES] = "SELECT s.id, i.host_id, s.gone_s, i.ended_s IS NULL, s.state, s.problems_more, "
               "s.sample, s.owner, s.state_s, s.look_s, s.engine, s.version, s.driver, s.space, "
               "s.root, s.fs_type, s.error "
               "FROM store s JOIN incarnation i ON i.id = s.incarnation_id ORDER BY s.id",
    [STORE_STATES] = "SELECT s.id, i.host_id, s.gone_s, i.ended_s IS NULL, s.state, "
                     "s.problems_more, s.sample "
                     "FROM store s JOIN incarnation i ON i.id = s.incarnation_id ORDER BY s.id",
    [PROBLEMS] = "SELECT store_id, count(*) FROM problem GROUP BY store_id",
};
const struct store_sql store_sql_hosts = STORE_SQL(sql);

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

static int host_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_host *list = read_room(r, f->hosts, f->host_count, sizeof(*list), err), *h;

    if (list == NULL)
        return -1;
    f->hosts = list;
    h = &list[f->host_count];
    *h = (struct fleet_host){.id = stmt_get_int(st, 0),
                             .ephemeral = stmt_get_int(st, 4) == REC_LIFETIME_EPHEMERAL,
                             .first_s = stmt_get_int(st, 5),
                             .last_s = stmt_get_int(st, 6),
                             .retired_s = stmt_get_int(st, 7),
                             .ended_s = stmt_get_int(st, 8),
                             .generation = stmt_get_int(st, 14)};
    if (copy_texts(r, st, 1, (const char **const[]){&h->name, &h->cluster}, 2, err) != 0 ||
        copy_texts(
            r, st, 9,
            (const char **const[]){&h->address, &h->agent_version, &h->os, &h->kernel, &h->arch}, 5,
            err) != 0 ||
        read_labels(r, h, stmt_get_text(st, 3), err) != 0)
        return -1;
    h->selected = has_labels(h, r->options);
    h->present = h->selected && h->retired_s == 0 && h->ended_s == 0;
    return read_ids_add(&r->hosts, h->id, (uint32_t)f->host_count++, r->arena, err);
}

static int time_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_host *list = read_room(r, f->hosts, f->host_count, sizeof(*list), err), *h;

    if (list == NULL)
        return -1;
    f->hosts = list;
    h = &list[f->host_count];
    *h = (struct fleet_host){.id = stmt_get_int(st, 0),
                             .name = "",
                             .cluster = "",
                             .selected = true,
                             .last_s = stmt_get_int(st, 1),
                             .retired_s = stmt_get_int(st, 2),
                             .ended_s = stmt_get_int(st, 3),
                             .address = "",
                             .agent_version = "",
                             .os = "",
                             .kernel = "",
                             .arch = ""};
    h->present = h->retired_s == 0 && h->ended_s == 0;
    return read_ids_add(&r->hosts, h->id, (uint32_t)f->host_count++, r->arena, err);
}

/* What both statements tell of a store. */
static struct fleet_store *add_store(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_store *list = read_room(r, f->stores, f->store_count, sizeof(*list), err), *s;

    if (list == NULL)
        return NULL;
    f->stores = list;
    s = &list[f->store_count];
    *s = (struct fleet_store){.id = stmt_get_int(st, 0),
                              .engine = "",
                              .version = "",
                              .driver = "",
                              .space = "",
                              .root = "",
                              .fs_type = "",
                              .error = "",
                              .gone_s = stmt_get_int(st, 2),
                              .state = (enum rec_store_state)stmt_get_int(st, 4),
                              .problem_count = (uint32_t)stmt_get_int(st, 5),
                              .problems_more = (uint32_t)stmt_get_int(st, 5),
                              .sample = stmt_get_int(st, 6) != 0};
    if (read_reference(&r->hosts, st, 1, &s->host, err) != 0)
        return NULL;
    s->present = f->hosts[s->host].present && s->gone_s == 0 && stmt_get_int(st, 3) != 0;
    f->store_count++;
    return s;
}

static int state_row(struct reading *r, const struct stmt *st, struct err *err)
{
    return add_store(r, st, err) != NULL ? 0 : -1;
}

static int store_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet_store *s = add_store(r, st, err);

    if (s == NULL)
        return -1;
    s->owner = (uint32_t)stmt_get_int(st, 7);
    s->state_s = stmt_get_int(st, 8);
    s->look_s = stmt_get_int(st, 9);
    return copy_texts(r, st, 10,
                      (const char **const[]){&s->engine, &s->version, &s->driver, &s->space,
                                             &s->root, &s->fs_type, &s->error},
                      7, err);
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
    bool counted = r->counted != NULL;

    if (read_rows(r, STORE_SET_hosts, counted ? HOST_TIMES : HOSTS, counted ? time_row : host_row,
                  err) != 0)
        return -1;
    read_ids_sort(&r->hosts);
    if (read_rows(r, STORE_SET_hosts, counted ? STORE_STATES : STORES,
                  counted ? state_row : store_row, err) != 0 ||
        arrange_stores(r, err) != 0)
        return -1;
    return read_rows(r, STORE_SET_hosts, PROBLEMS, problem_row, err);
}
