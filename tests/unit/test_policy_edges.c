/* Verdicts where one rule, exception, name or day more or less decides. */
#include "tests/support/unit.h"

#include "tests/support/court.h"

#define DAY_S ((int64_t)86400)
#define DEBIAN "docker.io/library/debian:12"
#define PYTHON "docker.io/library/python:3"
#define SHOP "registry.example.com/shop:1"
#define GONE "registry.example.com/gone:1"

/* debian (named by a trusted store), python on it (the same), and shop on that (by anybody's). */
struct fixture {
    struct court r;
    uint32_t os, rt, app, other;
    uint32_t debian, python, shop, lone; /* lone: on an os that nobody names */
    uint32_t build, web;                 /* hosts */
    uint32_t build_store, web_store;
};

static int setup(void **state)
{
    static struct fixture f;
    struct fleet_maker *m = &f.r.m;

    court_open(&f.r, POLICY_WHITE_LIST);
    f.os = maker_layer(m, "os", 100);
    f.rt = maker_layer(m, "rt", 50);
    f.app = maker_layer(m, "app", 5);
    f.other = maker_layer(m, "other", 70);
    m->layers[f.os].state = m->layers[f.other].state = FACT_CONFIRMED;
    m->layers[f.os].os_release = "ID=debian\nVERSION_ID=12\n";
    m->layers[f.other].os_release = "ID=alpine\nVERSION_ID=3.19\n";
    f.debian = IMAGE(m, f.os);
    f.python = IMAGE(m, f.os, f.rt);
    f.shop = IMAGE(m, f.os, f.rt, f.app);
    f.lone = IMAGE(m, f.other, f.app);
    f.build = maker_host(m, "build-1");
    f.build_store = maker_store(m, f.build, "docker", 0);
    f.web = maker_host(m, "web-1");
    f.web_store = maker_store(m, f.web, "docker", 0);
    court_trust(&f.r, "build-*");
    court_say(&f.r, f.build_store, f.debian, DEBIAN, NULL, NULL);
    court_say(&f.r, f.build_store, f.python, PYTHON, NULL, NULL);
    court_say(&f.r, f.web_store, f.shop, SHOP, NULL, NULL);
    court_say(&f.r, f.web_store, f.lone, "docker.io/library/lone:1", NULL, NULL);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    court_close(&f->r);
    return 0;
}

static void assert_outcome(struct fixture *f, uint32_t image, enum policy_outcome outcome)
{
    struct policy_verdict v = court_judge(&f->r, image);

    if (v.outcome != outcome)
        fail_msg("%s, expected %s: %s", policy_outcome_name(v.outcome),
                 policy_outcome_name(outcome), v.evidence);
}

/* ---- several rules and exceptions ------------------------------------------------------------ */

static void the_first_of_the_rules_that_reject_decides(void **state)
{
    struct fixture *f = *state;

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "no debian", false)->bases = court_words(&f->r, DEBIAN);
    court_rule(&f->r, "no python", false)->bases = court_words(&f->r, PYTHON);
    assert_string_equal(court_judge(&f->r, f->shop).rule->name, "no debian");
    court_say(&f->r, f->build_store, f->shop, SHOP, NULL, NULL);
    court_except(&f->r, SHOP, "no debian");
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    assert_string_equal(court_judge(&f->r, f->shop).rule->name, "no python");
    court_except(&f->r, SHOP, "no python");
    assert_outcome(f, f->shop, POLICY_EXCUSED);
    assert_string_equal(court_judge(&f->r, f->shop).rule->name, "no debian");
    assert_true(policy_exception_used(f->r.judge, 0));
    assert_true(policy_exception_used(f->r.judge, 1));
}

static void an_exception_with_labels_excuses_on_hosts_that_have_them(void **state)
{
    struct fixture *f = *state;
    struct policy_exception *e;

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "no debian", false)->bases = court_words(&f->r, DEBIAN);
    court_say(&f->r, f->build_store, f->shop, SHOP, NULL, NULL);
    e = court_except(&f->r, SHOP, "no debian");
    e->labels = court_label(&f->r, "env", "dev");
    e->label_count = 1;
    f->r.m.hosts[f->web].labels = court_label(&f->r, "env", "dev");
    f->r.m.hosts[f->web].label_count = 1;
    court_begin(&f->r);
    assert_int_equal(court_judge_on(&f->r, f->shop, f->build).outcome, POLICY_VIOLATION);
    assert_int_equal(court_judge_on(&f->r, f->shop, f->web).outcome, POLICY_EXCUSED);
}

static void an_exception_by_pattern_holds_for_images_of_all_chains(void **state)
{
    struct fixture *f = *state;

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "no debian", false)->bases = court_words(&f->r, DEBIAN);
    court_rule(&f->r, "no python", false)->bases = court_words(&f->r, PYTHON);
    court_say(&f->r, f->build_store, f->shop, SHOP, NULL, NULL);
    court_except(&f->r, "docker.io/library/*", "");
    assert_outcome(f, f->debian, POLICY_EXCUSED);
    assert_outcome(f, f->python, POLICY_EXCUSED);
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    court_except(&f->r, "registry.example.com/*", "no debian"); /* before what is found first */
    court_except(&f->r, SHOP, "no python");
    assert_outcome(f, f->shop, POLICY_EXCUSED);
}

static void a_rule_that_matched_one_image_was_of_use(void **state)
{
    struct fixture *f = *state;

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "no python", false)->bases = court_words(&f->r, PYTHON);
    court_begin(&f->r);
    assert_int_equal(court_judge_on(&f->r, f->shop, f->web).outcome, POLICY_VIOLATION);
    assert_int_equal(court_judge_on(&f->r, f->debian, f->web).outcome, POLICY_ACCEPTED);
    assert_true(policy_rule_used(f->r.judge, 0));
}

static void names_that_would_excuse_are_told_of_what_is_rejected_alone(void **state)
{
    struct fixture *f = *state;

    f->r.policy.mode = POLICY_WILD_WEST;
    court_rule(&f->r, "no debian", false)->bases = court_words(&f->r, DEBIAN);
    court_except(&f->r, SHOP, "");
    assert_string_equal(court_judge(&f->r, f->shop).seen_as, SHOP " on web-1");
    court_except(&f->r, DEBIAN, "");
    assert_outcome(f, f->debian, POLICY_EXCUSED);
    assert_string_equal(court_judge(&f->r, f->debian).seen_as, "");
    court_say(&f->r, f->web_store, f->debian, SHOP, NULL, NULL);
    assert_string_equal(court_judge(&f->r, f->debian).seen_as, "");
}

/* ---- declarations ---------------------------------------------------------------------------- */

static void a_black_list_asks_of_declarations_what_its_rules_do(void **state)
{
    struct fixture *f = *state;
    struct policy_rule *rule = court_rule(&f->r, "proven", false);

    f->r.policy.mode = POLICY_BLACK_LIST;
    rule->unverified = true;
    rule->labels = court_label(&f->r, "env", "prod");
    rule->label_count = 1;
    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
    court_declare(&f->r, f->shop, GONE);
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
}

static void a_family_with_an_unverified_declaration_accepts_the_line(void **state)
{
    struct fixture *f = *state;
    struct policy_rule *rule = court_rule(&f->r, "debian", true);

    court_declare(&f->r, f->shop, GONE);
    rule->families = court_words(&f->r, "debian");
    rule->unverified = true;
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
    assert_string_equal(court_judge(&f->r, f->shop).rule->name, "debian");
}

static void an_end_by_history_verifies_no_declaration(void **state)
{
    struct fixture *f = *state;

    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
    court_declare(&f->r, f->shop, GONE);
    court_declare(&f->r, f->shop, "");
    f->r.evidence[1].source = EVIDENCE_HISTORY;
    f->r.evidence[1].layers = 1;
    assert_outcome(f, f->shop, POLICY_VIOLATION);
}

static void a_content_manifest_counts_where_its_own_layer_does(void **state)
{
    struct fixture *f = *state;

    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
    court_declare(&f->r, f->shop, GONE);
    court_declare(&f->r, f->shop, "");
    f->r.evidence[1].source = EVIDENCE_CONTENT_MANIFEST;
    f->r.evidence[1].layers = 1;
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    f->r.m.layers[f->rt].state = FACT_CONFIRMED;
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
}

static void an_end_that_no_word_names_is_no_declared_base(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os, f->app, f->rt);

    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
    court_declare(&f->r, image, "");
    f->r.evidence[0].source = EVIDENCE_CONTENT_MANIFEST;
    f->r.evidence[0].layers = 2;
    f->r.m.layers[f->rt].state = FACT_CONFIRMED;
    assert_outcome(f, image, POLICY_ACCEPTED);
}

static void names_that_do_not_count_are_no_way_out_of_a_declaration(void **state)
{
    struct fixture *f = *state;

    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
    court_rule(&f->r, "shop", true)->bases = court_words(&f->r, SHOP);
    court_declare(&f->r, f->shop, GONE);
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    assert_string_equal(court_judge(&f->r, f->shop).seen_as, "");
}

static void a_declaration_that_a_rule_accepts_is_told_once(void **state)
{
    struct fixture *f = *state;
    struct policy_rule *rule = court_rule(&f->r, "both", true);
    const char *first;

    court_declare(&f->r, f->shop, GONE);
    rule->bases = court_words(&f->r, DEBIAN);
    rule->unverified = true;
    rule = court_rule(&f->r, "unverified too", true);
    rule->unverified = true;
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
    first = strstr(court_judge(&f->r, f->shop).evidence, "nothing verifies");
    assert_non_null(first);
    assert_null(strstr(first + 1, "nothing verifies"));
}

static void what_was_listed_later_declared_nothing_then(void **state)
{
    struct fixture *f = *state;
    int64_t now_s = f->r.m.fleet.now_s;
    struct err err;

    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
    court_say(&f->r, f->build_store, f->shop, NULL, "registry.example.com/shop", "a manifest");
    court_annotate(&f->r, f->shop, GONE);
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    f->r.facts.known_at_s = now_s - 500;
    assert_ok(policy_open(&f->r.judge, &f->r.policy, &f->r.facts, now_s, f->r.m.arena, &err));
    assert_int_equal(court_judge_on(&f->r, f->shop, f->build).outcome, POLICY_ACCEPTED);
}

/* ---- configs on one host's word -------------------------------------------------------------- */

static void an_artifact_by_the_word_of_one_host_is_judged(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, FLEET_NONE);

    assert_outcome(f, image, POLICY_UNJUDGED);
    f->r.m.images[image].document = DOCUMENT_UNCONFIRMED;
    f->r.m.images[image].said_by = f->web;
    assert_outcome(f, image, POLICY_VIOLATION);
}

static void a_disputed_config_is_told_where_it_is_accepted(void **state)
{
    struct fixture *f = *state;

    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
    f->r.m.images[f->shop].document = DOCUMENT_DISPUTED;
    assert_true(policy_is_unconfirmed(&f->r.m.images[f->shop]));
    f->r.m.images[f->lone].document = DOCUMENT_UNCONFIRMED;
    f->r.m.images[f->lone].said_by = f->web;
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    assert_null(strstr(court_judge(&f->r, f->lone).evidence, "word"));
}

static void a_name_of_a_disputed_config_does_not_count(void **state)
{
    struct fixture *f = *state;

    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
    f->r.m.images[f->debian].document = DOCUMENT_DISPUTED;
    assert_outcome(f, f->shop, POLICY_VIOLATION);
}

/* ---- names and digests ----------------------------------------------------------------------- */

static void a_name_that_counts_is_found_behind_an_equal_one_that_does_not(void **state)
{
    struct fixture *f = *state;
    const char *registries[] = {"registry.example.com/*"};
    uint32_t base = IMAGE(&f->r.m, f->other);

    f->r.catalogue.registries = registries;
    f->r.catalogue.registry_count = 1;
    court_rule(&f->r, "base", true)->bases = court_words(&f->r, "registry.example.com/*");
    court_say(&f->r, f->web_store, base, "registry.example.com/a:1", "registry.example.com/a", "a");
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    court_say(&f->r, f->build_store, base, "registry.example.com/b:1", NULL, NULL);
    assert_outcome(f, f->lone, POLICY_ACCEPTED);
}

static void a_digest_of_the_catalogue_is_its_chains(void **state)
{
    struct fixture *f = *state;
    struct digest digest = digest_of("index", 5);

    court_catalogue(&f->r, DEBIAN, CHAIN(&f->r.m, f->os));
    court_rule(&f->r, "by index", true)->digests = court_digests(&f->r, &digest);
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    f->r.bases[0].digest = digest;
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
    assert_outcome(f, f->lone, POLICY_VIOLATION);
}

static void origins_are_of_the_image_or_layer_that_they_are_told_of(void **state)
{
    struct fixture *f = *state;
    uint32_t quay = maker_name(&f->r.m, "quay.io/some/where");
    uint32_t hub = maker_name(&f->r.m, "docker.io/library/debian");

    court_rule(&f->r, "quay", true)->origins = court_words(&f->r, "quay.io/*");
    f->r.image_origins[f->r.image_origin_count++] = (struct policy_origin){f->debian, hub, true};
    f->r.image_origins[f->r.image_origin_count++] = (struct policy_origin){f->lone, quay, true};
    assert_outcome(f, f->debian, POLICY_VIOLATION);
    assert_outcome(f, f->lone, POLICY_ACCEPTED);
}

/* ---- core builds ----------------------------------------------------------------------------- */

static void an_image_that_others_with_names_stand_on_is_its_own_core_build(void **state)
{
    struct fixture *f = *state;
    uint32_t base = IMAGE(&f->r.m, f->rt, f->other), app = IMAGE(&f->r.m, f->rt, f->other, f->app);
    uint32_t plain = IMAGE(&f->r.m, f->app);

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "unknown", false)->unknown = true;
    court_say(&f->r, f->build_store, base, "registry.example.com/base:1", NULL, NULL);
    court_say(&f->r, f->build_store, plain, "registry.example.com/plain:1", NULL, NULL);
    assert_outcome(f, base, POLICY_VIOLATION);
    assert_outcome(f, plain, POLICY_VIOLATION); /* one layer, and no os-release in it */
    court_say(&f->r, f->build_store, app, "registry.example.com/app:1", NULL, NULL);
    assert_outcome(f, base, POLICY_ACCEPTED);
}

static void an_entrys_family_goes_before_that_of_its_repository(void **state)
{
    struct fixture *f = *state;
    struct catalogue_family families[] = {{"docker.io/library/debian", "approved"}};

    f->r.catalogue.families = families;
    f->r.catalogue.family_count = 1;
    court_rule(&f->r, "golden", true)->families = court_words(&f->r, "golden");
    court_catalogue(&f->r, DEBIAN, CHAIN(&f->r.m, f->os))->family = "golden";
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
    f->r.bases[0].family = "";
    assert_outcome(f, f->shop, POLICY_VIOLATION);
}

static void a_family_without_a_number_is_of_no_version(void **state)
{
    struct fixture *f = *state;

    f->r.m.layers[f->os].os_release = "ID=debian\n";
    court_rule(&f->r, "12", true)->versions = court_words(&f->r, "debian");
    assert_outcome(f, f->shop, POLICY_VIOLATION);
}

/* ---- age ------------------------------------------------------------------------------------- */

static void the_catalogue_tells_a_core_builds_age(void **state)
{
    struct fixture *f = *state;
    int64_t now_s = f->r.m.fleet.now_s;
    uint32_t base = CHAIN(&f->r.m, f->other);
    struct catalogue_base *entry = court_catalogue(&f->r, "docker.io/corp/base:1", base);

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "old", false)->older_than_s = 30 * DAY_S;
    entry->added_s = now_s - 31 * DAY_S;
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    entry->created_s = now_s - DAY_S;
    assert_outcome(f, f->lone, POLICY_ACCEPTED);
    entry->created_s = now_s - 31 * DAY_S;
    entry->added_s = now_s - DAY_S;
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    entry->created_s = now_s - 30 * DAY_S; /* just so old is not older */
    assert_outcome(f, f->lone, POLICY_ACCEPTED);
}

static void of_a_core_build_without_a_date_the_image_tells_one_to_reject_alone(void **state)
{
    struct fixture *f = *state;
    int64_t now_s = f->r.m.fleet.now_s;

    court_catalogue(&f->r, "docker.io/corp/base:1", CHAIN(&f->r.m, f->other));
    f->r.m.images[f->lone].created_s = now_s - 31 * DAY_S;
    court_rule(&f->r, "old", true)->older_than_s = 30 * DAY_S;
    f->r.rules[0].families = court_words(&f->r, "alpine");
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    f->r.policy.mode = POLICY_BLACK_LIST;
    f->r.rules[0].accept = false;
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    f->r.m.images[f->lone].created_s = now_s - 29 * DAY_S;
    assert_outcome(f, f->lone, POLICY_ACCEPTED);
}

static void a_base_is_as_old_as_the_first_that_was_heard_of_it(void **state)
{
    struct fixture *f = *state;
    int64_t now_s = f->r.m.fleet.now_s;

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "old", false)->older_than_s = 30 * DAY_S;
    court_say(&f->r, f->build_store, f->debian, "docker.io/corp/base:1", NULL, NULL);
    f->r.said[0].root.at_s = now_s - 31 * DAY_S;
    f->r.said[4].root.at_s = now_s - DAY_S;
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    f->r.said[0].root.at_s = now_s - DAY_S;
    f->r.said[4].root.at_s = now_s - 31 * DAY_S;
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    f->r.said[4].root.at_s = now_s - 2 * DAY_S;
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_first_of_the_rules_that_reject_decides),
        T(an_exception_with_labels_excuses_on_hosts_that_have_them),
        T(an_exception_by_pattern_holds_for_images_of_all_chains),
        T(a_rule_that_matched_one_image_was_of_use),
        T(names_that_would_excuse_are_told_of_what_is_rejected_alone),
        T(a_black_list_asks_of_declarations_what_its_rules_do),
        T(a_family_with_an_unverified_declaration_accepts_the_line),
        T(an_end_by_history_verifies_no_declaration),
        T(a_content_manifest_counts_where_its_own_layer_does),
        T(an_end_that_no_word_names_is_no_declared_base),
        T(names_that_do_not_count_are_no_way_out_of_a_declaration),
        T(a_declaration_that_a_rule_accepts_is_told_once),
        T(what_was_listed_later_declared_nothing_then),
        T(an_artifact_by_the_word_of_one_host_is_judged),
        T(a_disputed_config_is_told_where_it_is_accepted),
        T(a_name_of_a_disputed_config_does_not_count),
        T(a_name_that_counts_is_found_behind_an_equal_one_that_does_not),
        T(a_digest_of_the_catalogue_is_its_chains),
        T(origins_are_of_the_image_or_layer_that_they_are_told_of),
        T(an_image_that_others_with_names_stand_on_is_its_own_core_build),
        T(an_entrys_family_goes_before_that_of_its_repository),
        T(a_family_without_a_number_is_of_no_version),
        T(the_catalogue_tells_a_core_builds_age),
        T(of_a_core_build_without_a_date_the_image_tells_one_to_reject_alone),
        T(a_base_is_as_old_as_the_first_that_was_heard_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
