#include <stdlib.h>
#include <string.h>

#include "collector/store/read_sift.h"
#include "common/cleanup.h"

enum { OF_CONFIGS, OF_MANIFESTS, MANIFESTS, ATTESTED, MATERIALS, ANYTHING };

/* Rows of one image that layers give, the uppermost ones. What a config gives has limits of its own
 * (evidence_parse.h), and manifests as well (read_sift.c). */
enum { ROWS_OF_LAYERS = 64 };

/* Whose manifests those are that say something is found here: joined in SQL, each row would cost a
 * search in two tables that do not fit a reader's cache. */
static const char *const sql[] = {
    [OF_CONFIGS] = "SELECT image_id, source, role, reference, digest, top, layers "
                   "FROM base_evidence ORDER BY image_id, source, seq",
    [OF_MANIFESTS] = "SELECT manifest, source, reference, digest FROM manifest_evidence "
                     "ORDER BY manifest",
    [MANIFESTS] = "SELECT digest, config, layer_count FROM manifest",
    [ATTESTED] = "SELECT DISTINCT in_index FROM attestation WHERE subject = ?",
    /* What the statements about one manifest say together: of one image in many indexes, built
     * again each time, only some. A statement that names nobody is about what it is attached to. */
    [MATERIALS] = "SELECT DISTINCT m.reference, m.digest FROM ("
                  " SELECT DISTINCT p.statement FROM attestation a"
                  " CROSS JOIN provenance p ON p.manifest = a.manifest WHERE a.subject = ?1 AND "
                  "a.in_index = ?2"
                  " AND EXISTS (SELECT 1 FROM material m WHERE m.statement = p.statement)"
                  " AND (EXISTS (SELECT 1 FROM statement_subject t"
                  "  WHERE t.statement = p.statement AND t.subject = ?1)"
                  "  OR NOT EXISTS (SELECT 1 FROM statement_subject t"
                  "  WHERE t.statement = p.statement))"
                  " ORDER BY p.statement LIMIT 16) s "
                  "CROSS JOIN material m ON m.statement = s.statement "
                  "ORDER BY m.reference, m.digest LIMIT 32",
    [ANYTHING] = "SELECT EXISTS (SELECT 1 FROM manifest_evidence), EXISTS (SELECT 1 FROM material)",
};
const struct store_sql store_sql_read_evidence = STORE_SQL(sql);

static int get_digest(const struct stmt *st, int column, struct digest *out, struct err *err)
{
    return stmt_is_null(st, column) ? 0 : stmt_get_digest(st, column, out, err);
}

static int add(struct reading *r, const struct fleet_evidence *e, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_evidence *list = read_room(r, f->evidence, f->evidence_count, sizeof(*list), err);

    if (list == NULL)
        return -1;
    f->evidence = list;
    list[f->evidence_count++] = *e;
    return 0;
}

/* An image often says one reference in several places, one after the other. */
static const char *share_reference(struct reading *r, const struct stmt *st, int column,
                                   struct err *err)
{
    const struct fleet *f = r->f;
    const char *before =
        f->evidence_count > 0 ? f->evidence[f->evidence_count - 1].reference : NULL;

    return before != NULL && strcmp(before, stmt_get_text(st, column)) == 0
               ? before
               : stmt_copy_text(st, column, r->arena, err);
}

static int config_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet_evidence e = {.source = (enum fleet_evidence_source)stmt_get_int(st, 1),
                               .role = (enum fleet_evidence_role)stmt_get_int(st, 2),
                               .reference = share_reference(r, st, 3, err),
                               .layers = stmt_is_null(st, 6) ? FLEET_UNKNOWN : stmt_get_int(st, 6)};

    if (e.reference == NULL || read_reference(&r->images, st, 0, &e.image, err) != 0 ||
        get_digest(st, 4, &e.digest, err) != 0 || get_digest(st, 5, &e.top, err) != 0)
        return -1;
    return add(r, &e, err);
}

/* ---- what manifests say ---------------------------------------------------------------------- */

struct place {            /* of an image, or of what one is listed with */
    struct digest digest; /* first: by_digest() */
    uint32_t image;
    uint32_t said; /* that lists it so */
};

struct places {
    struct reading *r;
    struct place *images;      /* by digest */
    struct place *listed;      /* what root lists an image with; by digest, then image */
    struct vouched *manifests; /* by digest, then indexes with statements */
    uint32_t *vouchers;        /* of one manifest each once */
    size_t image_count, manifest_count, listed_count, voucher_count;
};

static int by_digest(const void *a, const void *b)
{
    return digest_cmp(a, b);
}

static int by_digest_then_image(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = by_digest(x, y);

    return order != 0 ? order : (x->image > y->image) - (x->image < y->image);
}

static int by_number(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int list_images(struct places *p, struct err *err)
{
    const struct fleet *f = p->r->f;

    p->images = arena_array(p->r->arena, f->image_count, sizeof(*p->images), err);
    if (p->images == NULL)
        return -1;
    for (uint32_t i = 0; i < f->image_count; i++)
        p->images[p->image_count++] = (struct place){f->images[i].digest, i, FLEET_NONE};
    qsort(p->images, p->image_count, sizeof(*p->images), by_digest);
    return 0;
}

static int add_listed(struct places *p, const struct digest *digest, uint32_t image, uint32_t said,
                      struct err *err)
{
    struct place *list = read_room(p->r, p->listed, p->listed_count, sizeof(*list), err);

    if (list == NULL)
        return -1;
    p->listed = list;
    list[p->listed_count++] = (struct place){*digest, image, said};
    return 0;
}

/* Anybody can write a manifest that names another's config: only those are an image's that a store
 * of root's ever listed it with, itself or through its index. */
static int list_listed(struct places *p, struct err *err)
{
    const struct fleet *f = p->r->f;

    for (uint32_t i = 0; i < f->said_count; i++) {
        const struct fleet_run *run = &f->said[i].digests;

        for (uint32_t d = 0; f->said[i].root.store != FLEET_NONE && d < run->count; d++)
            if (add_listed(p, &f->said_digests[run->first + d].digest, f->said[i].image, i, err) !=
                0)
                return -1;
    }
    if (p->listed_count > 0)
        qsort(p->listed, p->listed_count, sizeof(*p->listed), by_digest_then_image);
    return 0;
}

/* The first place where the image, or one of a higher number, is listed with the digest. */
static size_t find_listed(const struct places *p, const struct place *wanted)
{
    size_t low = 0, high = p->listed_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (by_digest_then_image(&p->listed[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Adds those who list the image with the digest. */
static int add_vouchers(struct places *p, const struct digest *digest, uint32_t image,
                        struct err *err)
{
    const struct place wanted = {*digest, image, FLEET_NONE};

    for (size_t i = find_listed(p, &wanted);
         i < p->listed_count && by_digest_then_image(&p->listed[i], &wanted) == 0; i++) {
        uint32_t *list = read_room(p->r, p->vouchers, p->voucher_count, sizeof(*list), err);

        if (list == NULL)
            return -1;
        p->vouchers = list;
        list[p->voucher_count++] = p->listed[i].said;
    }
    return 0;
}

/* Who lists the image with the manifest, or with an index whose attestation is about it. */
static int find_vouchers(struct places *p, struct vouched *m, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(p->r->store, STORE_SET_read_evidence, ATTESTED);
    size_t first = p->voucher_count, kept = first;
    struct digest in_index;
    int more;

    if (add_vouchers(p, &m->digest, m->image, err) != 0)
        return -1;
    stmt_digest(&st, &m->digest);
    while ((more = stmt_row(&st, err)) > 0)
        if (stmt_get_digest(&st, 0, &in_index, err) != 0 ||
            add_vouchers(p, &in_index, m->image, err) != 0)
            return -1;
    if (p->voucher_count > first)
        qsort(p->vouchers + first, p->voucher_count - first, sizeof(*p->vouchers), by_number);
    for (size_t i = first; i < p->voucher_count; i++)
        if (kept == first || p->vouchers[kept - 1] != p->vouchers[i])
            p->vouchers[kept++] = p->vouchers[i];
    p->voucher_count = kept;
    m->said = (struct fleet_run){(uint32_t)first, (uint32_t)(kept - first)};
    return more;
}

static int keep_vouched(struct places *p, const struct vouched *m, struct err *err)
{
    struct vouched *list = read_room(p->r, p->manifests, p->manifest_count, sizeof(*list), err);

    if (list == NULL)
        return -1;
    p->manifests = list;
    list[p->manifest_count++] = *m;
    return 0;
}

static int add_manifest(struct places *p, const struct digest *digest, uint32_t image,
                        struct err *err)
{
    struct vouched m = {.digest = *digest, .image = image};

    if (find_vouchers(p, &m, err) != 0)
        return -1;
    return m.said.count > 0 ? keep_vouched(p, &m, err) : 0;
}

/* Manifests of images that nobody lists are none here, nor such as have other layers. */
static int list_manifests(struct places *p, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(p->r->store, STORE_SET_read_evidence, MANIFESTS);
    struct place config;
    struct digest manifest;
    const struct place *image;
    int more;

    while ((more = stmt_row(&st, err)) > 0) {
        if (stmt_get_digest(&st, 0, &manifest, err) != 0 ||
            stmt_get_digest(&st, 1, &config.digest, err) != 0)
            return -1;
        image = bsearch(&config, p->images, p->image_count, sizeof(config), by_digest);
        if (image != NULL &&
            stmt_get_int(&st, 2) == (int64_t)p->r->f->images[image->image].chain_count &&
            add_manifest(p, &manifest, image->image, err) != 0)
            return -1;
    }
    if (p->manifest_count > 0)
        qsort(p->manifests, p->manifest_count, sizeof(*p->manifests), by_digest);
    return more;
}

static int manifest_row(struct places *p, const struct stmt *st, struct err *err)
{
    struct fleet_evidence e = {.source = (enum fleet_evidence_source)stmt_get_int(st, 1),
                               .role = EVIDENCE_OF_BASE,
                               .layers = FLEET_UNKNOWN};
    struct vouched manifest;
    const struct vouched *found;

    if (stmt_get_digest(st, 0, &manifest.digest, err) != 0)
        return -1;
    found = p->manifest_count > 0
                ? bsearch(&manifest, p->manifests, p->manifest_count, sizeof(manifest), by_digest)
                : NULL;
    if (found == NULL)
        return 0;
    e.image = found->image;
    e.said.first = (uint32_t)(found - p->manifests); /* until read_sift() */
    e.reference = share_reference(p->r, st, 2, err);
    if (e.reference == NULL || get_digest(st, 3, &e.digest, err) != 0)
        return -1;
    return add(p->r, &e, err);
}

static int read_manifest_rows(struct places *p, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(p->r->store, STORE_SET_read_evidence, OF_MANIFESTS);
    int more;

    while ((more = stmt_row(&st, err)) > 0)
        if (manifest_row(p, &st, err) != 0)
            return -1;
    return more;
}

/* What statements say that an index attests to a manifest; who lists the image with the index
 * vouches for it. */
static int read_materials(struct places *p, const struct vouched *by, const struct digest *subject,
                          struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(p->r->store, STORE_SET_read_evidence, MATERIALS);
    int more;

    stmt_digest(&st, subject);
    stmt_digest(&st, &by->digest);
    while ((more = stmt_row(&st, err)) > 0) {
        struct fleet_evidence e = {.image = by->image,
                                   .source = EVIDENCE_PROVENANCE,
                                   .role = EVIDENCE_OF_BASE,
                                   .reference = share_reference(p->r, &st, 0, err),
                                   .layers = FLEET_UNKNOWN,
                                   .said.first = p->manifest_count}; /* until read_sift() */

        if (e.reference == NULL || get_digest(&st, 1, &e.digest, err) != 0 ||
            add(p->r, &e, err) != 0)
            return -1;
    }
    return more < 0 ? -1 : keep_vouched(p, by, err);
}

/* What is attested to a manifest, by indexes that its image is listed with: anybody can make one
 * that attests to it. */
static int read_materials_of(struct places *p, uint32_t index, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(p->r->store, STORE_SET_read_evidence, ATTESTED);
    const struct digest subject = p->manifests[index].digest;
    struct vouched by = {.image = p->manifests[index].image};
    int more;

    stmt_digest(&st, &subject);
    while ((more = stmt_row(&st, err)) > 0) {
        by.said = (struct fleet_run){(uint32_t)p->voucher_count, 0};
        if (stmt_get_digest(&st, 0, &by.digest, err) != 0 ||
            add_vouchers(p, &by.digest, by.image, err) != 0)
            return -1;
        by.said.count = (uint32_t)p->voucher_count - by.said.first;
        if (by.said.count > 0 && read_materials(p, &by, &subject, err) != 0)
            return -1;
    }
    return more;
}

static int read_anything(struct reading *r, bool *manifests, bool *statements, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(r->store, STORE_SET_read_evidence, ANYTHING);

    if (stmt_row(&st, err) <= 0)
        return -1;
    *manifests = stmt_get_int(&st, 0) != 0;
    *statements = stmt_get_int(&st, 1) != 0;
    return 0;
}

/* Most fleets have no such row at all, and some have one for each image. */
static int read_of_manifests(struct places *p, struct err *err)
{
    bool manifests, statements;

    if (read_anything(p->r, &manifests, &statements, err) != 0)
        return -1;
    if (!manifests && !statements)
        return 0;
    if (list_images(p, err) != 0 || list_listed(p, err) != 0 || list_manifests(p, err) != 0 ||
        (manifests && read_manifest_rows(p, err) != 0))
        return -1;
    for (uint32_t i = 0, of_images = p->manifest_count; statements && i < of_images; i++)
        if (read_materials_of(p, i, err) != 0) /* puts indexes behind the manifests of images */
            return -1;
    return 0;
}

/* ---- what layers say ------------------------------------------------------------------------- */

static bool layers_say_something(const struct fleet *f)
{
    for (size_t i = 0; i < f->layer_count; i++)
        if (f->layers[i].base_layers > 0)
            return true;
    return false;
}

/* A layer is believed where it says how many lie below it: a squashed image or another line may
 * hold it too. */
static int layers_of(struct reading *r, uint32_t image, struct err *err)
{
    const struct fleet *f = r->f;
    int told = 0;

    for (uint32_t p = f->images[image].chain_count; p-- > 1 && told < ROWS_OF_LAYERS;) {
        uint32_t chain = f->images[image].chains[p];
        uint32_t layer = chain != FLEET_NONE ? f->chains[chain].layer : FLEET_NONE;
        struct fleet_evidence e = {.image = image,
                                   .source = EVIDENCE_CONTENT_MANIFEST,
                                   .role = EVIDENCE_OF_BASE,
                                   .reference = "",
                                   .layers = p};

        if (layer == FLEET_NONE || f->layers[layer].base_layers != p)
            continue;
        if (add(r, &e, err) != 0)
            return -1;
        told++;
    }
    return 0;
}

static int read_of_layers(struct reading *r, struct err *err)
{
    if (!layers_say_something(r->f))
        return 0;
    for (uint32_t i = 0; i < r->f->image_count; i++)
        if (layers_of(r, i, err) != 0)
            return -1;
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Two lists in the order of images, as one: the rows of configs keep the order that they have. */
static int merge(struct reading *r, size_t of_configs, size_t of_others, struct err *err)
{
    struct fleet *f = r->f;
    const struct fleet_evidence *x = f->evidence, *y = f->evidence + of_configs;
    const struct fleet_evidence *x_end = y, *y_end = y + of_others;
    struct fleet_evidence *all = arena_array(r->arena, of_configs + of_others, sizeof(*all), err);

    if (all == NULL)
        return -1;
    f->evidence = all;
    f->evidence_count = of_configs + of_others;
    while (x < x_end || y < y_end) {
        bool takes_x = y == y_end || (x < x_end && read_by_source(x, y) <= 0);

        *all++ = takes_x ? *x++ : *y++;
    }
    return 0;
}

int read_evidence(struct reading *r, struct err *err)
{
    struct fleet *f = r->f;
    struct places p = {.r = r};
    size_t of_configs, of_others;

    if (read_rows(r, STORE_SET_read_evidence, OF_CONFIGS, config_row, err) != 0)
        return -1;
    of_configs = f->evidence_count;
    if (read_of_manifests(&p, err) != 0 || read_of_layers(r, err) != 0)
        return -1;
    of_others = f->evidence_count - of_configs;
    if (of_others > 0 &&
        read_sift(r, p.manifests, p.vouchers, f->evidence + of_configs, &of_others, err) != 0)
        return -1;
    if (of_others > 0 && merge(r, of_configs, of_others, err) != 0)
        return -1;
    for (size_t i = 0; i < f->evidence_count; i++)
        read_extend(&f->images[f->evidence[i].image].evidence, i);
    return 0;
}
