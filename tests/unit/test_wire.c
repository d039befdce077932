/*
 * Round trips of every kind with every field set, truncation, and random bytes. What the decoder
 * refuses is in test_wire_checks.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/wire.h"

/* ---- samples: everything in them is sorted as the decoder sorts ---------------------------- */

static const char *names[] = {"a.example/x:1", "b.example/x:2"};
static struct rec_repo_digest repo_digests[] = {{"a.example/x", {{0x61}}},
                                                {"a.example/x", {{0x62}}}};
static struct rec_image images[] = {
    {.id = {{0x01}},
     .identity = REC_BY_CONFIG,
     .unpacked = true,
     .has_parent = true,
     .parent = {{0x09}},
     .names = names,
     .name_count = 2,
     .repo_digests = repo_digests,
     .repo_digest_count = 2},
    {.id = {{0x02}}, .identity = REC_BY_MANIFEST},
};
static struct rec_exception exceptions[] = {{REC_CHAIN_EXTRA, {{0x11}}, {{0x21}}},
                                            {REC_CHAIN_MISSING, {{0x12}}, {{0x22}}}};
static struct rec_problem problems[] = {{"image sha256:00", "config is missing"}};

static struct rec_store sample_store(void)
{
    return (struct rec_store){.key = {{0x71, 0x72}},
                              .engine = "docker",
                              .version = "29.1",
                              .driver = "overlay2",
                              .space = "moby",
                              .root = "/var/lib/docker",
                              .owner = 1000,
                              .fs_type = "ext4",
                              .block_size = 4096,
                              .state = REC_STORE_DAEMON_DOWN,
                              .error = "no answer",
                              .sample = true,
                              .manifests = true,
                              .problems = problems,
                              .problem_count = 1,
                              .problems_more = 7};
}

/* ---- there and back ------------------------------------------------------------------------ */

static struct wire_agent_msg *there_and_back(const struct wire_agent_msg *m)
{
    AUTO(buf_close) struct buf bytes, again;
    struct wire_agent_msg *out = NULL;
    struct err err = {.kind = ERR_NONE};

    buf_init(&bytes, 8 << 20);
    buf_init(&again, 8 << 20);
    assert_int_equal(wire_agent_encode(m, &bytes, &err), 0);
    if (wire_agent_decode(&out, bytes.data, bytes.len, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(out->kind, m->kind);
    assert_int_equal(out->unknown, 0);
    assert_int_equal(wire_agent_encode(out, &again, &err), 0);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.data, bytes.data, bytes.len);
    return out;
}

static struct wire_collector_msg *back_and_there(const struct wire_collector_msg *m)
{
    AUTO(buf_close) struct buf bytes;
    struct wire_collector_msg *out = NULL;
    struct err err = {.kind = ERR_NONE};

    buf_init(&bytes, 8 << 20);
    assert_int_equal(wire_collector_encode(m, &bytes, &err), 0);
    if (wire_collector_decode(&out, bytes.data, bytes.len, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(out->kind, m->kind);
    assert_int_equal(out->unknown, 0);
    return out;
}

static void hello_goes_there_and_back(void **state)
{
    struct rec_pair labels[] = {{"rack", "7"}, {"zone", ""}};
    uint32_t capabilities[] = {REC_CAP_DOCUMENTS, REC_CAP_USE};
    struct wire_agent_msg m = {.kind = WIRE_HELLO,
                               .hello = {.agent_version = "0.1.0",
                                         .host_name = "node-1",
                                         .cluster = "east",
                                         .labels = labels,
                                         .label_count = 2,
                                         .incarnation = {{1, 2, 3}},
                                         .fingerprint = {{4, 5}},
                                         .lifetime = REC_LIFETIME_EPHEMERAL,
                                         .os = "Debian 12",
                                         .kernel = "6.1",
                                         .arch = "x86_64",
                                         .clock_ms = 1700000000123,
                                         .generation = 42,
                                         .capabilities = capabilities,
                                         .capability_count = 2}};
    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = there_and_back(&m);
    const struct rec_hello *h = &out->hello;

    (void)state;
    assert_string_equal(h->agent_version, "0.1.0");
    assert_string_equal(h->host_name, "node-1");
    assert_string_equal(h->cluster, "east");
    assert_int_equal(h->label_count, 2);
    assert_string_equal(h->labels[0].key, "rack");
    assert_string_equal(h->labels[0].value, "7");
    assert_string_equal(h->labels[1].value, "");
    assert_memory_equal(&h->incarnation, &m.hello.incarnation, sizeof(h->incarnation));
    assert_true(digest_eq(&h->fingerprint, &m.hello.fingerprint));
    assert_int_equal(h->lifetime, REC_LIFETIME_EPHEMERAL);
    assert_string_equal(h->os, "Debian 12");
    assert_string_equal(h->kernel, "6.1");
    assert_string_equal(h->arch, "x86_64");
    assert_int_equal(h->clock_ms, 1700000000123);
    assert_int_equal(h->generation, 42);
    assert_int_equal(h->capability_count, 2);
    assert_int_equal(h->capabilities[1], REC_CAP_USE);
}

static void an_inventory_goes_there_and_back(void **state)
{
    struct rec_store_sum sums[] = {{{{1}}, {{1, 2, 3, 4}}}, {{{2}}, {{5, 6, 7, UINT64_MAX}}}};
    struct wire_agent_msg begin = {.kind = WIRE_INVENTORY_BEGIN, .begin = {9, 2, 1500}};
    struct wire_agent_msg part = {.kind = WIRE_INVENTORY_PART,
                                  .part = {.store = sample_store(),
                                           .images = images,
                                           .image_count = 2,
                                           .exceptions = exceptions,
                                           .exception_count = 2}};
    struct wire_agent_msg end = {.kind = WIRE_INVENTORY_END,
                                 .end = {.generation = 9, .sums = sums, .sum_count = 2}};
    AUTO(wire_agent_msg_close) struct wire_agent_msg *b = there_and_back(&begin);
    AUTO(wire_agent_msg_close) struct wire_agent_msg *p = there_and_back(&part);
    AUTO(wire_agent_msg_close) struct wire_agent_msg *e = there_and_back(&end);

    (void)state;
    assert_int_equal(b->begin.generation, 9);
    assert_int_equal(b->begin.store_count, 2);
    assert_int_equal(b->begin.age_ms, 1500);
    assert_true(rec_store_eq(&p->part.store, &part.part.store));
    assert_int_equal(p->part.image_count, 2);
    assert_true(rec_image_eq(&p->part.images[0], &images[0]));
    assert_true(rec_image_eq(&p->part.images[1], &images[1]));
    assert_int_equal(p->part.exception_count, 2);
    assert_int_equal(p->part.exceptions[1].kind, REC_CHAIN_MISSING);
    assert_true(digest_eq(&p->part.exceptions[1].diff, &exceptions[1].diff));
    assert_int_equal(e->end.generation, 9);
    assert_int_equal(e->end.sum_count, 2);
    assert_true(rec_key_eq(&e->end.sums[1].key, &sums[1].key));
    assert_true(setsum_eq(&e->end.sums[1].sum, &sums[1].sum));
}

/* Names and repositories that begin alike, in another order than the IDs; a character of two bytes
 * that differs in the second; one name that is the beginning of another; none. */
static void what_names_share_is_said_once(void **state)
{
    static const char *const first[] = {
        "docker.io/library/x:\xc3\xa9", "registry.example/team/b:1", "debian:12",
        "registry.example/team/a:11",   "registry.example/team/a:1", "docker.io/library/x:\xc3\xa8",
    };
    static const char *const repositories[] = {
        "docker.io/library/x",     "registry.example/other/b", "docker.io/library/debian",
        "registry.example/team/a", "registry.example/team/a",  "docker.io/library/x"};
    const char *texts[6];
    struct rec_repo_digest repo[6];
    struct rec_image list[7] = {{.id = {{0}}, .identity = REC_BY_CONFIG}};
    struct wire_agent_msg part = {
        .kind = WIRE_INVENTORY_PART,
        .part = {.store = sample_store(), .images = list, .image_count = 7}};
    AUTO(buf_close) struct buf bytes;
    struct err err;

    (void)state;
    for (uint8_t i = 0; i < 6; i++) {
        texts[i] = first[i];
        repo[i] = (struct rec_repo_digest){repositories[i], {{0x70, i}}};
        list[i + 1] = (struct rec_image){.id = {{0x10, i}},
                                         .identity = REC_BY_CONFIG,
                                         .names = &texts[i],
                                         .name_count = 1,
                                         .repo_digests = &repo[i],
                                         .repo_digest_count = 1};
    }

    AUTO(wire_agent_msg_close) struct wire_agent_msg *p = there_and_back(&part);

    assert_int_equal(p->part.image_count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_true(rec_image_eq(&p->part.images[i], &list[i]));
    buf_init(&bytes, 1 << 20);
    assert_int_equal(wire_agent_encode(&part, &bytes, &err), 0);
    assert_null(memmem(bytes.data, bytes.len, "docker.io/library/debian", 24));
    assert_non_null(memmem(bytes.data, bytes.len, "registry.example/other/b", 24));
}

static void a_difference_goes_there_and_back(void **state)
{
    struct digest removed[] = {{{0x31}}, {{0x32}}};
    struct rec_key gone[] = {{{0x99}}};
    struct rec_store_change change = {.store = sample_store(),
                                      .changed = images,
                                      .changed_count = 2,
                                      .removed = removed,
                                      .removed_count = 2,
                                      .exceptions_given = true,
                                      .exceptions = exceptions,
                                      .exception_count = 2,
                                      .sum = {{1, 2, 3, 4}}};
    struct wire_agent_msg m = {.kind = WIRE_DIFFERENCE,
                               .difference = {.base = 4,
                                              .generation = 5,
                                              .age_ms = 20,
                                              .stores = &change,
                                              .store_count = 1,
                                              .gone = gone,
                                              .gone_count = 1}};
    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = there_and_back(&m);
    const struct rec_difference *d = &out->difference;

    (void)state;
    assert_int_equal(d->base, 4);
    assert_int_equal(d->generation, 5);
    assert_int_equal(d->age_ms, 20);
    assert_int_equal(d->store_count, 1);
    assert_true(rec_store_eq(&d->stores[0].store, &change.store));
    assert_true(rec_image_eq(&d->stores[0].changed[1], &images[1]));
    assert_int_equal(d->stores[0].removed_count, 2);
    assert_true(digest_eq(&d->stores[0].removed[1], &removed[1]));
    assert_true(d->stores[0].exceptions_given);
    assert_int_equal(d->stores[0].exception_count, 2);
    assert_true(setsum_eq(&d->stores[0].sum, &change.sum));
    assert_true(rec_key_eq(&d->gone[0], &gone[0]));
}

static void use_goes_there_and_back(void **state)
{
    struct rec_container containers[] = {
        {{{1}}, "aa", "web", "shop", "web-0", REC_RUNNING, 5000},
        {{{2}}, "bb", "", "", "", REC_RUN_UNKNOWN, -1},
    };
    struct wire_agent_msg m = {
        .kind = WIRE_USE,
        .use = {.key = {{7}}, .age_ms = 3, .containers = containers, .container_count = 2}};
    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = there_and_back(&m);

    (void)state;
    assert_true(rec_key_eq(&out->use.key, &m.use.key));
    assert_int_equal(out->use.age_ms, 3);
    assert_int_equal(out->use.container_count, 2);
    assert_string_equal(out->use.containers[0].id, "aa");
    assert_string_equal(out->use.containers[0].name, "web");
    assert_string_equal(out->use.containers[0].kube_namespace, "shop");
    assert_string_equal(out->use.containers[0].kube_pod, "web-0");
    assert_string_equal(out->use.containers[1].kube_pod, "");
    assert_int_equal(out->use.containers[0].state, REC_RUNNING);
    assert_int_equal(out->use.containers[0].since_age_ms, 5000);
    assert_true(digest_eq(&out->use.containers[1].image, &containers[1].image));
    assert_int_equal(out->use.containers[1].state, REC_RUN_UNKNOWN);
    assert_int_equal(out->use.containers[1].since_age_ms, -1);
}

static void a_document_goes_there_and_back(void **state)
{
    uint8_t data[] = {'{', 0, 0xFF, '}'};
    struct wire_agent_msg m = {.kind = WIRE_DOCUMENT,
                               .document = {REC_DOC_INDEX, {{3}}, 100, 96, data, 4, 2, 5}};
    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = there_and_back(&m);

    (void)state;
    assert_int_equal(out->document.kind, REC_DOC_INDEX);
    assert_true(digest_eq(&out->document.digest, &m.document.digest));
    assert_int_equal(out->document.total, 100);
    assert_int_equal(out->document.offset, 96);
    assert_int_equal(out->document.len, 4);
    assert_memory_equal(out->document.data, data, 4);
    assert_int_equal(out->document.rules, 2);
    assert_int_equal(out->document.cuts, 5);
}

static void layer_facts_go_there_and_back(void **state)
{
    struct rec_layer_facts facts[] = {
        {{{1}}, 10, 4096, 3, 2, "ID=debian\nVERSION_ID=12\n", 7, true}};
    struct wire_agent_msg m = {.kind = WIRE_LAYER_FACTS, .layer_facts = {facts, 1}};
    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = there_and_back(&m);
    const struct rec_layer_facts *f = &out->layer_facts.items[0];

    (void)state;
    assert_int_equal(out->layer_facts.count, 1);
    assert_true(digest_eq(&f->diff, &facts[0].diff));
    assert_int_equal(f->content_bytes, 10);
    assert_int_equal(f->nominal_bytes, 4096);
    assert_int_equal(f->files, 3);
    assert_int_equal(f->directories, 2);
    assert_string_equal(f->os_release, facts[0].os_release);
    assert_int_equal(f->base_layers, 7);
    assert_true(f->of_user);
}

static void copies_and_spaces_go_there_and_back(void **state)
{
    struct rec_copy_facts copies[] = {{{{1}}, 8192, false}, {{{2}}, 0, true}};
    struct rec_space spaces[] = {{REC_SPACE_COPIES, "", 8192, 2, false},
                                 {REC_SPACE_ORPHANS, "leftover", 512, 1, true}};
    struct wire_agent_msg c = {.kind = WIRE_COPIES, .copies = {{{7}}, copies, 2}};
    struct wire_agent_msg s = {.kind = WIRE_SPACES,
                               .spaces = {.key = {{8}},
                                          .age_ms = 4,
                                          .copies_total = 3,
                                          .copies_measured = 2,
                                          .spaces = spaces,
                                          .space_count = 2}};
    AUTO(wire_agent_msg_close) struct wire_agent_msg *c2 = there_and_back(&c);
    AUTO(wire_agent_msg_close) struct wire_agent_msg *s2 = there_and_back(&s);

    (void)state;
    assert_true(rec_key_eq(&c2->copies.key, &c.copies.key));
    assert_int_equal(c2->copies.copy_count, 2);
    assert_int_equal(c2->copies.copies[0].allocated_bytes, 8192);
    assert_true(digest_eq(&c2->copies.copies[1].chain, &copies[1].chain));
    assert_true(c2->copies.copies[1].missing);
    assert_true(rec_key_eq(&s2->spaces.key, &s.spaces.key));
    assert_int_equal(s2->spaces.age_ms, 4);
    assert_int_equal(s2->spaces.copies_total, 3);
    assert_int_equal(s2->spaces.copies_measured, 2);
    assert_int_equal(s2->spaces.spaces[1].klass, REC_SPACE_ORPHANS);
    assert_string_equal(s2->spaces.spaces[1].kind, "leftover");
    assert_int_equal(s2->spaces.spaces[1].bytes, 512);
    assert_int_equal(s2->spaces.spaces[1].count, 1);
    assert_true(s2->spaces.spaces[1].upper_bound);
}

static void declined_and_heartbeat_go_there_and_back(void **state)
{
    struct rec_declined items[] = {{REC_DOC_MANIFEST, {{1}}, "not here"}, {0, {{2}}, ""}};
    struct wire_agent_msg d = {.kind = WIRE_DECLINED, .declined = {items, 2}};
    struct wire_agent_msg h = {.kind = WIRE_HEARTBEAT, .heartbeat = {6, 900}};
    AUTO(wire_agent_msg_close) struct wire_agent_msg *d2 = there_and_back(&d);
    AUTO(wire_agent_msg_close) struct wire_agent_msg *h2 = there_and_back(&h);

    (void)state;
    assert_int_equal(d2->declined.count, 2);
    assert_int_equal(d2->declined.items[0].kind, REC_DOC_MANIFEST);
    assert_string_equal(d2->declined.items[0].reason, "not here");
    assert_int_equal(d2->declined.items[1].kind, 0);
    assert_true(digest_eq(&d2->declined.items[1].digest, &items[1].digest));
    assert_int_equal(h2->heartbeat.generation, 6);
    assert_int_equal(h2->heartbeat.look_age_ms, 900);
}

static void a_heartbeat_is_well_under_100_bytes(void **state)
{
    struct wire_agent_msg h = {.kind = WIRE_HEARTBEAT,
                               .heartbeat = {REC_GENERATION_MAX, REC_AGE_MAX_MS}};
    AUTO(buf_close) struct buf bytes;

    (void)state;
    buf_init(&bytes, 1000);
    assert_int_equal(wire_agent_encode(&h, &bytes, NULL), 0);
    assert_true(bytes.len < 30);
}

static void welcome_goes_there_and_back(void **state)
{
    struct rec_store_sum sums[] = {{{{1}}, {{1, 2, 3, 4}}}};
    uint32_t capabilities[] = {REC_CAP_MEASURE};
    struct wire_collector_msg m = {.kind = WIRE_WELCOME,
                                   .welcome = {.collector_version = "0.2",
                                               .collector = {{5}},
                                               .host_name = "node-1",
                                               .generation = 8,
                                               .sums = sums,
                                               .sum_count = 1,
                                               .heartbeat_ms = 30000,
                                               .capabilities = capabilities,
                                               .capability_count = 1}};
    AUTO(wire_collector_msg_close) struct wire_collector_msg *out = back_and_there(&m);

    (void)state;
    assert_string_equal(out->welcome.collector_version, "0.2");
    assert_memory_equal(&out->welcome.collector, &m.welcome.collector, 16);
    assert_string_equal(out->welcome.host_name, "node-1");
    assert_int_equal(out->welcome.generation, 8);
    assert_int_equal(out->welcome.sum_count, 1);
    assert_true(setsum_eq(&out->welcome.sums[0].sum, &sums[0].sum));
    assert_int_equal(out->welcome.heartbeat_ms, 30000);
    assert_int_equal(out->welcome.capability_count, 1);
}

static void the_collectors_questions_go_there_and_back(void **state)
{
    struct rec_wanted wanted[] = {{REC_DOC_CONFIG, {{1}}}, {REC_DOC_ATTESTATION, {{2}}}};
    struct rec_measure_wanted layers[] = {{{{3}}, {{4}}}};
    struct wire_collector_msg want = {.kind = WIRE_WANT, .want = {100, wanted, 2}};
    struct wire_collector_msg measure = {.kind = WIRE_MEASURE, .measure = {200, layers, 1}};
    AUTO(wire_collector_msg_close) struct wire_collector_msg *w = back_and_there(&want);
    AUTO(wire_collector_msg_close) struct wire_collector_msg *m = back_and_there(&measure);

    (void)state;
    assert_int_equal(w->want.lease_ms, 100);
    assert_int_equal(w->want.count, 2);
    assert_int_equal(w->want.items[1].kind, REC_DOC_ATTESTATION);
    assert_true(digest_eq(&w->want.items[1].digest, &wanted[1].digest));
    assert_int_equal(m->measure.lease_ms, 200);
    assert_int_equal(m->measure.count, 1);
    assert_true(digest_eq(&m->measure.items[0].diff, &layers[0].diff));
    assert_true(digest_eq(&m->measure.items[0].chain, &layers[0].chain));
}

static void the_collectors_answers_go_there_and_back(void **state)
{
    struct wire_collector_msg ack = {.kind = WIRE_ACKNOWLEDGEMENT, .acknowledged = 77};
    struct wire_collector_msg resync = {.kind = WIRE_RESYNC, .resync = "sums differ"};
    struct wire_collector_msg reject = {
        .kind = WIRE_REJECTION,
        .rejection = {REC_REJECT_WRONG_DIGEST, 3, "sha256:ab", "bytes hash to sha256:cd"}};
    AUTO(wire_collector_msg_close) struct wire_collector_msg *a = back_and_there(&ack);
    AUTO(wire_collector_msg_close) struct wire_collector_msg *s = back_and_there(&resync);
    AUTO(wire_collector_msg_close) struct wire_collector_msg *r = back_and_there(&reject);

    (void)state;
    assert_int_equal(a->acknowledged, 77);
    assert_string_equal(s->resync, "sums differ");
    assert_int_equal(r->rejection.code, REC_REJECT_WRONG_DIGEST);
    assert_int_equal(r->rejection.generation, 3);
    assert_string_equal(r->rejection.subject, "sha256:ab");
    assert_string_equal(r->rejection.text, "bytes hash to sha256:cd");
}

static void a_probe_is_answered(void **state)
{
    struct wire_probe_answer answer = {"0.1.0", {{1, 2}}, 5, 6}, out;
    AUTO(buf_close) struct buf bytes;

    (void)state;
    buf_init(&bytes, 1000);
    assert_int_equal(wire_probe_encode(&answer, &bytes, NULL), 0);
    assert_int_equal(wire_probe_decode(&out, bytes.data, bytes.len, NULL), 0);
    assert_string_equal(out.version, "0.1.0");
    assert_memory_equal(&out.collector, &answer.collector, sizeof(out.collector));
    assert_int_equal(out.connected, 5);
    assert_int_equal(out.hosts, 6);
    assert_int_equal(wire_probe_decode(&out, bytes.data, bytes.len - 1, NULL), -1);
}

/* ---- broken bytes -------------------------------------------------------------------------- */

static void a_message_cut_anywhere_is_refused(void **state)
{
    struct wire_agent_msg m = {.kind = WIRE_INVENTORY_PART,
                               .part = {.store = sample_store(),
                                        .images = images,
                                        .image_count = 2,
                                        .exceptions = exceptions,
                                        .exception_count = 2}};
    AUTO(buf_close) struct buf bytes;

    (void)state;
    buf_init(&bytes, 1 << 20);
    assert_int_equal(wire_agent_encode(&m, &bytes, NULL), 0);
    for (size_t len = 0; len < bytes.len; len++) {
        struct wire_agent_msg *out = NULL;
        struct err err = {.kind = ERR_NONE};
        AUTO_FREE uint8_t *exact = malloc(len > 0 ? len : 1); /* so that ASan sees an overread */

        memcpy(exact, bytes.data, len);
        assert_int_equal(wire_agent_decode(&out, exact, len, &err), -1);
        assert_int_equal(err.kind, ERR_PROTOCOL);
        assert_true(strlen(err.text) > 0);
        assert_null(out);
    }
}

/* xorshift64*: the same bytes in every run. */
static uint64_t next_random(uint64_t *x)
{
    *x ^= *x >> 12;
    *x ^= *x << 25;
    *x ^= *x >> 27;
    return *x * 2685821657736338717ULL;
}

static void decode_both(const uint8_t *data, size_t len)
{
    struct wire_agent_msg *agent = NULL;
    struct wire_collector_msg *collector = NULL;
    struct err err = {.kind = ERR_NONE};

    if (wire_agent_decode(&agent, data, len, &err) != 0)
        assert_true(err.kind == ERR_PROTOCOL || err.kind == ERR_LIMIT);
    if (wire_collector_decode(&collector, data, len, &err) != 0)
        assert_true(err.kind == ERR_PROTOCOL || err.kind == ERR_LIMIT);
    wire_agent_msg_close(&agent);
    wire_collector_msg_close(&collector);
}

static void random_bytes_do_no_harm(void **state)
{
    uint64_t x = 20260302;
    uint8_t data[200];

    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t len = next_random(&x) % sizeof(data);

        for (size_t i = 0; i < len; i++)
            data[i] = (uint8_t)next_random(&x);
        decode_both(data, len);
    }
}

static void flipped_bytes_do_no_harm(void **state)
{
    struct rec_store_change change = {
        .store = sample_store(), .changed = images, .changed_count = 2};
    struct wire_agent_msg m = {
        .kind = WIRE_DIFFERENCE,
        .difference = {.base = 1, .generation = 2, .stores = &change, .store_count = 1}};
    AUTO(buf_close) struct buf bytes;
    uint64_t x = 7;

    (void)state;
    buf_init(&bytes, 1 << 20);
    assert_int_equal(wire_agent_encode(&m, &bytes, NULL), 0);
    for (int round = 0; round < 20000; round++) {
        size_t at = next_random(&x) % bytes.len;
        uint8_t before = bytes.data[at];

        bytes.data[at] = (uint8_t)next_random(&x);
        decode_both(bytes.data, bytes.len);
        bytes.data[at] = before;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_goes_there_and_back),
        cmocka_unit_test(an_inventory_goes_there_and_back),
        cmocka_unit_test(what_names_share_is_said_once),
        cmocka_unit_test(a_difference_goes_there_and_back),
        cmocka_unit_test(use_goes_there_and_back),
        cmocka_unit_test(a_document_goes_there_and_back),
        cmocka_unit_test(layer_facts_go_there_and_back),
        cmocka_unit_test(copies_and_spaces_go_there_and_back),
        cmocka_unit_test(declined_and_heartbeat_go_there_and_back),
        cmocka_unit_test(a_heartbeat_is_well_under_100_bytes),
        cmocka_unit_test(welcome_goes_there_and_back),
        cmocka_unit_test(the_collectors_questions_go_there_and_back),
        cmocka_unit_test(the_collectors_answers_go_there_and_back),
        cmocka_unit_test(a_probe_is_answered),
        cmocka_unit_test(a_message_cut_anywhere_is_refused),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(flipped_bytes_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
