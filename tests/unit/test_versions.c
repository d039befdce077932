#include "tests/support/unit.h"

#include "tests/support/census_rig.h"

#define DEBIAN_12 "ID=debian\nVERSION_ID=12\n"
#define DEBIAN_13 "ID=debian\nVERSION_ID=13\n"
#define MARCH_2 1772409600 /* 2026-03-02, midnight */

struct fixture {
    struct census_rig r;
    uint32_t store, app;
};

static int setup(void **state)
{
    static struct fixture f;

    rig_open(&f.r);
    f.r.m.fleet.now_s = MARCH_2 + 40 * DAY_S;
    f.store = maker_store(&f.r.m, maker_host(&f.r.m, "h"), "docker", 0);
    f.app = maker_layer(&f.r.m, "app", 5);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    rig_close(&f->r);
    return 0;
}

/* An image of one layer with this os-release, and the time that its config says. */
static uint32_t make_base(struct fixture *f, const char *layer, const char *os_release,
                          int64_t created_s)
{
    struct fleet_maker *m = &f->r.m;
    uint32_t os = maker_layer(m, layer, 100), image = IMAGE(m, os);

    m->layers[os].os_release = os_release;
    m->images[image].created_s = created_s;
    m->images[image].first_s = MARCH_2 + 39 * DAY_S;
    return image;
}

static uint32_t version_at(const struct fixture *f, uint32_t image)
{
    uint32_t version = f->r.versions.of_chain[f->r.lineage.images[image].core];

    assert_true(version < f->r.versions.count);
    return version;
}

static const struct version *version(const struct fixture *f, uint32_t image)
{
    return &f->r.versions.list[version_at(f, image)];
}

static void two_dates_of_a_family_are_two_versions_and_one_is_behind(void **state)
{
    struct fixture *f = *state;
    const struct versions *v = &f->r.versions;
    uint32_t old = make_base(f, "old", DEBIAN_12, MARCH_2),
             new = make_base(f, "new", DEBIAN_12, MARCH_2 + 30 * DAY_S + 7);

    maker_put(&f->r.m, f->store, old, "registry.example.com/debian:12-old");
    maker_put(&f->r.m, f->store, new, "registry.example.com/debian:12-new");
    rig_compute(&f->r);
    assert_int_equal(v->count, 2);
    assert_int_equal(v->family_count, 1);
    assert_string_equal(v->families[0].name, "debian");
    assert_string_equal(version(f, old)->label, "debian 12 of 2026-03-02");
    assert_string_equal(version(f, new)->label, "debian 12 of 2026-04-01");
    assert_int_equal(version(f, old)->newest, version_at(f, new));
    assert_int_equal(version(f, old)->newer, 1);
    assert_int_equal(versions_days_behind(v, version(f, old)), 30);
    assert_int_equal(version(f, new)->newest, version_at(f, new));
    assert_int_equal(version(f, new)->newer, 0);
    assert_int_equal(versions_days_behind(v, version(f, new)), 0);
    assert_int_equal(v->families[0].newest, version_at(f, new));
}

static void what_was_made_on_one_day_is_one_version(void **state)
{
    struct fixture *f = *state;
    uint32_t plain = make_base(f, "plain", DEBIAN_12, MARCH_2 + 5),
             slim = make_base(f, "slim", DEBIAN_12, MARCH_2 + DAY_S - 1);

    maker_put(&f->r.m, f->store, plain, "registry.example.com/debian:12");
    maker_put(&f->r.m, f->store, slim, "registry.example.com/debian:12-slim");
    rig_compute(&f->r);
    assert_int_equal(f->r.versions.count, 1);
    assert_int_equal(f->r.bases.named, 2);
}

static void another_number_is_never_newer(void **state)
{
    struct fixture *f = *state;
    uint32_t twelve = make_base(f, "12", DEBIAN_12, MARCH_2),
             thirteen = make_base(f, "13", DEBIAN_13, MARCH_2 + 9 * DAY_S);
    struct versions_count count;
    struct err err;

    maker_put(&f->r.m, f->store, twelve, "registry.example.com/debian:12");
    maker_put(&f->r.m, f->store, thirteen, "registry.example.com/debian:13");
    rig_compute(&f->r);
    assert_int_equal(version(f, twelve)->newer, 0);
    assert_int_equal(version(f, twelve)->newest, version_at(f, twelve));
    assert_int_equal(f->r.versions.families[0].newest, version_at(f, thirteen));
    assert_ok(versions_count_present(&count, &f->r.versions, &f->r.bases, f->r.m.arena, &err));
    assert_int_equal(count.versions, 2);
    assert_int_equal(count.families, 1);
}

static void a_version_that_lies_nowhere_any_more_is_known_all_the_same(void **state)
{
    struct fixture *f = *state;
    uint32_t here = make_base(f, "here", DEBIAN_12, MARCH_2),
             gone = make_base(f, "gone", DEBIAN_12, MARCH_2 + 2 * DAY_S);
    struct versions_count count;
    struct err err;

    maker_put(&f->r.m, f->store, here, "registry.example.com/debian:12-old");
    rig_listed_once(&f->r, f->store, gone, "registry.example.com/debian:12-new");
    rig_compute(&f->r);
    assert_int_equal(f->r.bases.count, 1);
    assert_int_equal(version(f, here)->newest, version_at(f, gone));
    assert_int_equal(version(f, here)->newer, 1);
    assert_ok(versions_count_present(&count, &f->r.versions, &f->r.bases, f->r.m.arena, &err));
    assert_int_equal(count.versions, 1);
}

static void a_date_of_making_in_the_future_makes_nothing_the_newest_for_ever(void **state)
{
    struct fixture *f = *state;
    uint32_t liar = make_base(f, "liar", DEBIAN_12, MARCH_2 + 10000 * (int64_t)DAY_S),
             real = make_base(f, "real", DEBIAN_12, MARCH_2 + 40 * DAY_S);

    maker_put(&f->r.m, f->store, liar, "registry.example.com/debian:12-liar");
    maker_put(&f->r.m, f->store, real, "registry.example.com/debian:12");
    rig_compute(&f->r);
    assert_int_equal(version(f, liar)->date_s, MARCH_2 + 39 * DAY_S); /* first heard of then */
    assert_false(version(f, liar)->from_created);
    assert_int_equal(version(f, liar)->newest, version_at(f, real));
}

/* It says 1970, and was heard of later than the other was made. */
static void what_was_only_heard_of_makes_no_dated_version_old(void **state)
{
    struct fixture *f = *state;
    uint32_t dated = make_base(f, "dated", DEBIAN_12, MARCH_2),
             first = make_base(f, "first", DEBIAN_12, 1), last = make_base(f, "last", DEBIAN_12, 1);

    f->r.m.images[first].first_s = MARCH_2 + 10 * DAY_S;
    maker_put(&f->r.m, f->store, dated, "registry.example.com/debian:12");
    maker_put(&f->r.m, f->store, first, "registry.example.com/debian:12-first");
    maker_put(&f->r.m, f->store, last, "registry.example.com/debian:12-last");
    rig_compute(&f->r);
    assert_int_equal(version(f, dated)->newest, version_at(f, dated));
    assert_int_equal(version(f, dated)->newer, 0);
    assert_int_equal(versions_days_behind(&f->r.versions, version(f, dated)), 0);
    assert_int_equal(version(f, first)->newest, version_at(f, last));
    assert_int_equal(version(f, first)->newer, 1);
    assert_int_equal(version(f, last)->newest, version_at(f, last));
    assert_int_equal(f->r.versions.families[0].newest, version_at(f, dated));
}

static void a_day_of_making_counts_for_what_was_heard_of_on_it(void **state)
{
    struct fixture *f = *state;
    uint32_t old = make_base(f, "old", DEBIAN_12, MARCH_2),
             heard = make_base(f, "heard", DEBIAN_12, 1),
             made = make_base(f, "made", DEBIAN_12, MARCH_2 + 39 * DAY_S + 9);

    maker_put(&f->r.m, f->store, old, "registry.example.com/debian:12-old");
    maker_put(&f->r.m, f->store, heard, "registry.example.com/debian:12-heard");
    maker_put(&f->r.m, f->store, made, "registry.example.com/debian:12-made");
    rig_compute(&f->r);
    assert_int_equal(version_at(f, heard), version_at(f, made));
    assert_true(version(f, made)->from_created);
    assert_int_equal(version(f, old)->newest, version_at(f, made));
    assert_int_equal(version(f, old)->newer, 1);
}

static void days_behind_are_days_of_the_calendar(void **state)
{
    struct fixture *f = *state;
    uint32_t old = make_base(f, "old", DEBIAN_12, MARCH_2 + DAY_S - 1),
             new = make_base(f, "new", DEBIAN_12, MARCH_2 + DAY_S + 1);

    maker_put(&f->r.m, f->store, old, "registry.example.com/debian:12-old");
    maker_put(&f->r.m, f->store, new, "registry.example.com/debian:12-new");
    rig_compute(&f->r);
    assert_int_equal(versions_days_behind(&f->r.versions, version(f, old)), 1);
}

static void an_equal_number_of_another_family_is_never_newer(void **state)
{
    struct fixture *f = *state;
    uint32_t debian = make_base(f, "debian", DEBIAN_12, MARCH_2),
             alpine = make_base(f, "alpine", "ID=alpine\nVERSION_ID=12\n", MARCH_2 + 9 * DAY_S);

    maker_put(&f->r.m, f->store, debian, "registry.example.com/debian:12");
    maker_put(&f->r.m, f->store, alpine, "registry.example.com/alpine:12");
    rig_compute(&f->r);
    assert_int_equal(f->r.versions.family_count, 2);
    assert_int_equal(version(f, debian)->newest, version_at(f, debian));
    assert_int_equal(version(f, alpine)->newest, version_at(f, alpine));
}

/* Of each number the newest is known; of the family it is one with a day of making. */
static void the_newest_of_a_family_is_one_that_was_made(void **state)
{
    struct fixture *f = *state;
    uint32_t made = make_base(f, "made", DEBIAN_12, MARCH_2),
             heard = make_base(f, "heard", DEBIAN_13, 0);

    maker_put(&f->r.m, f->store, made, "registry.example.com/debian:12");
    maker_put(&f->r.m, f->store, heard, "registry.example.com/debian:13");
    rig_compute(&f->r);
    assert_true(version(f, heard)->date_s > version(f, made)->date_s);
    assert_int_equal(f->r.versions.families[0].newest, version_at(f, made));
}

static void a_version_has_the_date_of_its_oldest_core_build(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct fixture *f = *state;
    uint32_t images[4];

    for (int i = 0; i < 4; i++)
        images[i] = make_base(f, names[i], DEBIAN_12, MARCH_2 + 70 + 10 * ((i + 2) % 4));
    for (int i = 0; i < 4; i++)
        maker_put(&f->r.m, f->store, images[i], "registry.example.com/debian:12");
    rig_compute(&f->r);
    assert_int_equal(f->r.versions.count, 1);
    assert_int_equal(version(f, images[0])->date_s, MARCH_2 + 70);
}

static void what_is_of_no_known_family_is_none_in_the_count(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t plain = maker_layer(m, "plain", 100), x = maker_layer(m, "x", 1);
    uint32_t debian = make_base(f, "debian", DEBIAN_12, MARCH_2), one = IMAGE(m, plain, x),
             two = IMAGE(m, plain, f->app);
    struct versions_count count;
    struct err err;

    maker_put(m, f->store, debian, "registry.example.com/debian:12");
    maker_put(m, f->store, one, "registry.example.com/one:1");
    maker_put(m, f->store, two, "registry.example.com/two:1");
    rig_compute(&f->r);
    assert_ok(versions_count_present(&count, &f->r.versions, &f->r.bases, m->arena, &err));
    assert_int_equal(count.versions, 2);
    assert_int_equal(count.families, 1);
}

static void unnamed_core_builds_are_versions_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t named = make_base(f, "named", DEBIAN_12, MARCH_2), shops[2];

    maker_put(m, f->store, named, "registry.example.com/debian:12");
    for (int i = 0; i < 2; i++) {
        uint32_t os = maker_layer(m, i == 0 ? "first" : "second", 100);

        m->layers[os].os_release = DEBIAN_12;
        shops[i] = IMAGE(m, os, f->app);
        m->images[shops[i]].first_s = MARCH_2 + 39 * DAY_S;
        maker_put(m, f->store, shops[i],
                  i == 0 ? "registry.example.com/shop:1" : "registry.example.com/shop:2");
    }
    rig_compute(&f->r);
    assert_int_equal(f->r.versions.count, 3);
    assert_int_equal(f->r.versions.family_count, 1);
    assert_int_not_equal(version_at(f, shops[0]), version_at(f, shops[1]));
    assert_false(version(f, shops[0])->named);
    assert_int_equal(memcmp(version(f, shops[0])->label, "debian 12, unnamed ", 19), 0);
    assert_int_equal(version(f, shops[0])->newest, version_at(f, named));
    assert_int_equal(version(f, shops[0])->newer, FLEET_UNKNOWN);
    assert_int_equal(versions_days_behind(&f->r.versions, version(f, shops[0])), FLEET_UNKNOWN);
}

static void the_platforms_of_an_index_are_one_version_whatever_their_days(void **state)
{
    struct fixture *f = *state;
    uint32_t amd = make_base(f, "amd64", DEBIAN_12, MARCH_2),
             arm = make_base(f, "arm64", DEBIAN_12, MARCH_2 + 3 * DAY_S);
    struct digest index = digest_of("index", 5);

    f->r.m.images[arm].arch = "arm64";
    maker_put(&f->r.m, f->store, amd, "registry.example.com/debian:12");
    rig_digest(&f->r, "registry.example.com/debian", &index);
    maker_put(&f->r.m, f->store, arm, "registry.example.com/debian:12-arm64");
    rig_digest(&f->r, "registry.example.com/debian", &index);
    rig_compute(&f->r);
    assert_int_equal(f->r.versions.count, 1);
    assert_int_equal(f->r.bases.named, 1);
    assert_string_equal(version(f, arm)->label, "debian 12 of 2026-03-02");
}

static void an_arm64_that_two_indexes_name_joins_no_two_amd64(void **state)
{
    struct fixture *f = *state;
    uint32_t old = make_base(f, "old amd64", DEBIAN_12, MARCH_2),
             new = make_base(f, "new amd64", DEBIAN_12, MARCH_2 + 8 * DAY_S),
             arm = make_base(f, "arm64", DEBIAN_12, MARCH_2);
    struct digest first = digest_of("first", 5), second = digest_of("second", 6);

    f->r.m.images[arm].arch = "arm64";
    maker_put(&f->r.m, f->store, old, "registry.example.com/debian:12-old");
    rig_digest(&f->r, "registry.example.com/debian", &first);
    maker_put(&f->r.m, f->store, new, "registry.example.com/debian:12-new");
    rig_digest(&f->r, "registry.example.com/debian", &second);
    maker_put(&f->r.m, f->store, arm, "registry.example.com/debian:12-arm64");
    rig_digest(&f->r, "registry.example.com/debian", &first);
    rig_digest(&f->r, "registry.example.com/debian", &second);
    rig_compute(&f->r);
    assert_int_equal(f->r.bases.named, 2);
    assert_int_not_equal(version_at(f, old), version_at(f, new));
}

/* ---- what is no version of the family, though it holds its system ------------------------------
 */

#define HUB_DEBIAN "registry.example.com/library/debian"
#define SQUASHED "registry.example.com/shop/squashed"

static void put_on(struct fixture *f, uint32_t base, const char *name)
{
    struct fleet_maker *m = &f->r.m;

    maker_put(m, f->store, IMAGE(m, m->chains[m->images[base].chains[0]].layer, f->app), name);
}

/* debian 12 of March the 2nd, with an image on it, and a squashed application of 30 days later. */
static void make_squashed(struct fixture *f, uint32_t *real, uint32_t *squashed)
{
    *real = make_base(f, "real", DEBIAN_12, MARCH_2);
    *squashed = make_base(f, "squashed", DEBIAN_12, MARCH_2 + 30 * DAY_S);
    maker_put(&f->r.m, f->store, *real, HUB_DEBIAN ":12");
    maker_put(&f->r.m, f->store, *squashed, SQUASHED ":1");
    put_on(f, *real, "shop:1");
}

static void assert_unranked(const struct fixture *f, uint32_t image, uint32_t newest)
{
    assert_int_equal(version(f, image)->newest, newest);
    assert_int_equal(version(f, image)->newer, FLEET_UNKNOWN);
    assert_int_equal(versions_days_behind(&f->r.versions, version(f, image)), FLEET_UNKNOWN);
}

static void assert_newest_is(const struct fixture *f, uint32_t image)
{
    assert_int_equal(version(f, image)->newest, version_at(f, image));
    assert_int_equal(version(f, image)->newer, 0);
    assert_int_equal(f->r.versions.families[0].newest, version_at(f, image));
}

static void a_squashed_application_that_nothing_stands_on_makes_no_base_old(void **state)
{
    struct fixture *f = *state;
    uint32_t real, squashed;

    make_squashed(f, &real, &squashed);
    rig_compute(&f->r);
    assert_int_equal(f->r.versions.count, 2);
    assert_newest_is(f, real);
    assert_unranked(f, squashed, version_at(f, real));
}

static void what_declares_another_base_that_nothing_confirms_makes_no_base_old(void **state)
{
    struct fixture *f = *state;
    uint32_t real, squashed;

    make_squashed(f, &real, &squashed);
    put_on(f, squashed, "shop:2");
    rig_declare(&f->r, squashed, EVIDENCE_FROM, "docker.io/library/debian:12");
    rig_compute(&f->r);
    assert_newest_is(f, real);
    assert_unranked(f, squashed, version_at(f, real));
}

static void what_an_image_stands_on_and_declares_nothing_is_a_version(void **state)
{
    struct fixture *f = *state;
    uint32_t real, golden;

    make_squashed(f, &real, &golden);
    put_on(f, golden, "shop:2");
    rig_compute(&f->r);
    assert_newest_is(f, golden);
    assert_int_equal(version(f, real)->newer, 1);
}

static void a_new_build_of_the_familys_repository_counts_before_anything_stands_on_it(void **state)
{
    struct fixture *f = *state;
    uint32_t old = make_base(f, "old", DEBIAN_12, MARCH_2),
             new = make_base(f, "new", DEBIAN_12, MARCH_2 + DAY_S),
             squashed = make_base(f, "squashed", DEBIAN_12, MARCH_2 + 9 * DAY_S);

    maker_put(&f->r.m, f->store, old, "registry.example.com/golden:12-old");
    maker_put(&f->r.m, f->store, new, "registry.example.com/golden:12-new");
    maker_put(&f->r.m, f->store, squashed, SQUASHED ":1");
    put_on(f, old, "shop:1");
    rig_compute(&f->r);
    assert_newest_is(f, new);
    assert_int_equal(version(f, old)->newer, 1);
    assert_unranked(f, squashed, version_at(f, new));
}

static void a_repository_that_is_called_as_the_family_needs_no_other_version(void **state)
{
    struct fixture *f = *state;
    uint32_t real = make_base(f, "real", DEBIAN_12, MARCH_2),
             squashed = make_base(f, "squashed", DEBIAN_12, MARCH_2 + 9 * DAY_S);

    maker_put(&f->r.m, f->store, real, HUB_DEBIAN ":12");
    maker_put(&f->r.m, f->store, squashed, SQUASHED ":1");
    rig_compute(&f->r);
    assert_newest_is(f, real);
    assert_unranked(f, squashed, version_at(f, real));
}

static void the_catalogues_word_makes_a_version_whatever_it_declares(void **state)
{
    struct fixture *f = *state;
    struct catalogue_base entry = {
        .name = SQUASHED ":1", .platform = "linux/amd64", .family = "", .version = ""};
    uint32_t real, squashed;

    make_squashed(f, &real, &squashed);
    rig_declare(&f->r, squashed, EVIDENCE_FROM, "docker.io/library/debian:12");
    entry.chain = f->r.m.chains[f->r.m.images[squashed].chains[0]].digest;
    f->r.catalogue = (struct catalogue){.bases = &entry, .base_count = 1};
    rig_compute(&f->r);
    assert_newest_is(f, squashed);
    assert_int_equal(version(f, real)->newer, 1);
}

static void where_nothing_tells_a_base_from_an_application_dates_alone_count(void **state)
{
    struct fixture *f = *state;
    uint32_t one = make_base(f, "one", DEBIAN_12, MARCH_2),
             two = make_base(f, "two", DEBIAN_12, MARCH_2 + DAY_S),
             claims = make_base(f, "claims", DEBIAN_12, MARCH_2 + 2 * DAY_S);

    maker_put(&f->r.m, f->store, one, "registry.example.com/one:1");
    maker_put(&f->r.m, f->store, two, "registry.example.com/two:1");
    maker_put(&f->r.m, f->store, claims, "registry.example.com/claims:1");
    rig_declare(&f->r, claims, EVIDENCE_ANNOTATION, "docker.io/library/debian:12");
    rig_compute(&f->r);
    assert_newest_is(f, two);
    assert_int_equal(version(f, one)->newer, 1);
    assert_unranked(f, claims, version_at(f, two));
}

static void a_fleet_of_one_squashed_application_knows_no_newest_version(void **state)
{
    struct fixture *f = *state;
    uint32_t claims = make_base(f, "claims", DEBIAN_12, MARCH_2);

    maker_put(&f->r.m, f->store, claims, SQUASHED ":1");
    rig_declare(&f->r, claims, EVIDENCE_FROM, "docker.io/library/debian:12");
    rig_compute(&f->r);
    assert_unranked(f, claims, FLEET_NONE);
    assert_int_equal(f->r.versions.families[0].newest, FLEET_NONE);
}

static void another_stages_source_speaks_against_no_base(void **state)
{
    struct fixture *f = *state;
    uint32_t base = make_base(f, "base", DEBIAN_12, MARCH_2);

    maker_put(&f->r.m, f->store, base, HUB_DEBIAN ":12");
    rig_declare(&f->r, base, EVIDENCE_PROVENANCE, "docker.io/library/golang:1");
    rig_compute(&f->r);
    assert_newest_is(f, base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(two_dates_of_a_family_are_two_versions_and_one_is_behind),
        TEST(what_was_made_on_one_day_is_one_version),
        TEST(another_number_is_never_newer),
        TEST(a_version_that_lies_nowhere_any_more_is_known_all_the_same),
        TEST(a_date_of_making_in_the_future_makes_nothing_the_newest_for_ever),
        TEST(what_was_only_heard_of_makes_no_dated_version_old),
        TEST(a_day_of_making_counts_for_what_was_heard_of_on_it),
        TEST(days_behind_are_days_of_the_calendar),
        TEST(an_equal_number_of_another_family_is_never_newer),
        TEST(the_newest_of_a_family_is_one_that_was_made),
        TEST(a_version_has_the_date_of_its_oldest_core_build),
        TEST(what_is_of_no_known_family_is_none_in_the_count),
        TEST(unnamed_core_builds_are_versions_of_their_own),
        TEST(the_platforms_of_an_index_are_one_version_whatever_their_days),
        TEST(an_arm64_that_two_indexes_name_joins_no_two_amd64),
        TEST(a_squashed_application_that_nothing_stands_on_makes_no_base_old),
        TEST(what_declares_another_base_that_nothing_confirms_makes_no_base_old),
        TEST(what_an_image_stands_on_and_declares_nothing_is_a_version),
        TEST(a_new_build_of_the_familys_repository_counts_before_anything_stands_on_it),
        TEST(a_repository_that_is_called_as_the_family_needs_no_other_version),
        TEST(the_catalogues_word_makes_a_version_whatever_it_declares),
        TEST(where_nothing_tells_a_base_from_an_application_dates_alone_count),
        TEST(a_fleet_of_one_squashed_application_knows_no_newest_version),
        TEST(another_stages_source_speaks_against_no_base),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
