/*
 * Names that do not count change no verdict: the same fleet is judged before and after somebody
 * calls things what they are not, and all verdicts but what they are "seen as" must be equal.
 */
#include "tests/support/unit.h"

#include "tests/support/court.h"

#define DEBIAN "docker.io/library/debian:12"
#define DEBIAN_REPOSITORY "docker.io/library/debian"
#define BANNED "docker.io/library/banned:1"
#define USER 1000

struct fixture {
    struct court r;
    uint32_t os, app, evil, tool;
    uint32_t debian, shop, foreign, foreign_app;
    uint32_t images;
    uint32_t build_store, root_store, user_store;
    struct policy_verdict before[MAKER_MAX];
};

/* debian, which the build host names, and shop on it; a foreign chain, and an image on that. */
static int setup(void **state)
{
    static struct fixture f;
    struct fleet_maker *m = &f.r.m;

    court_open(&f.r, POLICY_WHITE_LIST);
    f.os = maker_layer(m, "os", 100);
    f.app = maker_layer(m, "app", 5);
    f.evil = maker_layer(m, "evil", 70);
    f.tool = maker_layer(m, "tool", 7);
    m->layers[f.os].state = m->layers[f.evil].state = FACT_CONFIRMED;
    m->layers[f.os].os_release = "ID=debian\nVERSION_ID=12\n";
    m->layers[f.evil].os_release = "ID=debian\nVERSION_ID=12\n";
    f.debian = IMAGE(m, f.os);
    f.shop = IMAGE(m, f.os, f.app);
    f.foreign = IMAGE(m, f.evil);
    f.foreign_app = IMAGE(m, f.evil, f.tool);
    f.images = (uint32_t)m->fleet.image_count;
    f.build_store = maker_store(m, maker_host(m, "build-1"), "docker", 0);
    f.root_store = maker_store(m, maker_host(m, "web-1"), "docker", 0);
    f.user_store = maker_store(m, maker_host(m, "web-17"), "podman", USER);
    court_trust(&f.r, "build-*");
    court_say(&f.r, f.build_store, f.debian, DEBIAN, DEBIAN_REPOSITORY, "debian's manifest");
    court_say(&f.r, f.root_store, f.shop, "registry.example.com/shop:1", NULL, NULL);
    court_say(&f.r, f.root_store, f.foreign_app, "registry.example.com/tool:1", NULL, NULL);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    court_close(&f->r);
    return 0;
}

static void judge_all(struct fixture *f)
{
    court_begin(&f->r);
    for (uint32_t i = 0; i < f->images; i++)
        f->before[i] = court_judge_on(&f->r, i, 0);
}

static void assert_no_verdict_changed(struct fixture *f)
{
    court_begin(&f->r);
    for (uint32_t i = 0; i < f->images; i++) {
        struct policy_verdict now = court_judge_on(&f->r, i, 0);

        assert_int_equal(now.outcome, f->before[i].outcome);
        assert_ptr_equal(now.rule, f->before[i].rule);
        assert_ptr_equal(now.exception, f->before[i].exception);
        assert_int_equal(now.chain, f->before[i].chain);
        assert_string_equal(now.evidence, f->before[i].evidence);
    }
}

static const char *seen_as(struct fixture *f, uint32_t image)
{
    return court_judge_on(&f->r, image, 0).seen_as;
}

/* Every kind of rule that a name, digest or origin could make accept something. */
static void add_accepting_rules(struct fixture *f)
{
    static const char manifest[] = "debian's manifest";
    struct digest digest = digest_of(manifest, strlen(manifest));

    court_rule(&f->r, "by name", true)->bases = court_words(&f->r, DEBIAN);
    court_rule(&f->r, "by pattern", true)->bases = court_words(&f->r, "docker.io/library/*");
    court_rule(&f->r, "by manifest", true)->digests = court_digests(&f->r, &digest);
    court_rule(&f->r, "by family", true)->families = court_words(&f->r, "debian");
    court_except(&f->r, DEBIAN, "");
}

static void assert_only_debian_passes(struct fixture *f)
{
    assert_int_equal(f->before[f->debian].outcome, POLICY_ACCEPTED);
    assert_int_equal(f->before[f->shop].outcome, POLICY_ACCEPTED);
    assert_int_equal(f->before[f->foreign].outcome, POLICY_VIOLATION);
    assert_int_equal(f->before[f->foreign_app].outcome, POLICY_VIOLATION);
}

static void a_rootless_user_who_tags_with_an_approved_name_changes_no_verdict(void **state)
{
    struct fixture *f = *state;

    add_accepting_rules(f);
    judge_all(f);
    assert_only_debian_passes(f);
    court_say(&f->r, f->user_store, f->foreign, DEBIAN, NULL, NULL);
    assert_no_verdict_changed(f);
    assert_string_equal(seen_as(f, f->foreign_app), "debian:12 on web-17");
    assert_string_equal(seen_as(f, f->foreign), "debian:12 on web-17");
    assert_string_equal(seen_as(f, f->shop), "");
}

static void a_rootless_user_who_makes_up_a_repo_digest_changes_no_verdict(void **state)
{
    struct fixture *f = *state;

    add_accepting_rules(f);
    judge_all(f);
    court_say(&f->r, f->user_store, f->foreign, DEBIAN, DEBIAN_REPOSITORY, "debian's manifest");
    assert_no_verdict_changed(f);
}

static void a_tag_by_root_in_a_store_that_is_not_trusted_changes_no_verdict(void **state)
{
    struct fixture *f = *state;

    add_accepting_rules(f);
    judge_all(f);
    court_say(&f->r, f->root_store, f->foreign, DEBIAN, NULL, NULL);
    assert_no_verdict_changed(f);
    assert_string_equal(seen_as(f, f->foreign_app), "debian:12 on web-1");
}

static void a_pull_by_digest_in_a_store_that_is_not_trusted_changes_no_verdict(void **state)
{
    struct fixture *f = *state;
    uint32_t origin = maker_name(&f->r.m, DEBIAN_REPOSITORY);

    add_accepting_rules(f);
    court_rule(&f->r, "by origin", true)->origins = court_words(&f->r, "docker.io/library/*");
    judge_all(f);
    assert_only_debian_passes(f);
    court_say(&f->r, f->root_store, f->foreign, DEBIAN, DEBIAN_REPOSITORY, "debian's manifest");
    f->r.image_origins[f->r.image_origin_count++] =
        (struct policy_origin){f->foreign, origin, false};
    f->r.layer_origins[f->r.layer_origin_count++] = (struct policy_origin){f->evil, origin, false};
    assert_no_verdict_changed(f);
    assert_non_null(strstr(seen_as(f, f->foreign_app), "debian:12"));
}

static void a_registry_that_is_trusted_does_not_make_a_store_trusted(void **state)
{
    struct fixture *f = *state;
    static const char *patterns[] = {"docker.io/library/?*"};

    f->r.catalogue.registries = patterns;
    f->r.catalogue.registry_count = 1;
    add_accepting_rules(f);
    judge_all(f);
    court_say(&f->r, f->root_store, f->foreign, DEBIAN, DEBIAN_REPOSITORY, "debian's manifest");
    assert_no_verdict_changed(f);
}

static void nobody_brings_a_good_chain_under_a_black_list(void **state)
{
    struct fixture *f = *state;
    const uint32_t stores[] = {f->user_store, f->root_store, f->root_store};

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "banned", false)->bases = court_words(&f->r, BANNED);
    court_rule(&f->r, "unknown", false)->unknown = true;
    court_rule(&f->r, "old", false)->older_than_s = 1000;
    judge_all(f);
    assert_int_equal(f->before[f->shop].outcome, POLICY_ACCEPTED);
    assert_int_equal(f->before[f->foreign].outcome, POLICY_VIOLATION);
    for (size_t i = 0; i < unit_count(stores); i++) {
        court_say(&f->r, stores[i], f->debian, BANNED, i == 2 ? "docker.io/library/banned" : NULL,
                  "banned's manifest");
        assert_no_verdict_changed(f);
        assert_non_null(strstr(seen_as(f, f->shop), "banned:1 on web-1"));
    }
}

static void an_approved_name_gets_nothing_out_of_a_black_list(void **state)
{
    struct fixture *f = *state;

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "unknown", false)->unknown = true;
    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
    court_except(&f->r, DEBIAN, "");
    judge_all(f);
    assert_int_equal(f->before[f->foreign_app].outcome, POLICY_VIOLATION);
    court_say(&f->r, f->user_store, f->foreign, DEBIAN, NULL, NULL);
    court_say(&f->r, f->root_store, f->foreign_app, DEBIAN, NULL, NULL);
    assert_no_verdict_changed(f);
    assert_string_equal(seen_as(f, f->foreign_app), "debian:12 on web-1");
}

/* Somebody makes an image of the base's layers that claims to be from long ago, or of today. */
static void an_image_of_equal_layers_makes_a_base_neither_older_nor_younger(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t copy = IMAGE(m, f->os);

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "old", false)->older_than_s = 1000;
    m->images[f->debian].created_s = m->fleet.now_s - 500;
    judge_all(f);
    assert_int_equal(f->before[f->shop].outcome, POLICY_ACCEPTED);
    m->images[copy].created_s = m->fleet.now_s - 5000;
    court_say(&f->r, f->root_store, copy, DEBIAN, DEBIAN_REPOSITORY, "debian's manifest");
    assert_no_verdict_changed(f);
    m->images[f->debian].created_s = m->fleet.now_s - 5000;
    judge_all(f);
    assert_int_equal(f->before[f->shop].outcome, POLICY_VIOLATION);
    m->images[copy].created_s = m->fleet.now_s;
    assert_no_verdict_changed(f);
}

static void a_store_that_is_trusted_to_name_does_count(void **state)
{
    struct fixture *f = *state;

    add_accepting_rules(f);
    judge_all(f);
    court_say(&f->r, f->root_store, f->foreign, "docker.io/library/other:1", NULL, NULL);
    assert_no_verdict_changed(f);
    court_trust(&f->r, "web-1");
    assert_int_equal(court_judge(&f->r, f->foreign_app).outcome, POLICY_ACCEPTED);
}

/* A pattern of hosts trusts root's stores there; those of users need one that names their root. */
static void a_users_store_on_a_trusted_host_does_not_count(void **state)
{
    struct fixture *f = *state;

    add_accepting_rules(f);
    court_trust(&f->r, "web-17");
    judge_all(f);
    court_say(&f->r, f->user_store, f->foreign, DEBIAN, NULL, NULL);
    assert_no_verdict_changed(f);
}

static void a_tag_that_a_stronger_claim_displaces_does_not_count(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;

    court_rule(&f->r, "banned", true)->bases = court_words(&f->r, BANNED);
    court_catalogue(&f->r, BANNED, CHAIN(m, f->evil));
    judge_all(f);
    assert_int_equal(f->before[f->foreign_app].outcome, POLICY_ACCEPTED);
    assert_int_equal(f->before[f->shop].outcome, POLICY_VIOLATION);
    court_say(&f->r, f->root_store, f->debian, BANNED, NULL, NULL);
    assert_no_verdict_changed(f);
    assert_string_equal(seen_as(f, f->shop), "banned:1 on web-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_rootless_user_who_tags_with_an_approved_name_changes_no_verdict),
        T(a_rootless_user_who_makes_up_a_repo_digest_changes_no_verdict),
        T(a_tag_by_root_in_a_store_that_is_not_trusted_changes_no_verdict),
        T(a_pull_by_digest_in_a_store_that_is_not_trusted_changes_no_verdict),
        T(a_registry_that_is_trusted_does_not_make_a_store_trusted),
        T(nobody_brings_a_good_chain_under_a_black_list),
        T(an_approved_name_gets_nothing_out_of_a_black_list),
        T(an_image_of_equal_layers_makes_a_base_neither_older_nor_younger),
        T(a_store_that_is_trusted_to_name_does_count),
        T(a_users_store_on_a_trusted_host_does_not_count),
        T(a_tag_that_a_stronger_claim_displaces_does_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
