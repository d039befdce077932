#include "agent/measurer_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"

#define NS_PER_MS 1000000u
#define REPORT_ARENA_MAX ((size_t)4 << 20)

/* ---- reports (thread -> loop) ---------------------------------------------------------------- */

void measurer_report_close(struct measurer_report **pp)
{
    struct measurer_report *r = steal(pp);

    if (r == NULL)
        return;
    arena_close(&r->arena);
    free(r);
}

static struct measurer_report *report_open(enum wire_agent_kind kind)
{
    AUTO(measurer_report_close) struct measurer_report *r = calloc(1, sizeof(*r));

    if (r == NULL || arena_open(&r->arena, REPORT_ARENA_MAX, NULL) != 0)
        return NULL;
    r->m.kind = kind;
    return steal(&r);
}

/* Hands it to the loop; waits while the loop is behind. */
static void post(struct measurer *m, struct measurer_report **report)
{
    uv_mutex_lock(&m->lock);
    while (m->report_count >= MEASURER_REPORTS_MAX && !atomic_load(&m->stop))
        uv_cond_wait(&m->changed, &m->lock);
    list_push(&m->reports, &(*report)->node);
    m->report_count++;
    *report = NULL;
    uv_mutex_unlock(&m->lock);
    uv_async_send(&m->reports_wait);
}

void measurer_tell_copies(struct measurer *m, struct measured_store *s, bool all)
{
    size_t at = 0;

    while (at < s->count) {
        AUTO(measurer_report_close) struct measurer_report *r = report_open(WIRE_COPIES);

        if (r == NULL || !measured_copies(s, &at, all ? REC_BATCH_MAX : MEASURER_BATCH, all,
                                          r->arena, &r->m.copies))
            return;
        post(m, &r);
    }
}

void measurer_tell_spaces(struct measurer *m, const struct measured_store *s)
{
    AUTO(measurer_report_close)
    struct measurer_report *r = s->accounted != NULL ? report_open(WIRE_SPACES) : NULL;
    const struct rec_spaces *from = &s->account.spaces;

    if (r == NULL)
        return;
    r->m.spaces = *from;
    r->m.spaces.age_ms = (int64_t)((clock_mono_ns() - s->accounted_ns) / NS_PER_MS);
    r->m.spaces.spaces = arena_array(r->arena, from->space_count, sizeof(*from->spaces), NULL);
    if (r->m.spaces.spaces == NULL)
        return;
    for (size_t i = 0; i < from->space_count; i++) {
        r->m.spaces.spaces[i] = from->spaces[i];
        r->m.spaces.spaces[i].kind =
            arena_text(r->arena, from->spaces[i].kind, strlen(from->spaces[i].kind), NULL);
        if (r->m.spaces.spaces[i].kind == NULL)
            return;
    }
    post(m, &r);
}

void measurer_decline(struct measurer *m, const struct digest *diff, const char *reason)
{
    AUTO(measurer_report_close) struct measurer_report *r = report_open(WIRE_DECLINED);
    struct rec_declined *item = r != NULL ? arena_alloc(r->arena, sizeof(*item), NULL) : NULL;

    if (item == NULL)
        return;
    *item = (struct rec_declined){.digest = *diff, .reason = reason};
    r->m.declined.items = item;
    r->m.declined.count = 1;
    post(m, &r);
}

static void tell_facts(struct measurer *m, const struct measured_store *s,
                       const struct measured_copy *copy)
{
    AUTO(measurer_report_close) struct measurer_report *r = report_open(WIRE_LAYER_FACTS);
    struct rec_layer_facts *item = r != NULL ? arena_alloc(r->arena, sizeof(*item), NULL) : NULL;
    const char *os_release = copy->os_release != NULL ? copy->os_release : "";

    if (item == NULL)
        return;
    *item = (struct rec_layer_facts){
        .diff = copy->diff,
        .content_bytes = copy->content_bytes,
        .nominal_bytes = copy->nominal_bytes,
        .files = copy->files,
        .directories = copy->directories,
        .base_layers = copy->base_layers,
        .of_user = measured_of_user(s),
        .os_release = arena_text(r->arena, os_release, strlen(os_release), NULL),
    };
    if (item->os_release == NULL)
        return;
    r->m.layer_facts.items = item;
    r->m.layer_facts.count = 1;
    post(m, &r);
}

/* Sparse files can claim more than the wire takes. */
static bool is_tellable(const struct measured_copy *copy)
{
    return copy->content_bytes <= REC_BYTES_MAX && copy->nominal_bytes <= REC_BYTES_MAX;
}

void measurer_tell_facts(struct measurer *m, const struct measured_store *s,
                         const struct measured_copy *copy)
{
    if (is_tellable(copy))
        tell_facts(m, s, copy);
    else
        measurer_decline(m, &copy->diff, "its files claim more bytes than a host can have");
}
