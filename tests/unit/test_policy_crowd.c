/*
 * Thousands of images that end at one chain, each with names of its own, as one host may list them:
 * what a policy keeps of them does not grow with them, and judging ends when it is asked to.
 */
#include "tests/support/unit.h"

#include "collector/census/policy_private.h"

enum { IMAGES = 3000, NAMES_EACH = 4, NAMES = IMAGES * NAMES_EACH, NAME_TEXT = 64 };

#define ARENA_BYTES ((size_t)256 << 20)
#define NOW_S ((int64_t)1780000000)
#define CROWD "registry.example.com/crowd/*"

struct crowd {
    struct arena *arena;
    struct fleet fleet;
    struct fleet_host host;
    struct fleet_store store;
    struct fleet_layer layer;
    struct fleet_chain chain;
    uint32_t line; /* of every image: the chain */
    struct fleet_image images[IMAGES];
    struct fleet_said said[IMAGES];
    struct fleet_evidence evidence[IMAGES];
    struct fleet_name names[NAMES];
    uint32_t place_names[NAMES];
    char texts[NAMES][NAME_TEXT];
    struct catalogue_namer namer;
    struct catalogue catalogue;
    struct naming naming;
    struct lineage lineage;
    const char *word;
    struct policy_rule rule;
    struct policy_exception exceptions[2];
    struct policy policy;
    struct policy_origin origins[NAMES]; /* of the layer; none until a rule asks for them */
    bool trusted[IMAGES];
    atomic_bool canceled;
    struct policy_facts facts;
    struct policy_judge *judge;
};

static void list_images(struct crowd *c)
{
    for (uint32_t i = 0; i < IMAGES; i++) {
        c->images[i] = (struct fleet_image){.digest = digest_of(&i, sizeof(i)),
                                            .parsed = PARSED_READ,
                                            .document = DOCUMENT_PROVEN,
                                            .said_by = FLEET_NONE,
                                            .os = "linux",
                                            .arch = "amd64",
                                            .variant = "",
                                            .created = "",
                                            .author = "",
                                            .chains = &c->line,
                                            .chain_count = 1,
                                            .first_s = 1,
                                            .evidence = {i, 1}};
        c->evidence[i] = (struct fleet_evidence){.image = i,
                                                 .source = EVIDENCE_LABEL,
                                                 .role = EVIDENCE_OF_BASE,
                                                 .reference = "docker.io/no/body:1",
                                                 .layers = FLEET_UNKNOWN};
        c->said[i] = (struct fleet_said){.image = i,
                                         .names = {i * NAMES_EACH, NAMES_EACH},
                                         .root = {.store = 0, .at_s = 1000},
                                         .user = {.store = FLEET_NONE},
                                         .stores = 1};
    }
    for (uint32_t n = 0; n < NAMES; n++) {
        snprintf(c->texts[n], NAME_TEXT, "registry.example.com/crowd/x%u:%u", n / NAMES_EACH,
                 n % NAMES_EACH);
        c->names[n] = (struct fleet_name){.text = c->texts[n], .normal = c->texts[n]};
        c->place_names[n] = n;
    }
}

static int setup(void **state)
{
    static struct crowd c;
    struct err err;

    memset(&c, 0, sizeof(c));
    assert_ok(arena_open(&c.arena, ARENA_BYTES, &err));
    c.host = (struct fleet_host){.name = "web-1", .present = true};
    c.store = (struct fleet_store){.engine = "docker", .root = "/var/lib/docker", .present = true};
    c.layer = (struct fleet_layer){.diff = digest_of("layer", 5),
                                   .content_bytes = FLEET_UNKNOWN,
                                   .nominal_bytes = FLEET_UNKNOWN,
                                   .files = FLEET_UNKNOWN,
                                   .directories = FLEET_UNKNOWN};
    c.chain = (struct fleet_chain){.digest = c.layer.diff, .parent = FLEET_NONE, .depth = 1};
    list_images(&c);
    c.fleet = (struct fleet){.now_s = NOW_S,
                             .hosts = &c.host,
                             .stores = &c.store,
                             .layers = &c.layer,
                             .chains = &c.chain,
                             .images = c.images,
                             .names = c.names,
                             .place_names = c.place_names,
                             .said = c.said,
                             .evidence = c.evidence,
                             .host_count = 1,
                             .store_count = 1,
                             .layer_count = 1,
                             .chain_count = 1,
                             .image_count = IMAGES,
                             .name_count = NAMES,
                             .place_name_count = NAMES,
                             .said_count = IMAGES,
                             .evidence_count = IMAGES};
    c.namer = (struct catalogue_namer){.host = "web-1", .root = ""};
    c.rule = (struct policy_rule){.name = "rule", .accept = true, .bases = {&c.word, 1}};
    c.word = CROWD;
    c.policy = (struct policy){.path = "test",
                               .mode = POLICY_WHITE_LIST,
                               .rules = &c.rule,
                               .rule_count = 1,
                               .exceptions = c.exceptions};
    *state = &c;
    return 0;
}

static int teardown(void **state)
{
    struct crowd *c = *state;

    arena_close(&c->arena);
    return 0;
}

static void trust_all(struct crowd *c)
{
    c->catalogue = (struct catalogue){.namers = &c->namer, .namer_count = 1};
    for (uint32_t i = 0; i < IMAGES; i++)
        c->trusted[i] = true;
}

static void except(struct crowd *c, const char *image)
{
    c->exceptions[c->policy.exception_count++] = (struct policy_exception){
        .image = image, .rule = "", .owner = "ops", .reason = "a test", .expires_s = NOW_S + 1};
}

/* Over names and lineage computed anew. */
static int open_judge(struct crowd *c, struct err *why)
{
    struct err err;

    assert_ok(naming_compute(&c->naming, &c->fleet, &c->catalogue, c->trusted, 0, c->arena, &err));
    assert_ok(
        lineage_compute(&c->lineage, &c->fleet, &c->catalogue, &c->naming, 0, c->arena, &err));
    c->facts = (struct policy_facts){.f = &c->fleet,
                                     .catalogue = &c->catalogue,
                                     .lineage = &c->lineage,
                                     .layer_origins = c->origins,
                                     .layer_origin_count = c->rule.origins.count > 0 ? NAMES : 0,
                                     .trusted_said = c->trusted,
                                     .canceled = &c->canceled};
    return policy_open(&c->judge, &c->policy, &c->facts, NOW_S, c->arena, why);
}

static struct policy_verdict judge(struct crowd *c, uint32_t image)
{
    struct policy_verdict v;
    struct err err;

    assert_ok(policy_judge(c->judge, image, 0, &v, &err));
    return v;
}

static void of_names_that_do_not_count_a_few_are_kept(void **state)
{
    struct crowd *c = *state;
    struct policy_verdict v;
    struct err err;

    assert_ok(open_judge(c, &err));
    assert_int_equal(c->judge->words_of[0].count, POLICY_SEEN_MAX);
    for (uint32_t i = 0; i < IMAGES; i++)
        assert_int_equal(judge(c, i).outcome, POLICY_VIOLATION);
    v = judge(c, IMAGES - 1);
    assert_string_equal(v.seen_as, "registry.example.com/crowd/x0:0 on web-1, "
                                   "registry.example.com/crowd/x0:1 on web-1, "
                                   "registry.example.com/crowd/x0:2 on web-1");
}

static void of_names_that_count_the_first_is_kept(void **state)
{
    struct crowd *c = *state;
    struct err err;

    trust_all(c);
    c->rule.accept = false;
    assert_ok(open_judge(c, &err));
    assert_int_equal(c->judge->words_of[0].count, 1);
    assert_int_equal(judge(c, IMAGES - 1).outcome, POLICY_VIOLATION);
}

static void an_exception_is_looked_up_once_for_all_images_of_a_chain(void **state)
{
    struct crowd *c = *state;
    struct err err;

    trust_all(c);
    c->word = "docker.io/library/debian:12";
    except(c, CROWD);
    except(c, "registry.example.com/crowd/x7:3");
    assert_ok(open_judge(c, &err));
    assert_int_equal(c->judge->excusing_count, 2);
    for (uint32_t i = 0; i < IMAGES; i++)
        assert_int_equal(judge(c, i).outcome, POLICY_EXCUSED);
    assert_true(policy_exception_used(c->judge, 0));
    assert_false(policy_exception_used(c->judge, 1));
}

static void an_exception_by_id_is_of_that_image_alone(void **state)
{
    struct crowd *c = *state;
    char id[DIGEST_TEXT];
    struct err err;

    c->word = "docker.io/library/debian:12";
    except(c, digest_text(&c->images[5].digest, id));
    assert_ok(open_judge(c, &err));
    assert_int_equal(judge(c, 5).outcome, POLICY_EXCUSED);
    assert_int_equal(judge(c, 6).outcome, POLICY_VIOLATION);
}

static void a_name_that_does_not_count_excuses_nothing_and_is_told(void **state)
{
    struct crowd *c = *state;
    struct policy_verdict v;
    struct err err;

    c->word = "docker.io/library/debian:12";
    except(c, "registry.example.com/crowd/x7:3");
    assert_ok(open_judge(c, &err));
    v = judge(c, 0);
    assert_int_equal(v.outcome, POLICY_VIOLATION);
    assert_string_equal(v.seen_as, "registry.example.com/crowd/x7:3 on web-1");
}

static void of_a_layers_origins_the_first_that_counts_is_kept(void **state)
{
    struct crowd *c = *state;
    struct policy_verdict v;
    struct err err;

    for (uint32_t n = 0; n < NAMES; n++)
        c->origins[n] = (struct policy_origin){.of = 0, .name = n, .counts = n >= NAMES / 2};
    c->rule = (struct policy_rule){.name = "rule", .origins = {&c->word, 1}};
    c->policy.mode = POLICY_BLACK_LIST;
    assert_ok(open_judge(c, &err));
    assert_int_equal(c->judge->layer_origins.count, 1);
    for (uint32_t i = 0; i < IMAGES; i++)
        assert_int_equal(judge(c, i).outcome, POLICY_VIOLATION);
    assert_string_equal(judge(c, 0).evidence,
                        "a layer of it comes from registry.example.com/crowd/x1500:0");
    for (uint32_t n = 0; n < NAMES; n++)
        c->origins[n].counts = false;
    assert_ok(open_judge(c, &err));
    v = judge(c, IMAGES - 1);
    assert_int_equal(v.outcome, POLICY_ACCEPTED);
    assert_string_equal(v.seen_as, "a layer of it comes from registry.example.com/crowd/x0:0");
}

static void judging_ends_where_it_is_canceled(void **state)
{
    struct crowd *c = *state;
    struct policy_verdict v;
    struct err err;

    except(c, CROWD);
    assert_ok(open_judge(c, &err));
    atomic_store(&c->canceled, true);
    assert_fails(policy_judge(c->judge, 0, 0, &v, &err), ERR_CANCELED, "given up");
    assert_fails(open_judge(c, &err), ERR_CANCELED, "given up");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_names_that_do_not_count_a_few_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(of_names_that_count_the_first_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(an_exception_is_looked_up_once_for_all_images_of_a_chain,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_exception_by_id_is_of_that_image_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_that_does_not_count_excuses_nothing_and_is_told,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(of_a_layers_origins_the_first_that_counts_is_kept, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(judging_ends_where_it_is_canceled, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
