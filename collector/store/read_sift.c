#include "collector/store/read_sift.h"

#include <stdlib.h>
#include <string.h>

/* Rows of one image and source: which one listing of it has, and which one host was the first to
 * list, the first by their words; and all of them. */
enum { ROWS_OF_LISTING = 64, ROWS_OF_HOST = 256, ROWS_MAX = 1024 };

int read_by_source(const struct fleet_evidence *x, const struct fleet_evidence *y)
{
    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return (x->source > y->source) - (x->source < y->source);
}

/* What manifests and layers say has no order among itself but that of its words. */
static int by_words(const void *a, const void *b)
{
    const struct fleet_evidence *x = a, *y = b;
    int order = read_by_source(x, y);

    if (order == 0)
        order = strcmp(x->reference, y->reference);
    if (order == 0)
        order = digest_cmp(&x->digest, &y->digest);
    return order != 0 ? order : (x->layers > y->layers) - (x->layers < y->layers);
}

struct share {     /* of a listing of an image with manifests, or of the host that was its first */
    uint32_t rows; /* of the image and source at hand that it vouches for */
    uint32_t last; /* number of the last one of them */
};

struct sieve {
    struct reading *r;
    const struct vouched *manifests;
    const uint32_t *vouchers;
    struct share *listings; /* as the fleet's `said` */
    struct share *hosts;
    size_t kept, first; /* rows: of all, and where those of the image and source begin */
};

static struct share *host_of(const struct sieve *s, uint32_t said)
{
    const struct fleet *f = s->r->f;

    return &s->hosts[f->stores[f->said[said].root.store].host];
}

/* Whether somebody who lists the image with this manifest has room for one more row: nobody crowds
 * out what others list. */
static bool has_room(const struct sieve *s, const struct vouched *m)
{
    if (s->kept - s->first >= ROWS_MAX)
        return false;
    for (uint32_t i = 0; i < m->said.count; i++) {
        uint32_t said = s->vouchers[m->said.first + i];

        if (s->listings[said].rows < ROWS_OF_LISTING && host_of(s, said)->rows < ROWS_OF_HOST)
            return true;
    }
    return false;
}

static void count_row(const struct sieve *s, struct share *share)
{
    share->rows += share->last != s->kept;
    share->last = (uint32_t)s->kept;
}

/* Adds those who list the image with this manifest to them who vouch for the row that was kept
 * last, whose run of them is the last one; each once. */
static int vouch(const struct sieve *s, struct fleet_evidence *e, const struct vouched *m,
                 struct err *err)
{
    struct fleet *f = s->r->f;

    for (uint32_t i = 0; i < m->said.count; i++) {
        uint32_t said = s->vouchers[m->said.first + i];
        uint32_t *list;

        if (s->listings[said].last == s->kept)
            continue;
        list = read_room(s->r, f->evidence_said, f->evidence_said_count, sizeof(*list), err);
        if (list == NULL)
            return -1;
        f->evidence_said = list;
        list[f->evidence_said_count] = said;
        read_extend(&e->said, f->evidence_said_count++);
        count_row(s, &s->listings[said]);
        count_row(s, host_of(s, said));
    }
    return 0;
}

/* Begins to count anew: those that vouch for the rows of before have none. */
static void forget_kept(struct sieve *s, const struct fleet_evidence *list)
{
    const struct fleet *f = s->r->f;

    for (size_t i = s->first; i < s->kept; i++)
        for (uint32_t v = 0; v < list[i].said.count; v++) {
            uint32_t said = f->evidence_said[list[i].said.first + v];

            s->listings[said].rows = host_of(s, said)->rows = 0;
        }
    s->first = s->kept;
}

static int sift(struct sieve *s, struct fleet_evidence *list, size_t index, struct err *err)
{
    const bool of_layer = list[index].source == EVIDENCE_CONTENT_MANIFEST;
    const struct vouched *m = of_layer ? NULL : &s->manifests[list[index].said.first];

    if (s->kept > s->first && read_by_source(&list[s->kept - 1], &list[index]) != 0)
        forget_kept(s, list);
    if (s->kept == s->first || by_words(&list[s->kept - 1], &list[index]) != 0) {
        if (m != NULL && !has_room(s, m))
            return 0;
        list[s->kept] = list[index];
        list[s->kept++].said = (struct fleet_run){0};
    }
    return m != NULL ? vouch(s, &list[s->kept - 1], m, err) : 0;
}

int read_sift(struct reading *r, const struct vouched *manifests, const uint32_t *vouchers,
              struct fleet_evidence *list, size_t *count, struct err *err)
{
    struct sieve s = {.r = r, .manifests = manifests, .vouchers = vouchers};

    s.listings = arena_array(r->arena, r->f->said_count, sizeof(*s.listings), err);
    s.hosts = arena_array(r->arena, r->f->host_count, sizeof(*s.hosts), err);
    if (s.listings == NULL || s.hosts == NULL)
        return -1;
    if (*count > 0)
        qsort(list, *count, sizeof(*list), by_words);
    for (size_t i = 0; i < *count; i++)
        if (sift(&s, list, i, err) != 0)
            return -1;
    *count = s.kept;
    return 0;
}
