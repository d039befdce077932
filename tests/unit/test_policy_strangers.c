/*
 * What strangers say of what others hold: the same fleet is judged before and after a host that
 * nobody trusts, or a user of one, lists or tells something, and no verdict may change. Names and
 * origins are in test_policy_trust.c.
 */
#include "tests/support/unit.h"

#include "tests/support/court.h"

#define DEBIAN "docker.io/library/debian:12"
#define GONE "registry.example.com/gone:1"
#define DAY_S ((int64_t)86400)

enum { USER = 1000, NEVER_MADE_S = 315532800 /* 1980 */ };

/* debian, which the build host names, and shop on it; a host that is not trusted, and its user. */
struct fixture {
    struct court r;
    uint32_t os, app, top, other;
    uint32_t debian, shop;
    uint32_t images; /* that others hold */
    uint32_t build, evil;
    uint32_t build_store, root_store, user_store;
    struct policy_verdict before[MAKER_MAX];
};

static int setup(void **state)
{
    static struct fixture f;
    struct fleet_maker *m = &f.r.m;

    court_open(&f.r, POLICY_WHITE_LIST);
    f.os = maker_layer(m, "os", 100);
    f.app = maker_layer(m, "app", 5);
    f.top = maker_layer(m, "top", 7);
    f.other = maker_layer(m, "other", 70);
    f.debian = IMAGE(m, f.os);
    f.shop = IMAGE(m, f.os, f.app, f.top);
    f.images = (uint32_t)m->fleet.image_count;
    f.build = maker_host(m, "build-1");
    f.build_store = maker_store(m, f.build, "docker", 0);
    f.evil = maker_host(m, "web-666");
    f.root_store = maker_store(m, f.evil, "docker", 0);
    f.user_store = maker_store(m, f.evil, "podman", USER);
    court_trust(&f.r, "build-*");
    court_say(&f.r, f.build_store, f.debian, DEBIAN, NULL, NULL);
    court_rule(&f.r, "debian", true)->bases = court_words(&f.r, DEBIAN);
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
        assert_int_equal(now.chain, f->before[i].chain);
        assert_string_equal(now.evidence, f->before[i].evidence);
    }
}

static void assert_shop_was(struct fixture *f, enum policy_outcome outcome)
{
    judge_all(f);
    assert_int_equal(f->before[f->shop].outcome, outcome);
}

/* Another config of these layers. */
static uint32_t copy_of(struct fixture *f, uint32_t image)
{
    uint32_t copy = IMAGE(&f->r.m, f->os);
    const struct fleet_image *original = &f->r.m.images[image];

    f->r.m.images[copy].chains = original->chains;
    f->r.m.images[copy].chain_count = original->chain_count;
    return copy;
}

/* ---- declarations ---------------------------------------------------------------------------- */

static void nobody_makes_a_declaration_inherited_who_has_no_name_that_counts(void **state)
{
    struct fixture *f = *state;
    const uint32_t stores[] = {f->user_store, f->root_store};
    uint32_t below = IMAGE(&f->r.m, f->os, f->app);

    court_declare(&f->r, f->shop, GONE);
    assert_shop_was(f, POLICY_VIOLATION);
    court_declare(&f->r, below, GONE);
    for (size_t i = 0; i < unit_count(stores); i++) {
        court_say(&f->r, stores[i], below, "localhost/x:1", NULL, NULL);
        assert_no_verdict_changed(f);
    }
    court_say(&f->r, f->build_store, below, "registry.example.com/x:1", NULL, NULL);
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_ACCEPTED);
}

static void nobody_takes_a_confirmed_declaration_away(void **state)
{
    struct fixture *f = *state;
    uint32_t copy = copy_of(f, f->debian);

    court_declare(&f->r, f->shop, DEBIAN);
    court_declare(&f->r, f->shop, GONE);
    assert_shop_was(f, POLICY_ACCEPTED);
    court_declare(&f->r, copy, DEBIAN);
    court_say(&f->r, f->user_store, copy, "localhost/x:1", NULL, NULL);
    assert_no_verdict_changed(f);
    court_say(&f->r, f->root_store, copy, "x:1", NULL, NULL);
    assert_no_verdict_changed(f);
}

static void only_a_name_that_counts_confirms_a_declaration(void **state)
{
    struct fixture *f = *state;

    court_declare(&f->r, f->shop, GONE);
    assert_shop_was(f, POLICY_VIOLATION);
    court_say(&f->r, f->root_store, f->debian, GONE, NULL, NULL);
    assert_no_verdict_changed(f);
    court_say(&f->r, f->build_store, f->debian, GONE, NULL, NULL);
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_ACCEPTED);
}

static void no_tag_contradicts_a_declaration(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t alpine = IMAGE(m, f->other);

    m->layers[f->os].os_release = "ID=debian\n";
    m->layers[f->other].os_release = "ID=alpine\n";
    m->layers[f->os].state = m->layers[f->other].state = FACT_CONFIRMED;
    court_declare(&f->r, f->shop, GONE);
    assert_shop_was(f, POLICY_VIOLATION);
    court_say(&f->r, f->root_store, alpine, GONE, NULL, NULL);
    assert_no_verdict_changed(f);
    court_say(&f->r, f->build_store, alpine, GONE, NULL, NULL);
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
}

static void a_declaration_that_is_contradicted_by_content_leaves_it_to_the_layers(void **state)
{
    struct fixture *f = *state;
    uint32_t alpine = IMAGE(&f->r.m, f->other);

    court_declare(&f->r, f->shop, "");
    f->r.evidence[0].digest = f->r.m.images[alpine].digest;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_ACCEPTED);
    f->r.m.images[alpine].document = DOCUMENT_UNCONFIRMED; /* its layers are one host's word */
    f->r.m.images[alpine].said_by = f->evil;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
}

static void a_manifest_declares_for_an_image_that_a_trusted_store_lists_with_it(void **state)
{
    struct fixture *f = *state;

    assert_shop_was(f, POLICY_ACCEPTED);
    court_say(&f->r, f->root_store, f->shop, NULL, "docker.io/evil/x", "a manifest of his own");
    court_annotate(&f->r, f->shop, GONE);
    assert_no_verdict_changed(f);
    court_say(&f->r, f->build_store, f->shop, NULL, "registry.example.com/shop", "its manifest");
    f->r.evidence_said[0] = (uint32_t)f->r.m.fleet.said_count - 1;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
}

static void a_manifest_that_proves_itself_needs_nobodys_word(void **state)
{
    static const char manifest[] = "debian's manifest";
    struct digest digest = digest_of(manifest, strlen(manifest));
    struct fixture *f = *state;

    court_declare(&f->r, f->shop, "");
    f->r.evidence[0].digest = digest;
    court_say(&f->r, f->root_store, f->debian, NULL, "docker.io/x", manifest);
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
    f->r.said_digests[0].proved = true;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_ACCEPTED);
    f->r.policy.rule_count = 0;
    court_rule(&f->r, "by manifest", true)->digests = court_digests(&f->r, &digest);
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_ACCEPTED);
    f->r.said_digests[0].proved = false;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
}

static void provenance_and_content_manifests_count_for_nothing(void **state)
{
    struct fixture *f = *state;

    assert_shop_was(f, POLICY_ACCEPTED);
    court_declare(&f->r, f->shop, GONE);
    f->r.evidence[0].source = EVIDENCE_PROVENANCE;
    assert_no_verdict_changed(f);
    f->r.evidence[0].source = EVIDENCE_LABEL;
    assert_shop_was(f, POLICY_VIOLATION);
    court_declare(&f->r, f->shop, "");
    f->r.evidence[1].source = EVIDENCE_CONTENT_MANIFEST;
    f->r.evidence[1].layers = 1; /* where debian ends */
    assert_no_verdict_changed(f);
}

static void a_manifest_of_a_strangers_makes_no_declaration_inherited(void **state)
{
    struct fixture *f = *state;
    uint32_t below = IMAGE(&f->r.m, f->os, f->app);

    court_say(&f->r, f->build_store, f->shop, NULL, "registry.example.com/shop", "its manifest");
    court_annotate(&f->r, f->shop, GONE);
    court_say(&f->r, f->build_store, below, "registry.example.com/x:1", NULL, NULL);
    assert_shop_was(f, POLICY_VIOLATION);
    court_say(&f->r, f->root_store, below, NULL, "docker.io/evil/x", "a manifest of his own");
    court_annotate(&f->r, below, GONE);
    assert_no_verdict_changed(f);
    court_say(&f->r, f->build_store, below, NULL, "registry.example.com/x", "x's manifest");
    f->r.evidence_said[1] = (uint32_t)f->r.m.fleet.said_count - 1;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_ACCEPTED);
}

/* The build host names it, and what its layers are is the other host's word. */
static void a_config_on_one_hosts_word_settles_no_declaration(void **state)
{
    struct fixture *f = *state;
    uint32_t below = IMAGE(&f->r.m, f->os, f->app), copy = copy_of(f, f->debian);
    struct fleet_image *images = f->r.m.images;

    court_declare(&f->r, f->shop, GONE);
    assert_shop_was(f, POLICY_VIOLATION);
    images[copy].document = images[below].document = DOCUMENT_UNCONFIRMED;
    images[copy].said_by = images[below].said_by = f->evil;
    court_say(&f->r, f->build_store, copy, GONE, NULL, NULL);
    assert_no_verdict_changed(f); /* not confirmed */
    court_declare(&f->r, below, GONE);
    court_say(&f->r, f->build_store, below, "registry.example.com/x:1", NULL, NULL);
    assert_no_verdict_changed(f); /* not inherited */
    images[below].document = DOCUMENT_CONFIRMED;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_ACCEPTED);
    images[below].document = DOCUMENT_UNCONFIRMED;
    images[copy].document = DOCUMENT_CONFIRMED;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_ACCEPTED);
}

/* ---- layers ---------------------------------------------------------------------------------- */

static void say_facts(struct fixture *f, uint32_t host, enum fleet_fact_state state)
{
    f->r.m.layers[f->os].state = state;
    f->r.m.layers[f->os].said_by = host;
}

static void one_hosts_word_empties_no_base(void **state)
{
    struct fixture *f = *state;
    struct fleet_layer *os = &f->r.m.layers[f->os];

    assert_shop_was(f, POLICY_ACCEPTED);
    os->files = 0;
    os->directories = 1;
    say_facts(f, f->evil, FACT_REPORTED);
    assert_no_verdict_changed(f);
    say_facts(f, f->build, FACT_REPORTED);
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
    say_facts(f, FLEET_NONE, FACT_CONFIRMED);
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
}

static void a_known_empty_tar_needs_nobodys_word(void **state)
{
    static const uint8_t zeros[1024], record[10240];
    struct fixture *f = *state;

    f->r.m.layers[f->os].diff = digest_of(zeros, sizeof(zeros));
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
    f->r.m.layers[f->os].diff = digest_of(record, sizeof(record));
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
}

static void one_hosts_os_release_rejects_nothing_and_is_told(void **state)
{
    struct fixture *f = *state;

    f->r.policy.mode = POLICY_BLACK_LIST;
    f->r.policy.rule_count = 0;
    court_rule(&f->r, "no centos", false)->families = court_words(&f->r, "centos");
    assert_shop_was(f, POLICY_ACCEPTED);
    f->r.m.layers[f->os].os_release = "ID=centos\nVERSION_ID=6\n";
    say_facts(f, f->evil, FACT_REPORTED);
    assert_no_verdict_changed(f);
    assert_non_null(strstr(court_judge(&f->r, f->shop).seen_as, "centos 6, on one host's word"));
    say_facts(f, FLEET_NONE, FACT_CONFIRMED);
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
    say_facts(f, f->build, FACT_REPORTED);
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
}

/* Whose store it lies in counts more than on which host it does, and how many say so. */
static void what_lies_in_a_users_store_rejects_nothing_and_is_told(void **state)
{
    struct fixture *f = *state;

    f->r.policy.mode = POLICY_BLACK_LIST;
    f->r.policy.rule_count = 0;
    court_rule(&f->r, "no centos", false)->families = court_words(&f->r, "centos");
    assert_shop_was(f, POLICY_ACCEPTED);
    f->r.m.layers[f->os].os_release = "ID=centos\nVERSION_ID=6\n";
    f->r.m.layers[f->os].of_user = true;
    say_facts(f, f->build, FACT_REPORTED);
    assert_no_verdict_changed(f);
    say_facts(f, FLEET_NONE, FACT_CONFIRMED);
    assert_no_verdict_changed(f);
    assert_non_null(
        strstr(court_judge(&f->r, f->shop).seen_as, "centos 6, as seen in a user's store only"));
    f->r.m.layers[f->os].of_user = false;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
}

static void one_hosts_os_release_gives_a_core_build_no_family(void **state)
{
    struct fixture *f = *state;

    f->r.policy.rule_count = 0;
    court_rule(&f->r, "alpine", true)->families = court_words(&f->r, "alpine");
    court_rule(&f->r, "debian", true)->families = court_words(&f->r, "debian");
    assert_shop_was(f, POLICY_ACCEPTED); /* as its repository is called */
    f->r.m.layers[f->os].os_release = "ID=alpine\n";
    say_facts(f, f->evil, FACT_REPORTED);
    assert_no_verdict_changed(f);
    say_facts(f, FLEET_NONE, FACT_CONFIRMED);
    assert_string_equal(court_judge(&f->r, f->shop).rule->name, "alpine");
}

/* That a user's store is trusted to name makes nothing true that its host tells of files. */
static void a_users_store_that_is_trusted_to_name_speaks_for_no_layer(void **state)
{
    struct fixture *f = *state;

    f->r.policy.mode = POLICY_BLACK_LIST;
    f->r.policy.rule_count = 0;
    court_rule(&f->r, "no centos", false)->families = court_words(&f->r, "centos");
    f->r.m.layers[f->os].os_release = "ID=centos\nVERSION_ID=6\n";
    say_facts(f, f->evil, FACT_REPORTED);
    assert_shop_was(f, POLICY_ACCEPTED);
    f->r.m.stores[f->user_store].root = "/home/ann/storage";
    f->r.namers[f->r.catalogue.namer_count++] =
        (struct catalogue_namer){"web-666", "/home/ann/storage"};
    assert_no_verdict_changed(f);
}

/* ---- digests and dates ----------------------------------------------------------------------- */

static void a_config_on_one_hosts_word_brings_no_line_under_its_id(void **state)
{
    struct fixture *f = *state;
    uint32_t bad = IMAGE(&f->r.m, f->os);

    f->r.policy.mode = POLICY_BLACK_LIST;
    f->r.policy.rule_count = 0;
    court_rule(&f->r, "bad", false)->digests = court_digests(&f->r, &f->r.m.images[bad].digest);
    f->r.m.images[bad].document = DOCUMENT_UNCONFIRMED;
    f->r.m.images[bad].said_by = f->evil;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_ACCEPTED);
    assert_int_equal(court_judge(&f->r, bad).outcome, POLICY_VIOLATION);
    f->r.m.images[bad].document = DOCUMENT_CONFIRMED;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
}

static void a_trusted_name_of_a_config_on_one_hosts_word_names_no_line(void **state)
{
    struct fixture *f = *state;
    uint32_t base = IMAGE(&f->r.m, f->other), app = IMAGE(&f->r.m, f->other, f->app);

    court_say(&f->r, f->build_store, base, DEBIAN, NULL, NULL);
    f->r.m.images[base].document = DOCUMENT_UNCONFIRMED;
    f->r.m.images[base].said_by = f->evil;
    assert_int_equal(court_judge(&f->r, app).outcome, POLICY_VIOLATION);
    f->r.m.images[base].said_by = f->build;
    assert_int_equal(court_judge(&f->r, app).outcome, POLICY_ACCEPTED);
}

static void only_images_that_a_trusted_store_names_date_a_base(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t copy = copy_of(f, f->debian);

    f->r.policy.mode = POLICY_BLACK_LIST;
    f->r.policy.rule_count = 0;
    court_rule(&f->r, "old", false)->older_than_s = 30 * DAY_S;
    m->images[f->debian].created_s = m->fleet.now_s - DAY_S;
    m->images[copy].created_s = m->fleet.now_s - 1000 * DAY_S;
    assert_shop_was(f, POLICY_ACCEPTED);
    court_say(&f->r, f->build_store, copy, NULL, NULL, NULL);
    assert_no_verdict_changed(f);
    court_say(&f->r, f->build_store, copy, "registry.example.com/old:1", NULL, NULL);
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
}

static void a_fixed_date_leaves_the_age_to_when_the_fleet_first_heard_of_it(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;

    f->r.policy.mode = POLICY_BLACK_LIST;
    f->r.policy.rule_count = 0;
    court_rule(&f->r, "old", false)->older_than_s = 30 * DAY_S;
    m->images[f->debian].created_s = NEVER_MADE_S;
    f->r.said[0].root.at_s = m->fleet.now_s - 100;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_ACCEPTED);
    f->r.said[0].root.at_s = m->fleet.now_s - 31 * DAY_S;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
}

static void a_digest_of_another_images_manifest_fits_no_rule(void **state)
{
    static const char manifest[] = "a manifest";
    struct digest digest = digest_of(manifest, strlen(manifest));
    struct fixture *f = *state;

    f->r.policy.rule_count = 0;
    court_rule(&f->r, "by manifest", true)->digests = court_digests(&f->r, &digest);
    court_say(&f->r, f->build_store, f->debian, DEBIAN, "docker.io/library/debian", manifest);
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_ACCEPTED);
    f->r.said_digests[0].disproved = true;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
    assert_string_equal(court_judge(&f->r, f->shop).seen_as, "");
}

static void neither_unproven_images_nor_disproved_digests_date_a_base(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t copy = copy_of(f, f->debian), other = copy_of(f, f->debian);

    f->r.policy.mode = POLICY_BLACK_LIST;
    f->r.policy.rule_count = 0;
    court_rule(&f->r, "old", false)->older_than_s = 30 * DAY_S;
    m->images[f->debian].created_s = m->fleet.now_s - DAY_S;
    m->images[copy].created_s = m->images[other].created_s = m->fleet.now_s - 1000 * DAY_S;
    assert_shop_was(f, POLICY_ACCEPTED);
    court_say(&f->r, f->build_store, copy, "registry.example.com/old:1", NULL, NULL);
    m->images[copy].document = DOCUMENT_UNCONFIRMED;
    m->images[copy].said_by = f->evil;
    assert_no_verdict_changed(f);
    court_say(&f->r, f->build_store, other, NULL, "registry.example.com/old", "m");
    f->r.said_digests[0].disproved = true;
    assert_no_verdict_changed(f);
    f->r.said_digests[0].disproved = false;
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
}

/* Of a listing only the first store of root's is known by its place: another one may be trusted. */
static void a_listing_counts_by_any_store_that_is_trusted(void **state)
{
    static const char manifest[] = "a manifest";
    struct digest digest = digest_of(manifest, strlen(manifest));
    struct fixture *f = *state;
    static bool trusted[] = {true, false};
    struct err err;

    f->r.policy.rule_count = 0;
    court_rule(&f->r, "by manifest", true)->digests = court_digests(&f->r, &digest);
    court_say(&f->r, f->root_store, f->debian, NULL, "docker.io/library/debian", manifest);
    assert_int_equal(court_judge(&f->r, f->shop).outcome, POLICY_VIOLATION);
    f->r.facts.trusted_said = trusted;
    for (int is_trusted = 0; is_trusted <= 1; is_trusted++) {
        trusted[1] = is_trusted;
        assert_ok(policy_open(&f->r.judge, &f->r.policy, &f->r.facts, f->r.m.fleet.now_s,
                              f->r.m.arena, &err));
        assert_int_equal(court_judge_on(&f->r, f->shop, f->build).outcome,
                         is_trusted ? POLICY_ACCEPTED : POLICY_VIOLATION);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(nobody_makes_a_declaration_inherited_who_has_no_name_that_counts),
        T(nobody_takes_a_confirmed_declaration_away),
        T(only_a_name_that_counts_confirms_a_declaration),
        T(no_tag_contradicts_a_declaration),
        T(a_declaration_that_is_contradicted_by_content_leaves_it_to_the_layers),
        T(a_manifest_declares_for_an_image_that_a_trusted_store_lists_with_it),
        T(a_manifest_that_proves_itself_needs_nobodys_word),
        T(a_manifest_of_a_strangers_makes_no_declaration_inherited),
        T(a_config_on_one_hosts_word_settles_no_declaration),
        T(provenance_and_content_manifests_count_for_nothing),
        T(one_hosts_word_empties_no_base),
        T(a_known_empty_tar_needs_nobodys_word),
        T(one_hosts_os_release_rejects_nothing_and_is_told),
        T(what_lies_in_a_users_store_rejects_nothing_and_is_told),
        T(one_hosts_os_release_gives_a_core_build_no_family),
        T(a_users_store_that_is_trusted_to_name_speaks_for_no_layer),
        T(a_config_on_one_hosts_word_brings_no_line_under_its_id),
        T(a_trusted_name_of_a_config_on_one_hosts_word_names_no_line),
        T(only_images_that_a_trusted_store_names_date_a_base),
        T(a_fixed_date_leaves_the_age_to_when_the_fleet_first_heard_of_it),
        T(a_digest_of_another_images_manifest_fits_no_rule),
        T(neither_unproven_images_nor_disproved_digests_date_a_base),
        T(a_listing_counts_by_any_store_that_is_trusted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
