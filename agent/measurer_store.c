#include "agent/measurer_store.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* ---- taking readings over -------------------------------------------------------------------- */

static void copies_free(struct measured_copy *copies, size_t count)
{
    for (size_t i = 0; copies != NULL && i < count; i++)
        free(copies[i].os_release);
    free(copies);
}

/* Both lists are sorted by chain. */
static void move_known(struct measured_copy *to, size_t to_count, struct measured_copy *from,
                       size_t from_count)
{
    size_t j = 0;

    for (size_t i = 0; i < to_count; i++) {
        while (j < from_count && digest_cmp(&from[j].chain, &to[i].chain) < 0)
            j++;
        if (j == from_count || !digest_eq(&from[j].chain, &to[i].chain) ||
            to[i].state == MEASURED_UNSEEN || from[j].state == MEASURED_UNSEEN)
            continue;
        to[i] = from[j];
        from[j].os_release = NULL;
    }
}

int measured_update(struct measured_store *s, const struct inventory_store *from, struct err *err)
{
    const struct engine_reading *r = from->shared->reading;
    struct measured_copy *copies = calloc(r->copy_count + 1, sizeof(*copies));

    if (copies == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu copies", r->copy_count);
    for (size_t i = 0; i < r->copy_count; i++) {
        copies[i].chain = r->copies[i].chain;
        copies[i].diff = r->copies[i].diff;
        copies[i].whole_tree = r->copies[i].whole_tree;
        copies[i].state = r->copies[i].directory != NULL ? MEASURED_NOT : MEASURED_UNSEEN;
    }
    move_known(copies, r->copy_count, s->copies, s->count);
    copies_free(s->copies, s->count);
    s->copies = copies;
    s->count = r->copy_count;
    s->root = from->root;
    inventory_reading_unref(&s->reading);
    s->reading = inventory_reading_ref(from->shared);
    return 0;
}

struct measured_store *measured_open(const struct inventory_store *from, struct err *err)
{
    AUTO(measured_close) struct measured_store *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory for a store's measurements");
        return NULL;
    }
    list_init(&s->node);
    if (measured_update(s, from, err) != 0)
        return NULL;
    return steal(&s);
}

void measured_close(struct measured_store **pp)
{
    struct measured_store *s = steal(pp);

    if (s == NULL)
        return;
    copies_free(s->copies, s->count);
    inventory_reading_unref(&s->reading);
    inventory_reading_unref(&s->accounted);
    free(s);
}

bool measured_of_user(const struct measured_store *s)
{
    return s->reading->reading->content.store.owner != 0;
}

/* ---- measuring ------------------------------------------------------------------------------- */

void measured_note(struct measured_copy *copy, const struct measure_result *result, bool missing)
{
    enum measured_state state = missing          ? MEASURED_MISSING
                                : result != NULL ? MEASURED_YES
                                                 : MEASURED_FAILED;

    if (state == MEASURED_FAILED && copy->state == MEASURED_YES)
        return; /* what was found when it held still is better */
    copy->news = copy->news || state != copy->state;
    copy->state = state;
    if (state != MEASURED_YES)
        return;
    copy->news = copy->news || copy->allocated_bytes != result->allocated_bytes;
    copy->allocated_bytes = result->allocated_bytes;
    copy->content_bytes = result->content_bytes;
    copy->nominal_bytes = result->nominal_bytes;
    copy->files = result->files;
    copy->directories = result->directories;
    copy->base_layers = result->base_layers;
    if (copy->os_release == NULL && result->os_release != NULL)
        copy->os_release = strdup(result->os_release);
}

int measured_walk(struct measured_store *s, size_t i, const struct measure_limits *limits,
                  struct err *err)
{
    AUTO(measure_result_free) struct measure_result result = {0};
    struct err why = {0};
    int rc = measure_directory(&s->root, s->reading->reading->copies[i].directory, limits, &result,
                               &why);

    if (rc != 0 && why.kind == ERR_CANCELED)
        return err_set(err, why.kind, "%s", why.text);
    measured_note(&s->copies[i], rc == 0 ? &result : NULL, rc != 0 && why.kind == ERR_NOT_FOUND);
    return 0;
}

static int by_chain(const void *a, const void *b)
{
    const struct measured_copy *x = a;
    const struct measured_copy *y = b;

    return digest_cmp(&x->chain, &y->chain);
}

struct measured_copy *measured_find(struct measured_store *s, const struct digest *chain)
{
    const struct measured_copy key = {.chain = *chain};

    return bsearch(&key, s->copies, s->count, sizeof(key), by_chain);
}

/* ---- telling --------------------------------------------------------------------------------- */

bool measured_copies(struct measured_store *s, size_t *at, size_t max, bool all,
                     struct arena *arena, struct rec_copies *out)
{
    size_t left = s->count - *at;

    *out = (struct rec_copies){.key = s->reading->reading->content.store.key};
    out->copies = arena_array(arena, left < max ? left : max, sizeof(*out->copies), NULL);
    if (out->copies == NULL)
        return false;
    for (; *at < s->count && out->copy_count < max; (*at)++) {
        struct measured_copy *copy = &s->copies[*at];

        if (!(all || copy->news) ||
            (copy->state != MEASURED_YES && copy->state != MEASURED_MISSING))
            continue;
        copy->news = false;
        out->copies[out->copy_count++] =
            (struct rec_copy_facts){.chain = copy->chain,
                                    .allocated_bytes = copy->allocated_bytes,
                                    .missing = copy->state == MEASURED_MISSING};
    }
    return out->copy_count > 0;
}
