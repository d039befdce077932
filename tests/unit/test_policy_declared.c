#include "tests/support/unit.h"

#include "tests/support/court.h"

#define DEBIAN "docker.io/library/debian:12"
#define NOBODYS "registry.example.com/nobodys:1"

/* debian, which a trusted store names; shop on it, and lone on nothing that anybody names. */
struct fixture {
    struct court r;
    uint32_t debian, shop, lone;
};

static int setup(void **state)
{
    static struct fixture f;
    struct fleet_maker *m = &f.r.m;
    uint32_t os, app, other, store;

    court_open(&f.r, POLICY_WHITE_LIST);
    os = maker_layer(m, "os", 100);
    app = maker_layer(m, "app", 5);
    other = maker_layer(m, "other", 70);
    f.debian = IMAGE(m, os);
    f.shop = IMAGE(m, os, app);
    f.lone = IMAGE(m, other, app);
    store = maker_store(m, maker_host(m, "build-1"), "docker", 0);
    court_trust(&f.r, "build-*");
    court_say(&f.r, store, f.debian, DEBIAN, NULL, NULL);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    court_close(&f->r);
    return 0;
}

static enum policy_outcome outcome(struct fixture *f, uint32_t image)
{
    return court_judge(&f->r, image).outcome;
}

static void accept_debian(struct fixture *f)
{
    court_rule(&f->r, "debian", true)->bases = court_words(&f->r, DEBIAN);
}

static void a_white_list_rejects_a_declared_base_that_nothing_verifies(void **state)
{
    struct fixture *f = *state;
    struct policy_verdict v;

    accept_debian(f);
    assert_int_equal(outcome(f, f->shop), POLICY_ACCEPTED);
    court_declare(&f->r, f->shop, NOBODYS);
    v = court_judge(&f->r, f->shop);
    assert_int_equal(v.outcome, POLICY_VIOLATION);
    assert_null(v.rule);
    assert_string_equal(v.seen_as, "");
    assert_non_null(strstr(v.evidence, "its declared base is " NOBODYS ", which nothing verifies"));
    f->r.policy.mode = POLICY_BLACK_LIST;
    assert_int_equal(outcome(f, f->shop), POLICY_ACCEPTED);
}

static void a_declaration_that_is_confirmed_vouches_for_those_that_are_not(void **state)
{
    struct fixture *f = *state;

    accept_debian(f);
    court_declare(&f->r, f->shop, NOBODYS);
    court_declare(&f->r, f->shop, DEBIAN);
    assert_int_equal(outcome(f, f->shop), POLICY_ACCEPTED);
}

static void a_rule_accepts_declarations_by_name_beside_one_that_accepts_the_line(void **state)
{
    struct fixture *f = *state;
    struct policy_rule *claims = court_rule(&f->r, "claims", true);
    struct policy_verdict v;

    court_declare(&f->r, f->shop, NOBODYS);
    claims->unverified = true;
    assert_int_equal(outcome(f, f->shop), POLICY_VIOLATION); /* anybody can declare something */
    f->r.m.images[f->debian].created_s = f->r.m.fleet.now_s - 1000;
    claims->older_than_s = 500;
    assert_int_equal(outcome(f, f->shop), POLICY_VIOLATION); /* however old its base is */
    accept_debian(f);
    v = court_judge(&f->r, f->shop);
    assert_int_equal(v.outcome, POLICY_ACCEPTED);
    assert_string_equal(v.rule->name, "debian");
    assert_non_null(strstr(v.evidence, "rule \"claims\" accepts that"));
    assert_true(policy_rule_used(f->r.judge, 0));
}

static void one_rule_may_accept_both(void **state)
{
    struct fixture *f = *state;
    struct policy_rule *rule = court_rule(&f->r, "debian, whatever it claims", true);

    court_declare(&f->r, f->shop, NOBODYS);
    rule->bases = court_words(&f->r, DEBIAN);
    assert_int_equal(outcome(f, f->shop), POLICY_VIOLATION);
    rule->unverified = true;
    assert_int_equal(outcome(f, f->shop), POLICY_ACCEPTED);
    assert_int_equal(outcome(f, f->debian), POLICY_VIOLATION); /* it claims nothing */
}

static void an_unknown_core_build_is_no_unverified_declaration(void **state)
{
    struct fixture *f = *state;
    struct policy_rule *rule = court_rule(&f->r, "unknown", true);

    rule->unknown = true;
    assert_int_equal(outcome(f, f->lone), POLICY_ACCEPTED);
    court_declare(&f->r, f->lone, NOBODYS);
    assert_int_equal(outcome(f, f->lone), POLICY_VIOLATION);
    rule->unverified = true;
    assert_int_equal(outcome(f, f->lone), POLICY_ACCEPTED);
    assert_int_equal(outcome(f, f->shop), POLICY_VIOLATION);
}

static void a_rule_may_reject_what_nothing_verifies(void **state)
{
    struct fixture *f = *state;

    f->r.policy.mode = POLICY_BLACK_LIST;
    court_rule(&f->r, "claims", false)->unverified = true;
    assert_int_equal(outcome(f, f->shop), POLICY_ACCEPTED);
    court_declare(&f->r, f->shop, NOBODYS);
    assert_int_equal(outcome(f, f->shop), POLICY_VIOLATION);
}

static void only_an_exception_from_all_excuses_a_declaration(void **state)
{
    struct fixture *f = *state;

    accept_debian(f);
    court_declare(&f->r, f->debian, NOBODYS);
    court_except(&f->r, DEBIAN, "debian");
    assert_int_equal(outcome(f, f->debian), POLICY_VIOLATION);
    court_except(&f->r, DEBIAN, "");
    assert_int_equal(outcome(f, f->debian), POLICY_EXCUSED);
}

static void what_is_accepted_on_one_hosts_word_says_so(void **state)
{
    struct fixture *f = *state;

    accept_debian(f);
    assert_null(strstr(court_judge(&f->r, f->shop).evidence, "alone"));
    f->r.m.images[f->shop].document = DOCUMENT_UNCONFIRMED;
    f->r.m.images[f->shop].said_by = 0;
    assert_non_null(
        strstr(court_judge(&f->r, f->shop).evidence, "its layers are the word of build-1 alone"));
    f->r.m.images[f->shop].document = DOCUMENT_CONFIRMED;
    assert_null(strstr(court_judge(&f->r, f->shop).evidence, "alone"));
}

static const char *why_not(struct fixture *f, uint32_t image, size_t rule)
{
    struct policy_step step;
    struct err err;

    court_begin(&f->r);
    assert_ok(policy_try_rule(f->r.judge, image, rule, &step, &err));
    assert_false(step.matched);
    return step.why;
}

/* A label lies beside an annotation that the layers confirm. */
static void a_lie_beside_a_confirmed_declaration_is_not_told_as_no_lie(void **state)
{
    struct fixture *f = *state;

    court_rule(&f->r, "no lies", true)->unverified = true;
    assert_string_equal(why_not(f, f->shop, 0), "it declares no base that nothing verifies");
    court_declare(&f->r, f->shop, NOBODYS);
    court_declare(&f->r, f->shop, DEBIAN);
    assert_string_equal(why_not(f, f->shop, 0), "one of its declarations is confirmed");
    f->r.rules[0].unknown = true;
    assert_string_equal(why_not(f, f->shop, 0), "its core build has a name that counts, and one of "
                                                "its declarations is confirmed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_white_list_rejects_a_declared_base_that_nothing_verifies),
        T(a_declaration_that_is_confirmed_vouches_for_those_that_are_not),
        T(a_rule_accepts_declarations_by_name_beside_one_that_accepts_the_line),
        T(one_rule_may_accept_both),
        T(an_unknown_core_build_is_no_unverified_declaration),
        T(a_rule_may_reject_what_nothing_verifies),
        T(only_an_exception_from_all_excuses_a_declaration),
        T(what_is_accepted_on_one_hosts_word_says_so),
        T(a_lie_beside_a_confirmed_declaration_is_not_told_as_no_lie),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
