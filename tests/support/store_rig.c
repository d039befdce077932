#include "tests/support/store_rig.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "collector/store/check.h"
#include "common/buf.h"
#include "common/check.h"
#include "tests/support/unit.h"

#define ARENA_BYTES (256u << 20)
#define LIST_ROOM 64 /* images, names, ... of one made-up list */
#define SILENCE_S 100
#define MS 1000

/* ---- the database ---------------------------------------------------------------------------- */

void rig_open(struct store_rig *r)
{
    struct err err;

    *r = (struct store_rig){.damaged = false};
    tempdir_open(&r->dir);
    tempdir_path(&r->dir, "census.db", r->path);
    assert_ok(arena_open(&r->arena, ARENA_BYTES, &err));
    assert_ok(store_open_writer(&r->store, r->path, &err));
    assert_int_equal(sqlite3_open(r->path, &r->sql), SQLITE_OK);
    sqlite3_busy_timeout(r->sql, 5000);
}

void rig_close(struct store_rig *r)
{
    if (!r->damaged)
        assert_int_equal(rig_check(r, NULL), 0);
    sqlite3_close(r->sql);
    store_close(&r->store);
    arena_close(&r->arena);
    tempdir_close(&r->dir);
}

static sqlite3_stmt *first_row(struct store_rig *r, const char *sql)
{
    sqlite3_stmt *st;

    if (sqlite3_prepare_v2(r->sql, sql, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(r->sql));
    if (sqlite3_step(st) != SQLITE_ROW)
        fail_msg("%s: no row", sql);
    return st;
}

int64_t rig_number(struct store_rig *r, const char *sql)
{
    sqlite3_stmt *st = first_row(r, sql);
    int64_t n = sqlite3_column_int64(st, 0);

    sqlite3_finalize(st);
    return n;
}

const char *rig_text(struct store_rig *r, const char *sql)
{
    sqlite3_stmt *st = first_row(r, sql);
    const char *text = (const char *)sqlite3_column_text(st, 0);
    const char *copy =
        arena_text(r->arena, text != NULL ? text : "", text != NULL ? strlen(text) : 0, NULL);

    sqlite3_finalize(st);
    return copy;
}

void rig_execute(struct store_rig *r, const char *sql)
{
    char *text = NULL;

    if (sqlite3_exec(r->sql, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s: %s", sql, text);
}

struct search {
    const char *words;
    bool seen;
};

static void on_finding(const char *line, void *arg)
{
    struct search *s = arg;

    if (s->words == NULL)
        print_error("finding: %s\n", line);
    else if (strstr(line, s->words) != NULL)
        s->seen = true;
}

uint64_t rig_check(struct store_rig *r, const char *words)
{
    struct search s = {words, false};
    struct check_result result;
    struct store *reader;
    struct err err;

    assert_ok(store_open_reader(&reader, r->path, &err));
    assert_ok(store_check(reader, true, &result, on_finding, &s, &err));
    store_close(&reader);
    if (words != NULL && !s.seen)
        fail_msg("no finding says \"%s\"", words);
    return result.findings;
}

void rig_begin(struct store_rig *r)
{
    struct err err;

    assert_ok(store_begin(r->store, &err));
}

int rig_end(struct store_rig *r, int rc)
{
    struct err err;

    if (rc != 0)
        store_rollback(r->store);
    else
        assert_ok(store_commit(r->store, &err));
    return rc;
}

/* ---- records --------------------------------------------------------------------------------- */

struct digest rig_digest(char kind, unsigned number)
{
    char text[32];

    return digest_of(text, (size_t)snprintf(text, sizeof(text), "%c %u", kind, number));
}

struct rec_key rig_key(unsigned number)
{
    struct rec_key key = {{0}};

    memcpy(key.bytes, &number, sizeof(number));
    return key;
}

int rig_try_hello(struct store_rig *r, unsigned machine, const char *name, int64_t now_s,
                  struct apply_identity *out, struct err *err)
{
    struct rec_hello hello = {
        .agent_version = "0.1.0",
        .host_name = name,
        .cluster = "test",
        .fingerprint = rig_digest('F', machine),
        .lifetime = REC_LIFETIME_LASTING,
        .os = "Debian",
        .kernel = "6.1",
        .arch = "amd64",
        .clock_ms = now_s * MS,
    };
    char address[32];
    struct apply_caller caller = {name, address, now_s * MS, SILENCE_S, NULL, 0};

    snprintf(address, sizeof(address), "10.0.0.%u", machine);
    memcpy(hello.incarnation.bytes, &machine, sizeof(machine));
    return RIG_APPLY(r, apply_hello(r->store, &hello, &caller, r->arena, out, err));
}

int64_t rig_hello(struct store_rig *r, unsigned machine, const char *name, int64_t now_s)
{
    struct apply_identity id;
    struct err err;

    assert_ok(rig_try_hello(r, machine, name, now_s, &id, &err));
    return id.incarnation_id;
}

static void *room(struct store_rig *r, size_t size)
{
    void *list = arena_array(r->arena, LIST_ROOM, size, NULL);

    check(list != NULL);
    return list;
}

struct rec_content *rig_content(struct store_rig *r, unsigned key)
{
    struct rec_content *c = arena_alloc(r->arena, sizeof(*c), NULL);

    check(c != NULL);
    c->store = (struct rec_store){
        .key = rig_key(key),
        .engine = "docker",
        .version = "20.10.24",
        .driver = "overlay2",
        .space = "",
        .root = "/var/lib/docker",
        .fs_type = "ext4",
        .block_size = 4096,
        .state = REC_STORE_OK,
        .error = "",
    };
    c->images = room(r, sizeof(*c->images));
    c->exceptions = room(r, sizeof(*c->exceptions));
    return c;
}

struct rec_image *rig_image(struct store_rig *r, struct rec_content *c, const struct digest *id,
                            bool unpacked)
{
    struct rec_image *image = &c->images[c->image_count++];

    check(c->image_count <= LIST_ROOM);
    image->id = *id;
    image->identity = REC_BY_CONFIG;
    image->unpacked = unpacked;
    image->names = room(r, sizeof(*image->names));
    image->repo_digests = room(r, sizeof(*image->repo_digests));
    return image;
}

void rig_name(struct store_rig *r, struct rec_image *image, const char *name)
{
    image->names[image->name_count++] = arena_text(r->arena, name, strlen(name), NULL);
}

void rig_repo_digest(struct store_rig *r, struct rec_image *image, const char *repository,
                     unsigned digest)
{
    image->repo_digests[image->repo_digest_count++] = (struct rec_repo_digest){
        arena_text(r->arena, repository, strlen(repository), NULL), rig_digest('M', digest)};
}

void rig_exception(struct store_rig *r, struct rec_content *c, enum rec_exception_kind kind,
                   const struct digest *chain, const struct digest *diff)
{
    (void)r;
    c->exceptions[c->exception_count++] = (struct rec_exception){kind, *chain, *diff};
}

void rig_sort(struct rec_content *c)
{
    for (size_t i = 0; i < c->image_count; i++) {
        struct rec_image *image = &c->images[i];

        qsort(image->names, image->name_count, sizeof(*image->names), rec_name_cmp);
        qsort(image->repo_digests, image->repo_digest_count, sizeof(*image->repo_digests),
              rec_repo_digest_cmp);
    }
    qsort(c->images, c->image_count, sizeof(*c->images), rec_image_cmp);
    qsort(c->exceptions, c->exception_count, sizeof(*c->exceptions), rec_exception_cmp);
}

int rig_try_inventory(struct store_rig *r, int64_t incarnation, uint64_t generation,
                      const struct rec_content *const *contents, size_t count, int64_t at_s,
                      int64_t now_s, struct err *err)
{
    struct rec_content *all = arena_array(r->arena, count, sizeof(*all), NULL);
    struct rec_store_sum *sums = arena_array(r->arena, count, sizeof(*sums), NULL);
    struct apply_inventory in = {
        .incarnation_id = incarnation,
        .generation = generation,
        .age_ms = (now_s - at_s) * MS,
        .now_ms = now_s * MS,
        .contents = all,
        .content_count = count,
        .sums = sums,
        .sum_count = count,
    };

    check(all != NULL && sums != NULL);
    for (size_t i = 0; i < count; i++) {
        all[i] = *contents[i];
        rig_sort(&all[i]);
        sums[i] = (struct rec_store_sum){all[i].store.key, rec_content_sum(&all[i])};
    }
    return RIG_APPLY(r, apply_inventory(r->store, &in, err));
}

void rig_inventory(struct store_rig *r, int64_t incarnation, uint64_t generation,
                   const struct rec_content *c, int64_t now_s)
{
    struct err err;

    assert_ok(rig_try_inventory(r, incarnation, generation, &c, 1, now_s, now_s, &err));
}

/* ---- documents ------------------------------------------------------------------------------- */

const char *rig_config(struct store_rig *r, const unsigned *layers, size_t count, struct digest *id)
{
    struct buf text;
    struct err err;
    const char *copy;

    buf_init(&text, 1 << 20);
    assert_ok(buf_add_str(&text,
                          "{\"architecture\":\"amd64\",\"os\":\"linux\","
                          "\"created\":\"2026-03-02T10:00:00Z\",\"config\":{\"Labels\":"
                          "{\"a\":\"1\"}},\"history\":[{\"created_by\":\"ADD\"}],"
                          "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
                          &err));
    for (size_t i = 0; i < count; i++) {
        struct digest diff = rig_digest('L', layers[i]);
        char hex[DIGEST_TEXT];

        assert_ok(buf_printf(&text, &err, "%s\"%s\"", i > 0 ? "," : "", digest_text(&diff, hex)));
    }
    assert_ok(buf_add_str(&text, "]}}", &err));
    *id = digest_of(text.data, text.len);
    copy = arena_text(r->arena, buf_str(&text), text.len, NULL);
    buf_close(&text);
    return copy;
}

enum apply_verdict rig_document(struct store_rig *r, int64_t incarnation, const struct digest *id,
                                const char *text, uint32_t rules, int64_t now_s)
{
    enum apply_verdict verdict = 0;
    struct err err;

    assert_ok(RIG_APPLY(r, apply_document(r->store, incarnation, REC_DOC_CONFIG, id,
                                          (const uint8_t *)text, strlen(text), rules, rules,
                                          now_s * MS, &verdict, &err)));
    return verdict;
}

struct digest rig_chain(const unsigned *layers, size_t count)
{
    struct digest chain = rig_digest('L', layers[0]);

    for (size_t i = 1; i < count; i++) {
        struct digest diff = rig_digest('L', layers[i]);

        chain = digest_chain(&chain, &diff);
    }
    return chain;
}
