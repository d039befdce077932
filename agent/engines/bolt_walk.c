/* bolt_walk: buckets, keys and values of an open file. */
#include <string.h>

#include "agent/engines/bolt_private.h"

#define FIRST_PAGE 2 /* behind the two meta pages */
#define PAGE_HEADER ((size_t)16)
#define BUCKET_HEADER sizeof(struct bolt_bucket_header)

enum { PAGE_BRANCH = 0x01, PAGE_LEAF = 0x02 };
enum { LEAF_BUCKET = 0x01 };

struct page_header {
    uint64_t id;
    uint16_t flags, count;
    uint32_t overflow; /* further pages that this one goes on in */
};

struct leaf_element {
    uint32_t flags, position, key_size, value_size; /* position: from the element's first byte */
};

struct branch_element {
    uint32_t position, key_size;
    uint64_t page;
};

/* ---- pages ----------------------------------------------------------------------------------- */

static int spend(struct bolt *db, struct err *err)
{
    if (db->budget == 0)
        return err_set(err, ERR_LIMIT, "bolt pages lead in circles");
    db->budget--;
    return 0;
}

static struct page_header header_of(const uint8_t *page)
{
    struct page_header h;

    memcpy(&h, page, sizeof(h));
    return h;
}

/* A page of elements, which all have room in it. */
static int check_page(const uint8_t *page, size_t size, uint64_t id, struct err *err)
{
    struct page_header h;

    if (size < PAGE_HEADER)
        return err_set(err, ERR_CORRUPT, "bolt page %llu is cut off", (unsigned long long)id);
    h = header_of(page);
    if (h.flags != PAGE_BRANCH && h.flags != PAGE_LEAF)
        return err_set(err, ERR_CORRUPT, "bolt page %llu is no branch and no leaf (flags %#x)",
                       (unsigned long long)id, h.flags);
    if (h.count > (size - PAGE_HEADER) / BOLT_ELEMENT)
        return err_set(err, ERR_CORRUPT, "bolt page %llu has no room for its %u elements",
                       (unsigned long long)id, h.count);
    return 0;
}

static int load_page(struct bolt *db, uint64_t id, const uint8_t **page, size_t *size,
                     struct err *err)
{
    uint64_t pages = db->size / db->meta.page_size;
    struct page_header h;

    if (spend(db, err) != 0)
        return -1;
    if (pages > db->meta.page_count)
        pages = db->meta.page_count;
    if (id < FIRST_PAGE || id >= pages)
        return err_set(err, ERR_CORRUPT, "bolt page %llu of %llu: not in the file",
                       (unsigned long long)id, (unsigned long long)pages);
    *page = db->data + id * db->meta.page_size;
    h = header_of(*page);
    if (h.id != id || h.overflow >= pages - id)
        return err_set(err, ERR_CORRUPT, "bolt page %llu: its header is broken",
                       (unsigned long long)id);
    *size = ((size_t)h.overflow + 1) * db->meta.page_size;
    return check_page(*page, *size, id, err);
}

/* The bytes of an element's key and value, `element` bytes into the page. */
static int span(const uint8_t *page, size_t size, size_t element, uint64_t position,
                uint64_t length, struct bolt_bytes *out, struct err *err)
{
    if (position > size - element || length > size - element - position)
        return err_set(err, ERR_CORRUPT, "a bolt element lies outside of its page");
    *out = (struct bolt_bytes){.data = page + element + position, .len = length};
    return 0;
}

static int branch_at(const uint8_t *page, size_t size, uint32_t index, struct bolt_bytes *key,
                     uint64_t *child, struct err *err)
{
    size_t at = PAGE_HEADER + (size_t)index * BOLT_ELEMENT;
    struct branch_element e;

    memcpy(&e, page + at, sizeof(e));
    *child = e.page;
    return span(page, size, at, e.position, e.key_size, key, err);
}

/* A bucket from its value: the root page's number, or the page itself. */
static int enter(struct bolt_bucket *out, struct bolt *db, struct bolt_bytes value, struct err *err)
{
    struct bolt_bucket_header h;

    if (value.len < BUCKET_HEADER)
        return err_set(err, ERR_CORRUPT, "a bolt bucket without a header");
    memcpy(&h, value.data, sizeof(h));
    out->db = db;
    if (h.root != 0)
        return load_page(db, h.root, &out->page, &out->size, err);
    if (spend(db, err) != 0)
        return -1;
    out->page = value.data + BUCKET_HEADER;
    out->size = value.len - BUCKET_HEADER;
    if (check_page(out->page, out->size, 0, err) != 0)
        return err_wrap(err, "inside a bucket");
    if (header_of(out->page).flags != PAGE_LEAF)
        return err_set(err, ERR_CORRUPT, "a branch page inside a bucket");
    return 0;
}

static int leaf_at(const uint8_t *page, size_t size, uint32_t index, struct bolt_entry *out,
                   struct err *err)
{
    size_t at = PAGE_HEADER + (size_t)index * BOLT_ELEMENT;
    struct leaf_element e;

    memcpy(&e, page + at, sizeof(e));
    *out = (struct bolt_entry){.is_bucket = (e.flags & LEAF_BUCKET) != 0};
    if (span(page, size, at, e.position, e.key_size, &out->key, err) != 0)
        return -1;
    return span(page, size, at, (uint64_t)e.position + e.key_size, e.value_size, &out->value, err);
}

/* ---- looking up ------------------------------------------------------------------------------ */

static int compare(struct bolt_bytes a, const char *text, size_t len)
{
    size_t common = a.len < len ? a.len : len;
    int c = common > 0 ? memcmp(a.data, text, common) : 0;

    return c != 0 ? c : (a.len > len) - (a.len < len);
}

/* The child whose keys begin at or before `name`: the first one's key may be greater. */
static int branch_find(const uint8_t *page, size_t size, const char *name, uint64_t *child,
                       struct err *err)
{
    uint32_t low = 0, high = header_of(page).count;
    struct bolt_bytes key = {0};

    if (high == 0)
        return err_set(err, ERR_CORRUPT, "an empty bolt branch page");
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (branch_at(page, size, middle, &key, child, err) != 0)
            return -1;
        if (compare(key, name, strlen(name)) <= 0)
            low = middle;
        else
            high = middle;
    }
    return branch_at(page, size, low, &key, child, err);
}

static int leaf_find(const uint8_t *page, size_t size, const char *name, struct bolt_entry *out,
                     struct err *err)
{
    uint32_t low = 0, high = header_of(page).count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order;

        if (leaf_at(page, size, middle, out, err) != 0)
            return -1;
        order = compare(out->key, name, strlen(name));
        if (order == 0)
            return 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return err_set(err, ERR_NOT_FOUND, "no %s in the bolt bucket", name);
}

static int find(const struct bolt_bucket *in, const char *name, struct bolt_entry *out,
                struct err *err)
{
    const uint8_t *page = in->page;
    size_t size = in->size;

    for (size_t depth = 0; depth < BOLT_DEPTH_MAX; depth++) {
        uint64_t child = 0;

        if (header_of(page).flags == PAGE_LEAF)
            return leaf_find(page, size, name, out, err);
        if (branch_find(page, size, name, &child, err) != 0 ||
            load_page(in->db, child, &page, &size, err) != 0)
            return -1;
    }
    return err_set(err, ERR_CORRUPT, "bolt pages deeper than %d", BOLT_DEPTH_MAX);
}

int bolt_root(struct bolt_bucket *out, struct bolt *db, struct err *err)
{
    out->db = db;
    return load_page(db, db->meta.root.root, &out->page, &out->size, err);
}

int bolt_bucket(struct bolt_bucket *out, const struct bolt_bucket *in, const char *name,
                struct err *err)
{
    struct bolt_entry entry;

    if (find(in, name, &entry, err) != 0)
        return -1;
    if (!entry.is_bucket)
        return err_set(err, ERR_CORRUPT, "%s is a value and no bolt bucket", name);
    if (enter(out, in->db, entry.value, err) != 0)
        return err_wrap(err, "bolt bucket %s", name);
    return 0;
}

int bolt_path(struct bolt_bucket *out, const struct bolt_bucket *in, const char *const *names,
              struct err *err)
{
    struct bolt_bucket at = *in;

    for (; *names != NULL; names++) {
        struct bolt_bucket next;

        if (bolt_bucket(&next, &at, *names, err) != 0)
            return -1;
        at = next;
    }
    *out = at;
    return 0;
}

int bolt_get(struct bolt_bytes *out, const struct bolt_bucket *in, const char *name,
             struct err *err)
{
    struct bolt_entry entry;

    if (find(in, name, &entry, err) != 0)
        return -1;
    if (entry.is_bucket)
        return err_set(err, ERR_CORRUPT, "%s is a bolt bucket and no value", name);
    *out = entry.value;
    return 0;
}

/* ---- walking --------------------------------------------------------------------------------- */

static void push(struct bolt_cursor *cursor, const uint8_t *page, size_t size)
{
    cursor->levels[cursor->depth++] =
        (struct bolt_level){.page = page, .size = size, .count = header_of(page).count};
}

void bolt_walk(struct bolt_cursor *cursor, const struct bolt_bucket *bucket)
{
    cursor->db = bucket->db;
    cursor->depth = 0;
    push(cursor, bucket->page, bucket->size);
}

static int descend(struct bolt_cursor *cursor, struct bolt_level *level, struct err *err)
{
    const uint8_t *page = NULL;
    struct bolt_bytes key = {0};
    uint64_t child = 0;
    size_t size = 0;

    if (cursor->depth == BOLT_DEPTH_MAX)
        return err_set(err, ERR_CORRUPT, "bolt pages deeper than %d", BOLT_DEPTH_MAX);
    if (branch_at(level->page, level->size, level->next++, &key, &child, err) != 0 ||
        load_page(cursor->db, child, &page, &size, err) != 0)
        return -1;
    push(cursor, page, size);
    return 0;
}

static int give(struct bolt_cursor *cursor, struct bolt_level *level, struct bolt_entry *out,
                struct err *err)
{
    if (spend(cursor->db, err) != 0 ||
        leaf_at(level->page, level->size, level->next++, out, err) != 0)
        return -1;
    if (out->is_bucket && enter(&out->bucket, cursor->db, out->value, err) != 0)
        return -1;
    return 1;
}

int bolt_next(struct bolt_cursor *cursor, struct bolt_entry *out, struct err *err)
{
    while (cursor->depth > 0) {
        struct bolt_level *level = &cursor->levels[cursor->depth - 1];

        if (level->next == level->count) {
            cursor->depth--;
            continue;
        }
        if (header_of(level->page).flags == PAGE_LEAF)
            return give(cursor, level, out, err);
        if (descend(cursor, level, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- values ---------------------------------------------------------------------------------- */

bool bolt_uvarint(struct bolt_bytes bytes, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < bytes.len && i < 10; i++) {
        *out |= (uint64_t)(bytes.data[i] & 0x7f) << (7 * i);
        if ((bytes.data[i] & 0x80) == 0)
            return i < 9 || bytes.data[i] <= 1;
    }
    return false;
}
