/* session_content: what a host is asked for, and what becomes of its answers. */
#include "tests/support/unit.h"

#include <time.h>

#include "collector/server/ingest.h"
#include "collector/server/wants.h"
#include "tests/support/collector_rig.h"

#define IDLE_NS 1000000000u

static void give_wanted(struct rig_host *h, uint32_t images, uint32_t rules)
{
    const struct wire_collector_msg *m = host_wait(h, WIRE_WANT);
    char config[RIG_CONFIG_BYTES];

    for (size_t i = 0; i < m->want.count; i++)
        for (uint32_t n = 0; n < images; n++) {
            struct digest id = rig_image(n);

            if (digest_eq(&id, &m->want.items[i].digest))
                host_document(h, &id, rig_config(n, config), rules);
        }
}

static void a_wanted_document_is_asked_of_one_host_and_kept(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host a, b;

    host_join(&a, rig, "alpha", 1, 1);
    host_join(&b, rig, "beta", 2, 2);
    host_inventory(&a, 1, rig_content(&a, 0, 3));
    host_wait(&a, WIRE_ACKNOWLEDGEMENT);
    host_inventory(&b, 1, rig_content(&b, 0, 3));
    host_wait(&b, WIRE_ACKNOWLEDGEMENT);
    give_wanted(&a, 3, 0);
    assert_true(host_wait(&a, WIRE_MEASURE)->measure.count > 0);
    assert_int_equal(host_pending(&b, WIRE_WANT), 0);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM document"), 3);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM image WHERE parsed = 1"), 3);
    host_leave(&a);
    host_leave(&b);
}

static void a_host_that_dies_is_followed_by_the_next(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host a, b;

    host_join(&a, rig, "alpha", 1, 1);
    host_join(&b, rig, "beta", 2, 2);
    host_inventory(&a, 1, rig_content(&a, 0, 3));
    host_wait(&a, WIRE_WANT);
    host_inventory(&b, 1, rig_content(&b, 0, 3));
    host_wait(&b, WIRE_ACKNOWLEDGEMENT);
    assert_int_equal(host_pending(&b, WIRE_WANT), 0);
    host_leave(&a);
    assert_int_equal(host_wait(&b, WIRE_WANT)->want.count, 3);
    host_leave(&b);
}

static void a_lease_that_runs_out_goes_to_another_host(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host a, b;

    rig->options.lease_ms = 100;
    collector_start(rig);
    host_join(&a, rig, "alpha", 1, 1);
    host_join(&b, rig, "beta", 2, 2);
    host_inventory(&a, 1, rig_content(&a, 0, 3));
    host_wait(&a, WIRE_WANT);
    host_inventory(&b, 1, rig_content(&b, 0, 3));
    assert_int_equal(host_wait(&b, WIRE_WANT)->want.count, 3);
    host_leave(&a);
    host_leave(&b);
}

static void a_liar_is_named_and_another_host_is_asked(void **state)
{
    struct collector_rig *rig = *state;
    struct digest id = rig_image(0);
    const struct wire_collector_msg *m;
    char text[DIGEST_TEXT];
    struct rig_host a, b;

    host_join(&a, rig, "alpha", 1, 1);
    host_join(&b, rig, "beta", 2, 2);
    host_inventory(&a, 1, rig_content(&a, 0, 1));
    host_wait(&a, WIRE_WANT);
    host_inventory(&b, 1, rig_content(&b, 0, 1));
    host_wait(&b, WIRE_ACKNOWLEDGEMENT);
    host_document(&a, &id, "{\"a\":\"lie\"}", 0);
    m = host_wait(&a, WIRE_REJECTION);
    assert_int_equal(m->rejection.code, REC_REJECT_WRONG_DIGEST);
    assert_string_equal(m->rejection.subject, digest_text(&id, text));
    give_wanted(&b, 1, 0);
    host_wait(&b, WIRE_MEASURE);
    assert_int_equal(host_pending(&a, WIRE_WANT), 0);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM document WHERE state = 1"), 1);
    host_leave(&a);
    host_leave(&b);
}

static void a_redacted_document_is_confirmed_by_another_host(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host a, b;

    host_join(&a, rig, "alpha", 1, 1);
    host_join(&b, rig, "beta", 2, 2);
    host_inventory(&a, 1, rig_content(&a, 0, 1));
    host_wait(&a, WIRE_ACKNOWLEDGEMENT);
    host_inventory(&b, 1, rig_content(&b, 0, 1));
    host_wait(&b, WIRE_ACKNOWLEDGEMENT);
    give_wanted(&a, 1, 1);
    give_wanted(&b, 1, 1);
    while (collector_sql(rig, "SELECT count(*) FROM document WHERE state = 3") != 1)
        assert_true(collector_turn(rig));
    assert_int_equal(host_pending(&a, WIRE_WANT), 0);
    host_leave(&a);
    host_leave(&b);
}

/* During an upgrade of the fleet two versions of the rules are about. */
static void a_host_with_older_rules_is_asked_once(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host a, b;

    host_join(&a, rig, "alpha", 1, 1);
    host_join(&b, rig, "beta", 2, 2);
    host_inventory(&a, 1, rig_content(&a, 0, 1));
    host_wait(&a, WIRE_ACKNOWLEDGEMENT);
    host_inventory(&b, 1, rig_content(&b, 0, 1));
    host_wait(&b, WIRE_ACKNOWLEDGEMENT);
    give_wanted(&a, 1, 2);
    give_wanted(&b, 1, 1);
    for (uint64_t generation = 2; generation < 5; generation++) {
        host_inventory(&b, generation, rig_content(&b, 0, 1));
        host_wait(&b, WIRE_ACKNOWLEDGEMENT);
    }
    assert_int_equal(host_pending(&b, WIRE_WANT), 0);
    assert_int_equal(collector_sql(rig, "SELECT rules FROM document WHERE state = 2"), 2);
    host_leave(&a);
    host_leave(&b);
}

/* More is missing than one look can tell, and the host gives nothing of it. */
static void a_host_that_gives_nothing_costs_nothing(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;
    uint64_t until;
    clock_t before;

    host_connect(&h, rig, "alpha", 1, 1);
    host_hello_only(&h, REC_CAP_USE);
    host_wait(&h, WIRE_WELCOME);
    host_inventory(&h, 1, rig_content(&h, 0, INGEST_MISSING_MAX + 1));
    host_wait(&h, WIRE_ACKNOWLEDGEMENT);
    before = clock();
    until = uv_hrtime() + IDLE_NS;
    while (uv_hrtime() < until)
        assert_true(collector_turn(rig));
    assert_true(clock() - before < CLOCKS_PER_SEC / 4);
    host_leave(&h);
}

static void a_document_that_nobody_wanted_is_ignored(void **state)
{
    struct collector_rig *rig = *state;
    struct digest id = rig_image(7);
    char config[RIG_CONFIG_BYTES];
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_document(&h, &id, rig_config(7, config), 0);
    host_inventory(&h, 1, rig_content(&h, 0, 1));
    host_wait(&h, WIRE_ACKNOWLEDGEMENT);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM document"), 0);
    host_leave(&h);
}

static void origins_are_kept(void **state)
{
    struct collector_rig *rig = *state;
    struct rec_origin list[] = {{"docker.io/a", rig_image(1)}, {"docker.io/b", rig_image(1)}};
    struct wire_agent_msg m = {.kind = WIRE_ORIGINS,
                               .origins = {.origins = list, .origin_count = 2}};
    const struct rec_content *content;
    bool told = false;
    struct rig_host h;

    host_connect(&h, rig, "alpha", 1, 1);
    host_hello(&h);
    const struct rec_welcome *welcome = &host_wait(&h, WIRE_WELCOME)->welcome;
    for (size_t i = 0; i < welcome->capability_count; i++)
        told = told || welcome->capabilities[i] == REC_CAP_ORIGINS;
    assert_true(told);
    content = rig_content(&h, 0, 1);
    host_inventory(&h, 1, content);
    host_wait(&h, WIRE_ACKNOWLEDGEMENT);
    m.origins.key = content->store.key;
    host_send(&h, &m);
    host_add_image(&h, 2, rig_content(&h, 0, 2), 1);
    host_wait(&h, WIRE_ACKNOWLEDGEMENT); /* of what was sent behind it */
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM origin"), 2);
    host_leave(&h);
}

/* An image known by its manifest alone, in a store that can give manifests. */
static void hold_manifest(struct rig_host *h, uint64_t generation, const struct digest *manifest)
{
    struct rec_content *c = rig_content(h, 0, 1);

    c->store.manifests = true;
    c->images[0].id = *manifest;
    c->images[0].identity = REC_BY_MANIFEST;
    c->images[0].unpacked = false;
    host_inventory(h, generation, c);
    host_wait(h, WIRE_ACKNOWLEDGEMENT);
}

static void give_manifest(struct rig_host *h, const struct digest *id, const char *text)
{
    struct wire_agent_msg m = {.kind = WIRE_DOCUMENT,
                               .document = {.kind = REC_DOC_MANIFEST,
                                            .digest = *id,
                                            .total = (uint32_t)strlen(text),
                                            .data = (const uint8_t *)text,
                                            .len = (uint32_t)strlen(text)}};

    host_send(h, &m);
}

/* What a repo digest names is wanted as a manifest; the answer may turn out to be an index. */
static void assert_manifest_is_taken(struct collector_rig *rig, const char *text, const char *sql)
{
    struct digest id = digest_of(text, strlen(text));
    const struct wire_collector_msg *m;
    struct rig_host a, b;

    host_join(&a, rig, "alpha", 1, 1);
    host_join(&b, rig, "beta", 2, 2);
    hold_manifest(&a, 1, &id);
    hold_manifest(&b, 1, &id);
    m = host_wait(&a, WIRE_WANT);
    assert_int_equal(m->want.count, 1);
    assert_int_equal(m->want.items[0].kind, REC_DOC_MANIFEST);
    assert_true(digest_eq(&m->want.items[0].digest, &id));
    give_manifest(&a, &id, text);
    while (collector_sql(rig, sql) != 1)
        assert_true(collector_turn(rig));
    hold_manifest(&b, 2, &id);
    assert_int_equal(host_pending(&b, WIRE_WANT), 0);
    host_leave(&a);
    host_leave(&b);
}

static void a_manifest_is_asked_of_one_host(void **state)
{
    assert_manifest_is_taken(*state,
                             "{\"config\":{\"digest\":\"sha256:0123456789abcdef0123456789abcdef"
                             "0123456789abcdef0123456789abcdef\"}}",
                             "SELECT count(*) FROM manifest");
}

static void an_index_answers_the_same_want(void **state)
{
    assert_manifest_is_taken(*state, "{\"manifests\":[]}",
                             "SELECT count(*) FROM document WHERE kind = 3");
}

#define HEX16 "0123456789abcdef"
#define HEX64 HEX16 HEX16 HEX16 HEX16

static const char manifest_text[] = "{\"config\":{\"digest\":\"sha256:" HEX64 "\"}}";

/* An index, the attestation in it and its statement, about the manifest above. */
static struct digest make_provenance(char attestation[1024], char index[1024], char statement[1024])
{
    struct digest id = digest_of(manifest_text, strlen(manifest_text));
    char hex[DIGEST_TEXT], other[DIGEST_TEXT];

    snprintf(statement, 1024,
             "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":"
             "\"https://slsa.dev/provenance/v1\",\"predicate\":{\"buildDefinition\":{"
             "\"resolvedDependencies\":[{\"uri\":\"pkg:docker/debian@12\"}]}}}");
    id = digest_of(statement, strlen(statement));
    snprintf(attestation, 1024,
             "{\"config\":{\"digest\":\"sha256:" HEX64 "\"},\"layers\":[{\"mediaType\":"
             "\"application/vnd.in-toto+json\",\"size\":1,\"digest\":\"%s\",\"annotations\":{"
             "\"in-toto.io/predicate-type\":\"https://slsa.dev/provenance/v1\"}}]}",
             digest_text(&id, hex));
    id = digest_of(attestation, strlen(attestation));
    digest_text(&id, hex);
    id = digest_of(manifest_text, strlen(manifest_text));
    snprintf(index, 1024,
             "{\"manifests\":[{\"digest\":\"%s\",\"annotations\":{\"vnd.docker.reference.type\":"
             "\"attestation-manifest\",\"vnd.docker.reference.digest\":\"%s\"}}]}",
             hex, digest_text(&id, other));
    return digest_of(index, strlen(index));
}

/* Waits until the host is asked for a document of this kind that hashes so, and gives it. */
static void give_when_asked(struct rig_host *h, enum rec_document_kind kind, const char *text)
{
    struct digest id = digest_of(text, strlen(text));
    struct wire_agent_msg m = {.kind = WIRE_DOCUMENT,
                               .document = {.kind = kind,
                                            .digest = id,
                                            .total = (uint32_t)strlen(text),
                                            .data = (const uint8_t *)text,
                                            .len = (uint32_t)strlen(text)}};
    bool asked = false;

    while (!asked) {
        const struct wire_collector_msg *want = host_wait(h, WIRE_WANT);

        for (size_t i = 0; i < want->want.count; i++)
            asked = asked || (want->want.items[i].kind == kind &&
                              digest_eq(&want->want.items[i].digest, &id));
    }
    host_send(h, &m);
}

/* The image of the manifest above, pulled by the index. */
static void hold_attested(struct rig_host *h, const struct digest *index)
{
    struct rec_content *c = rig_content(h, 0, 1);
    struct rec_repo_digest pulled = {.repository = "docker.io/team/app", .digest = *index};

    c->store.manifests = true;
    c->images[0].id = digest_of(manifest_text, strlen(manifest_text));
    c->images[0].identity = REC_BY_MANIFEST;
    c->images[0].unpacked = false;
    c->images[0].repo_digests = &pulled;
    c->images[0].repo_digest_count = 1;
    host_inventory(h, 1, c);
    host_wait(h, WIRE_ACKNOWLEDGEMENT);
}

static void an_index_leads_to_what_it_lists_without_waiting(void **state)
{
    struct collector_rig *rig = *state;
    char attestation[1024], index[1024], statement[1024];
    struct digest id = make_provenance(attestation, index, statement);
    struct rig_host a;

    host_join(&a, rig, "alpha", 1, 1);
    hold_attested(&a, &id);
    give_when_asked(&a, REC_DOC_MANIFEST, index);
    give_when_asked(&a, REC_DOC_MANIFEST, attestation);
    give_when_asked(&a, REC_DOC_ATTESTATION, statement);
    while (collector_sql(rig, "SELECT count(*) FROM material WHERE "
                              "reference = 'docker.io/library/debian:12'") != 1)
        assert_true(collector_turn(rig));
    host_leave(&a);
}

static void an_agent_that_would_tell_too_much_is_not_asked_for_attestations(void **state)
{
    struct collector_rig *rig = *state;
    char attestation[1024], index[1024], statement[1024];
    struct digest id = make_provenance(attestation, index, statement);
    struct rig_host a;

    host_connect(&a, rig, "alpha", 1, 1);
    host_hello_only(&a, REC_CAP_DOCUMENTS);
    host_wait(&a, WIRE_WELCOME);
    hold_attested(&a, &id);
    give_when_asked(&a, REC_DOC_MANIFEST, index);
    give_when_asked(&a, REC_DOC_MANIFEST, attestation);
    while (collector_sql(rig, "SELECT count(*) FROM provenance") != 1)
        assert_true(collector_turn(rig));
    collector_settle(rig);
    assert_int_equal(host_pending(&a, WIRE_WANT), 0);
    host_leave(&a);
}

static void declining_is_heard(void **state)
{
    struct collector_rig *rig = *state;
    struct rec_declined item = {.kind = REC_DOC_CONFIG, .digest = rig_image(0), .reason = "gone"};
    struct wire_agent_msg m = {.kind = WIRE_DECLINED, .declined = {.items = &item, .count = 1}};
    struct rig_host a, b;

    host_join(&a, rig, "alpha", 1, 1);
    host_join(&b, rig, "beta", 2, 2);
    host_inventory(&a, 1, rig_content(&a, 0, 1));
    host_wait(&a, WIRE_WANT);
    host_inventory(&b, 1, rig_content(&b, 0, 1));
    host_wait(&b, WIRE_ACKNOWLEDGEMENT);
    host_send(&a, &m);
    assert_int_equal(host_wait(&b, WIRE_WANT)->want.count, 1);
    host_leave(&a);
    host_leave(&b);
}

/* The image went and came back: what the host could not give it has now. */
static void who_declined_a_config_is_asked_when_it_reports_anew(void **state)
{
    struct collector_rig *rig = *state;
    struct rec_declined item = {.kind = REC_DOC_CONFIG, .digest = rig_image(0), .reason = "gone"};
    struct wire_agent_msg m = {.kind = WIRE_DECLINED, .declined = {.items = &item, .count = 1}};
    struct rig_host a;

    host_join(&a, rig, "alpha", 1, 1);
    host_inventory(&a, 1, rig_content(&a, 0, 1));
    host_wait(&a, WIRE_WANT);
    host_send(&a, &m);
    collector_settle(rig);
    assert_int_equal(host_pending(&a, WIRE_WANT), 0);
    host_inventory(&a, 2, rig_content(&a, 0, 1));
    assert_int_equal(host_wait(&a, WIRE_WANT)->want.count, 1);
    host_leave(&a);
}

static void decline_manifest(struct rig_host *h, const struct digest *id)
{
    struct rec_declined item = {.kind = REC_DOC_MANIFEST, .digest = *id, .reason = "gone"};
    struct wire_agent_msg m = {.kind = WIRE_DECLINED, .declined = {.items = &item, .count = 1}};

    host_send(h, &m);
}

static void assert_wants_manifest(struct rig_host *h, const struct digest *id)
{
    const struct wire_collector_msg *m = host_wait(h, WIRE_WANT);

    assert_int_equal(m->want.count, 1);
    assert_true(digest_eq(&m->want.items[0].digest, id));
}

/* Though the first host was asked for it before the second one came. */
static void a_declined_manifest_goes_to_another_host(void **state)
{
    struct collector_rig *rig = *state;
    struct digest id = digest_of("gone", 4);
    struct rig_host a, b;

    host_join(&a, rig, "alpha", 1, 1);
    host_join(&b, rig, "beta", 2, 2);
    hold_manifest(&a, 1, &id);
    assert_wants_manifest(&a, &id);
    hold_manifest(&b, 1, &id);
    assert_int_equal(host_pending(&b, WIRE_WANT), 0);
    decline_manifest(&a, &id);
    assert_wants_manifest(&b, &id);
    decline_manifest(&b, &id);
    hold_manifest(&a, 2, &id);
    assert_int_equal(host_pending(&a, WIRE_WANT), 0);
    host_leave(&a);
    host_leave(&b);
}

static void a_host_that_comes_back_is_asked_for_its_manifests(void **state)
{
    struct collector_rig *rig = *state;
    struct digest id = digest_of("gone", 4);
    struct rig_host a;

    host_join(&a, rig, "alpha", 1, 1);
    hold_manifest(&a, 1, &id);
    assert_wants_manifest(&a, &id);
    host_leave(&a);
    assert_int_equal(host_join(&a, rig, "alpha", 1, 1), 1);
    assert_wants_manifest(&a, &id);
    host_leave(&a);
}

/* The registry forgot those for whom it had no room. */
static void those_turned_away_are_asked_when_nobody_else_is_left(void **state)
{
    struct collector_rig *rig = *state;
    struct digest id = digest_of("gone", 4);
    struct rig_host crowd[WANTS_HOLDERS_MAX], last;
    char name[16];

    for (unsigned i = 0; i < WANTS_HOLDERS_MAX; i++) {
        snprintf(name, sizeof(name), "host-%u", i);
        host_join(&crowd[i], rig, name, 10 + i, 10 + i);
        hold_manifest(&crowd[i], 1, &id);
    }
    host_join(&last, rig, "last", 9, 9);
    hold_manifest(&last, 1, &id);
    for (unsigned i = 0; i < WANTS_HOLDERS_MAX; i++) {
        assert_int_equal(host_pending(&last, WIRE_WANT), 0);
        host_leave(&crowd[i]);
    }
    assert_wants_manifest(&last, &id);
    host_leave(&last);
}

#define TEST_STOPPED(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, collector_rig_setup, collector_rig_teardown)
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, collector_rig_setup_started, collector_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_wanted_document_is_asked_of_one_host_and_kept),
        TEST(a_host_that_dies_is_followed_by_the_next),
        TEST(a_liar_is_named_and_another_host_is_asked),
        TEST(a_redacted_document_is_confirmed_by_another_host),
        TEST(a_host_with_older_rules_is_asked_once),
        TEST(a_host_that_gives_nothing_costs_nothing),
        TEST(a_document_that_nobody_wanted_is_ignored),
        TEST(origins_are_kept),
        TEST(a_manifest_is_asked_of_one_host),
        TEST(an_index_answers_the_same_want),
        TEST(an_index_leads_to_what_it_lists_without_waiting),
        TEST(an_agent_that_would_tell_too_much_is_not_asked_for_attestations),
        TEST(declining_is_heard),
        TEST(who_declined_a_config_is_asked_when_it_reports_anew),
        TEST(a_declined_manifest_goes_to_another_host),
        TEST(a_host_that_comes_back_is_asked_for_its_manifests),
        TEST(those_turned_away_are_asked_when_nobody_else_is_left),
        TEST_STOPPED(a_lease_that_runs_out_goes_to_another_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
