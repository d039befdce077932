#include "collector/census/versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/census/bases.h"
#include "common/clock.h"
#include "common/imageref.h"

#define LABEL_MAX 320
#define DAY_TEXT 10 /* "2026-03-02" */

struct build { /* one core chain */
    uint32_t chain;
    bool named;
    bool ranked; /* its day is that of a version of its family */
    int64_t day; /* of a named one; an unnamed one is told apart by its chain */
    const struct digest *digest;
    struct lineage_family family;
};

struct finder {
    struct versions *out;
    const struct fleet *f;
    const struct catalogue *catalogue;
    const struct lineage *lineage;
    const uint32_t *release;
    struct arena *arena;
    struct build *builds;
    size_t build_count;
};

/* ---- every core chain once ------------------------------------------------------------------- */

static int list_builds(struct finder *v, struct err *err)
{
    const struct lineage_image *images = v->lineage->images;
    size_t count = 0;

    for (size_t i = 0; i < v->f->image_count; i++) {
        if (!images[i].known || images[i].core == FLEET_NONE ||
            v->out->of_chain[images[i].core] != FLEET_NONE)
            continue;
        v->out->of_chain[images[i].core] = 0;
        count++;
    }
    v->builds = arena_array(v->arena, count, sizeof(*v->builds), err);
    if (v->builds == NULL)
        return -1;
    for (size_t i = 0; i < v->f->image_count && v->build_count < count; i++) {
        uint32_t chain = images[i].core;

        if (!images[i].known || chain == FLEET_NONE || v->out->of_chain[chain] != 0)
            continue;
        v->out->of_chain[chain] = FLEET_NONE;
        v->builds[v->build_count++] = (struct build){.chain = chain,
                                                     .named = images[i].kind == BASE_NAMED,
                                                     .digest = &v->f->chains[chain].digest};
    }
    return 0;
}

/* The platforms of a release are filed under its first, where that one is a core build. */
static int describe(struct finder *v, struct err *err)
{
    uint32_t *at = arena_array(v->arena, v->f->chain_count, sizeof(*at), err);

    if (at == NULL)
        return -1;
    for (uint32_t i = 0; i < v->build_count; i++) {
        struct build *b = &v->builds[i];

        if (lineage_family_of(&b->family, v->lineage, v->f, v->catalogue, b->chain, v->arena,
                              err) != 0)
            return -1;
        at[b->chain] = i + 1;
    }
    for (uint32_t i = 0; i < v->build_count; i++) {
        struct build *b = &v->builds[i];
        uint32_t first = at[v->release[b->chain]];

        if (b->named && first != 0 && v->builds[first - 1].named)
            b->family = v->builds[first - 1].family;
        b->day = b->named ? b->family.date_s / DAY_S : 0;
    }
    return 0;
}

/* ---- order ----------------------------------------------------------------------------------- */

static int compare_numbers(const struct build *x, const struct build *y)
{
    int order = strcmp(x->family.family, y->family.family);

    return order != 0 ? order : strcmp(x->family.version, y->family.version);
}

static int compare_versions(const struct build *x, const struct build *y)
{
    int order = compare_numbers(x, y);

    if (order == 0)
        order = (int)y->named - (int)x->named;
    if (order == 0)
        order = (x->day > y->day) - (x->day < y->day);
    return order == 0 && !x->named ? digest_cmp(x->digest, y->digest) : order;
}

static int by_version(const void *a, const void *b)
{
    const struct build *x = a, *y = b;
    int order = compare_versions(x, y);

    if (order == 0)
        order = (x->family.date_s > y->family.date_s) - (x->family.date_s < y->family.date_s);
    return order != 0 ? order : digest_cmp(x->digest, y->digest);
}

/* ---- which of them make others old ----------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The repositories that name a build, behind those in `list`. */
static int add_repositories(const struct finder *v, const struct build *b, const char **list,
                            size_t *count, struct err *err)
{
    const struct naming *n = v->lineage->naming;
    const struct fleet_run *run = &n->of_chain[b->chain];

    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        const struct naming_claim *claim = &n->claims[i];
        char text[IMAGEREF_MAX + 1];

        if (claim->displaced || claim->strength < NAME_TAG ||
            imageref_repository(claim->name, text) != 0)
            continue;
        list[*count] = arena_text(v->arena, text, strlen(text), err);
        if (list[(*count)++] == NULL)
            return -1;
    }
    return 0;
}

/* Whether one of the build's repositories is among the sorted ones, or called as its family. */
static int is_of_repository(const struct finder *v, const struct build *b, const char **known,
                            size_t known_count, bool *out, struct err *err)
{
    const char **own =
        arena_array(v->arena, v->lineage->naming->of_chain[b->chain].count, sizeof(*own), err);
    size_t count = 0;

    *out = false;
    if (own == NULL || add_repositories(v, b, own, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < count && !*out; i++) {
        const char *slash = strrchr(own[i], '/');

        *out = strcmp(slash != NULL ? slash + 1 : own[i], b->family.family) == 0 ||
               (known_count > 0 &&
                bsearch(&own[i], known, known_count, sizeof(*known), by_text) != NULL);
    }
    return 0;
}

/* An image of one layer, which nothing stands on, may be a base that is new, or an application that
 * was squashed, whose day is its own. */
static bool is_open(const struct finder *v, const struct build *b)
{
    return b->named && !b->ranked &&
           !lineage_declares_another(v->lineage, v->f, v->catalogue, b->chain);
}

static bool is_sure(const struct finder *v, const struct build *b)
{
    return b->named && (v->lineage->naming->entry[b->chain] != FLEET_NONE ||
                        (v->lineage->stood_on[b->chain] && is_open(v, b)));
}

/* The builds of one family. Where none is one for sure, and no repository tells, all may be. */
static int rank_family(struct finder *v, struct build *builds, size_t count, struct err *err)
{
    const struct naming *n = v->lineage->naming;
    const char **known;
    size_t claims = 0, known_count = 0;
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        builds[i].ranked = is_sure(v, &builds[i]);
        claims += builds[i].ranked ? n->of_chain[builds[i].chain].count : 0;
        any = any || builds[i].ranked;
    }
    known = arena_array(v->arena, claims, sizeof(*known), err);
    if (known == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (builds[i].ranked && add_repositories(v, &builds[i], known, &known_count, err) != 0)
            return -1;
    if (known_count > 1)
        qsort(known, known_count, sizeof(*known), by_text);
    for (size_t i = 0; i < count; i++) {
        bool is_of = false;

        if (!is_open(v, &builds[i]))
            continue;
        if (is_of_repository(v, &builds[i], known, known_count, &is_of, err) != 0)
            return -1;
        builds[i].ranked = is_of;
        any = any || is_of;
    }
    for (size_t i = 0; i < count && !any; i++)
        builds[i].ranked = is_open(v, &builds[i]);
    return 0;
}

static int rank_families(struct finder *v, struct err *err)
{
    if (v->build_count > 1)
        qsort(v->builds, v->build_count, sizeof(*v->builds), by_version);
    for (size_t from = 0, to; from < v->build_count; from = to) {
        const char *family = v->builds[from].family.family;

        for (to = from + 1;
             to < v->build_count && strcmp(v->builds[to].family.family, family) == 0;)
            to++;
        if (rank_family(v, v->builds + from, to - from, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- the list -------------------------------------------------------------------------------- */

static const char *label(const struct finder *v, const struct build *b, struct err *err)
{
    bool known = strcmp(b->family.family, VERSIONS_UNKNOWN_FAMILY) != 0 || b->named;
    char text[LABEL_MAX], time[CLOCK_TEXT], hex[DIGEST_HEX + 1];
    size_t len = 0;

    text[0] = '\0';
    if (known)
        snprintf(text, sizeof(text) / 2, "%s%s%s", b->family.family,
                 b->family.version[0] != '\0' ? " " : "", b->family.version);
    len = strlen(text);
    if (!b->named)
        snprintf(text + len, sizeof(text) - len, "%sunnamed %.*s", known ? ", " : "", DIGEST_SHORT,
                 digest_hex(b->digest, hex));
    else if (b->family.date_s > 0)
        snprintf(text + len, sizeof(text) - len, " of %.*s", DAY_TEXT,
                 clock_text(b->family.date_s * 1000, time));
    return arena_text(v->arena, text, strlen(text), err);
}

static int add_version(struct finder *v, const struct build *b, bool new_family, struct err *err)
{
    struct versions *out = v->out;
    const char *text = label(v, b, err);

    if (text == NULL)
        return -1;
    if (new_family)
        out->families[out->family_count++] =
            (struct versions_family){.name = b->family.family, .newest = FLEET_NONE};
    out->list[out->count++] = (struct version){.family = out->family_count - 1,
                                               .number = b->family.version,
                                               .label = text,
                                               .named = b->named,
                                               .date_s = b->family.date_s,
                                               .from_created = b->family.from_created,
                                               .newest = FLEET_NONE,
                                               .newer = FLEET_UNKNOWN,
                                               .os_release = b->family.os_release};
    return 0;
}

static int list_versions(struct finder *v, struct err *err)
{
    v->out->list = arena_array(v->arena, v->build_count, sizeof(*v->out->list), err);
    v->out->families = arena_array(v->arena, v->build_count, sizeof(*v->out->families), err);
    if (v->out->list == NULL || v->out->families == NULL)
        return -1;
    for (size_t i = 0; i < v->build_count; i++) {
        const struct build *b = &v->builds[i], *before = i > 0 ? b - 1 : NULL;
        bool new_family = before == NULL || strcmp(before->family.family, b->family.family) != 0;

        if ((before == NULL || compare_versions(before, b) != 0) &&
            add_version(v, b, new_family, err) != 0)
            return -1;
        v->out->list[v->out->count - 1].from_created |= b->family.from_created;
        v->out->list[v->out->count - 1].ranked |= b->ranked;
        v->out->of_chain[b->chain] = v->out->count - 1;
    }
    return 0;
}

/* Whether the one is to be called the newest of a family before the other: dates of making and of
 * hearing cannot be compared, and those of making go first. */
static bool is_newer(const struct version *a, const struct version *b)
{
    if (a->from_created != b->from_created)
        return a->from_created;
    return a->date_s > b->date_s;
}

/* Versions of one family and number: by date, the unnamed ones behind them; only ranked ones make
 * others old, or are. What was heard of
 * before another one was made is older than that; what was made before another one was heard of may
 * be newer. */
static void rank_number(struct versions *out, uint32_t from, uint32_t to)
{
    struct versions_family *family = &out->families[out->list[from].family];
    uint32_t made = FLEET_NONE, heard = FLEET_NONE, newest; /* the last of each kind */
    int64_t made_later = 0, heard_later = 0;

    for (uint32_t i = to; i-- > from;) {
        struct version *v = &out->list[i];
        bool is_made = v->from_created;

        if (!v->ranked)
            continue;
        if (is_made && made == FLEET_NONE)
            made = i;
        if (!is_made && heard == FLEET_NONE)
            heard = i;
        v->newest = made != FLEET_NONE ? made : heard;
        v->newer = made_later + (is_made ? 0 : heard_later);
        made_later += is_made;
        heard_later += !is_made;
    }
    newest = made != FLEET_NONE ? made : heard;
    for (uint32_t i = from; i < to; i++)
        if (!out->list[i].ranked)
            out->list[i].newest = newest;
    if (newest != FLEET_NONE &&
        (family->newest == FLEET_NONE || is_newer(&out->list[newest], &out->list[family->newest])))
        family->newest = newest;
}

static void rank(struct versions *out)
{
    for (uint32_t from = 0, to; from < out->count; from = to) {
        const struct version *first = &out->list[from];

        for (to = from + 1; to < out->count && out->list[to].family == first->family &&
                            strcmp(out->list[to].number, first->number) == 0;)
            to++;
        rank_number(out, from, to);
    }
}

int versions_compute(struct versions *out, const struct fleet *f, const struct catalogue *c,
                     const struct lineage *lineage, const uint32_t *release, struct arena *arena,
                     struct err *err)
{
    struct finder v = {
        .out = out, .f = f, .catalogue = c, .lineage = lineage, .release = release, .arena = arena};

    *out = (struct versions){0};
    out->of_chain = arena_array(arena, f->chain_count, sizeof(*out->of_chain), err);
    if (out->of_chain == NULL)
        return -1;
    for (size_t i = 0; i < f->chain_count; i++)
        out->of_chain[i] = FLEET_NONE;
    if (list_builds(&v, err) != 0 || describe(&v, err) != 0 || rank_families(&v, err) != 0 ||
        list_versions(&v, err) != 0)
        return -1;
    rank(out);
    return 0;
}

int64_t versions_days_behind(const struct versions *v, const struct version *version)
{
    const struct version *newest;

    if (version->newest == FLEET_NONE || !version->ranked || version->date_s <= 0)
        return FLEET_UNKNOWN;
    newest = &v->list[version->newest];
    return newest->date_s / DAY_S - version->date_s / DAY_S;
}

int versions_count_present(struct versions_count *out, const struct versions *v,
                           const struct bases *cores, struct arena *arena, struct err *err)
{
    bool *versions = arena_array(arena, v->count, sizeof(*versions), err);
    bool *families = arena_array(arena, v->family_count, sizeof(*families), err);

    *out = (struct versions_count){0};
    if (versions == NULL || families == NULL)
        return -1;
    for (uint32_t i = 0; i < cores->count; i++)
        for (uint32_t n = 0; n < cores->list[i].chain_count; n++) {
            uint32_t version = v->of_chain[cores->list[i].chains[n]];

            versions[version] = true;
            families[v->list[version].family] = true;
        }
    for (uint32_t i = 0; i < v->count; i++)
        out->versions += versions[i];
    for (uint32_t i = 0; i < v->family_count; i++)
        out->families += families[i] && strcmp(v->families[i].name, VERSIONS_UNKNOWN_FAMILY) != 0;
    return 0;
}
