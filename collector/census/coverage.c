#include "collector/census/coverage.h"

enum host_freshness coverage_freshness(const struct fleet *f, const struct fleet_host *h,
                                       int64_t fresh_within_s)
{
    if (h->ended_s != 0)
        return HOST_ENDED;
    if (h->retired_s != 0)
        return HOST_RETIRED;
    return f->now_s - h->last_s <= fresh_within_s ? HOST_FRESH : HOST_STALE;
}

const char *coverage_freshness_name(enum host_freshness freshness)
{
    static const char *const names[] = {
        [HOST_FRESH] = "fresh",
        [HOST_STALE] = "stale",
        [HOST_RETIRED] = "retired",
        [HOST_ENDED] = "ended",
    };

    return names[freshness];
}

bool coverage_host_unsure(const struct fleet *f, const struct fleet_host *h, int64_t fresh_within_s)
{
    if (coverage_freshness(f, h, fresh_within_s) != HOST_FRESH)
        return true;
    for (uint32_t i = 0; i < h->stores.count; i++) {
        const struct fleet_store *s = &f->stores[h->stores.first + i];

        if (s->present && fleet_store_unsure(s->state))
            return true;
    }
    return false;
}

static void cover_store(struct coverage *c, const struct fleet_store *s, bool *errors)
{
    c->stores++;
    c->stores_ok += s->state == REC_STORE_OK;
    c->stores_daemon_down += s->state == REC_STORE_DAEMON_DOWN;
    c->stores_unreadable += s->state == REC_STORE_UNREADABLE;
    c->stores_corrupt += s->state == REC_STORE_CORRUPT;
    c->stores_moving += s->state == REC_STORE_MOVING;
    c->stores_orphaned += s->state == REC_STORE_ORPHANED;
    c->problems += s->problem_count;
    if (s->state == REC_STORE_OK && s->problem_count == 0)
        return;
    c->hosts_with_errors += !errors[s->host];
    errors[s->host] = true;
}

static int cover_hosts(struct coverage *c, const struct fleet *f, int64_t fresh_within_s,
                       struct arena *arena, struct err *err)
{
    bool *errors = arena_array(arena, f->host_count, sizeof(*errors), err);

    if (errors == NULL)
        return -1;
    for (size_t i = 0; i < f->host_count; i++) {
        const struct fleet_host *h = &f->hosts[i];
        enum host_freshness freshness = coverage_freshness(f, h, fresh_within_s);

        c->hosts_retired += h->selected && freshness == HOST_RETIRED;
        if (!h->present)
            continue;
        c->hosts++;
        c->hosts_fresh += freshness == HOST_FRESH;
        c->hosts_stale += freshness == HOST_STALE;
    }
    for (size_t i = 0; i < f->store_count; i++)
        if (f->stores[i].present)
            cover_store(c, &f->stores[i], errors);
    return 0;
}

bool coverage_unconfirmed(const struct fleet_image *image)
{
    return image->parsed == PARSED_READ && image->document == DOCUMENT_UNCONFIRMED;
}

/* Counts the unconfirmed images that lie on a fresh host which is not the one that said them: those
 * with more hosts than such as could not confirm them. */
static int cover_confirmable(struct coverage *c, const struct fleet *f,
                             const struct standing *images, int64_t fresh_within_s,
                             struct arena *arena, struct err *err)
{
    uint32_t *unable = arena_array(arena, f->image_count, sizeof(*unable), err);
    uint32_t *last_host = arena_array(arena, f->image_count, sizeof(*last_host), err);

    if (unable == NULL || last_host == NULL)
        return -1;
    for (size_t s = 0; s < f->store_count; s++) {
        const struct fleet_store *store = &f->stores[s];
        bool fresh = coverage_freshness(f, &f->hosts[store->host], fresh_within_s) == HOST_FRESH;

        for (uint32_t i = 0; i < store->presences.count; i++) {
            uint32_t image = f->presences[store->presences.first + i].image;

            if ((fresh && f->images[image].said_by != store->host) ||
                last_host[image] == store->host + 1)
                continue;
            last_host[image] = store->host + 1;
            unable[image]++;
        }
    }
    for (size_t i = 0; i < f->image_count; i++)
        c->images_confirmable += coverage_unconfirmed(&f->images[i]) && images[i].hosts > unable[i];
    return 0;
}

static void cover_images(struct coverage *c, const struct fleet *f, const struct standing *images)
{
    for (size_t i = 0; i < f->image_count; i++) {
        const struct fleet_image *image = &f->images[i];

        if (images[i].kind == IMAGE_ABSENT)
            continue;
        c->images++;
        c->images_unknown += image->parsed == PARSED_NOT;
        c->images_disputed += image->parsed == PARSED_DISPUTED;
        c->images_unconfirmed += coverage_unconfirmed(image);
    }
}

static void cover_sizes(struct coverage *c, const struct fleet *f, const struct ledgers *ledgers,
                        const bool *layers_present)
{
    for (size_t i = 0; i < f->layer_count; i++) {
        if (!layers_present[i])
            continue;
        c->layers++;
        c->layers_measured += f->layers[i].nominal_bytes != FLEET_UNKNOWN;
        c->layers_unknown += f->layers[i].nominal_bytes == FLEET_UNKNOWN;
        c->layers_disputed += f->layers[i].state == FACT_DISPUTED;
    }
    c->copies = ledgers->fleet.copies;
    c->copies_measured = ledgers->fleet.measured;
    c->copies_estimated = ledgers->fleet.estimated;
    c->copies_unknown = ledgers->fleet.unknown;
    c->copies_missing = ledgers->missing;
}

static bool is_complete(const struct coverage *c, unsigned needs)
{
    bool complete = c->hosts > 0;

    if (needs & NEEDS_PRESENCE)
        complete = complete && c->hosts_stale == 0 && c->stores_unreadable == 0 &&
                   c->stores_corrupt == 0 && c->stores_moving == 0;
    if (needs & NEEDS_CONTENT)
        complete = complete && c->images_unknown == 0 && c->images_confirmable == 0 &&
                   c->images_disputed == 0;
    if (needs & NEEDS_SIZES)
        complete = complete && c->layers_unknown == 0 && c->copies_estimated == 0 &&
                   c->copies_unknown == 0;
    return complete;
}

int coverage_compute(struct coverage *out, const struct fleet *f, const struct ledgers *ledgers,
                     const struct standing *images, const bool *layers_present,
                     int64_t fresh_within_s, unsigned needs, struct arena *arena, struct err *err)
{
    *out = (struct coverage){0};
    if (cover_hosts(out, f, fresh_within_s, arena, err) != 0 ||
        cover_confirmable(out, f, images, fresh_within_s, arena, err) != 0)
        return -1;
    cover_images(out, f, images);
    cover_sizes(out, f, ledgers, layers_present);
    out->complete = is_complete(out, needs);
    return 0;
}
