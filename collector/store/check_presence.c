#include <stdio.h>
#include <stdlib.h>

#include "collector/store/check_private.h"

#define CONTENT_BYTES_MAX (1u << 31) /* what is loaded of the whole fleet's content */
#define ROWS_MAX (1u << 24)          /* of one store, its past included */
#define ROWS_FIRST 1024

enum { IMAGE_COUNT, IMAGES, STORES, ROWS, EXCEPTIONS, ALL_ROWS };

static const char *const sql[] = {
    [IMAGE_COUNT] = "SELECT count(*) FROM image",
    [IMAGES] = "SELECT id FROM image ORDER BY id",
    [STORES] = "SELECT id, sum, gone_s, owner = 0 FROM store ORDER BY id",
    [ROWS] = "SELECT listing_id, from_s, since_s, gone_after_s, gone_s FROM presence "
             "WHERE store_id = ?",
    [EXCEPTIONS] = "SELECT e.kind, c.digest, l.diff FROM exception e "
                   "JOIN chain c ON c.id = e.chain_id JOIN layer l ON l.id = e.layer_id "
                   "WHERE e.store_id = ?",
    [ALL_ROWS] = "SELECT count(*) FROM presence",
};
const struct store_sql store_sql_check_presence = STORE_SQL(sql);

#define NEVER INT64_MAX

/* A listing in a store, as its row says. */
struct row {
    int64_t listing_id, image_id;
    int64_t from_s, gone_s; /* [from, gone); NEVER while it is open */
    int64_t stay_s;         /* when the image came, as this listing or as an earlier one */
};

struct pass {
    struct checking *c;
    struct check_listings listings;
    uint64_t *last; /* the last store of each image, by its place: a count of stores */
    uint64_t stores;
    struct row *rows; /* of the store at hand */
    size_t count, room;
    bool related;  /* some of them are of one image, or say so */
    uint64_t read; /* rows of all stores */
};

struct place {
    int64_t id; /* of the store */
    bool gone, of_root;
    struct setsum sum; /* of what is open in it, and its exceptions */
};

/* ---- one row -----------------------------------------------------------------------------------
 */

/* Millions of rows: no column is asked for twice. */
static void read_row(struct pass *p, const struct place *place, const struct stmt *st,
                     struct row *out)
{
    bool open = stmt_is_null(st, 4), looked = !stmt_is_null(st, 3);
    int64_t from = stmt_get_int(st, 1), look = looked ? stmt_get_int(st, 3) : 0;

    out->listing_id = stmt_get_int(st, 0);
    out->from_s = from;
    out->stay_s = stmt_is_null(st, 2) ? from : stmt_get_int(st, 2);
    out->gone_s = open ? NEVER : stmt_get_int(st, 4);
    if (open == looked || (!open && (out->gone_s < from || look > out->gone_s || look < from)))
        check_find(p->c, "presence: store %lld, listing %lld, from %lld: last look %lld, gone %lld",
                   (long long)place->id, (long long)out->listing_id, (long long)from,
                   (long long)look, (long long)(open ? 0 : out->gone_s));
    if (out->stay_s > from)
        check_find(p->c,
                   "presence: store %lld, listing %lld, from %lld: since %lld, which is later",
                   (long long)place->id, (long long)out->listing_id, (long long)from,
                   (long long)out->stay_s);
}

static void count_open(struct pass *p, struct place *place, const struct check_listing *listing)
{
    for (int i = 0; i < 4; i++)
        place->sum.lane[i] += listing->sum.lane[i];
    if (!listing->first[place->of_root])
        check_find(p->c, "listing_first: store %lld lists image %lld, and nobody was the first",
                   (long long)place->id, (long long)listing->image_id);
    if (place->gone)
        check_find(p->c, "presence: store %lld is gone, image %lld in it is not",
                   (long long)place->id, (long long)listing->image_id);
}

static int make_room(struct pass *p, struct err *err)
{
    size_t room = p->room > 0 ? 2 * p->room : ROWS_FIRST;
    struct row *rows;

    if (p->count < p->room)
        return 0;
    if (room > ROWS_MAX)
        return err_set(err, ERR_LIMIT, "a store has more than %u rows of presence", ROWS_MAX);
    rows = realloc(p->rows, room * sizeof(*rows));
    if (rows == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the presence of a store");
    p->rows = rows;
    p->room = room;
    return 0;
}

/* Keeps the row; one whose listing is not there is only told. */
static void take_row(struct pass *p, struct place *place, struct row *row)
{
    uint32_t at = check_place(&p->listings.ids, row->listing_id);
    const struct check_listing *listing;

    if (at == CHECK_NOWHERE) {
        check_find(p->c, "presence: store %lld: listing %lld is not there", (long long)place->id,
                   (long long)row->listing_id);
        return;
    }
    listing = &p->listings.list[at];
    row->image_id = listing->image_id;
    p->related |= p->last[listing->image] == p->stores || row->stay_s < row->from_s;
    p->last[listing->image] = p->stores;
    if (row->gone_s == NEVER)
        count_open(p, place, listing);
    p->count++;
}

/* ---- one store ---------------------------------------------------------------------------------
 */

static int read_exceptions(struct pass *p, struct place *place, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(p->c->store, STORE_SET_check_presence, EXCEPTIONS);
    int more;

    stmt_int(&st, place->id);
    while ((more = stmt_row(&st, err)) > 0) {
        struct rec_exception e = {.kind = (enum rec_exception_kind)stmt_get_int(&st, 0)};

        if (stmt_get_digest(&st, 1, &e.chain, err) != 0 ||
            stmt_get_digest(&st, 2, &e.diff, err) != 0)
            return -1;
        rec_exception_sum(&place->sum, &e, true);
    }
    return more;
}

/* Rows come in the order of their key, if the file is sound. */
static int read_rows(struct pass *p, struct place *place, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(p->c->store, STORE_SET_check_presence, ROWS);
    struct row last = {.listing_id = INT64_MIN};
    int more;

    stmt_int(&st, place->id);
    p->count = 0;
    p->related = false;
    p->stores++;
    while ((more = stmt_row(&st, err)) > 0) {
        struct row *row;

        if (make_room(p, err) != 0)
            return -1;
        row = &p->rows[p->count];
        read_row(p, place, &st, row);
        if (row->listing_id < last.listing_id ||
            (row->listing_id == last.listing_id && row->from_s <= last.from_s))
            check_find(p->c, "file: presence of store %lld is not in the order of its key",
                       (long long)place->id);
        last = *row;
        take_row(p, place, row);
        p->read++;
    }
    return more;
}

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* By image and time. What began and ended within one second comes before what stayed, and the end
 * of an older stay before a new one. */
static int compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->image_id != y->image_id)
        return order(x->image_id, y->image_id);
    if (x->from_s != y->from_s)
        return order(x->from_s, y->from_s);
    if (x->gone_s != y->gone_s)
        return order(x->gone_s, y->gone_s);
    return order(x->stay_s, y->stay_s);
}

/* `before` is the row of the same image before this one, NULL where there is none. */
static void check_order(struct pass *p, const struct place *place, const struct row *before,
                        const struct row *row)
{
    char end[24] = "never";

    if (before != NULL && before->gone_s > row->from_s) {
        if (before->gone_s != NEVER)
            snprintf(end, sizeof(end), "%lld", (long long)before->gone_s);
        check_find(p->c,
                   "presence: store %lld, image %lld: the interval from %lld ends at %s, the next "
                   "begins at %lld",
                   (long long)place->id, (long long)row->image_id, (long long)before->from_s, end,
                   (long long)row->from_s);
    }
    if (row->stay_s < row->from_s &&
        (before == NULL || before->stay_s != row->stay_s || before->gone_s != row->from_s))
        check_find(p->c,
                   "presence: store %lld, image %lld, from %lld: since %lld, and no row since then "
                   "ends here",
                   (long long)place->id, (long long)row->image_id, (long long)row->from_s,
                   (long long)row->stay_s);
}

static void check_rows(struct pass *p, const struct place *place)
{
    if (!p->related)
        return;
    if (p->count > 1)
        qsort(p->rows, p->count, sizeof(*p->rows), compare);
    for (size_t i = 0; i < p->count; i++) {
        bool same = i > 0 && p->rows[i - 1].image_id == p->rows[i].image_id;

        check_order(p, place, same ? &p->rows[i - 1] : NULL, &p->rows[i]);
    }
}

static const char *sum_text(const struct setsum *sum, char out[DIGEST_HEX + 1])
{
    struct digest d;

    setsum_bytes(sum, d.bytes);
    return digest_hex(&d, out);
}

static int check_store(struct pass *p, const struct stmt *st, struct err *err)
{
    struct place place = {.id = stmt_get_int(st, 0),
                          .gone = !stmt_is_null(st, 2),
                          .of_root = stmt_get_int(st, 3) != 0};
    char expected[DIGEST_HEX + 1], got[DIGEST_HEX + 1];
    struct setsum stored;

    if (stmt_get_sum(st, 1, &stored, err) != 0 || read_exceptions(p, &place, err) != 0 ||
        read_rows(p, &place, err) != 0)
        return -1;
    check_rows(p, &place);
    if (!setsum_eq(&place.sum, &stored))
        check_find(p->c, "store: %lld: digest of its rows expected %s, got %s", (long long)place.id,
                   sum_text(&place.sum, expected), sum_text(&stored, got));
    return 0;
}

/* ---- all of them -------------------------------------------------------------------------------
 */

static int check_stores(struct pass *p, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(p->c->store, STORE_SET_check_presence, STORES);
    int more;

    while ((more = stmt_row(&st, err)) > 0) {
        if (check_store(p, &st, err) != 0)
            return -1;
        p->c->result->checked++;
    }
    return more;
}

/* Rows are read by store: those of no store are the rest. */
static int check_rest(struct pass *p, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(p->c->store, STORE_SET_check_presence, ALL_ROWS);

    if (stmt_row(&st, err) < 0)
        return -1;
    if (stmt_get_int(&st, 0) != (int64_t)p->read)
        check_find(p->c, "presence: %lld rows name a store that is not there",
                   (long long)(stmt_get_int(&st, 0) - (int64_t)p->read));
    p->c->result->checked += p->read;
    return 0;
}

static int load_images(struct pass *p, struct arena *arena, struct check_ids *out, struct err *err)
{
    AUTO(stmt_end) struct stmt count = stmt_use(p->c->store, STORE_SET_check_presence, IMAGE_COUNT);
    AUTO(stmt_end) struct stmt st = stmt_use(p->c->store, STORE_SET_check_presence, IMAGES);
    size_t room;
    int more;

    if (stmt_row(&count, err) < 0)
        return -1;
    room = (size_t)stmt_get_int(&count, 0);
    out->ids = arena_array(arena, room, sizeof(*out->ids), err);
    if (out->ids == NULL)
        return -1;
    while ((more = stmt_row(&st, err)) > 0 && out->count < room)
        out->ids[out->count++] = stmt_get_int(&st, 0);
    return more < 0 ? -1 : 0;
}

static int load_content(struct pass *p, struct arena *arena, struct err *err)
{
    struct check_ids images = {0};

    if (load_images(p, arena, &images, err) != 0)
        return -1;
    p->last = arena_array(arena, images.count, sizeof(*p->last), err);
    if (p->last == NULL)
        return -1;
    return check_listings_load(p->c, &images, arena, &p->listings, err);
}

static int check_all(struct pass *p, struct arena *arena, struct err *err)
{
    if (load_content(p, arena, err) != 0 || check_stores(p, err) != 0)
        return -1;
    return check_rest(p, err);
}

int check_presence(struct checking *c, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct pass p = {.c = c};
    int rc;

    if (arena_open(&arena, CONTENT_BYTES_MAX, err) != 0)
        return -1;
    rc = check_all(&p, arena, err);
    free(p.rows);
    return rc;
}
