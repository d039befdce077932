/* Which of several images that are called the same a typed name means. */
#include "tests/support/unit.h"

#include "common/clock.h"

#include "collector/census/resolve.h"
#include "tests/support/census_rig.h"

#define TINY "reg.example.com/tiny:2"
#define DAY_S 86400

struct fixture {
    struct census_rig r;
    struct resolve_calls calls;
    struct resolution found;
    uint32_t os[4]; /* images of a layer each */
};

static int setup(void **state)
{
    static struct fixture f;
    struct fleet_maker *m = &f.r.m;
    static const char *const layers[] = {"a", "b", "c", "d"};

    memset(&f, 0, sizeof(f));
    rig_open(&f.r);
    for (int i = 0; i < 4; i++) {
        f.os[i] = IMAGE(m, maker_layer(m, layers[i], 100));
        m->images[f.os[i]].created_s = 1700000000 + i * DAY_S;
        m->images[f.os[i]].first_s = 1750000000;
    }
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    rig_close(&f->r);
    return 0;
}

/* On a host of its own. */
static void tag(struct fixture *f, uint32_t owner, uint32_t image, const char *name)
{
    uint32_t host = maker_host(&f->r.m, "web-1");

    maker_put(&f->r.m, maker_store(&f->r.m, host, "podman", owner), image, name);
}

static void pull(struct fixture *f, uint32_t image, const char *name)
{
    struct digest manifest = digest_of(name, image);

    tag(f, 0, image, name);
    rig_digest(&f->r, "reg.example.com/tiny", &manifest);
}

/* Asks; returns how many images are meant, and the last of them. */
static int ask(struct fixture *f, const char *text, enum resolve_reach reach, uint32_t *image)
{
    struct resolve_facts facts = {
        .f = &f->r.m.fleet, .naming = &f->r.naming, .catalogue = &f->r.catalogue};
    struct err err;
    int meant = 0;

    rig_compute(&f->r);
    facts.images = f->r.images;
    assert_ok(resolve(&f->found, &f->r.m.fleet, f->r.images, text, f->r.m.arena, &err));
    assert_ok(resolve_calls(&f->calls, &f->found, &facts, reach, f->r.m.arena, &err));
    for (size_t i = 0; i < f->calls.count; i++) {
        if (f->calls.list[i].verdict != RESOLVE_MEANT)
            continue;
        *image = f->calls.list[i].image;
        meant++;
    }
    return meant;
}

static const struct resolve_call *call_of(const struct fixture *f, uint32_t image)
{
    for (size_t i = 0; i < f->calls.count; i++)
        if (f->calls.list[i].image == image)
            return &f->calls.list[i];
    return NULL;
}

static void a_users_tag_takes_a_name_from_nobody(void **state)
{
    struct fixture *f = *state;
    uint32_t image = 0;

    pull(f, f->os[0], TINY);
    tag(f, 1000, f->os[1], TINY);
    assert_int_equal(ask(f, TINY, RESOLVE_ONE, &image), 1);
    assert_int_equal(image, f->os[0]);
    assert_int_equal(call_of(f, f->os[1])->verdict, RESOLVE_WEAKER);
    assert_int_equal(call_of(f, f->os[1])->other, f->os[0]);
    assert_int_equal(call_of(f, f->os[1])->strength, NAME_SEEN);
    assert_int_equal(ask(f, TINY, RESOLVE_NOW, &image), 1);
    assert_int_equal(ask(f, TINY, RESOLVE_EVER, &image), 1); /* nor did it ever */
}

static void a_tag_of_roots_yields_to_what_was_pulled_and_not_to_a_users(void **state)
{
    struct fixture *f = *state;
    uint32_t image = 0;

    tag(f, 0, f->os[0], TINY);
    tag(f, 1000, f->os[1], TINY);
    assert_int_equal(ask(f, TINY, RESOLVE_ONE, &image), 1);
    assert_int_equal(image, f->os[0]);
    pull(f, f->os[2], TINY);
    assert_int_equal(ask(f, TINY, RESOLVE_ONE, &image), 1);
    assert_int_equal(image, f->os[2]);
    assert_int_equal(call_of(f, f->os[0])->verdict, RESOLVE_WEAKER);
}

static void a_name_that_only_users_give_still_works(void **state)
{
    struct fixture *f = *state;
    uint32_t image = 0;

    tag(f, 1000, f->os[1], TINY);
    assert_int_equal(ask(f, TINY, RESOLVE_ONE, &image), 1);
    assert_int_equal(image, f->os[1]);
    tag(f, 1001, f->os[2], TINY); /* no word is stronger than the other */
    assert_int_equal(ask(f, TINY, RESOLVE_ONE, &image), 2);
}

static void a_weak_name_works_where_its_stronger_holder_is_gone(void **state)
{
    struct fixture *f = *state;
    uint32_t image = 0;

    tag(f, 1000, f->os[1], TINY);
    rig_listed_once(&f->r, 0, f->os[0], TINY);
    f->r.said[f->r.m.fleet.said_count - 1].digests = (struct fleet_run){0, 1};
    f->r.said_digests[f->r.m.fleet.said_digest_count++] = (struct fleet_said_digest){
        .repository = maker_name(&f->r.m, "reg.example.com/tiny"), .digest = digest_of("m", 1)};
    assert_int_equal(ask(f, TINY, RESOLVE_ONE, &image), 1);
    assert_int_equal(image, f->os[1]);
    assert_true(call_of(f, f->os[1])->claim->displaced);
}

static void a_user_cannot_take_a_name_with_the_same_layers_either(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t image = 0, same;

    same = IMAGE(m, m->chains[m->images[f->os[0]].chains[0]].layer);
    m->images[same].created_s = 1800000000;
    pull(f, f->os[0], TINY);
    tag(f, 1000, same, TINY);
    assert_int_equal(ask(f, TINY, RESOLVE_ONE, &image), 1);
    assert_int_equal(image, f->os[0]);
    assert_int_equal(call_of(f, same)->verdict, RESOLVE_WEAKER);
}

static void a_name_that_moved_means_the_newest_and_each_version_by_its_day(void **state)
{
    struct fixture *f = *state;
    char text[64], day[CLOCK_TEXT];
    uint32_t image = 0;

    pull(f, f->os[0], TINY);
    pull(f, f->os[1], TINY);
    assert_int_equal(ask(f, TINY, RESOLVE_ONE, &image), 1);
    assert_int_equal(image, f->os[1]);
    assert_int_equal(call_of(f, f->os[0])->verdict, RESOLVE_OLDER);
    assert_int_equal(ask(f, TINY, RESOLVE_NOW, &image), 2); /* hosts still have both */
    clock_text(call_of(f, f->os[0])->claim->first_s * 1000, day);
    snprintf(text, sizeof(text), TINY " as of %.10s", day);
    assert_int_equal(ask(f, text, RESOLVE_ONE, &image), 1);
    assert_int_equal(image, f->os[0]);
    assert_int_equal(ask(f, TINY " as of 2001-01-01", RESOLVE_ONE, &image), 0);
    assert_int_equal(ask(f, TINY, RESOLVE_EVER, &image), 2); /* both had it, ever */
}

static void platforms_of_one_name_are_all_meant(void **state)
{
    struct fixture *f = *state;
    uint32_t image = 0;

    f->r.m.images[f->os[1]].arch = "arm64";
    pull(f, f->os[0], TINY);
    pull(f, f->os[1], TINY);
    assert_int_equal(ask(f, TINY, RESOLVE_ONE, &image), 2);
}

static void the_catalogues_word_goes_before_all_others(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    struct catalogue_base base = {.name = TINY, .platform = "", .family = "", .version = ""};
    uint32_t image = 0;

    base.chain = m->chains[m->images[f->os[0]].chains[0]].digest;
    f->r.catalogue = (struct catalogue){.bases = &base, .base_count = 1};
    tag(f, 0, f->os[0], "other:1"); /* only the catalogue calls it so */
    tag(f, 1000, f->os[1], TINY);
    assert_int_equal(ask(f, TINY, RESOLVE_ONE, &image), 1);
    assert_int_equal(image, f->os[0]);
    assert_int_equal(call_of(f, f->os[1])->verdict, RESOLVE_WEAKER);
}

static void of_the_same_layers_the_newest_config_is_meant(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t image = 0, same;

    same = IMAGE(m, m->chains[m->images[f->os[0]].chains[0]].layer);
    m->images[same].created_s = 1740000000;
    m->images[same].first_s = 1750000000;
    pull(f, f->os[0], TINY);
    pull(f, same, TINY);
    assert_int_equal(ask(f, TINY, RESOLVE_ONE, &image), 1);
    assert_int_equal(image, same);
    assert_int_equal(call_of(f, f->os[0])->verdict, RESOLVE_OLDER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_users_tag_takes_a_name_from_nobody),
        TEST(a_tag_of_roots_yields_to_what_was_pulled_and_not_to_a_users),
        TEST(a_name_that_only_users_give_still_works),
        TEST(a_weak_name_works_where_its_stronger_holder_is_gone),
        TEST(a_user_cannot_take_a_name_with_the_same_layers_either),
        TEST(a_name_that_moved_means_the_newest_and_each_version_by_its_day),
        TEST(platforms_of_one_name_are_all_meant),
        TEST(the_catalogues_word_goes_before_all_others),
        TEST(of_the_same_layers_the_newest_config_is_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
