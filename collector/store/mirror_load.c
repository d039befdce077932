#include "collector/store/mirror_load.h"

#include <stdlib.h>

#include "collector/store/apply_words.h"
#include "collector/store/listing.h"
#include "collector/store/listing_rows.h"
#include "collector/store/statements.h"

#define LISTINGS_BYTES_MAX ((size_t)8 << 30) /* the texts of all of them, while they are read */
#define LIST_BYTES_MAX (64u << 20)           /* of one store or image: above those of record.h */

enum {
    LAYERS,
    CHAINS,
    IMAGES,
    IMAGE_CHAINS,
    FIRSTS,
    HOSTS,
    STORES,
    PRESENT,
    EXCEPTIONS,
    COPIES,
    USES,
    SPACES,
};

/* Whether others may still settle what is disputed: not past WORDS_MAX. */
#define IS_OPEN(kind, digest)                                                                      \
    "(SELECT count(*) < 8 FROM disputed_word w WHERE w.kind = " kind " AND w.digest = " digest ")"
#define FACTS_ARE_OPEN IS_OPEN("0", "l.diff")
#define CONFIG_IS_OPEN IS_OPEN("1", "i.digest")
_Static_assert(WORDS_MAX == 8, "as in IS_OPEN");

static const char *const sql[] = {
    [LAYERS] = "SELECT l.id, fact_state, fact_of_user, i.host_id,"
               " fact_state = 3 AND " FACTS_ARE_OPEN " FROM layer l "
               "LEFT JOIN incarnation i ON i.id = l.fact_incarnation ORDER BY l.id",
    [CHAINS] = "SELECT id, layer_id, claimed_layer_id FROM chain ORDER BY id",
    [IMAGES] = "SELECT i.id, i.digest, i.identity, i.parsed, d.state, n.host_id,"
               " d.state = 4 AND " CONFIG_IS_OPEN " FROM image i "
               "LEFT JOIN document d ON d.kind = 1 AND d.digest = i.digest "
               "LEFT JOIN incarnation n ON n.id = d.incarnation_id ORDER BY i.id",
    [IMAGE_CHAINS] = "SELECT image_id, chain_id FROM image_chain ORDER BY image_id, position",
    [FIRSTS] = "SELECT listing_id, of_root FROM listing_first",
    [HOSTS] = "SELECT id, retired_s IS NULL AND ended_s IS NULL FROM host ORDER BY id",
    [STORES] = "SELECT s.id, i.host_id, s.owner, s.engine FROM store s "
               "JOIN incarnation i ON i.id = s.incarnation_id ORDER BY s.id",
    [PRESENT] = "SELECT store_id, listing_id FROM presence WHERE gone_s IS NULL ORDER BY store_id",
    [EXCEPTIONS] = "SELECT store_id, chain_id, kind FROM exception ORDER BY store_id, chain_id",
    [COPIES] = "SELECT store_id, chain_id, missing, allocated_bytes FROM copy "
               "ORDER BY store_id, chain_id",
    [USES] = "SELECT store_id, image_id, state FROM container ORDER BY store_id",
    [SPACES] = "SELECT store_id, class, kind, bytes, upper_bound FROM space ORDER BY store_id",
};
const struct store_sql store_sql_mirror = STORE_SQL(sql);

struct loading {
    struct mirror *m;
    struct store *store;
    struct buf list; /* items of the store or image at hand */
    int64_t owner;   /* that one; 0 none yet */
};

/* ---- content --------------------------------------------------------------------------------- */

static int layer_row(struct loading *l, const struct stmt *st, struct err *err)
{
    int64_t id = stmt_get_int(st, 0);
    uint32_t ask = words_ask_for_facts((int)stmt_get_int(st, 1), stmt_get_int(st, 2) != 0,
                                       stmt_get_int(st, 3), stmt_get_int(st, 4) != 0);

    if (mirror_add_layer(l->m, id, err) != 0)
        return -1;
    return mirror_set_layer_ask(l->m, id, ask, err);
}

/* Rows point to rows that are there, or the file is damaged. */
static int need_row(const struct loading *l, enum mirror_table table, int64_t id, struct err *err)
{
    if (id > 0 && (uint64_t)id < l->m->tables[table].count)
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "a row points to row %lld, which is not there: restore a backup", (long long)id);
}

static int need_bytes(int64_t bytes, struct err *err)
{
    if (bytes >= 0 && (uint64_t)bytes <= REC_BYTES_MAX)
        return 0;
    return err_set(err, ERR_CORRUPT, "a row says %lld bytes: restore a backup", (long long)bytes);
}

static int chain_row(struct loading *l, const struct stmt *st, struct err *err)
{
    int64_t id = stmt_get_int(st, 0);

    if ((!stmt_is_null(st, 1) && need_row(l, MIRROR_LAYERS, stmt_get_int(st, 1), err) != 0) ||
        (!stmt_is_null(st, 2) && need_row(l, MIRROR_LAYERS, stmt_get_int(st, 2), err) != 0) ||
        mirror_add_chain(l->m, id, (uint32_t)stmt_get_int(st, 1), err) != 0)
        return -1;
    return mirror_set_claimed(l->m, id, (uint32_t)stmt_get_int(st, 2), err);
}

static int image_row(struct loading *l, const struct stmt *st, struct err *err)
{
    uint32_t ask = words_ask_for_config((int)stmt_get_int(st, 4), stmt_get_int(st, 5),
                                        stmt_get_int(st, 6) != 0);
    int64_t id = stmt_get_int(st, 0);
    struct digest digest;

    if (stmt_get_digest(st, 1, &digest, err) != 0 ||
        mirror_add_image(l->m, id, &digest, (enum rec_identity)stmt_get_int(st, 2), err) != 0 ||
        mirror_set_image_ask(l->m, id, ask, err) != 0)
        return -1;
    return mirror_set_chains(l->m, id, stmt_get_int(st, 3) != 0, NULL, 0, err);
}

/* A row of another owner: what was read of the last one goes where it belongs. */
static int turn_to(struct loading *l, int64_t owner, enum mirror_table table,
                   int (*whole)(struct loading *l, struct err *err), struct err *err)
{
    if (owner == l->owner)
        return 0;
    if (need_row(l, table, owner, err) != 0 || (l->owner != 0 && whole(l, err) != 0))
        return -1;
    l->owner = owner;
    buf_reset(&l->list);
    return 0;
}

#define LIST(l, type) ((type *)(void *)(l)->list.data)
#define LIST_COUNT(l, type) ((uint32_t)((l)->list.len / sizeof(type)))

static int chains_whole(struct loading *l, struct err *err)
{
    return mirror_set_chains(l->m, l->owner, mirror_image(l->m, l->owner)->read, LIST(l, uint32_t),
                             LIST_COUNT(l, uint32_t), err);
}

static int image_chain_row(struct loading *l, const struct stmt *st, struct err *err)
{
    uint32_t chain = (uint32_t)stmt_get_int(st, 1);

    if (turn_to(l, stmt_get_int(st, 0), MIRROR_IMAGES, chains_whole, err) != 0 ||
        need_row(l, MIRROR_CHAINS, stmt_get_int(st, 1), err) != 0)
        return -1;
    return buf_add(&l->list, &chain, sizeof(chain), err);
}

/* ---- listings and what stores hold ----------------------------------------------------------- */

static int listing_row(void *arg, int64_t id, int64_t image_id, const struct rec_image *image,
                       struct err *err)
{
    struct loading *l = arg;
    AUTO(buf_close) struct buf key;
    struct mirror_listing listing = {.image = (uint32_t)image_id,
                                     .by_config = image->identity == REC_BY_CONFIG,
                                     .unpacked = image->unpacked,
                                     .named = image->name_count > 0};

    buf_init(&key, LISTING_KEY_MAX);
    if (image->has_parent)
        listing.parent = mirror_find_image(l->m, &image->parent);
    if (listing_key(&key, image, err) != 0)
        return -1;
    if (mirror_find_listing(l->m, key.data, key.len) != 0)
        return err_set(err, ERR_CORRUPT, "listing %lld says what an earlier one says",
                       (long long)id);
    listing.key = key.data;
    listing.key_len = key.len;
    rec_image_sum(&listing.sum, image, true);
    if (mirror_add_listing(l->m, id, &listing, err) != 0)
        return -1;
    key = (struct buf){0};
    return 0;
}

static int first_row(struct loading *l, const struct stmt *st, struct err *err)
{
    if (need_row(l, MIRROR_LISTINGS, stmt_get_int(st, 0), err) != 0)
        return -1;
    return mirror_set_first_known(l->m, stmt_get_int(st, 0), stmt_get_int(st, 1) != 0, err);
}

static int host_row(struct loading *l, const struct stmt *st, struct err *err)
{
    int64_t id = stmt_get_int(st, 0);

    if (mirror_add_host(l->m, id, err) != 0)
        return -1;
    return mirror_set_counted(l->m, id, stmt_get_int(st, 1) != 0, err);
}

static int store_row(struct loading *l, const struct stmt *st, struct err *err)
{
    int64_t id = stmt_get_int(st, 0), host_id = stmt_get_int(st, 1);

    if (need_row(l, MIRROR_HOSTS, host_id, err) != 0 ||
        mirror_add_store(l->m, id, host_id, err) != 0)
        return -1;
    return mirror_set_place(l->m, id, (uint32_t)stmt_get_int(st, 2), stmt_get_text(st, 3), err);
}

/* Sorts what a store holds by image: the file has it by listing. */
static int by_image(const void *a, const void *b, void *arg)
{
    const struct mirror *m = arg;
    uint32_t x = mirror_listing(m, *(const uint32_t *)a)->image;
    uint32_t y = mirror_listing(m, *(const uint32_t *)b)->image;

    return x < y ? -1 : x > y;
}

static int held_whole(struct loading *l, struct err *err)
{
    qsort_r(l->list.data, LIST_COUNT(l, uint32_t), sizeof(uint32_t), by_image, l->m);
    return mirror_set_held(l->m, l->owner, LIST(l, uint32_t), LIST_COUNT(l, uint32_t), err);
}

static int present_row(struct loading *l, const struct stmt *st, struct err *err)
{
    uint32_t listing = (uint32_t)stmt_get_int(st, 1);

    if (turn_to(l, stmt_get_int(st, 0), MIRROR_STORES, held_whole, err) != 0 ||
        need_row(l, MIRROR_LISTINGS, stmt_get_int(st, 1), err) != 0)
        return -1;
    return buf_add(&l->list, &listing, sizeof(listing), err);
}

/* ---- the rest of a store --------------------------------------------------------------------- */

static int exceptions_whole(struct loading *l, struct err *err)
{
    return mirror_set_exceptions(l->m, l->owner, LIST(l, struct mirror_exception),
                                 LIST_COUNT(l, struct mirror_exception), err);
}

static int exception_row(struct loading *l, const struct stmt *st, struct err *err)
{
    struct mirror_exception e = {(uint32_t)stmt_get_int(st, 1),
                                 (enum rec_exception_kind)stmt_get_int(st, 2)};

    if (turn_to(l, stmt_get_int(st, 0), MIRROR_STORES, exceptions_whole, err) != 0 ||
        need_row(l, MIRROR_CHAINS, stmt_get_int(st, 1), err) != 0)
        return -1;
    return buf_add(&l->list, &e, sizeof(e), err);
}

static int copies_whole(struct loading *l, struct err *err)
{
    return mirror_set_copies(l->m, l->owner, LIST(l, struct mirror_copy),
                             LIST_COUNT(l, struct mirror_copy), err);
}

static int copy_row(struct loading *l, const struct stmt *st, struct err *err)
{
    struct mirror_copy c = {(uint32_t)stmt_get_int(st, 1), stmt_get_int(st, 2) != 0,
                            stmt_get_int(st, 3)};

    if (turn_to(l, stmt_get_int(st, 0), MIRROR_STORES, copies_whole, err) != 0 ||
        need_row(l, MIRROR_CHAINS, stmt_get_int(st, 1), err) != 0 ||
        need_bytes(c.allocated_bytes, err) != 0)
        return -1;
    return buf_add(&l->list, &c, sizeof(c), err);
}

static int uses_whole(struct loading *l, struct err *err)
{
    return mirror_set_uses(l->m, l->owner, LIST(l, struct mirror_use),
                           LIST_COUNT(l, struct mirror_use), err);
}

static int use_row(struct loading *l, const struct stmt *st, struct err *err)
{
    struct mirror_use u = {(uint32_t)stmt_get_int(st, 1), (enum rec_run_state)stmt_get_int(st, 2)};

    if (turn_to(l, stmt_get_int(st, 0), MIRROR_STORES, uses_whole, err) != 0 ||
        need_row(l, MIRROR_IMAGES, stmt_get_int(st, 1), err) != 0)
        return -1;
    return buf_add(&l->list, &u, sizeof(u), err);
}

static int space_row(struct loading *l, const struct stmt *st, struct err *err)
{
    struct rec_space space = {.klass = (enum rec_space_class)stmt_get_int(st, 1),
                              .kind = stmt_get_text(st, 2),
                              .bytes = (uint64_t)stmt_get_int(st, 3),
                              .upper_bound = stmt_get_int(st, 4) != 0};

    if (need_row(l, MIRROR_STORES, stmt_get_int(st, 0), err) != 0 ||
        need_bytes(stmt_get_int(st, 3), err) != 0)
        return -1;
    return mirror_add_space(l->m, stmt_get_int(st, 0), &space, err);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Calls `row` for each row, then `whole` for the last list. */
static int load_rows(struct loading *l, int index,
                     int (*row)(struct loading *l, const struct stmt *st, struct err *err),
                     int (*whole)(struct loading *l, struct err *err), struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(l->store, STORE_SET_mirror, index);
    int more;

    l->owner = 0;
    buf_reset(&l->list);
    while ((more = stmt_row(&st, err)) > 0) {
        if (row(l, &st, err) != 0)
            return -1;
        mirror_keep(l->m); /* nothing of this is ever taken back */
    }
    if (more < 0)
        return -1;
    return l->owner != 0 ? whole(l, err) : 0;
}

static int load_listings(struct loading *l, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;

    if (arena_open(&arena, LISTINGS_BYTES_MAX, err) != 0)
        return -1;
    return listing_rows(l->store, arena, listing_row, l, err);
}

static int load_all(struct loading *l, struct err *err)
{
    if (load_rows(l, LAYERS, layer_row, NULL, err) != 0 ||
        load_rows(l, CHAINS, chain_row, NULL, err) != 0 ||
        load_rows(l, IMAGES, image_row, NULL, err) != 0 ||
        load_rows(l, IMAGE_CHAINS, image_chain_row, chains_whole, err) != 0 ||
        load_listings(l, err) != 0 || load_rows(l, FIRSTS, first_row, NULL, err) != 0 ||
        load_rows(l, HOSTS, host_row, NULL, err) != 0 ||
        load_rows(l, STORES, store_row, NULL, err) != 0 ||
        load_rows(l, PRESENT, present_row, held_whole, err) != 0 ||
        load_rows(l, EXCEPTIONS, exception_row, exceptions_whole, err) != 0 ||
        load_rows(l, COPIES, copy_row, copies_whole, err) != 0 ||
        load_rows(l, USES, use_row, uses_whole, err) != 0)
        return -1;
    return load_rows(l, SPACES, space_row, NULL, err);
}

int mirror_load(struct mirror *m, struct store *s, struct err *err)
{
    struct loading l = {.m = m, .store = s};
    int rc;

    buf_init(&l.list, LIST_BYTES_MAX);
    rc = load_all(&l, err);
    buf_close(&l.list);
    return rc == 0 ? 0 : err_wrap(err, "%s", store_path(s));
}
