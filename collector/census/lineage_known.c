#include <stdlib.h>

#include "collector/census/lineage_private.h"
#include "common/imageref.h"

/*
 * Only names and digests that some image declares get a key; whatever else the fleet has is looked
 * up among those and dropped.
 */

struct word { /* a declared name */
    uint64_t hash;
    const char *text;
    uint32_t index; /* evidence that says it first, then its key */
};

struct mark { /* a declared digest */
    const struct digest *digest;
    uint32_t index;
};

struct words {
    struct word *names;
    struct mark *digests;
    size_t name_count, digest_count;
};

/* FNV-1a; texts of equal hash are told apart by themselves. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(1099511628211);
    return hash;
}

static int cmp_words(const void *a, const void *b)
{
    const struct word *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return strcmp(x->text, y->text);
}

static int cmp_marks(const void *a, const void *b)
{
    return digest_cmp(((const struct mark *)a)->digest, ((const struct mark *)b)->digest);
}

static uint32_t find_name(const struct words *w, const char *text)
{
    struct word wanted = {.hash = hash_text(text), .text = text};
    const struct word *found = w->name_count == 0 ? NULL
                                                  : bsearch(&wanted, w->names, w->name_count,
                                                            sizeof(*w->names), cmp_words);

    return found == NULL ? FLEET_NONE : found->index;
}

static uint32_t find_digest(const struct words *w, const struct digest *digest)
{
    struct mark wanted = {.digest = digest};
    const struct mark *found = w->digest_count == 0 ? NULL
                                                    : bsearch(&wanted, w->digests, w->digest_count,
                                                              sizeof(*w->digests), cmp_marks);

    return found == NULL ? FLEET_NONE : found->index;
}

static bool has_tag(const char *reference)
{
    const char *slash = strrchr(reference, '/');

    return strchr(slash == NULL ? reference : slash, ':') != NULL;
}

/* A reference without a tag means "latest", unless a digest says which one is meant. In `arena`
 * where it has to be written. */
static const char *with_tag(const char *reference, struct arena *arena, struct err *err)
{
    size_t len = strlen(reference);
    char *text;

    if (has_tag(reference))
        return reference;
    text = arena_array(arena, len + sizeof(":latest"), 1, err);
    if (text == NULL)
        return NULL;
    memcpy(text, reference, len);
    memcpy(text + len, ":latest", sizeof(":latest"));
    return text;
}

static int list_words(struct lineage_facts *l, struct words *w, struct err *err)
{
    static const struct digest none;

    for (uint32_t i = 0; i < l->f->evidence_count; i++) {
        const struct fleet_evidence *e = &l->f->evidence[i];
        bool has_digest = !digest_eq(&e->digest, &none);
        const char *text;

        if (!lineage_declares(e))
            continue;
        if (e->reference[0] != '\0' && (has_tag(e->reference) || !has_digest)) {
            text = with_tag(e->reference, l->arena, err);
            if (text == NULL)
                return -1;
            w->names[w->name_count++] = (struct word){hash_text(text), text, i};
        }
        if (has_digest)
            w->digests[w->digest_count++] = (struct mark){&e->digest, i};
    }
    return 0;
}

/* Numbers the distinct ones, names first, and tells each evidence its keys. */
static void number_words(struct lineage_known *k, struct words *w)
{
    size_t kept = 0;

    qsort(w->names, w->name_count, sizeof(*w->names), cmp_words);
    for (size_t i = 0; i < w->name_count; i++) {
        struct word word = w->names[i];

        if (kept == 0 || cmp_words(&w->names[kept - 1], &word) != 0) {
            w->names[kept] = word;
            w->names[kept++].index = (uint32_t)k->key_count++;
        }
        k->name_of[word.index] = w->names[kept - 1].index;
    }
    w->name_count = kept;
    kept = 0;
    qsort(w->digests, w->digest_count, sizeof(*w->digests), cmp_marks);
    for (size_t i = 0; i < w->digest_count; i++) {
        struct mark mark = w->digests[i];

        if (kept == 0 || cmp_marks(&w->digests[kept - 1], &mark) != 0) {
            w->digests[kept] = mark;
            w->digests[kept++].index = (uint32_t)k->key_count++;
        }
        k->digest_of[mark.index] = w->digests[kept - 1].index;
    }
    w->digest_count = kept;
}

static int add_holder(struct lineage_facts *l, struct lineage_holder holder, struct err *err)
{
    struct lineage_known *k = &l->known;
    struct lineage_holder *list;

    if (holder.key == FLEET_NONE)
        return 0;
    list = fleet_room(l->arena, k->holders, k->count, &k->cap, sizeof(*list), err);
    if (list == NULL)
        return -1;
    k->holders = list;
    list[k->count++] = holder;
    return 0;
}

/* What a firm store's tag is worth for a chain. */
static enum lineage_word weigh_name(const struct lineage_facts *l, uint32_t chain, uint32_t name)
{
    const struct naming_claim *claim = naming_claim_of(l->naming, chain, l->f->names[name].normal);

    return claim != NULL && claim->displaced ? WORD_DISPLACED : WORD_FIRM;
}

/* `key_of_name`: by name of the fleet. */
static int add_said(struct lineage_facts *l, const struct words *w, const uint32_t *key_of_name,
                    size_t index, struct err *err)
{
    const struct fleet *f = l->f;
    const struct fleet_said *said = &f->said[index];
    bool is_firm = l->only != NULL || naming_is_firm(l->naming, f, index, l->known_at_s);
    bool by_root = naming_is_known(&said->root, l->known_at_s);
    bool names_count = l->only == NULL || l->only->said[index];
    struct lineage_holder holder = {.image = said->image,
                                    .entry = FLEET_NONE,
                                    .store = by_root ? said->root.store : said->user.store,
                                    .repository = FLEET_NONE};

    if (l->only != NULL && !l->only->images[said->image])
        return 0;
    if ((!is_firm && !naming_is_known(&said->user, l->known_at_s)) ||
        !naming_has_line(&f->images[said->image], l->known_at_s))
        return 0;
    holder.chain = naming_top(&f->images[said->image]);
    for (uint32_t i = 0; names_count && i < said->names.count; i++) {
        uint32_t name = f->place_names[said->names.first + i];

        holder.key = key_of_name[name];
        if (holder.key == FLEET_NONE)
            continue;
        holder.word = is_firm ? weigh_name(l, holder.chain, name) : WORD_USERS;
        if (add_holder(l, holder, err) != 0)
            return -1;
    }
    holder.word = is_firm ? WORD_FIRM : WORD_USERS;
    for (uint32_t i = 0; i < said->digests.count; i++) {
        const struct fleet_said_digest *digest = &f->said_digests[said->digests.first + i];

        holder.key = digest->disproved || !(names_count || digest->proved)
                         ? FLEET_NONE
                         : find_digest(w, &digest->digest);
        holder.repository = digest->repository;
        if (add_holder(l, holder, err) != 0)
            return -1;
    }
    return 0;
}

static int add_entry(struct lineage_facts *l, const struct words *w, uint32_t index,
                     struct err *err)
{
    const struct catalogue_base *base = &l->c->bases[index];
    struct lineage_holder holder = {.key = find_name(w, base->name),
                                    .chain = l->naming->catalogue_chain[index],
                                    .image = FLEET_NONE,
                                    .entry = index,
                                    .store = FLEET_NONE,
                                    .repository = FLEET_NONE};

    if (l->known_at_s != 0 && base->added_s > l->known_at_s)
        return 0;
    if (add_holder(l, holder, err) != 0)
        return -1;
    holder.key = find_digest(w, &base->digest);
    return add_holder(l, holder, err);
}

static int add_image(struct lineage_facts *l, const struct words *w, uint32_t index,
                     struct err *err)
{
    const struct fleet_image *image = &l->f->images[index];

    if (w->digest_count == 0 || !naming_has_line(image, l->known_at_s) ||
        (l->only != NULL && !l->only->images[index]))
        return 0;
    return add_holder(l,
                      (struct lineage_holder){.key = find_digest(w, &image->digest),
                                              .chain = naming_top(image),
                                              .image = index,
                                              .entry = FLEET_NONE,
                                              .store = FLEET_NONE,
                                              .repository = FLEET_NONE},
                      err);
}

static int cmp_holders(const void *a, const void *b)
{
    const struct lineage_holder *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if ((x->word == WORD_FIRM) != (y->word == WORD_FIRM))
        return x->word == WORD_FIRM ? -1 : 1;
    if (x->chain != y->chain)
        return x->chain < y->chain ? -1 : 1;
    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    if (x->entry != y->entry)
        return x->entry < y->entry ? -1 : 1;
    return (x->repository > y->repository) - (x->repository < y->repository);
}

static int sort_holders(struct lineage_facts *l, struct err *err)
{
    struct lineage_known *k = &l->known;
    uint32_t kept = 0;

    k->of_key = arena_array(l->arena, k->key_count, sizeof(*k->of_key), err);
    if (k->of_key == NULL)
        return -1;
    if (k->count > 0)
        qsort(k->holders, k->count, sizeof(*k->holders), cmp_holders);
    for (uint32_t i = 0; i < k->count; i++) {
        struct lineage_held *held = &k->of_key[k->holders[i].key];

        if (kept > 0 && cmp_holders(&k->holders[kept - 1], &k->holders[i]) == 0)
            continue;
        if (held->count++ == 0)
            held->first = kept;
        held->firm += k->holders[i].word == WORD_FIRM;
        k->holders[kept++] = k->holders[i];
    }
    k->count = kept;
    return 0;
}

static int list_holders(struct lineage_facts *l, const struct words *w, struct err *err)
{
    uint32_t *key_of_name = arena_array(l->arena, l->f->name_count, sizeof(*key_of_name), err);

    if (key_of_name == NULL)
        return -1;
    for (size_t i = 0; i < l->f->name_count; i++)
        key_of_name[i] = find_name(w, l->f->names[i].normal);
    for (size_t i = 0; i < l->f->said_count; i++)
        if (add_said(l, w, key_of_name, i, err) != 0)
            return -1;
    for (uint32_t i = 0; i < l->c->base_count; i++)
        if (add_entry(l, w, i, err) != 0)
            return -1;
    for (uint32_t i = 0; i < l->f->image_count; i++)
        if (add_image(l, w, i, err) != 0)
            return -1;
    return sort_holders(l, err);
}

int lineage_find_known(struct lineage_facts *l, struct err *err)
{
    struct lineage_known *k = &l->known;
    size_t count = l->f->evidence_count;
    struct words w = {.names = arena_array(l->arena, count, sizeof(*w.names), err),
                      .digests = arena_array(l->arena, count, sizeof(*w.digests), err)};

    k->name_of = arena_array(l->arena, count, sizeof(*k->name_of), err);
    k->digest_of = arena_array(l->arena, count, sizeof(*k->digest_of), err);
    if (w.names == NULL || w.digests == NULL || k->name_of == NULL || k->digest_of == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        k->name_of[i] = k->digest_of[i] = FLEET_NONE;
    if (list_words(l, &w, err) != 0)
        return -1;
    number_words(k, &w);
    return k->key_count == 0 ? 0 : list_holders(l, &w, err);
}
