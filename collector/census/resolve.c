#include "collector/census/resolve.h"

#include <stdlib.h>
#include <string.h>

#include "collector/census/resolve_private.h"

#define UNNAMED "unnamed " /* in front of a genesis layer's first digits */

struct search {
    struct resolution *out;
    const struct fleet *f;
    const struct standing *images;
    struct arena *arena;
    size_t cap;
    char hex[DIGEST_HEX + 1]; /* the digits asked for, lower case */
    size_t hex_len;
};

static int add_hit(struct search *s, enum resolve_kind kind, uint32_t index, bool by_image,
                   const struct digest *digest, struct err *err)
{
    struct resolution *out = s->out;
    struct resolve_hit *hits =
        fleet_room(s->arena, out->hits, out->count, &s->cap, sizeof(*hits), err);

    if (hits == NULL)
        return -1;
    out->hits = hits;
    hits[out->count++] = (struct resolve_hit){.kind = kind, .index = index, .by_image = by_image};
    if (digest != NULL)
        hits[out->count - 1].digest = *digest;
    return 0;
}

/* Takes [sha256:]<hex> apart; false where the text is not that. */
static bool read_hex(struct search *s, const char *text)
{
    if (strncmp(text, DIGEST_ALGORITHM, strlen(DIGEST_ALGORITHM)) == 0)
        text += strlen(DIGEST_ALGORITHM);
    s->hex_len = strlen(text);
    if (s->hex_len < RESOLVE_HEX_LEAST || s->hex_len > DIGEST_HEX)
        return false;
    for (size_t i = 0; i <= s->hex_len; i++)
        s->hex[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i]);
    return strspn(s->hex, "0123456789abcdef") == s->hex_len;
}

static bool begins(const struct search *s, const struct digest *d)
{
    char hex[DIGEST_HEX + 1];

    return memcmp(digest_hex(d, hex), s->hex, s->hex_len) == 0;
}

static int search_images(struct search *s, struct err *err)
{
    for (uint32_t i = 0; i < s->f->image_count; i++) {
        const struct fleet_image *image = &s->f->images[i];
        enum resolve_kind kind =
            image->identity == REC_BY_MANIFEST ? RESOLVED_MANIFEST : RESOLVED_CONFIG;

        if (begins(s, &image->digest) && add_hit(s, kind, i, true, &image->digest, err) != 0)
            return -1;
    }
    for (uint32_t i = 0; i < s->f->repo_digest_count; i++) {
        const struct digest *d = &s->f->repo_digests[i].digest;

        if (begins(s, d) && add_hit(s, RESOLVED_MANIFEST, i, false, d, err) != 0)
            return -1;
    }
    return 0;
}

static int search_layers(struct search *s, struct err *err)
{
    for (uint32_t i = 0; i < s->f->layer_count; i++) {
        const struct digest *d = &s->f->layers[i].diff;

        if (begins(s, d) && add_hit(s, RESOLVED_LAYER, i, false, d, err) != 0)
            return -1;
    }
    for (uint32_t i = 0; i < s->f->chain_count; i++) {
        const struct digest *d = &s->f->chains[i].digest;

        if (begins(s, d) && add_hit(s, RESOLVED_CHAIN, i, false, d, err) != 0)
            return -1;
    }
    return 0;
}

bool resolve_name_matches(const struct imageref *want, const char *stored)
{
    struct imageref have;

    if (imageref_parse(&have, stored, NULL) != 0 || !imageref_same_repository(want, &have))
        return false;
    if (want->has_digest)
        return have.has_digest && digest_eq(&want->digest, &have.digest);
    return want->tag[0] == '\0' || strcmp(want->tag, have.tag) == 0;
}

static int search_names(struct search *s, const char *text, struct err *err)
{
    struct imageref want;
    bool parsed = imageref_parse(&want, text, NULL) == 0;

    for (uint32_t i = 0; i < s->f->name_count; i++) {
        const char *stored = s->f->names[i].text;

        if ((strcmp(stored, text) == 0 || (parsed && resolve_name_matches(&want, stored))) &&
            add_hit(s, RESOLVED_NAME, i, false, NULL, err) != 0)
            return -1;
    }
    for (uint32_t i = 0; parsed && want.has_digest && i < s->f->repo_digest_count; i++) {
        const struct fleet_repo_digest *r = &s->f->repo_digests[i];
        struct imageref have;

        if (digest_eq(&r->digest, &want.digest) &&
            imageref_parse(&have, s->f->names[r->repository].text, NULL) == 0 &&
            imageref_same_repository(&want, &have) &&
            add_hit(s, RESOLVED_MANIFEST, i, false, &r->digest, err) != 0)
            return -1;
    }
    return 0;
}

/* Names that are only repositories of repo digests are names of no image. */
static int drop_idle_names(struct search *s, struct err *err)
{
    struct resolution *out = s->out;
    bool *used = arena_array(s->arena, s->f->name_count, sizeof(*used), err);
    size_t kept = 0;

    if (used == NULL)
        return -1;
    for (size_t i = 0; i < s->f->image_count; i++)
        for (uint32_t n = 0; n < s->images[i].name_count; n++)
            used[s->images[i].names[n]] = true;
    for (size_t i = 0; i < s->f->past_name_count; i++)
        used[s->f->past_names[i].name] = true;
    for (size_t i = 0; i < out->count; i++)
        if (out->hits[i].kind != RESOLVED_NAME || used[out->hits[i].index])
            out->hits[kept++] = out->hits[i];
    out->count = kept;
    return 0;
}

static int by_digest_then_kind(const void *a, const void *b)
{
    const struct resolve_hit *x = a, *y = b;
    int order = digest_cmp(&x->digest, &y->digest);

    if (order != 0)
        return order;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void count_digests(struct resolution *out)
{
    if (out->count > 0)
        qsort(out->hits, out->count, sizeof(*out->hits), by_digest_then_kind);
    for (size_t i = 0; i < out->count; i++)
        if (out->hits[i].kind != RESOLVED_NAME &&
            (i == 0 || out->hits[i - 1].kind == RESOLVED_NAME ||
             !digest_eq(&out->hits[i].digest, &out->hits[i - 1].digest)))
            out->digests++;
}

/* Where a version's day begins that stands behind a name; the end of the text where none does. */
static const char *find_as_of(const char *text)
{
    static const char *const words[] = {" as of ", " of "};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *at = strstr(text, words[i]);

        if (at != NULL && at > text && strspn(at + strlen(words[i]), "0123456789") == 4)
            return at;
    }
    return text + strlen(text);
}

int resolve(struct resolution *out, const struct fleet *f, const struct standing *images,
            const char *text, struct arena *arena, struct err *err)
{
    struct search s = {.out = out, .f = f, .images = images, .arena = arena};
    bool is_unnamed = strncmp(text, UNNAMED, strlen(UNNAMED)) == 0;
    bool is_hex = read_hex(&s, is_unnamed ? text + strlen(UNNAMED) : text);
    bool is_marked = strncmp(text, DIGEST_ALGORITHM, strlen(DIGEST_ALGORITHM)) == 0;

    *out = (struct resolution){.as_of = find_as_of(text)};
    out->name = arena_text(arena, text, (size_t)(out->as_of - text), err);
    if (out->name == NULL)
        return -1;
    if (!is_hex || !(is_marked || is_unnamed)) {
        if (search_names(&s, out->name, err) != 0 || drop_idle_names(&s, err) != 0)
            return -1;
    }
    if (out->count == 0 && is_hex && (search_images(&s, err) != 0 || search_layers(&s, err) != 0))
        return -1;
    count_digests(out);
    return 0;
}

static bool contains_layer(const struct fleet *f, const struct fleet_image *image, uint32_t layer)
{
    for (uint32_t p = 0; p < image->chain_count; p++)
        if (f->chains[image->chains[p]].layer == layer)
            return true;
    return false;
}

static bool contains_chain(const struct fleet_image *image, uint32_t chain)
{
    for (uint32_t p = 0; p < image->chain_count; p++)
        if (image->chains[p] == chain)
            return true;
    return false;
}

static void mark_hit(const struct resolve_hit *h, const struct fleet *f, bool *marks)
{
    if (h->by_image) {
        marks[h->index] = true;
        return;
    }
    switch (h->kind) {
    case RESOLVED_MANIFEST:
        marks[f->repo_digests[h->index].image] = true;
        break;
    case RESOLVED_LAYER:
        for (size_t i = 0; i < f->image_count; i++)
            marks[i] = marks[i] || contains_layer(f, &f->images[i], h->index);
        break;
    case RESOLVED_CHAIN:
        for (size_t i = 0; i < f->image_count; i++)
            marks[i] = marks[i] || contains_chain(&f->images[i], h->index);
        break;
    case RESOLVED_NAME:
    case RESOLVED_CONFIG:
        break;
    }
}

void resolve_images(const struct resolution *r, const struct fleet *f, bool *marks)
{
    for (size_t i = 0; i < r->count; i++)
        mark_hit(&r->hits[i], f, marks);
}

/* A chain of empty layers only is a prefix of images that have nothing to do with it. */
static bool has_content(const struct fleet *f, const struct fleet_image *image)
{
    for (uint32_t p = 0; p < image->chain_count; p++)
        if (!fleet_layer_empty(f, f->chains[image->chains[p]].layer))
            return true;
    return false;
}

int resolve_descendants(const struct fleet *f, bool *marks, struct arena *arena, struct err *err)
{
    bool *tops = arena_array(arena, f->chain_count, sizeof(*tops), err);

    if (tops == NULL)
        return -1;
    for (size_t i = 0; i < f->image_count; i++)
        if (marks[i] && has_content(f, &f->images[i]))
            tops[f->images[i].chains[f->images[i].chain_count - 1]] = true;
    for (size_t i = 0; i < f->image_count; i++)
        for (uint32_t p = 0; !marks[i] && p < f->images[i].chain_count; p++)
            marks[i] = tops[f->images[i].chains[p]];
    return 0;
}

const char *resolve_kind_name(const struct fleet *f, const struct resolve_hit *hit)
{
    static const char *const names[] = {
        [RESOLVED_NAME] = "name",   [RESOLVED_CONFIG] = "config", [RESOLVED_MANIFEST] = "manifest",
        [RESOLVED_LAYER] = "layer", [RESOLVED_CHAIN] = "chain",
    };

    if (hit->kind != RESOLVED_MANIFEST || hit->by_image)
        return names[hit->kind];
    switch (f->repo_digests[hit->index].kind) {
    case REC_DOC_MANIFEST:
        return "manifest";
    case REC_DOC_INDEX:
        return "index";
    default:
        return "manifest-or-index";
    }
}
