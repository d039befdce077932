/*
 * From subjects to images. The fleet is passed over once, however many subjects there are: they are
 * sorted, and each name and repo digest of the fleet is looked up among them.
 */
#include <stdlib.h>
#include <string.h>

#include "collector/report/names_private.h"
#include "collector/report/parts.h"
#include "common/imageref.h"

#define HEX_LEAST 12       /* digits of an image ID without "sha256:" */
#define MARKED_HEX_LEAST 4 /* the same with it */
#define LAST UINT32_MAX

enum want { WANT_NAME, WANT_DIGEST, WANT_ID };

/* What one subject asks for. */
struct wanted {
    size_t asked;
    enum want want;
    const char *key; /* they are sorted by it: "registry/repository", or hex digits */
    struct imageref name;
    bool found;
    bool unread;   /* an image would be meant, whose layers nobody knows */
    bool artifact; /* or one that has none */
};

/* One of the fleet's names, as an image can be added under it. */
struct called {
    const char *text; /* normal form without a digest; NULL where it has no tag */
    const char *tag;  /* its end */
    size_t wanted;    /* the first subject of its repository */
};

struct search {
    struct census *c;
    struct wanted *wanted;
    size_t wanted_count;
    struct called *called; /* by name */
    struct names_found *list;
    size_t count, cap;
};

/* ---- subjects -------------------------------------------------------------------------------- */

static int read_name(struct wanted *out, const char *text, struct arena *arena, struct err *err)
{
    char key[IMAGEREF_MAX + 1];
    struct err why;

    if (imageref_parse(&out->name, text, &why) != 0)
        return err_set(err, ERR_USAGE, "%s", why.text);
    out->want = out->name.has_digest ? WANT_DIGEST : WANT_NAME;
    if (out->name.has_digest)
        digest_hex(&out->name.digest, key);
    else if (imageref_repository(text, key) != 0)
        return err_set(err, ERR_USAGE, "%s: the name is too long", text);
    out->key = arena_text(arena, key, strlen(key), err);
    return out->key != NULL ? 0 : -1;
}

static int read_subject(struct wanted *out, const char *text, struct arena *arena, struct err *err)
{
    bool marked = strncmp(text, DIGEST_ALGORITHM, strlen(DIGEST_ALGORITHM)) == 0;
    const char *hex = marked ? text + strlen(DIGEST_ALGORITHM) : text;
    size_t len = strlen(hex);

    if (strspn(hex, "0123456789abcdef") != len || len > DIGEST_HEX ||
        len < (marked ? MARKED_HEX_LEAST : HEX_LEAST))
        return read_name(out, text, arena, err);
    out->want = WANT_ID;
    out->key = hex;
    return 0;
}

static int by_want_then_key(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;

    return x->want != y->want ? (int)x->want - (int)y->want : strcmp(x->key, y->key);
}

static int read_subjects(struct search *s, struct err *err)
{
    const struct report_request *request = s->c->request;

    s->wanted = arena_array(s->c->arena, request->subject_count, sizeof(*s->wanted), err);
    if (s->wanted == NULL)
        return -1;
    for (size_t i = 0; i < request->subject_count; i++) {
        s->wanted[i].asked = i;
        if (read_subject(&s->wanted[i], request->subjects[i], s->c->arena, err) != 0)
            return -1;
    }
    s->wanted_count = request->subject_count;
    qsort(s->wanted, s->wanted_count, sizeof(*s->wanted), by_want_then_key);
    return 0;
}

/* The first subject that asks so, or where it would be. */
static size_t first_wanted(const struct search *s, enum want want, const char *key)
{
    const struct wanted asked = {.want = want, .key = key};
    size_t low = 0, high = s->wanted_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (by_want_then_key(&s->wanted[middle], &asked) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The subject at this place where it asks so; NULL past the last. */
static struct wanted *wanted_at(const struct search *s, size_t at, enum want want, const char *key)
{
    struct wanted *w = &s->wanted[at];

    return at < s->wanted_count && w->want == want && strcmp(w->key, key) == 0 ? w : NULL;
}

/* ---- what is found --------------------------------------------------------------------------- */

static const struct naming_claim *claim_of(const struct census *c, uint32_t chain, const char *name)
{
    const struct fleet_run *run = &c->naming.of_chain[chain];

    for (uint32_t i = run->first; i < run->first + run->count; i++)
        if (strcmp(c->naming.claims[i].name, name) == 0)
            return &c->naming.claims[i];
    return NULL;
}

static int add(struct search *s, struct wanted *w, uint32_t image, const char *name,
               const struct naming_claim *claim, struct err *err)
{
    const struct fleet_image *fi = &s->c->fleet.images[image];
    struct names_found *list;
    struct names_found k = {
        .asked = w->asked, .exact = w->want != WANT_NAME, .image = image, .name = name};

    k.given = claim == NULL && w->want == WANT_DIGEST;
    if (fi->chain_count == 0) {
        w->unread = true;
        w->artifact = w->artifact || policy_is_no_image(fi);
        return 0;
    }
    list = fleet_room(s->c->arena, s->list, s->count, &s->cap, sizeof(*list), err);
    if (list == NULL)
        return -1;
    s->list = list;
    k.platform = part_platform(s->c, fi, err);
    if (k.platform == NULL)
        return -1;
    if (w->want == WANT_DIGEST && w->name.tag[0] == '\0')
        k.digest = &w->name.digest; /* the one that the name ends with */
    k.claim = claim;
    k.strength = k.claim != NULL ? k.claim->strength : NAME_SEEN;
    list[s->count++] = k;
    w->found = true;
    return 0;
}

/* By a name that the fleet has for it. */
static int add_called(struct search *s, struct wanted *w, uint32_t image, const char *name,
                      struct err *err)
{
    const struct fleet_image *i = &s->c->fleet.images[image];

    return add(s, w, image, name,
               i->chain_count > 0 ? claim_of(s->c, i->chains[i->chain_count - 1], name) : NULL,
               err);
}

/* ---- by name --------------------------------------------------------------------------------- */

static int read_called(struct search *s, uint32_t name, struct err *err)
{
    const char *normal = s->c->fleet.names[name].normal;
    struct called *out = &s->called[name];
    char repository[IMAGEREF_MAX + 1];
    struct imageref ref;
    size_t len;

    if (imageref_parse(&ref, normal, NULL) != 0 || ref.tag[0] == '\0' ||
        imageref_repository(normal, repository) != 0)
        return 0;
    len = strcspn(normal, "@");
    out->text = normal[len] == '\0' ? normal : arena_text(s->c->arena, normal, len, err);
    if (out->text == NULL)
        return -1;
    out->tag = out->text + len - strlen(ref.tag);
    out->wanted = first_wanted(s, WANT_NAME, repository);
    return 0;
}

static int read_all_called(struct search *s, struct err *err)
{
    s->called = arena_array(s->c->arena, s->c->fleet.name_count, sizeof(*s->called), err);
    if (s->called == NULL)
        return -1;
    for (uint32_t i = 0; i < s->c->fleet.name_count; i++)
        if (read_called(s, i, err) != 0)
            return -1;
    return 0;
}

/* Those who ask for one of the names that a present image has now. */
static int search_names(struct search *s, uint32_t image, struct err *err)
{
    const struct standing *at = &s->c->images[image];

    for (uint32_t n = 0; n < at->name_count; n++) {
        const struct called *have = &s->called[at->names[n]];
        const char *key;
        struct wanted *w;

        if (have->text == NULL || have->wanted >= s->wanted_count)
            continue;
        key = s->wanted[have->wanted].key;
        if (strncmp(key, have->text, strlen(key)) != 0 || have->text + strlen(key) + 1 != have->tag)
            continue;
        for (size_t i = have->wanted; (w = wanted_at(s, i, WANT_NAME, key)) != NULL; i++)
            if ((w->name.tag[0] == '\0' || strcmp(w->name.tag, have->tag) == 0) &&
                add_called(s, w, image, have->text, err) != 0)
                return -1;
    }
    return 0;
}

/* ---- by digest ------------------------------------------------------------------------------- */

/* The operator says which: the name becomes the image's whatever the fleet calls it, if the digest
 * is its own (`said` NULL). That a manifest or index is the image's somebody has said. */
static int add_digest(struct search *s, uint32_t image, const struct digest *digest,
                      const struct naming_claim *said, struct err *err)
{
    char hex[DIGEST_HEX + 1], text[IMAGEREF_MAX + 1];
    struct wanted *w;

    digest_hex(digest, hex);
    for (size_t i = first_wanted(s, WANT_DIGEST, hex);
         (w = wanted_at(s, i, WANT_DIGEST, hex)) != NULL; i++) {
        struct imageref name = w->name;
        const char *kept;

        name.has_digest = name.tag[0] == '\0';
        imageref_text(&name, text);
        kept = arena_text(s->c->arena, text, strlen(text), err);
        if (kept == NULL || add(s, w, image, kept, said, err) != 0)
            return -1;
    }
    return 0;
}

/* Whose word it is that the image has the digest: as good as a name of it. */
static const struct naming_claim *claim_by(const struct search *s, const struct fleet_said *said,
                                           const struct fleet_said_digest *d, struct err *err)
{
    struct naming_claim *claim = arena_alloc(s->c->arena, sizeof(*claim), err);
    bool is_firm = said->root.store != FLEET_NONE && !d->disproved;

    if (claim != NULL)
        *claim = (struct naming_claim){.strength = is_firm ? NAME_PULLED : NAME_SEEN,
                                       .store = said->root.store != FLEET_NONE ? said->root.store
                                                                               : said->user.store};
    return claim;
}

static int search_digests(struct search *s, struct err *err)
{
    const struct fleet *f = &s->c->fleet;
    char hex[DIGEST_HEX + 1];

    for (size_t i = 0; i < f->said_count; i++) {
        const struct fleet_said *said = &f->said[i];

        for (uint32_t n = 0;
             s->c->images[said->image].kind != IMAGE_ABSENT && n < said->digests.count; n++) {
            const struct fleet_said_digest *d = &f->said_digests[said->digests.first + n];
            const struct naming_claim *claim;

            digest_hex(&d->digest, hex);
            if (wanted_at(s, first_wanted(s, WANT_DIGEST, hex), WANT_DIGEST, hex) == NULL)
                continue;
            claim = claim_by(s, said, d, err);
            if (claim == NULL || add_digest(s, said->image, &d->digest, claim, err) != 0)
                return -1;
        }
    }
    return 0;
}

/* Every name that the image has. */
static int add_names_of(struct search *s, struct wanted *w, uint32_t image, struct err *err)
{
    const struct standing *at = &s->c->images[image];

    for (uint32_t n = 0; n < at->name_count; n++) {
        const char *name = s->called[at->names[n]].text;

        if (name != NULL && add_called(s, w, image, name, err) != 0)
            return -1;
    }
    return 0;
}

static int search_ids(struct search *s, uint32_t image, struct err *err)
{
    char hex[DIGEST_HEX + 1];

    digest_hex(&s->c->fleet.images[image].digest, hex);
    for (size_t i = first_wanted(s, WANT_ID, ""); i < s->wanted_count; i++)
        if (strncmp(hex, s->wanted[i].key, strlen(s->wanted[i].key)) == 0 &&
            add_names_of(s, &s->wanted[i], image, err) != 0)
            return -1;
    return 0;
}

static int search_all(struct search *s, struct err *err)
{
    const struct fleet *f = &s->c->fleet;

    for (uint32_t i = 0; i < f->image_count; i++)
        if (s->c->images[i].kind != IMAGE_ABSENT &&
            (search_names(s, i, err) != 0 ||
             add_digest(s, i, &f->images[i].digest, NULL, err) != 0 || search_ids(s, i, err) != 0))
            return -1;
    return search_digests(s, err);
}

/* The first subject that means nothing. */
static int check_found(const struct search *s, struct err *err)
{
    const struct wanted *missing = NULL;

    for (size_t i = 0; i < s->wanted_count; i++)
        if (!s->wanted[i].found && (missing == NULL || s->wanted[i].asked < missing->asked))
            missing = &s->wanted[i];
    if (missing == NULL)
        return 0;
    if (missing->artifact)
        return err_set(err, ERR_NOT_FOUND,
                       "%s: an artifact: it has no layers that anything could stand on",
                       s->c->request->subjects[missing->asked]);
    if (missing->unread)
        return err_set(err, ERR_NOT_FOUND, "%s: no host has sent the image's config yet",
                       s->c->request->subjects[missing->asked]);
    return err_set(err, ERR_NOT_FOUND, "%s: no image in the fleet has %s now",
                   s->c->request->subjects[missing->asked],
                   missing->want == WANT_ID ? "this ID and a name" : "this name or digest");
}

/* ---- the strongest --------------------------------------------------------------------------- */

static int by_name_then_strength(const void *a, const void *b, void *arg)
{
    const struct names_found *x = a, *y = b;
    const struct fleet *f = arg;
    int order = x->asked != y->asked ? (x->asked < y->asked ? -1 : 1) : strcmp(x->name, y->name);

    if (order == 0)
        order = strcmp(x->platform, y->platform);
    if (order == 0)
        order = (int)y->strength - (int)x->strength;
    return order != 0 ? order
                      : digest_cmp(&f->images[x->image].digest, &f->images[y->image].digest);
}

static bool same_place(const struct names_found *a, const struct names_found *b)
{
    return a->asked == b->asked && strcmp(a->name, b->name) == 0 &&
           strcmp(a->platform, b->platform) == 0;
}

/* `first` is the strongest of its name and platform. Beside what the catalogue names already all
 * others stay: which of them is meant now only the operator can say. */
static bool is_kept(const struct names_found *k, const struct names_found *first)
{
    return k->exact || k->strength == first->strength || first->strength == NAME_CATALOGUE;
}

/* An image that a digest means in several ways is there once, by the strongest word. */
static int keep_strongest(struct search *s, struct err *err)
{
    size_t kept = 0, first = 0;
    size_t *place = arena_array(s->c->arena, s->c->fleet.image_count, sizeof(*place), err);

    if (place == NULL)
        return -1;
    qsort_r(s->list, s->count, sizeof(*s->list), by_name_then_strength, &s->c->fleet);
    for (size_t i = 0; i < s->count; i++) {
        const struct names_found k = s->list[i];

        if (kept == 0 || !same_place(&k, &s->list[first]))
            first = kept;
        else if (place[k.image] > first || !is_kept(&k, &s->list[first]))
            continue;
        s->list[kept++] = k;
        place[k.image] = kept; /* one more than where it is */
    }
    s->count = kept;
    return 0;
}

/* ---- their digests --------------------------------------------------------------------------- */

static bool is_of_repository(const struct names_found *k, const char *repository)
{
    char own[IMAGEREF_MAX + 1];

    return imageref_repository(k->name, own) == 0 && strcmp(own, repository) == 0;
}

/* Of the index that has the image, else of its manifest, in the name's repository. A name that ends
 * with a digest has that one, which no repository's can replace. */
static int find_digests(const struct search *s, struct err *err)
{
    const struct fleet *f = &s->c->fleet;
    uint32_t *head = arena_array(s->c->arena, f->image_count, sizeof(*head), err);
    uint32_t *next = arena_array(s->c->arena, s->count, sizeof(*next), err);
    char repository[IMAGEREF_MAX + 1];

    if (head == NULL || next == NULL)
        return -1;
    for (size_t i = 0; i < f->image_count; i++)
        head[i] = LAST;
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->list[i].digest != NULL)
            continue;
        next[i] = head[s->list[i].image];
        head[s->list[i].image] = i;
    }
    for (size_t i = 0; i < f->repo_digest_count; i++) {
        const struct fleet_repo_digest *d = &f->repo_digests[i];

        if (!d->present || head[d->image] == LAST ||
            imageref_repository(f->names[d->repository].normal, repository) != 0)
            continue;
        for (uint32_t k = head[d->image]; k != LAST; k = next[k])
            if ((s->list[k].digest == NULL || d->kind == REC_DOC_INDEX) &&
                is_of_repository(&s->list[k], repository))
                s->list[k].digest = &d->digest;
    }
    return 0;
}

int names_search(struct names_found **out, size_t *count, struct census *c, struct err *err)
{
    struct search s = {.c = c};

    if (read_subjects(&s, err) != 0 || read_all_called(&s, err) != 0 || search_all(&s, err) != 0 ||
        check_found(&s, err) != 0)
        return -1;
    if (s.count > 0 && keep_strongest(&s, err) != 0)
        return -1;
    *out = s.list;
    *count = s.count;
    return find_digests(&s, err);
}
