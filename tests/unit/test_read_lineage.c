#include "tests/support/unit.h"

#include "collector/store/read_origins.h"
#include "tests/support/read_rig.h"

/* What lineage is computed from, read from real files: evidence, who said what first, and where
 * things come from. */
static struct read_rig rig;

static int open_rig(void **state)
{
    (void)state;
    read_rig_open(&rig);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    read_rig_close(&rig);
    return 0;
}

/* The index of what hosts say with just this name. */
static uint32_t said_as(const char *name)
{
    for (uint32_t i = 0; i < rig.fleet.said_count; i++)
        if (rig.fleet.said[i].names.count == 1 &&
            strcmp(rig.fleet.names[rig.fleet.place_names[rig.fleet.said[i].names.first]].text,
                   name) == 0)
            return i;
    fail_msg("nobody says %s", name);
    return 0;
}

static const char *host_of(const struct fleet_first *first)
{
    return first->store == FLEET_NONE ? "nobody"
                                      : rig.fleet.hosts[rig.fleet.stores[first->store].host].name;
}

/* ---- who said what --------------------------------------------------------------------------- */

static void the_first_store_of_each_kind_stays_the_first(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 1000, BASE, "debian:12", 7, 1010);
    read_rig_report(&rig, rig.build, 1, 0, BASE, "debian:12", 7, 1020);
    read_rig_report(&rig, rig.web, 2, 0, BASE, "debian:12", 7, 1030);
    read_rig_read(&rig);
    const struct fleet_said *said = &rig.fleet.said[said_as("debian:12")];

    assert_int_equal(rig.fleet.said_count, 1);
    assert_int_equal(said->image, read_rig_image(&rig, BASE));
    assert_string_equal(host_of(&said->user), "web-1");
    assert_int_equal(said->user.at_s, 1010);
    assert_string_equal(host_of(&said->root), "build-1");
    assert_int_equal(said->root.at_s, 1020);
    assert_int_equal(said->digests.count, 1);
    assert_string_equal(
        rig.fleet.names[rig.fleet.said_digests[said->digests.first].repository].text,
        "docker.io/x");
}

static void a_store_that_becomes_another_users_lists_anew(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 0, 1010);
    read_rig_report(&rig, rig.web, 1, 1000, BASE, "debian:12", 0, 1020);
    read_rig_read(&rig);
    const struct fleet_said *said = &rig.fleet.said[said_as("debian:12")];

    assert_int_equal(said->root.at_s, 1010);
    assert_int_equal(said->user.at_s, 1020);
    assert_int_equal(rig_number(&rig.db, "SELECT count(*) FROM listing_first"), 2);
}

static void a_listing_that_comes_again_writes_nothing_more(void **state)
{
    struct err err;

    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 0, 1010);
    read_rig_report(&rig, rig.web, 1, 0, BASE, NULL, 0, 1020);
    store_close(&rig.db.store);
    assert_ok(store_open_writer(&rig.db.store, rig.db.path, &err));
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 0, 1030);
    assert_int_equal(rig_number(&rig.db, "SELECT at_s FROM listing_first"), 1010);
    read_rig_read(&rig);
    assert_int_equal(rig.fleet.said[0].user.store, FLEET_NONE);
    assert_int_equal(rig.fleet.said[0].stores, 1);
}

static void counters_tell_the_same_of_what_is_said_as_rows(void **state)
{
    struct counted counted;
    struct err err;
    int64_t stores, other;

    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 1, 1010);
    read_rig_report(&rig, rig.build, 1, 0, BASE, "debian:12", 1, 1010);
    other = rig_hello(&rig.db, 3, "db-1", 1000);
    read_rig_report(&rig, other, 1, 1000, APP, "shop:1", 0, 1010);
    read_rig_report(&rig, other, 1, 1000, APP, "shop:2", 0, 1020);
    read_rig_read(&rig);
    stores = rig.fleet.said[said_as("debian:12")].stores;
    assert_int_equal(stores, 2);
    assert_int_equal(rig.fleet.said[said_as("shop:1")].stores, 0);
    read_rig_begin(&rig);
    assert_ok(read_counted(rig.reader, &rig.fleet, &counted, &rig.options, &rig.reading,
                           rig.db.arena, &err));
    assert_int_equal(rig.fleet.said[said_as("debian:12")].stores, stores);
    assert_int_equal(rig.fleet.said[said_as("shop:1")].stores, 0);
    assert_int_equal(rig.fleet.said[said_as("shop:2")].stores, 1);
}

static void reading_one_host_counts_nothing_twice(void **state)
{
    struct fleet one;
    struct err err;

    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 1, 1010);
    read_rig_read(&rig);
    assert_ok(read_one_host(rig.reading, &one, read_rig_host_index(&rig, "web-1"), 0, rig.db.arena,
                            &err));
    assert_string_equal(read_rig_held(&rig, &one, "web-1"), "0:debian:12");
    assert_int_equal(one.said[0].stores, 1);
}

static void a_store_says_what_it_lists_and_what_it_ever_listed(void **state)
{
    bool stores[8] = {false}, said[8] = {false};
    struct err err;

    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 0, 1010);
    read_rig_report(&rig, rig.build, 1, 0, BASE, "debian:12", 0, 1020); /* not the first */
    read_rig_report(&rig, rig.build, 1, 0, BASE, "debian:old", 0, 1030);
    read_rig_report(&rig, rig.web, 1, 0, OTHER, "evil:1", 0, 1040);
    read_rig_read(&rig);
    stores[read_rig_host(&rig, "build-1")->stores.first] = true;
    assert_ok(read_said_by(rig.reading, stores, 0, said, &err));
    assert_true(said[said_as("debian:12")]);
    assert_true(said[said_as("debian:old")]);
    assert_false(said[said_as("evil:1")]);
    assert_ok(read_said_by(rig.reading, stores, 1029, said, &err));
    assert_true(said[said_as("debian:12")]);
    assert_false(said[said_as("debian:old")]);
    assert_ok(read_said_by(rig.reading, stores, 1019, said, &err));
    assert_false(said[said_as("debian:12")]); /* another store had said it before */
    assert_ok(read_said_by(rig.reading, (const bool[8]){false}, 0, said, &err));
    for (size_t i = 0; i < rig.fleet.said_count; i++)
        assert_false(said[i]);
}

/* ---- evidence -------------------------------------------------------------------------------- */

#define EVIDENCE                                                                                   \
    "INSERT INTO base_evidence (image_id, source, seq, role, reference, layers) VALUES "

/* The image's evidence as "source:reference ...". */
static const char *evidence_of(int image)
{
    static char text[512];
    const struct fleet_run *run = &rig.fleet.images[read_rig_image(&rig, image)].evidence;
    size_t len = 0;

    text[0] = '\0';
    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        assert_int_equal(rig.fleet.evidence[i].image, read_rig_image(&rig, image));
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d:%s", len > 0 ? " " : "",
                                rig.fleet.evidence[i].source, rig.fleet.evidence[i].reference);
    }
    return text;
}

static void evidence_is_one_run_of_an_image_by_source(void **state)
{
    const struct digest one = rig_digest('M', 1), two = rig_digest('M', 2);
    char hex[DIGEST_HEX + 1], hex_one[DIGEST_HEX + 1], hex_two[DIGEST_HEX + 1], sql[2048];

    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", 1, 1010);
    read_rig_report(&rig, rig.build, 1, 0, APP, "app:1", 2, 1010);
    rig.db.damaged = true; /* no config and no manifest says so */
    digest_hex(&rig.ids[APP], hex);
    digest_hex(&one, hex_one);
    digest_hex(&two, hex_two);
    snprintf(sql, sizeof(sql),
             EVIDENCE "(2, 3, 0, 1, 'b', 1), (2, 3, 1, 1, 'a', NULL), (2, 2, 0, 1, 'c', NULL),"
                      " (3, 3, 0, 2, 'z', NULL), (2, 9, 0, 1, '', 2);"
                      "INSERT INTO manifest (digest, config, layer_count) VALUES"
                      " (x'%s', x'%s', 3), (x'%s', x'%s', 3),"
                      " (randomblob(32), randomblob(32), 3);"
                      "INSERT INTO manifest_evidence (manifest, source, seq, reference, digest)"
                      " SELECT digest, 1, 0, 'd', zeroblob(32) FROM manifest;"
                      "INSERT INTO manifest_evidence (manifest, source, seq, reference)"
                      " VALUES (x'%s', 7, 0, 'e'), (x'%s', 7, 1, 'd');",
             hex_one, hex, hex_two, hex, hex_one, hex_one);
    rig_execute(&rig.db, sql);
    read_rig_read(&rig);
    assert_string_equal(evidence_of(BASE), "");
    assert_string_equal(evidence_of(APP), "1:d 2:c 3:b 3:a 7:d 7:e 9:");
    assert_string_equal(evidence_of(OTHER), "3:z");
    assert_int_equal(rig.fleet.evidence_count, 8);
}

/* Layers 1, 2 and 3 of APP lie at positions 0, 1 and 2. */
static void a_layer_that_tells_its_place_is_evidence(void **state)
{
    static const char zero[] = "UPDATE layer SET base_layers = NULL";
    static const struct {
        const char *sql, *evidence;
        int64_t layers;
    } cases[] = {
        {"UPDATE layer SET base_layers = 2 WHERE id = (SELECT layer_id FROM chain WHERE depth = 3)",
         "8:", 2},
        {"UPDATE layer SET base_layers = 1 WHERE id = (SELECT layer_id FROM chain WHERE depth = 2)",
         "8:", 1},
        {"UPDATE layer SET base_layers = 1 WHERE id = (SELECT layer_id FROM chain WHERE depth = 3)",
         "", 0},
        {"UPDATE layer SET base_layers = 3", "", 0},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        rig_execute(&rig.db, zero);
        rig_execute(&rig.db, cases[i].sql);
        read_rig_read(&rig);
        assert_string_equal(evidence_of(APP), cases[i].evidence);
        assert_int_equal(rig.fleet.evidence_count, cases[i].layers > 0);
        if (cases[i].layers > 0)
            assert_int_equal(rig.fleet.evidence[0].layers, cases[i].layers);
    }
}

static void each_layer_of_a_line_tells_its_own_place(void **state)
{
    (void)state;
    rig_execute(&rig.db, "UPDATE layer SET base_layers = "
                         "(SELECT max(depth) - 1 FROM chain WHERE layer_id = layer.id)");
    read_rig_read(&rig);
    assert_string_equal(evidence_of(APP), "8: 8:");
    assert_int_equal(rig.fleet.evidence[0].layers, 1);
    assert_int_equal(rig.fleet.evidence[1].layers, 2);
    assert_string_equal(evidence_of(OTHER), "");
}

static void what_evidence_does_not_give_is_not_known(void **state)
{
    const struct fleet_evidence *e;
    struct digest top = rig_digest('L', 1);

    (void)state;
    rig.db.damaged = true;
    rig_execute(&rig.db, EVIDENCE "(2, 3, 0, 1, 'b', NULL);"
                                  "INSERT INTO base_evidence SELECT 2, 5, 0, 2, '', NULL, diff, 1 "
                                  "FROM layer WHERE id = (SELECT min(layer_id) FROM chain)");
    read_rig_read(&rig);
    e = &rig.fleet.evidence[rig.fleet.images[read_rig_image(&rig, APP)].evidence.first];
    assert_int_equal(e[0].layers, FLEET_UNKNOWN);
    assert_true(digest_is_zero(&e[0].digest) && digest_is_zero(&e[0].top));
    assert_int_equal(e[1].source, EVIDENCE_BUILDPACKS);
    assert_int_equal(e[1].role, EVIDENCE_OF_BUILDER);
    assert_int_equal(e[1].layers, 1);
    assert_true(digest_eq(&e[1].top, &top));
}

static void a_build_that_says_1970_says_no_time(void **state)
{
    (void)state;
    rig.db.damaged = true;
    rig_execute(&rig.db, "UPDATE image SET created_s = 0 WHERE id = 1;"
                         "UPDATE image SET created_s = 86400 WHERE id = 2;"
                         "UPDATE image SET created_s = 86401, first_s = 77 WHERE id = 3;");
    read_rig_read(&rig);
    assert_int_equal(rig.fleet.images[0].created_s, 0);
    assert_int_equal(rig.fleet.images[1].created_s, 0);
    assert_int_equal(rig.fleet.images[2].created_s, 86401);
    assert_int_equal(rig.fleet.images[2].first_s, 77);
}

/* ---- chains ---------------------------------------------------------------------------------- */

static void assert_chains(int image, const unsigned *diffs, size_t count)
{
    const struct fleet_image *i = &rig.fleet.images[read_rig_image(&rig, image)];

    assert_int_equal(i->chain_count, count);
    for (size_t n = 0; n < count; n++) {
        struct digest chain = rig_chain(diffs, n + 1);

        assert_true(digest_eq(&rig.fleet.chains[i->chains[n]].digest, &chain));
    }
}

static void chains_of_an_image_are_there_from_the_lowest(void **state)
{
    (void)state;
    read_rig_read(&rig);
    for (int i = 0; i < IMAGES; i++)
        assert_chains(i, read_rig_layers[i], read_rig_depths[i]);
}

static void where_the_line_is_not_the_images_its_rows_count(void **state)
{
    const struct fleet_image *other;

    (void)state;
    rig.db.damaged = true;
    /* As if the one layer of an image had the digest of a longer chain. */
    rig_execute(&rig.db,
                "UPDATE image_chain SET chain_id = (SELECT chain_id FROM image WHERE id = 2) "
                "WHERE image_id = 3;"
                "UPDATE image SET chain_id = (SELECT chain_id FROM image WHERE id = 2) "
                "WHERE id = 3;");
    read_rig_read(&rig);
    other = &rig.fleet.images[read_rig_image(&rig, OTHER)];
    assert_int_equal(other->chain_count, 1);
    assert_int_equal(rig.fleet.chains[other->chains[0]].depth, 3);
    assert_chains(APP, read_rig_layers[APP], read_rig_depths[APP]);
}

/* ---- origins --------------------------------------------------------------------------------- */

enum { MANY = 40 }; /* stores: more than are passed over one by one */

/* Layers 1 and 2 from one repository by all hosts' stores, layer 1 from another by one of them. */
static uint32_t layer_index(unsigned number)
{
    const struct digest diff = rig_digest('L', number);

    for (uint32_t i = 0; i < rig.fleet.layer_count; i++)
        if (digest_eq(&rig.fleet.layers[i].diff, &diff))
            return i;
    fail_msg("layer %u was not read", number);
    return 0;
}

static void measure(int64_t incarnation, const struct rec_layer_facts *facts)
{
    enum apply_verdict verdict;
    struct err err;

    assert_ok(RIG_APPLY(
        &rig.db, apply_layer_facts(rig.db.store, incarnation, facts, 1010000, &verdict, &err)));
}

static void who_tells_what_a_layer_holds_is_known_until_another_host_tells_it(void **state)
{
    const struct rec_layer_facts debian = {
        .diff = rig_digest('L', 1), .files = 10, .directories = 3, .os_release = "ID=debian\n"};
    const struct rec_layer_facts nothing = {.diff = rig_digest('L', 4), .os_release = ""};

    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 0, 1010);
    measure(rig.build, &debian);
    measure(rig.web, &nothing);
    read_rig_read(&rig);
    assert_int_equal(rig.fleet.layers[layer_index(1)].said_by,
                     read_rig_host_index(&rig, "build-1"));
    assert_int_equal(rig.fleet.layers[layer_index(4)].said_by, read_rig_host_index(&rig, "web-1"));
    assert_int_equal(rig.fleet.layers[layer_index(2)].said_by, FLEET_NONE);
    measure(rig.web, &debian);
    read_rig_read(&rig);
    assert_int_equal(rig.fleet.layers[layer_index(1)].state, FACT_CONFIRMED);
    assert_int_equal(rig.fleet.layers[layer_index(1)].said_by, FLEET_NONE);
}

static void what_was_measured_in_users_stores_only_is_told(void **state)
{
    struct rec_layer_facts facts = {
        .diff = rig_digest('L', 1), .files = 10, .os_release = "ID=debian\n", .of_user = true};

    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 0, 1010);
    measure(rig.build, &facts);
    measure(rig.web, &facts);
    read_rig_read(&rig);
    assert_int_equal(rig.fleet.layers[layer_index(1)].state, FACT_CONFIRMED);
    assert_true(rig.fleet.layers[layer_index(1)].of_user);
    facts.of_user = false;
    measure(rig.web, &facts);
    read_rig_read(&rig);
    assert_int_equal(rig.fleet.layers[layer_index(1)].state, FACT_REPORTED);
    assert_false(rig.fleet.layers[layer_index(1)].of_user);
    assert_int_equal(rig.fleet.layers[layer_index(1)].said_by, read_rig_host_index(&rig, "web-1"));
}

static void put_origins(void)
{
    for (unsigned h = 0; h < MANY; h++) {
        char name[16];

        snprintf(name, sizeof(name), "node-%u", h);
        read_rig_report(&rig, rig_hello(&rig.db, 10 + h, name, 1000), 1, 0, BASE, "debian:12", 1,
                        1010);
    }
    rig_execute(&rig.db, "INSERT INTO name (text) VALUES ('quay.io/a'), ('quay.io/b');"
                         "INSERT INTO origin SELECT s.id, l.id, n.id FROM store s, layer l, name n "
                         "WHERE n.text = 'quay.io/b' AND l.id <= 2;"
                         "INSERT INTO origin SELECT 30, 1, id FROM name WHERE text = 'quay.io/a'");
}

/* "layer:repository:counts ..." with the numbers of layers' rows. */
static const char *layer_origins(const struct all_origins *o)
{
    static char text[512];
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < o->layer_count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d:%s:%d", i > 0 ? " " : "",
                                (int)rig.fleet.layers[o->layers[i].of].id,
                                rig.fleet.names[o->layers[i].name].text, o->layers[i].counts);
    return text;
}

static void origins_of_all_layers_are_told_once_each(void **state)
{
    struct all_origins o;
    struct err err;

    (void)state;
    put_origins();
    read_rig_read(&rig);
    assert_ok(read_all_origins(rig.reading, &o, NULL, NULL, rig.db.arena, &err));
    assert_string_equal(layer_origins(&o), "1:quay.io/a:0 1:quay.io/b:0 2:quay.io/b:0");
    assert_int_equal(o.image_count, 1);
    assert_int_equal(o.images[0].of, read_rig_image(&rig, BASE));
    assert_string_equal(rig.fleet.names[o.images[0].name].text, "docker.io/x");
    assert_false(o.images[0].counts);
}

static void an_origin_counts_by_any_trusted_store(void **state)
{
    bool stores[MANY] = {false}, said[8] = {false};
    struct all_origins o;
    struct err err;

    (void)state;
    put_origins();
    read_rig_read(&rig);
    stores[read_rig_host(&rig, "node-39")->stores.first] =
        true; /* the last one that tells of quay.io/b */
    assert_ok(read_said_by(rig.reading, stores, 0, said, &err));
    assert_ok(read_all_origins(rig.reading, &o, stores, said, rig.db.arena, &err));
    assert_string_equal(layer_origins(&o), "1:quay.io/a:0 1:quay.io/b:1 2:quay.io/b:1");
    assert_true(o.images[0].counts);
}

static void a_host_that_is_retired_tells_of_no_origin(void **state)
{
    struct all_origins o;
    struct err err;

    (void)state;
    put_origins();
    rig.db.damaged = true;
    rig_execute(&rig.db, "UPDATE host SET retired_s = 2000 WHERE id = "
                         "(SELECT i.host_id FROM store s JOIN incarnation i "
                         "ON i.id = s.incarnation_id WHERE s.id = 30)");
    read_rig_read(&rig);
    assert_ok(read_all_origins(rig.reading, &o, NULL, NULL, rig.db.arena, &err));
    assert_string_equal(layer_origins(&o), "1:quay.io/b:0 2:quay.io/b:0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_store_of_each_kind_stays_the_first),
        TEST(a_store_that_becomes_another_users_lists_anew),
        TEST(a_listing_that_comes_again_writes_nothing_more),
        TEST(counters_tell_the_same_of_what_is_said_as_rows),
        TEST(reading_one_host_counts_nothing_twice),
        TEST(a_store_says_what_it_lists_and_what_it_ever_listed),
        TEST(evidence_is_one_run_of_an_image_by_source),
        TEST(a_layer_that_tells_its_place_is_evidence),
        TEST(each_layer_of_a_line_tells_its_own_place),
        TEST(what_evidence_does_not_give_is_not_known),
        TEST(a_build_that_says_1970_says_no_time),
        TEST(chains_of_an_image_are_there_from_the_lowest),
        TEST(where_the_line_is_not_the_images_its_rows_count),
        TEST(who_tells_what_a_layer_holds_is_known_until_another_host_tells_it),
        TEST(what_was_measured_in_users_stores_only_is_told),
        TEST(origins_of_all_layers_are_told_once_each),
        TEST(an_origin_counts_by_any_trusted_store),
        TEST(a_host_that_is_retired_tells_of_no_origin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
