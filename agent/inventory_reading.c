/* inventory_reading: what may leave the host of a reading, and who holds it. */
#include <stdlib.h>
#include <string.h>

#include "agent/inventory.h"
#include "agent/redact.h"
#include "common/cleanup.h"
#include "common/clock.h"

typedef char *cut_fn(const char *text, uint32_t *cuts);

/* Puts the text without its secrets in place of *text; *changed becomes true where it had some. */
static int clean_text(struct arena *arena, const char **text, cut_fn *cut, bool *changed,
                      struct err *err)
{
    uint32_t cuts = 0;
    AUTO_FREE char *clean = cut(*text, &cuts);

    if (clean == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to redact a text");
    if (cuts == 0)
        return 0;
    *changed = true;
    *text = arena_text(arena, clean, strlen(clean), err);
    return *text != NULL ? 0 : -1;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names stay sorted and unique, also where two became one by what was cut. */
static int clean_names(struct arena *arena, struct rec_image *image, struct err *err)
{
    bool changed = false;
    size_t kept = 0;

    for (size_t i = 0; i < image->name_count; i++)
        if (clean_text(arena, &image->names[i], redact_name, &changed, err) != 0)
            return -1;
    if (!changed)
        return 0;
    qsort(image->names, image->name_count, sizeof(*image->names), by_text);
    for (size_t i = 0; i < image->name_count; i++)
        if (kept == 0 || strcmp(image->names[kept - 1], image->names[i]) != 0)
            image->names[kept++] = image->names[i];
    image->name_count = kept;
    return 0;
}

static int clean_use(struct engine_reading *r, struct err *err)
{
    bool changed;

    for (size_t i = 0; i < r->use.container_count; i++) {
        struct rec_container *c = &r->use.containers[i];

        if (clean_text(r->arena, &c->name, redact_name, &changed, err) != 0 ||
            clean_text(r->arena, &c->kube_namespace, redact_name, &changed, err) != 0 ||
            clean_text(r->arena, &c->kube_pod, redact_name, &changed, err) != 0)
            return -1;
    }
    return 0;
}

/* Origins stay sorted and unique as names do. Of more than a collector takes the rest is left
 * out. */
static int clean_origins(struct engine_reading *r, struct err *err)
{
    struct rec_origins *o = &r->origins;
    bool changed = false;
    size_t kept = 0;

    if (o->origin_count > REC_ORIGINS_MAX)
        o->origin_count = REC_ORIGINS_MAX;
    for (size_t i = 0; i < o->origin_count; i++)
        if (clean_text(r->arena, &o->origins[i].repository, redact_name, &changed, err) != 0)
            return -1;
    if (!changed)
        return 0;
    qsort(o->origins, o->origin_count, sizeof(*o->origins), rec_origin_cmp);
    for (size_t i = 0; i < o->origin_count; i++)
        if (kept == 0 || rec_origin_cmp(&o->origins[kept - 1], &o->origins[i]) != 0)
            o->origins[kept++] = o->origins[i];
    o->origin_count = kept;
    return 0;
}

static int clean_reading(struct engine_reading *r, struct err *err)
{
    bool changed;

    for (size_t i = 0; i < r->content.image_count; i++)
        if (clean_names(r->arena, &r->content.images[i], err) != 0)
            return -1;
    for (size_t i = 0; i < r->content.store.problem_count; i++) {
        struct rec_problem *p = &r->content.store.problems[i];

        if (clean_text(r->arena, &p->subject, redact_name, &changed, err) != 0 ||
            clean_text(r->arena, &p->text, redact_name, &changed, err) != 0)
            return -1;
    }
    return clean_use(r, err) == 0 ? clean_origins(r, err) : -1;
}

int inventory_reading_open(struct inventory_reading **out, struct engine_reading *reading,
                           struct err *err)
{
    struct inventory_reading *r;

    if (clean_reading(reading, err) != 0)
        return -1;
    r = calloc(1, sizeof(*r));
    if (r == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a reading");
    atomic_init(&r->refs, 1);
    r->reading = reading;
    r->sum = rec_content_sum(&reading->content);
    r->observed_ms = clock_wall_ms();
    r->observed_ns = clock_mono_ns();
    *out = r;
    return 0;
}

struct inventory_reading *inventory_reading_ref(struct inventory_reading *r)
{
    if (r != NULL)
        atomic_fetch_add(&r->refs, 1);
    return r;
}

void inventory_reading_unref(struct inventory_reading **pp)
{
    struct inventory_reading *r = steal(pp);

    if (r == NULL || atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    engine_reading_close(&r->reading);
    free(r);
}
