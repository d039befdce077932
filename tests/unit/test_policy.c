#include "tests/support/unit.h"

#include "tests/support/court.h"

#define DAY_S ((int64_t)86400)
#define DEBIAN "docker.io/library/debian:12"
#define PYTHON "docker.io/library/python:3"
#define SHOP "registry.example.com/shop:1"

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

/* ---- modes ----------------------------------------------------------------------------------- */

static void the_wild_west_only_notes_what_its_rules_would_reject(void **state)
{
    struct fixture *f = *state;

    f->r.policy.mode = POLICY_WILD_WEST;
    court_rule(&f->r, "no python", false)->bases = court_words(&f->r, PYTHON);
    assert_outcome(f, f->shop, POLICY_NOTED);
    assert_outcome(f, f->debian, POLICY_ACCEPTED);
    assert_outcome(f, f->lone, POLICY_ACCEPTED);
}

static void a_black_list_judges_the_whole_line(void **state)
{
    struct fixture *f = *state;
    struct policy_verdict v;

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "no debian", false)->bases = court_words(&f->r, "docker.io/library/debian:*");
    v = court_judge(&f->r, f->shop);
    assert_int_equal(v.outcome, POLICY_VIOLATION);
    assert_string_equal(v.rule->name, "no debian");
    assert_int_equal(v.chain, CHAIN(&f->r.m, f->os));
    assert_string_equal(v.evidence,
                        "layer 1 is debian:12, as build-1 says, which is trusted to name");
    assert_outcome(f, f->debian, POLICY_VIOLATION);
    assert_outcome(f, f->lone, POLICY_ACCEPTED);
}

static void a_white_list_rejects_what_no_rule_accepts(void **state)
{
    struct fixture *f = *state;
    struct policy_verdict v;

    court_rule(&f->r, "python", true)->bases = court_words(&f->r, PYTHON);
    v = court_judge(&f->r, f->shop);
    assert_int_equal(v.outcome, POLICY_ACCEPTED);
    assert_int_equal(v.chain, CHAIN(&f->r.m, f->os, f->rt));
    assert_string_equal(v.evidence,
                        "layers 1 to 2 are python:3, as build-1 says, which is trusted to name");
    v = court_judge(&f->r, f->debian);
    assert_int_equal(v.outcome, POLICY_VIOLATION);
    assert_null(v.rule);
    assert_string_equal(
        v.evidence,
        "no rule accepts it: it is debian:12, as build-1 says, which is trusted to name");
    assert_outcome(f, f->lone, POLICY_VIOLATION);
}

static void a_declaration_alone_accepts_nothing_on_a_white_list(void **state)
{
    struct fixture *f = *state;
    static struct fleet_evidence e = {.source = EVIDENCE_LABEL,
                                      .role = EVIDENCE_OF_BASE,
                                      .reference = "docker.io/library/debian:12"};

    e.image = f->lone;
    f->r.m.fleet.evidence = &e;
    f->r.m.fleet.evidence_count = 1;
    f->r.m.images[f->lone].evidence = (struct fleet_run){0, 1};
    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    assert_non_null(strstr(court_judge(&f->r, f->lone).evidence,
                           "it declares docker.io/library/debian:12, which is no proof"));
    e.source =
        EVIDENCE_ANNOTATION; /* of a manifest that no trusted store lists: not its own word */
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    assert_null(strstr(court_judge(&f->r, f->lone).evidence, "it declares"));
    court_rule(&f->r, "unknown", true)->unknown = true;
    assert_outcome(f, f->lone, POLICY_ACCEPTED);
}

static void what_rejects_wins_over_what_accepts(void **state)
{
    struct fixture *f = *state;

    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
    court_rule(&f->r, "no python", false)->bases = court_words(&f->r, PYTHON);
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    assert_outcome(f, f->debian, POLICY_ACCEPTED);
}

static void an_artifact_is_not_judged_and_an_image_without_its_config_is_unknown(void **state)
{
    struct fixture *f = *state;
    uint32_t artifact = IMAGE(&f->r.m, FLEET_NONE), image = IMAGE(&f->r.m, FLEET_NONE);

    f->r.m.images[artifact].parsed = PARSED_NO_IMAGE;
    f->r.m.images[image].parsed = PARSED_NOT;
    assert_outcome(f, artifact, POLICY_UNJUDGED);
    assert_outcome(f, image, POLICY_VIOLATION);
    court_rule(&f->r, "by id", true)->digests = court_digests(&f->r, &f->r.m.images[image].digest);
    assert_outcome(f, image, POLICY_ACCEPTED);
}

/* ---- conditions ------------------------------------------------------------------------------ */

static void chains_and_image_ids_need_no_name(void **state)
{
    struct fixture *f = *state;

    court_rule(&f->r, "other", true)->chains =
        court_digests(&f->r, &f->r.m.chains[CHAIN(&f->r.m, f->other)].digest);
    assert_outcome(f, f->lone, POLICY_ACCEPTED);
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    court_rule(&f->r, "shop", true)->digests =
        court_digests(&f->r, &f->r.m.images[f->python].digest);
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
    assert_outcome(f, f->debian, POLICY_VIOLATION);
}

static void an_image_that_is_meant_by_itself_stands_for_nothing_on_it(void **state)
{
    struct fixture *f = *state;
    struct policy_verdict v;

    court_rule(&f->r, "alone", true)->images =
        court_digests(&f->r, &f->r.m.images[f->python].digest);
    v = court_judge(&f->r, f->python);
    assert_int_equal(v.outcome, POLICY_ACCEPTED);
    assert_non_null(strstr(v.evidence, "it is image sha256:"));
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    assert_outcome(f, f->debian, POLICY_VIOLATION);
}

static void names_and_chains_of_one_rule_must_be_of_one_place(void **state)
{
    struct fixture *f = *state;
    struct policy_rule *rule = court_rule(&f->r, "pinned", true);

    rule->bases = court_words(&f->r, DEBIAN);
    rule->chains = court_digests(&f->r, &f->r.m.chains[CHAIN(&f->r.m, f->os, f->rt)].digest);
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    rule->chains = court_digests(&f->r, &f->r.m.chains[CHAIN(&f->r.m, f->os)].digest);
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
}

static void a_family_accepts_only_with_a_name_that_counts(void **state)
{
    struct fixture *f = *state;
    struct policy_rule *rule = court_rule(&f->r, "families", true);

    rule->families = court_words(&f->r, "alpine");
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    rule->families = court_words(&f->r, "debian");
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
    rule->versions = court_words(&f->r, "11");
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    rule->versions = court_words(&f->r, "1?");
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
}

static void a_family_rejects_by_any_os_release_of_the_line(void **state)
{
    struct fixture *f = *state;

    f->r.policy.mode = POLICY_BLACK_LIST;
    f->r.m.layers[f->app].state = FACT_CONFIRMED;
    f->r.m.layers[f->app].os_release = "ID=harmless\nVERSION_ID=1\n";
    court_rule(&f->r, "no alpine", false)->families = court_words(&f->r, "alpine");
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
}

static void the_catalogue_says_what_a_family_is_called(void **state)
{
    struct fixture *f = *state;
    struct catalogue_base *base =
        court_catalogue(&f->r, "registry.example.com/golden:1", CHAIN(&f->r.m, f->os));
    struct policy_rule *rule = court_rule(&f->r, "families", true);

    base->family = "golden";
    rule->families = court_words(&f->r, "debian");
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    rule->families = court_words(&f->r, "golden");
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
}

static void age_is_that_of_the_core_build_or_at_least_of_the_image(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "too old", false)->older_than_s = 30 * DAY_S;
    m->images[f->debian].created_s = m->fleet.now_s - 29 * DAY_S;
    m->images[f->shop].created_s = m->fleet.now_s - DAY_S;
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
    m->images[f->debian].created_s = m->fleet.now_s - 31 * DAY_S;
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    assert_non_null(
        strstr(court_judge(&f->r, f->shop).evidence, "its core build debian:12 is of "));
    assert_outcome(f, f->lone, POLICY_ACCEPTED); /* nobody knows */
    m->images[f->lone].created_s = m->fleet.now_s - 31 * DAY_S;
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    m->images[f->lone].created_s = 315532800; /* 1980: a reproducible build */
    assert_outcome(f, f->lone, POLICY_ACCEPTED);
}

static void the_date_of_an_image_accepts_nothing_that_of_its_base_may(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    struct policy_rule *old = court_rule(&f->r, "old", true);

    old->older_than_s = 30 * DAY_S;
    m->images[f->lone].created_s = m->fleet.now_s - 31 * DAY_S;
    m->images[f->shop].created_s = m->fleet.now_s - 31 * DAY_S;
    m->images[f->debian].created_s = m->fleet.now_s - 29 * DAY_S;
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    old->unknown = true;
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    old->unknown = false;
    m->images[f->debian].created_s = m->fleet.now_s - 31 * DAY_S;
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
    assert_outcome(f, f->lone, POLICY_VIOLATION);
}

static void a_version_is_its_number_or_what_answers_call_it(void **state)
{
    static const char *const fit[] = {"12", "1?", "debian 12", "debian 12 of 2026-01-02",
                                      "debian 12 of 2026-*"};
    static const char *const unfit[] = {"debian", "debian 12 of 2026-01-03", "12 of 2026-01-02"};
    struct fixture *f = *state;
    struct policy_rule *rule = court_rule(&f->r, "version", true);

    f->r.m.images[f->debian].created_s = 1767312000; /* 2026-01-02 */
    for (size_t i = 0; i < unit_count(fit); i++) {
        rule->versions = court_words(&f->r, fit[i]);
        assert_outcome(f, f->shop, POLICY_ACCEPTED);
    }
    for (size_t i = 0; i < unit_count(unfit); i++) {
        rule->versions = court_words(&f->r, unfit[i]);
        assert_outcome(f, f->shop, POLICY_VIOLATION);
    }
    rule->accept = false;
    rule->versions = court_words(&f->r, "alpine 3.*");
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    assert_non_null(strstr(court_judge(&f->r, f->lone).evidence, "says alpine 3.19"));
}

static void an_image_of_no_layers_is_not_judged(void **state)
{
    struct fixture *f = *state;
    uint32_t empty = maker_image(&f->r.m, (const uint32_t[]){FLEET_NONE});

    assert_outcome(f, empty, POLICY_UNJUDGED);
    f->r.m.images[empty].parsed = PARSED_NOT;
    assert_outcome(f, empty, POLICY_VIOLATION);
}

static void an_image_of_its_own_name_alone_still_has_an_unknown_base(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t child = IMAGE(m, f->other, f->app, f->rt);

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "unknown", false)->unknown = true;
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    assert_outcome(f, f->debian, POLICY_ACCEPTED); /* a layer with an os-release */
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
    court_say(&f->r, f->build_store, f->lone, "docker.io/library/lone:1", NULL, NULL);
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    assert_outcome(f, child, POLICY_ACCEPTED);
    assert_outcome(f, f->lone, POLICY_VIOLATION); /* that somebody builds on it is no word */
    court_catalogue(&f->r, "docker.io/library/lone:1", CHAIN(m, f->other, f->app));
    assert_outcome(f, f->lone, POLICY_ACCEPTED);
}

static void origins_of_image_and_layers_count_where_a_trusted_store_tells_them(void **state)
{
    struct fixture *f = *state;
    uint32_t quay = maker_name(&f->r.m, "quay.io/some/where");
    struct policy_verdict v;

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "no quay", false)->origins = court_words(&f->r, "quay.io/*");
    f->r.layer_origins[f->r.layer_origin_count++] = (struct policy_origin){f->rt, quay, true};
    f->r.image_origins[f->r.image_origin_count++] = (struct policy_origin){f->lone, quay, false};
    v = court_judge(&f->r, f->shop);
    assert_int_equal(v.outcome, POLICY_VIOLATION);
    assert_string_equal(v.evidence, "a layer of it comes from quay.io/some/where");
    v = court_judge(&f->r, f->lone);
    assert_int_equal(v.outcome, POLICY_ACCEPTED);
    assert_string_equal(v.seen_as, "it comes from quay.io/some/where");
    assert_outcome(f, f->debian, POLICY_ACCEPTED);
}

static void layers_that_hold_nothing_are_no_base(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    static const uint8_t zeros[1024];
    uint32_t empty = maker_layer(m, "empty", FLEET_UNKNOWN), blank, image;

    m->layers[empty].diff = digest_of(zeros, sizeof(zeros));
    blank = IMAGE(m, empty);
    image = IMAGE(m, empty, f->other);
    court_say(&f->r, f->build_store, blank, "docker.io/library/blank:1", NULL, NULL);
    court_rule(&f->r, "blank", true)->bases = court_words(&f->r, "*blank*");
    assert_outcome(f, image, POLICY_VIOLATION);
}

/* ---- exceptions and scopes ------------------------------------------------------------------- */

static void an_exception_excuses_until_its_day_is_over(void **state)
{
    struct fixture *f = *state;
    char id[DIGEST_TEXT];
    struct policy_exception *e =
        court_except(&f->r, digest_text(&f->r.m.images[f->lone].digest, id), "");

    assert_outcome(f, f->lone, POLICY_EXCUSED);
    assert_ptr_equal(court_judge(&f->r, f->lone).exception, e);
    assert_true(policy_exception_used(f->r.judge, 0));
    assert_outcome(f, f->shop, POLICY_VIOLATION);
    e->expires_s = f->r.m.fleet.now_s;
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    assert_true(policy_exception_expired(f->r.judge, 0));
    assert_false(policy_exception_used(f->r.judge, 0));
}

/* An engine's ID is not looked at: it may be anything. */
static void an_id_of_zeros_is_not_what_exceptions_by_name_have(void **state)
{
    struct fixture *f = *state;

    court_except(&f->r, "docker.io/library/somebody-elses:1", "");
    assert_outcome(f, f->lone, POLICY_VIOLATION);
    f->r.m.images[f->lone].digest = (struct digest){{0}};
    assert_outcome(f, f->lone, POLICY_VIOLATION);
}

static void an_exception_from_one_rule_excuses_from_no_other(void **state)
{
    struct fixture *f = *state;
    struct policy_verdict v;

    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
    court_rule(&f->r, "no python", false)->bases = court_words(&f->r, PYTHON);
    court_except(&f->r, PYTHON, "no python");
    v = court_judge(&f->r, f->python);
    assert_int_equal(v.outcome, POLICY_EXCUSED);
    assert_string_equal(v.rule->name, "no python");
    court_rule(&f->r, "no 12", false)->versions = court_words(&f->r, "12");
    v = court_judge(&f->r, f->python);
    assert_int_equal(v.outcome, POLICY_VIOLATION);
    assert_string_equal(v.rule->name, "no 12");
    assert_null(v.exception);
}

static void excused_from_a_rule_a_white_list_still_asks_for_one_that_accepts(void **state)
{
    struct fixture *f = *state;

    court_rule(&f->r, "no python", false)->bases = court_words(&f->r, PYTHON);
    court_except(&f->r, PYTHON, "no python");
    assert_outcome(f, f->python, POLICY_VIOLATION);
    assert_null(court_judge(&f->r, f->python).rule);
    court_except(&f->r, PYTHON, "");
    assert_outcome(f, f->python, POLICY_EXCUSED);
}

static void a_rule_with_labels_holds_on_hosts_that_have_them_all(void **state)
{
    struct fixture *f = *state;
    struct policy_rule *rule = court_rule(&f->r, "no debian", false);

    f->r.policy.mode = POLICY_BLACK_LIST;
    rule->bases = court_words(&f->r, DEBIAN);
    rule->labels = court_label(&f->r, "env", "prod");
    rule->label_count = 1;
    f->r.m.hosts[f->web].labels = court_label(&f->r, "env", "prod");
    f->r.m.hosts[f->web].label_count = 1;
    f->r.m.hosts[f->build].labels = court_label(&f->r, "env", "dev");
    f->r.m.hosts[f->build].label_count = 1;
    assert_outcome(f, f->shop, POLICY_ACCEPTED);
    assert_int_equal(court_judge_on(&f->r, f->shop, f->build).outcome, POLICY_ACCEPTED);
    assert_int_equal(court_judge_on(&f->r, f->shop, f->web).outcome, POLICY_VIOLATION);
    assert_int_equal(policy_scope_count(f->r.judge), 2);
    assert_true(policy_has_scopes(f->r.judge));
}

static void rules_and_exceptions_that_match_nothing_are_known(void **state)
{
    struct fixture *f = *state;
    struct policy_step step;
    struct err err;

    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
    court_rule(&f->r, "typo", true)->bases = court_words(&f->r, "docker.io/library/debain:12");
    court_except(&f->r, SHOP, "");
    court_judge(&f->r, f->shop);
    assert_true(policy_rule_used(f->r.judge, 0));
    assert_false(policy_rule_used(f->r.judge, 1));
    assert_false(policy_exception_used(f->r.judge, 0));
    assert_ok(policy_try_rule(f->r.judge, f->shop, 1, &step, &err));
    assert_false(step.matched);
    assert_string_equal(step.why, "nothing in its line has one of the rule's names that counts");
    assert_ok(policy_try_exception(f->r.judge, f->shop, 0, &step, &err));
    assert_false(step.matched);
    assert_string_equal(step.seen_as, "registry.example.com/shop:1 on web-1");
}

static void each_scope_that_occurs_has_one_number(void **state)
{
    struct fixture *f = *state;
    char values[200][12];
    struct err err;

    for (int i = 0; i < 10; i++) {
        struct policy_exception *e = court_except(&f->r, SHOP, "");

        snprintf(values[i], sizeof(values[i]), "%d", i);
        e->labels = court_label(&f->r, "shard", values[i]);
        e->label_count = 1;
    }
    court_begin(&f->r);
    for (int i = 0; i < 200; i++) {
        struct rec_pair label = {.key = "shard", .value = values[i]};
        struct fleet_host host = {.name = "h", .labels = &label, .label_count = 1};
        uint32_t scope;

        snprintf(values[i], sizeof(values[i]), "%d", i);
        assert_ok(policy_scope(f->r.judge, &host, &scope, &err));
        assert_int_equal(scope, i < 10 ? i + 1 : 0);
    }
    assert_int_equal(policy_scope_count(f->r.judge), 11);
    assert_string_equal(policy_scope_text(f->r.judge, 3, &err), "shard=2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(the_wild_west_only_notes_what_its_rules_would_reject),
        T(a_black_list_judges_the_whole_line),
        T(a_white_list_rejects_what_no_rule_accepts),
        T(a_declaration_alone_accepts_nothing_on_a_white_list),
        T(what_rejects_wins_over_what_accepts),
        T(an_artifact_is_not_judged_and_an_image_without_its_config_is_unknown),
        T(chains_and_image_ids_need_no_name),
        T(an_image_that_is_meant_by_itself_stands_for_nothing_on_it),
        T(names_and_chains_of_one_rule_must_be_of_one_place),
        T(a_family_accepts_only_with_a_name_that_counts),
        T(a_family_rejects_by_any_os_release_of_the_line),
        T(the_catalogue_says_what_a_family_is_called),
        T(age_is_that_of_the_core_build_or_at_least_of_the_image),
        T(an_image_of_its_own_name_alone_still_has_an_unknown_base),
        T(origins_of_image_and_layers_count_where_a_trusted_store_tells_them),
        T(layers_that_hold_nothing_are_no_base),
        T(an_exception_excuses_until_its_day_is_over),
        T(an_id_of_zeros_is_not_what_exceptions_by_name_have),
        T(an_exception_from_one_rule_excuses_from_no_other),
        T(excused_from_a_rule_a_white_list_still_asks_for_one_that_accepts),
        T(the_date_of_an_image_accepts_nothing_that_of_its_base_may),
        T(a_version_is_its_number_or_what_answers_call_it),
        T(an_image_of_no_layers_is_not_judged),
        T(a_rule_with_labels_holds_on_hosts_that_have_them_all),
        T(rules_and_exceptions_that_match_nothing_are_known),
        T(each_scope_that_occurs_has_one_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
