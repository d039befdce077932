#include <stdlib.h>
#include <string.h>

#include "collector/store/read_private.h"
#include "common/json.h"

enum { HOSTS, STORES };

static const char *const sql[] = {
    [HOSTS] = "SELECT h.id, h.name, h.cluster, h.labels, h.lifetime, h.first_s, h.last_s, "
              "h.retired_s, h.ended_s, i.address, i.agent_version, i.os, i.kernel, i.arch, "
              "i.generation "
              "FROM host h LEFT JOIN incarnation i ON i.id = "
              "(SELECT n.id FROM incarnation n WHERE n.host_id = h.id "
              "ORDER BY n.ended_s IS NULL DESC, n.last_s DESC, n.id DESC LIMIT 1) ORDER BY h.id",
    [STORES] = "SELECT s.id, i.host_id, s.engine, s.version, s.driver, s.space, s.root, s.owner, "
               "s.fs_type, s.state, s.state_s, s.error, s.sample, s.look_s, s.gone_s, "
               "i.ended_s IS NULL, (SELECT count(*) FROM problem p WHERE p.store_id = s.id) + "
               "s.problems_more, s.problems_more FROM store s JOIN incarnation i ON i.id = "
               "s.incarnation_id "
               "ORDER BY i.host_id, s.owner, s.engine, s.id",
};
const struct store_sql store_sql_hosts = STORE_SQL(sql);

/* Labels of the host's JSON object; what is no text is left out. */
static int read_labels(struct reading *r, struct fleet_host *h, const char *text, struct err *err)
{
    AUTO_JSON json_t *object = json_parse(text, strlen(text), err);
    const char *key;
    json_t *value;

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

static int store_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_store *list = read_room(r, f->stores, f->store_count, sizeof(*list), err), *s;
    struct fleet_host *h;

    if (list == NULL)
        return -1;
    f->stores = list;
    s = &list[f->store_count];
    *s = (struct fleet_store){.id = stmt_get_int(st, 0),
                              .owner = (uint32_t)stmt_get_int(st, 7),
                              .state = (enum rec_store_state)stmt_get_int(st, 9),
                              .state_s = stmt_get_int(st, 10),
                              .sample = stmt_get_int(st, 12) != 0,
                              .look_s = stmt_get_int(st, 13),
                              .gone_s = stmt_get_int(st, 14),
                              .problem_count = (uint32_t)stmt_get_int(st, 16),
                              .problems_more = (uint32_t)stmt_get_int(st, 17)};
    if (read_reference(&r->hosts, st, 1, &s->host, err) != 0 ||
        copy_texts(r, st, 2,
                   (const char **const[]){&s->engine, &s->version, &s->driver, &s->space, &s->root},
                   5, err) != 0 ||
        copy_texts(r, st, 8, (const char **const[]){&s->fs_type}, 1, err) != 0 ||
        copy_texts(r, st, 11, (const char **const[]){&s->error}, 1, err) != 0)
        return -1;
    h = &f->hosts[s->host];
    if (h->stores.count++ == 0)
        h->stores.first = (uint32_t)f->store_count;
    s->present = h->present && s->gone_s == 0 && stmt_get_int(st, 15) != 0;
    return read_ids_add(&r->stores, s->id, (uint32_t)f->store_count++, r->arena, err);
}

int read_hosts(struct reading *r, struct err *err)
{
    if (read_rows(r, STORE_SET_hosts, HOSTS, host_row, err) != 0)
        return -1;
    read_ids_sort(&r->hosts);
    if (read_rows(r, STORE_SET_hosts, STORES, store_row, err) != 0)
        return -1;
    read_ids_sort(&r->stores);
    return 0;
}
