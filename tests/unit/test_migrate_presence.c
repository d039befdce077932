/* What hosts held, as a file of schema 1 tells it, is told the same by schema 2. */
#include "tests/support/unit.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "collector/store/migrate.h"
#include "tests/support/store_rig.h"

#define HOST 1 /* its incarnation */
#define NOW_S 1000

#define OLD_PRESENCE                                                                               \
    "INSERT INTO presence (store_id, image_id, from_s, identity, unpacked, parent_id, "            \
    "gone_after_s, gone_s) VALUES "
#define OLD_NAME                                                                                   \
    "INSERT INTO presence_name (store_id, image_id, name_id, from_s, gone_after_s, gone_s) "       \
    "VALUES "
#define OLD_REPO_DIGEST                                                                            \
    "INSERT INTO presence_repo_digest (store_id, image_id, name_id, digest, from_s, "              \
    "gone_after_s, gone_s) SELECT "

/* Image 1 was app:1, then app:2; image 2 went and came back without its name; image 3 is listed in
 * each store in a way of its own. */
static const char *const old_rows[] = {
    "INSERT INTO host (id, name, first_s, last_s) VALUES (1, 'alpha', 100, 900)",
    "INSERT INTO incarnation (id, uuid, host_id, fingerprint, first_s, last_s, generation, "
    "observed_s) VALUES (1, zeroblob(16), 1, zeroblob(32), 100, 900, 7, 900)",
    "INSERT INTO name VALUES (1, 'app:1'), (2, 'app:2'), (3, 'other:1'), (4, 'docker.io/app')",
    OLD_PRESENCE "(1, 1, 100, 1, 1, NULL, NULL, NULL), (2, 1, 120, 1, 1, NULL, NULL, NULL)",
    OLD_NAME "(1, 1, 1, 100, 190, 200), (1, 1, 2, 200, NULL, NULL), (2, 1, 2, 120, NULL, NULL)",
    OLD_REPO_DIGEST "id, 1, 4, (SELECT digest FROM manifest), 100 + 20 * (id - 1), NULL, NULL "
                    "FROM store",
    OLD_PRESENCE "(1, 2, 100, 1, 1, NULL, 140, 150), (1, 2, 300, 1, 1, NULL, NULL, NULL)",
    OLD_NAME "(1, 2, 3, 100, 140, 150)",
    OLD_PRESENCE "(1, 3, 100, 1, 0, 1, NULL, NULL), (2, 3, 120, 1, 1, NULL, NULL, NULL)",
    OLD_NAME "(2, 3, 1, 120, NULL, NULL)",
    "DROP TABLE manifest",
};

static struct store_rig rig;
static struct err err;
static const struct rec_content *held[2];

/* What the host holds at the end of `old_rows`. */
static const struct rec_content *make_held(unsigned store)
{
    struct rec_content *c = rig_content(&rig, store);
    struct rec_image *image;
    struct digest id[3];

    for (unsigned i = 0; i < 3; i++)
        id[i] = rig_digest('I', i + 1);
    image = rig_image(&rig, c, &id[0], true);
    rig_name(&rig, image, "app:2");
    rig_repo_digest(&rig, image, "docker.io/app", 1);
    if (store == 1)
        rig_image(&rig, c, &id[1], true);
    image = rig_image(&rig, c, &id[2], store == 2);
    image->has_parent = store == 1;
    image->parent = id[0];
    if (store == 2)
        rig_name(&rig, image, "app:1");
    rig_sort(c);
    return c;
}

/* One row with blobs of its own: `sql` with %s in the place of their hexadecimal digits. */
static void insert(const char *sql, const void *blob, size_t len)
{
    char text[512], hex[2 * 32 + 1] = "";

    for (size_t i = 0; i < len; i++)
        snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)blob)[i]);
    snprintf(text, sizeof(text), sql, hex);
    rig_execute(&rig, text);
}

static void insert_store(unsigned number)
{
    struct setsum sum = rec_content_sum(held[number - 1]);
    struct rec_key key = rig_key(number);
    uint8_t bytes[32];

    setsum_bytes(&sum, bytes);
    insert("INSERT INTO store (incarnation_id, key, engine, driver, root, state, state_s, sum, "
           "first_s, look_s) VALUES (1, zeroblob(16), 'docker', 'overlay2', '/var/lib/docker', 1, "
           "100, x'%s', 100, 900)",
           bytes, sizeof(bytes));
    insert("UPDATE store SET key = x'%s' WHERE id = (SELECT max(id) FROM store)", key.bytes,
           sizeof(key.bytes));
}

static void fill_old(void)
{
    struct digest manifest = rig_digest('M', 1);

    rig_execute(&rig, "CREATE TABLE manifest (digest BLOB)");
    insert("INSERT INTO manifest VALUES (x'%s')", manifest.bytes, sizeof(manifest.bytes));
    for (unsigned i = 1; i <= 3; i++) {
        struct digest id = rig_digest('I', i);

        insert("INSERT INTO image (digest, identity, first_s) VALUES (x'%s', 1, 100)", id.bytes,
               sizeof(id.bytes));
    }
    for (size_t i = 0; i < 3; i++)
        rig_execute(&rig, old_rows[i]);
    insert_store(1);
    insert_store(2);
    for (size_t i = 3; i < unit_count(old_rows); i++)
        rig_execute(&rig, old_rows[i]);
}

static int open_old(void **state)
{
    (void)state;
    rig = (struct store_rig){.damaged = false};
    tempdir_open(&rig.dir);
    tempdir_path(&rig.dir, "census.db", rig.path);
    assert_ok(arena_open(&rig.arena, 1 << 20, &err));
    assert_int_equal(sqlite3_open(rig.path, &rig.sql), SQLITE_OK);
    assert_ok(migrate_run(rig.sql, rig.path, 0, migrate_steps, 1, &err));
    held[0] = make_held(1);
    held[1] = make_held(2);
    fill_old();
    assert_ok(store_open_writer(&rig.store, rig.path, &err));
    return 0;
}

static int close_new(void **state)
{
    (void)state;
    rig_close(&rig); /* store_check finds nothing: the stores' digests are those of their rows */
    return 0;
}

/* The texts of a query, in their order. */
#define LIST(text, from)                                                                           \
    "SELECT group_concat(t, '; ') FROM (SELECT " text " AS t FROM " from " ORDER BY 1)"

static void what_hosts_hold_is_the_same(void **state)
{
    (void)state;
    assert_int_equal(rig_number(&rig, "PRAGMA user_version"), STORE_SCHEMA_VERSION);
    assert_string_equal(
        rig_text(&rig,
                 LIST("printf('%d %d %d %d %d', store_id, image_id, from_s, unpacked, parent_id)",
                      "image_now")),
        "1 1 100 1 0; 1 2 300 1 0; 1 3 100 0 1; 2 1 120 1 0; 2 3 120 1 0");
    assert_string_equal(
        rig_text(&rig, LIST("printf('%d %d %s', store_id, image_id, name)", "name_now")),
        "1 1 app:2; 2 1 app:2; 2 3 app:1");
    assert_string_equal(rig_text(&rig, LIST("printf('%d %d %s', store_id, image_id, repository)",
                                            "repo_digest_now")),
                        "1 1 docker.io/app; 2 1 docker.io/app");
}

/* The names of the rows of an image that are over. */
#define ENDED(image)                                                                               \
    LIST("printf('%d %d %d %s', p.from_s, p.gone_after_s, p.gone_s, t.text)",                      \
         "presence p JOIN listing l ON l.id = p.listing_id JOIN listing_name n "                   \
         "ON n.listing_id = l.id JOIN name t ON t.id = n.name_id "                                 \
         "WHERE p.gone_s IS NOT NULL AND l.image_id = " #image)

static void what_they_held_is_the_same(void **state)
{
    (void)state;
    assert_string_equal(rig_text(&rig, ENDED(2)), "100 140 150 other:1");
}

static void a_name_that_was_lost_is_of_the_same_stay(void **state)
{
    (void)state;
    assert_string_equal(rig_text(&rig, ENDED(1)), "100 190 200 app:1");
    assert_int_equal(rig_number(&rig, "SELECT from_s FROM presence WHERE since_s = 100"), 200);
}

static void hosts_that_list_the_same_share_a_listing(void **state)
{
    (void)state;
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM presence p JOIN listing l "
                                      "ON l.id = p.listing_id WHERE l.image_id = 1 "
                                      "AND p.gone_s IS NULL"),
                     2);
    assert_int_equal(rig_number(&rig, "SELECT count(DISTINCT p.listing_id) FROM presence p "
                                      "JOIN listing l ON l.id = p.listing_id "
                                      "WHERE l.image_id = 1 AND p.gone_s IS NULL"),
                     1);
}

static void the_next_report_of_the_same_changes_nothing(void **state)
{
    int64_t rows = rig_number(&rig, "SELECT count(*) FROM presence");
    int64_t listings = rig_number(&rig, "SELECT count(*) FROM listing");

    (void)state;
    assert_ok(rig_try_inventory(&rig, HOST, 8, held, 2, NOW_S, NOW_S, &err));
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM presence"), rows);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM listing"), listings);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_old, close_new)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_hosts_hold_is_the_same),
        TEST(what_they_held_is_the_same),
        TEST(a_name_that_was_lost_is_of_the_same_stay),
        TEST(hosts_that_list_the_same_share_a_listing),
        TEST(the_next_report_of_the_same_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
