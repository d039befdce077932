#include "collector/store/apply.h"
#include "collector/store/apply_words.h"
#include "collector/store/statements.h"
#include "collector/store/store_private.h"

enum { STORES, DOCUMENTS, LAYERS, LAYER, MANIFESTS };

#define FEW 32 /* layers that are looked up one by one; of more, all that the host holds are */

#define DOCUMENT_SAID_BY "(SELECT host_id FROM incarnation WHERE id = d.incarnation_id)"
#define FACTS_SAID_BY "(SELECT host_id FROM incarnation WHERE id = l.fact_incarnation)"

/* Whether the host ?3 may have a word in a dispute that settles it. */
#define MAY_SETTLE(kind, digest)                                                                   \
    "(SELECT count(*) < 8 AND NOT coalesce(max(x.host_id = ?3), 0) FROM disputed_word x"           \
    " WHERE x.kind = " kind " AND x.digest = " digest ")"
#define CONFIG_MAY_SETTLE MAY_SETTLE("1", "i.digest")
#define MANIFEST_MAY_SETTLE MAY_SETTLE("w.kind", "w.digest")
#define FACTS_MAY_SETTLE MAY_SETTLE("0", "l.diff")
_Static_assert(WORDS_MAX == 8, "as in MAY_SETTLE");

/* Of a layer l that the host ?3 holds in a store h, of a user's or of root's. */
#define FACTS_ARE_WANTED                                                                           \
    "(l.fact_state = 0 OR l.fact_of_user > h.of_user OR (l.fact_of_user = h.of_user AND"           \
    " ((l.fact_state = 1 AND " FACTS_SAID_BY " <> ?3)"                                             \
    "  OR (l.fact_state = 3 AND " FACTS_MAY_SETTLE "))))"

/* All start from the host's own rows and go on by keys only. */
static const char *const sql[] = {
    [STORES] = "SELECT id, manifests FROM store WHERE incarnation_id = ? AND gone_s IS NULL",
    [DOCUMENTS] = "SELECT DISTINCT i.digest, d.state IS NOT NULL FROM store s "
                  "JOIN presence p ON p.store_id = s.id AND p.gone_s IS NULL "
                  "JOIN listing l ON l.id = p.listing_id AND l.identity = 1 "
                  "JOIN image i ON i.id = l.image_id "
                  "LEFT JOIN document d ON d.kind = 1 AND d.digest = i.digest "
                  "WHERE s.incarnation_id = ?1 AND s.gone_s IS NULL "
                  "AND (d.state IS NULL OR (d.state = 2 AND " DOCUMENT_SAID_BY " <> ?3)"
                  " OR (d.state = 4 AND " CONFIG_MAY_SETTLE ")) LIMIT ?2",
    /* The distinct chains first: images share most of theirs. A chain that is missing on the disk
     * cannot be measured there. */
    [LAYERS] =
        "WITH held (chain_id, layer_id, of_user) AS ("
        " SELECT DISTINCT ic.chain_id, NULL, s.owner <> 0 FROM store s"
        " JOIN presence p ON p.store_id = s.id AND p.gone_s IS NULL"
        " JOIN listing li ON li.id = p.listing_id AND li.unpacked = 1"
        " JOIN image_chain ic ON ic.image_id = li.image_id"
        " WHERE s.incarnation_id = ?1 AND s.gone_s IS NULL"
        "  AND NOT EXISTS (SELECT 1 FROM exception e WHERE e.store_id = s.id AND e.chain_id = "
        "ic.chain_id AND e.kind = 2)"
        " UNION ALL SELECT e.chain_id, e.layer_id, s.owner <> 0 FROM store s"
        " JOIN exception e ON e.store_id = s.id AND e.kind = 1"
        " WHERE s.incarnation_id = ?1 AND s.gone_s IS NULL) "
        "SELECT l.diff, c.digest, min(h.of_user) = 0 FROM held h JOIN chain c ON c.id = h.chain_id "
        "JOIN layer l ON l.id = coalesce(h.layer_id, c.layer_id) "
        "WHERE " FACTS_ARE_WANTED " GROUP BY l.id ORDER BY l.fact_of_user LIMIT ?2",
    [LAYER] = "SELECT l.diff, c.digest, NOT h.of_user FROM (SELECT ?1 AS chain_id, ?2 AS of_user) h"
              " JOIN chain c ON c.id = h.chain_id JOIN layer l ON l.id = c.layer_id "
              "WHERE " FACTS_ARE_WANTED,
    /* Of one listing: what its repo digests name, and its image where that is a manifest's ID.
     * Then, of the attestations that its indexes list, those about its own manifests, each with its
     * statements. A manifest (2) may turn out to be an index (3). */
    [MANIFESTS] = "WITH named (digest) AS ("
                  "  SELECT digest FROM listing_repo_digest WHERE listing_id = ?1"
                  "  UNION SELECT i.digest FROM listing l JOIN image i ON i.id = l.image_id"
                  "  WHERE l.id = ?1 AND l.identity = 2),"
                  " attested (manifest) AS ("
                  "  SELECT DISTINCT a.manifest FROM named n"
                  "  CROSS JOIN attestation a ON a.in_index = n.digest"
                  "  WHERE a.subject IN (SELECT digest FROM named)) "
                  "SELECT w.digest, iif(d.state = 2, " DOCUMENT_SAID_BY ","
                  " iif(d.state = 4 AND NOT " MANIFEST_MAY_SETTLE ", ?3, 0)), w.kind,"
                  " d.state IS NOT NULL FROM "
                  "(SELECT digest, 2 AS kind, 3 AS or_kind FROM named"
                  " UNION SELECT manifest, 2, 3 FROM attested"
                  " UNION SELECT p.statement, 4, 4 FROM attested a"
                  " CROSS JOIN provenance p ON p.manifest = a.manifest) w "
                  "LEFT JOIN document d ON d.kind IN (w.kind, w.or_kind) AND d.digest = w.digest "
                  "WHERE d.state IS NULL OR d.state IN (2, 4)",
};
const struct store_sql store_sql_missing = STORE_SQL(sql);

static int load_documents(struct store *s, const struct apply_look *look, uint32_t host,
                          struct apply_missing *out, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_missing, DOCUMENTS);
    int more;

    stmt_int(&st, look->incarnation_id);
    stmt_int(&st, (int64_t)look->most);
    stmt_int(&st, host);
    while ((more = stmt_row(&st, err)) > 0 && out->document_count < look->most) {
        struct rec_wanted *w = &out->documents[out->document_count];

        w->kind = REC_DOC_CONFIG;
        if (stmt_get_digest(&st, 0, &w->digest, err) != 0)
            return -1;
        out->document_confirms[out->document_count++] = stmt_get_int(&st, 1) != 0;
    }
    out->documents_full = out->document_count == look->most;
    return more < 0 ? -1 : 0;
}

/* Something that memory says may be asked for. */
struct candidate {
    uint32_t layer, chain;
    bool of_user;
};

/* What may be missing. */
struct lack {
    uint32_t host;
    bool documents, manifests;
    bool all_layers; /* more than a few, or the tables decide */
    struct candidate few[FEW];
    size_t few_count;
};

static int add_layer(const struct stmt *st, struct apply_missing *out, struct err *err)
{
    struct rec_measure_wanted *w = &out->layers[out->layer_count];

    if (stmt_get_digest(st, 0, &w->diff, err) != 0 || stmt_get_digest(st, 1, &w->chain, err) != 0)
        return -1;
    out->layer_of_root[out->layer_count++] = stmt_get_int(st, 2) != 0;
    return 0;
}

static int load_all_layers(struct store *s, const struct apply_look *look, uint32_t host,
                           struct apply_missing *out, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_missing, LAYERS);
    int more;

    stmt_int(&st, look->incarnation_id);
    stmt_int(&st, (int64_t)look->most);
    stmt_int(&st, host);
    while ((more = stmt_row(&st, err)) > 0 && out->layer_count < look->most)
        if (add_layer(&st, out, err) != 0)
            return -1;
    return more < 0 ? -1 : 0;
}

static int load_layer(struct store *s, const struct candidate *c, uint32_t host,
                      struct apply_missing *out, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_missing, LAYER);
    int found;

    stmt_int(&st, c->chain);
    stmt_int(&st, c->of_user);
    stmt_int(&st, host);
    found = stmt_row(&st, err);
    return found > 0 ? add_layer(&st, out, err) : found;
}

static int load_layers(struct store *s, const struct apply_look *look, const struct lack *lack,
                       struct apply_missing *out, struct err *err)
{
    if (lack->all_layers && load_all_layers(s, look, lack->host, out, err) != 0)
        return -1;
    for (size_t i = 0; !lack->all_layers && i < lack->few_count && i < look->most; i++)
        if (load_layer(s, &lack->few[i], lack->host, out, err) != 0)
            return -1;
    out->layers_full = out->layer_count == look->most;
    return 0;
}

/* ---- manifests: of listings that memory does not know to be done with -------------------------
 */

/* Whether the marks of what the store was asked for count no more. */
static bool marks_are_void(const struct mirror_store *held, const struct apply_look *look)
{
    return held->asked == NULL || look->anew || look->now_s < held->asked_s ||
           look->now_s - held->asked_s >= APPLY_ASK_AGAIN_S;
}

static bool is_settled(const struct mirror *m, const struct mirror_store *held, uint32_t at)
{
    return mirror_listing(m, held->listings[at])->manifests_known;
}

/* What is found, and where it began among the documents. */
struct manifests {
    const struct apply_look *look;
    uint32_t host;
    struct apply_missing *out;
    size_t first;
};

static bool has_room(const struct manifests *f)
{
    return f->out->document_count - f->first < f->look->most;
}

/* Adds what the listing lacks. *asked when that was all, and also when it is more than the longest
 * answer holds: nothing else would ever get its turn. */
static int load_manifests_of(struct store *s, uint32_t listing, struct manifests *f, bool *asked,
                             struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_missing, MANIFESTS);
    struct apply_missing *out = f->out;
    bool alone = out->document_count == f->first, known = true;
    int more;

    stmt_int(&st, listing);
    stmt_null(&st);
    stmt_int(&st, f->host);
    while ((more = stmt_row(&st, err)) > 0 && has_room(f)) {
        struct rec_wanted *w = &out->documents[out->document_count];

        known = false;
        if (stmt_get_int(&st, 1) == f->host) /* it has said its word: others are asked */
            continue;
        w->kind = (enum rec_document_kind)stmt_get_int(&st, 2);
        if (stmt_get_digest(&st, 0, &w->digest, err) != 0)
            return -1;
        out->document_confirms[out->document_count++] = stmt_get_int(&st, 3) != 0;
    }
    if (more < 0)
        return -1;
    *asked = more == 0 || alone;
    return more == 0 && known ? mirror_set_manifests_known(s->mirror, listing, err) : 0;
}

/* Marks what it asks for, so that a later look goes on where there was no more room. */
static int load_manifests_in(struct store *s, int64_t store_id, struct manifests *f,
                             struct arena *arena, struct err *err)
{
    const struct mirror_store *held = mirror_store(s->mirror, store_id);
    bool *asked = arena_array(arena, held->listing_count, sizeof(*asked), err);
    bool anew = marks_are_void(held, f->look);

    if (asked == NULL)
        return -1;
    for (uint32_t i = 0; i < held->listing_count; i++) {
        asked[i] = !anew && held->asked[i];
        if (asked[i] || is_settled(s->mirror, held, i))
            continue;
        if (!has_room(f))
            f->out->documents_full = true;
        else if (load_manifests_of(s, held->listings[i], f, &asked[i], err) != 0)
            return -1;
    }
    f->out->documents_full |= !has_room(f);
    return mirror_set_asked(s->mirror, store_id, asked, anew ? f->look->now_s : held->asked_s, err);
}

static int load_manifests(struct store *s, const struct apply_look *look, uint32_t host,
                          struct arena *arena, struct apply_missing *out, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_missing, STORES);
    struct manifests found = {.look = look, .host = host, .out = out, .first = out->document_count};
    int more;

    stmt_int(&st, look->incarnation_id);
    while ((more = stmt_row(&st, err)) > 0)
        if (stmt_get_int(&st, 1) != 0 &&
            load_manifests_in(s, stmt_get_int(&st, 0), &found, arena, err) != 0)
            return -1;
    return more;
}

/* ---- whether there is anything to ask for, from memory alone -----------------------------------
 */

static bool asks_config(uint32_t whom, const struct mirror_store *s)
{
    return whom != MIRROR_ASK_NOBODY && whom != s->host;
}

static bool asks_facts(uint32_t whom, const struct mirror_store *s)
{
    if (whom == MIRROR_ASK_NOBODY || whom == MIRROR_ASK_ANYBODY)
        return whom == MIRROR_ASK_ANYBODY;
    if ((whom & MIRROR_ASK_USERS) != 0 && whom != (MIRROR_ASK_USERS | s->host))
        return true;
    return s->owner == 0 && whom != s->host;
}

/* A layer that lies in a store of root's and in a user's is asked for as root's. */
static void add_candidate(struct lack *lack, const struct candidate *c)
{
    for (size_t i = 0; i < lack->few_count; i++)
        if (lack->few[i].layer == c->layer) {
            if (lack->few[i].of_user)
                lack->few[i] = *c;
            return;
        }
    if (lack->few_count == FEW)
        lack->all_layers = true;
    else
        lack->few[lack->few_count++] = *c;
}

static void look_at_listing(const struct mirror *m, uint32_t listing, const struct mirror_store *s,
                            struct lack *lack)
{
    const struct mirror_listing *l = mirror_listing(m, listing);
    const struct mirror_image *image = mirror_image(m, l->image);

    lack->documents |= l->by_config && asks_config(image->ask, s);
    for (uint32_t i = 0; l->unpacked && !lack->all_layers && i < image->chain_count; i++) {
        struct candidate c = {mirror_chain(m, image->chains[i])->layer, image->chains[i],
                              s->owner != 0};

        if (c.layer != 0 && asks_facts(mirror_layer(m, c.layer)->ask, s))
            add_candidate(lack, &c);
    }
}

/* What a host says of its disk beside the images, the tables know. */
static void look_at_store(const struct mirror *m, const struct mirror_store *s, struct lack *lack)
{
    lack->host = s->host;
    lack->all_layers |= s->exception_count > 0;
    lack->documents |= s->exception_count > 0;
    for (uint32_t i = 0; i < s->listing_count && !(lack->documents && lack->all_layers); i++)
        look_at_listing(m, s->listings[i], s, lack);
}

static bool store_asks_manifests(const struct mirror *m, int64_t store_id,
                                 const struct apply_look *look)
{
    const struct mirror_store *held = mirror_store(m, store_id);
    bool anew = marks_are_void(held, look);

    for (uint32_t i = 0; i < held->listing_count; i++)
        if ((anew || !held->asked[i]) && !is_settled(m, held, i))
            return true;
    return false;
}

static int find_lack(struct store *s, const struct apply_look *look, struct lack *out,
                     struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_missing, STORES);
    int more;

    stmt_int(&st, look->incarnation_id);
    while ((more = stmt_row(&st, err)) > 0) {
        int64_t id = stmt_get_int(&st, 0);

        look_at_store(s->mirror, mirror_store(s->mirror, id), out);
        out->manifests = out->manifests ||
                         (stmt_get_int(&st, 1) != 0 && store_asks_manifests(s->mirror, id, look));
    }
    return more;
}

int apply_missing(struct store *s, const struct apply_look *look, struct arena *arena,
                  struct apply_missing *out, struct err *err)
{
    struct lack lack = {.documents = false};

    *out = (struct apply_missing){0};
    if (find_lack(s, look, &lack, err) != 0)
        return -1;
    if (!lack.documents && !lack.manifests && !lack.all_layers && lack.few_count == 0)
        return 0;
    *out = (struct apply_missing){
        .documents = arena_array(arena, 2 * look->most, sizeof(*out->documents), err),
        .document_confirms = arena_array(arena, 2 * look->most, sizeof(bool), err),
        .layers = arena_array(arena, look->most, sizeof(*out->layers), err),
        .layer_of_root = arena_array(arena, look->most, sizeof(bool), err),
    };
    if (out->documents == NULL || out->document_confirms == NULL || out->layers == NULL ||
        out->layer_of_root == NULL)
        return -1;
    if (lack.documents && load_documents(s, look, lack.host, out, err) != 0)
        return -1;
    if (load_layers(s, look, &lack, out, err) != 0)
        return -1;
    return lack.manifests ? load_manifests(s, look, lack.host, arena, out, err) : 0;
}
