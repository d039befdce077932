#include "tests/support/unit.h"

#include <stdlib.h>

#include "collector/store/store_private.h"
#include "common/cleanup.h"
#include "tests/support/mirror_equal.h"
#include "tests/support/store_rig.h"

/*
 * Random reports of a small fleet, in random transactions that go wrong at random: jobs that fail
 * after their work, statements that are stopped half way, transactions that are rolled back,
 * commits that fail, a store that is closed and opened again. After each step the thorough check
 * counts everything anew in plain SQL, and the memory of the writer must be that of its file.
 */
enum {
    SEEDS = 12,
    STEPS = 30, /* transactions of a seed */
    MACHINES = 5,
    NAMES = 5, /* mostly one each, but some are rebuilt and others renamed */
    KEYS = 3,  /* stores of a machine */
    IMAGES = 8,
    LAYERS = 5,
    DEPTH_MAX = 3, /* layers of an image */
    SILENCE_S = 20,
    RETIRE_S = 60,
};

struct image {
    unsigned layers[DEPTH_MAX];
    size_t depth;
    const char *config;
    struct digest id;
};

static struct store_rig rig;
static struct image images[IMAGES];
static unsigned seed;
static int64_t now_s;
static uint64_t generation;
/* Every second seed is a fleet as most are: one store a host, and layers that end one chain each.
 * Small changes of such hosts are counted in another way (tally_step.c). */
static bool plain;

static unsigned any(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

static bool one_in(unsigned n)
{
    return any(n) == 0;
}

static bool is_new(const struct image *image)
{
    for (const struct image *i = images; i < image; i++)
        if (digest_eq(&i->id, &image->id))
            return false;
    return true;
}

static void make_images(void)
{
    for (struct image *i = images; i < images + IMAGES; i++) {
        do {
            i->depth = 1 + any(DEPTH_MAX);
            for (size_t l = 0; l < i->depth; l++)
                i->layers[l] = plain ? (l == 0 ? 1 : 2 * i->layers[l - 1]) + any(2) : any(LAYERS);
            i->config = rig_config(&rig, i->layers, i->depth, &i->id);
        } while (!is_new(i));
    }
}

/* Incarnations are numbered as they come; some have ended, some are not there yet. */
static int64_t some_incarnation(void)
{
    return 1 + any(MACHINES);
}

static struct digest some_chain(struct digest *diff)
{
    const struct image *i = &images[any(IMAGES)];
    size_t depth = 1 + any((unsigned)i->depth);

    *diff = rig_digest('L', i->layers[depth - 1]);
    return rig_chain(i->layers, depth);
}

/* ---- jobs: each is one message -------------------------------------------------------------- */

static int hello(struct err *err)
{
    unsigned machine = 1 + any(MACHINES);
    char name[16];
    struct rec_hello h = {.agent_version = "0.1.0",
                          .host_name = name,
                          .cluster = "",
                          .fingerprint = rig_digest('F', machine),
                          .lifetime = machine == 1 ? REC_LIFETIME_EPHEMERAL : REC_LIFETIME_LASTING,
                          .os = "Debian",
                          .kernel = "6.1",
                          .arch = "amd64",
                          .clock_ms = now_s * 1000};
    struct apply_caller caller = {name, "10.0.0.1", now_s * 1000, SILENCE_S, NULL, 0};
    struct apply_identity id;

    snprintf(name, sizeof(name), "host-%u", one_in(4) ? any(NAMES) : machine);
    memcpy(h.incarnation.bytes, &machine, sizeof(machine));
    return apply_hello(rig.store, &h, &caller, rig.arena, &id, err);
}

static void list_image(struct rec_content *c, unsigned i)
{
    struct rec_image *image = rig_image(&rig, c, &images[i].id, !one_in(4));
    char name[32];

    for (unsigned n = any(3); n > 0; n--) {
        snprintf(name, sizeof(name), "app-%u:%u", i, n);
        rig_name(&rig, image, name);
    }
    image->has_parent = one_in(plain ? 40 : 3);
    if (image->has_parent)
        image->parent = images[any(IMAGES)].id;
}

static void add_exception(struct rec_content *c)
{
    struct digest diff, chain = some_chain(&diff);

    for (size_t i = 0; i < c->exception_count; i++)
        if (digest_eq(&c->exceptions[i].chain, &chain))
            return;
    rig_exception(&rig, c, one_in(2) ? REC_CHAIN_EXTRA : REC_CHAIN_MISSING, &chain, &diff);
}

static struct rec_content *some_content(unsigned key)
{
    struct rec_content *c = rig_content(&rig, key);

    c->store.engine = plain || one_in(2) ? "docker" : one_in(2) ? "containerd" : "podman";
    c->store.owner = (key == 3) != (generation % 7 == 6) ? 1000 : 0; /* now and then another one */
    for (unsigned i = 0; i < IMAGES; i++)
        if (one_in(2))
            list_image(c, i);
    for (unsigned n = plain ? one_in(10) : any(3); n > 0; n--)
        add_exception(c);
    return c;
}

static int inventory(struct err *err)
{
    struct rec_content contents[KEYS];
    struct rec_store_sum sums[KEYS];
    size_t count = 0;

    for (unsigned key = 1; key <= KEYS; key++) {
        if (one_in(4) || (plain && key > 1))
            continue;
        contents[count] = *some_content(key);
        rig_sort(&contents[count]);
        sums[count] = (struct rec_store_sum){rig_key(key), rec_content_sum(&contents[count])};
        count++;
    }
    return apply_inventory(rig.store,
                           &(struct apply_inventory){.incarnation_id = some_incarnation(),
                                                     .generation = ++generation,
                                                     .now_ms = now_s * 1000,
                                                     .contents = contents,
                                                     .content_count = count,
                                                     .sums = sums,
                                                     .sum_count = count},
                           err);
}

static int use(struct err *err)
{
    struct rec_container list[] = {{.id = "a", .name = "", .kube_namespace = "", .kube_pod = ""},
                                   {.id = "b", .name = "", .kube_namespace = "", .kube_pod = ""},
                                   {.id = "c", .name = "", .kube_namespace = "", .kube_pod = ""}};
    struct rec_use u = {rig_key(1 + any(KEYS)), 0, list, any(4)};

    for (size_t i = 0; i < u.container_count; i++) {
        list[i].image = images[any(IMAGES)].id;
        list[i].state = (enum rec_run_state)(1 + any(3));
    }
    return apply_use(rig.store, some_incarnation(), &u, now_s * 1000, err);
}

static int copies(struct err *err)
{
    struct rec_copy_facts list[6];
    struct rec_copies c = {rig_key(1 + any(KEYS)), list, any(7)};
    struct digest diff;

    for (size_t i = 0; i < c.copy_count; i++)
        list[i] = (struct rec_copy_facts){some_chain(&diff), any(1000), one_in(4)};
    return apply_copies(rig.store, some_incarnation(), &c, err);
}

static int spaces(struct err *err)
{
    struct rec_space list[] = {
        {REC_SPACE_BLOBS, "kept", any(1000), 1, one_in(3)},
        {REC_SPACE_BLOBS, "only", any(1000), 1, one_in(3)},
        {REC_SPACE_ORPHANS, "leftover", any(1000), 1, one_in(3)},
        {REC_SPACE_ORPHANS, "partial", any(1000), 1, one_in(3)},
        {REC_SPACE_OUTSIDE, "engine-metadata", any(1000), 1, one_in(2)},
    };
    struct rec_spaces s = {rig_key(1 + any(KEYS)), 0, 0, 0, list, any(6)};

    return apply_spaces(rig.store, some_incarnation(), &s, now_s * 1000, err);
}

/* The document itself, or what is left of it, which two hosts may tell otherwise. */
static int document(struct err *err)
{
    const struct image *i = &images[any(IMAGES)];
    unsigned own = (unsigned)(i - images), told = one_in(2) ? (own + 1) % IMAGES : own;
    uint32_t rules = one_in(6) ? 0 : 1;
    const char *text = rules > 0 ? images[told].config : i->config;
    enum apply_verdict verdict;

    return apply_document(rig.store, some_incarnation(), REC_DOC_CONFIG, &i->id,
                          (const uint8_t *)text, strlen(text), rules, rules, now_s * 1000, &verdict,
                          err);
}

static int facts(struct err *err)
{
    unsigned layer = any(LAYERS);
    struct rec_layer_facts f = {.diff = rig_digest('L', layer),
                                .nominal_bytes = 1000 + layer + one_in(2),
                                .os_release = "",
                                .of_user = one_in(2)};
    enum apply_verdict verdict;

    return apply_layer_facts(rig.store, some_incarnation(), &f, now_s * 1000, &verdict, err);
}

static int life(struct err *err)
{
    struct apply_life l = {some_incarnation(), now_s, 0, 0};

    return apply_lives(rig.store, &l, 1, err);
}

static int housekeeping(struct err *err)
{
    return apply_housekeeping(rig.store, now_s, SILENCE_S, RETIRE_S, err);
}

static int some_job(struct err *err)
{
    static int (*const jobs[])(struct err *) = {
        hello,  hello,    inventory, inventory, inventory, use,   copies, copies,
        spaces, document, document,  facts,     facts,     facts, life,   housekeeping,
    };

    return jobs[any(unit_count(jobs))](err);
}

/* ---- transactions and what goes wrong -------------------------------------------------------- */

static int stop(void *arg)
{
    (void)arg;
    return 1;
}

/* 0 the job's work stands or is undone, -1 the whole transaction is lost, as in writer.c. */
static int run_job(struct err *err)
{
    bool stopped = one_in(8);
    int failed;

    if (store_mark(rig.store, err) != 0)
        return -1;
    if (stopped) /* SQLite takes the transaction back where it was writing */
        sqlite3_progress_handler(rig.store->db, 1 + (int)any(400), stop, NULL);
    failed = some_job(err) != 0 || (one_in(3) && some_job(err) != 0);
    sqlite3_progress_handler(rig.store->db, 0, NULL, NULL);
    if (!failed && !one_in(6))
        return store_mark_keep(rig.store, err);
    store_mark_undo(rig.store);
    return 0;
}

static int run_jobs(struct err *err)
{
    for (unsigned n = 1 + any(8); n > 0; n--)
        if (run_job(err) != 0)
            return -1;
    return 0;
}

static void run_transaction(void)
{
    bool refused = one_in(6);
    struct err err;

    assert_ok(store_begin(rig.store, &err));
    if (run_jobs(&err) != 0 || one_in(6)) {
        store_rollback(rig.store);
        return;
    }
    if (refused)
        sqlite3_commit_hook(rig.store->db, stop, NULL);
    if (store_commit(rig.store, &err) != 0)
        assert_true(refused || strstr(err.text, "interrupt") != NULL);
    sqlite3_commit_hook(rig.store->db, NULL, NULL);
}

static void reopen(void)
{
    struct err err;

    store_close(&rig.store);
    assert_ok(store_open_writer(&rig.store, rig.path, &err));
}

/* What must come up, or the test is about nothing. */
static const char *const states[] = {
    "SELECT max(missing) FROM count_chain",
    "SELECT max(min(measured, allocated_bytes)) FROM count_chain",
    "SELECT max(parents) FROM count_layer",
    "SELECT max(stores) FROM count_layer",
    "SELECT max(engines) FROM count_layer",
    "SELECT max(users) FROM count_layer",
    "SELECT max(again) FROM count_image",
    "SELECT max(parent_in) FROM count_image",
    "SELECT max(running) FROM count_image",
    "SELECT max(unknown) FROM count_image",
    "SELECT max(min(blobs_kept, blobs_only, orphans, upper_bounds)) FROM count_fleet",
    "SELECT count(*) FROM chain WHERE layer_id IS NULL AND claimed_layer_id IS NOT NULL",
    "SELECT count(*) FROM chain WHERE layer_id <> claimed_layer_id OR layer_id = claimed_layer_id",
    "SELECT count(*) FROM document WHERE state = 4",
    "SELECT count(*) FROM layer WHERE fact_state = 3",
    "SELECT count(*) FROM event WHERE kind = 'document-settled'",
    "SELECT count(*) FROM event WHERE kind = 'facts-settled'",
    "SELECT count(*) FROM event WHERE kind = 'facts-replaced'",
    "SELECT count(*) FROM layer WHERE fact_state = 2 AND fact_of_user",
    "SELECT count(*) FROM layer WHERE fact_state = 3 AND fact_of_user",
    "SELECT count(*) FROM host WHERE retired_s IS NOT NULL",
    "SELECT count(*) FROM host WHERE ended_s IS NOT NULL",
    "SELECT count(*) FROM incarnation WHERE ended_s IS NOT NULL",
    "SELECT count(*) FROM event WHERE kind = 'host-renamed'",
    "SELECT count(*) FROM presence WHERE since_s IS NOT NULL AND gone_s IS NULL",
    "SELECT max(n) - 1 FROM (SELECT count(*) AS n FROM listing_first GROUP BY listing_id)",
    "SELECT count(*) FROM listing_first f JOIN store s ON s.id = f.store_id "
    "WHERE f.of_root <> (s.owner = 0)",
    /* A copy that was measured, on a host whose one store changed after that. */
    "SELECT count(*) FROM copy c JOIN presence p ON p.store_id = c.store_id AND p.gone_s IS NOT "
    "NULL"
    " WHERE (SELECT count(*) FROM store) = (SELECT count(DISTINCT incarnation_id) FROM store)",
};
static bool seen[unit_count(states)];

static void look_at_states(void)
{
    for (size_t i = 0; i < unit_count(states); i++)
        seen[i] = seen[i] || rig_number(&rig, states[i]) > 0;
}

static void run_step(void)
{
    struct err err;

    run_transaction();
    now_s += any(15);
    if (one_in(8))
        mirror_close(&rig.store->mirror); /* as after a COMMIT that may be in the file */
    if (one_in(8))
        reopen();
    assert_ok(store_begin(rig.store, &err));
    store_rollback(rig.store);
    assert_mirror_as_file(&rig);
    assert_int_equal(rig_check(&rig, NULL), 0);
    look_at_states();
}

static void counters_are_exact_whatever_goes_wrong(void **state)
{
    const char *given = getenv("LC_SEED");
    unsigned first = given != NULL ? (unsigned)strtoul(given, NULL, 10) : 20261123;

    (void)state;
    for (unsigned n = 0; n < SEEDS; n++) {
        seed = first + n;
        print_message("LC_SEED=%u\n", seed);
        plain = n % 2 == 1;
        now_s = 1000;
        generation = 0;
        rig_open(&rig);
        make_images();
        for (int step = 0; step < STEPS; step++)
            run_step();
        rig_close(&rig);
    }
    for (size_t i = 0; i < unit_count(states) && given == NULL; i++)
        if (!seen[i])
            fail_msg("never more than nothing: %s", states[i]);
}

/* ---- hosts that change a little -------------------------------------------------------------- */

static void report_images(int64_t incarnation, unsigned held)
{
    struct rec_content *c = rig_content(&rig, 1);

    for (unsigned i = 0; i < IMAGES; i++)
        if (held & 1u << i)
            rig_name(&rig, rig_image(&rig, c, &images[i].id, i != 0), "app:1");
    rig_sort(c);
    rig_inventory(&rig, incarnation, ++generation, c, now_s);
}

static void know_hosts_and_images(void)
{
    for (unsigned m = 1; m <= MACHINES; m++) {
        char name[16];

        snprintf(name, sizeof(name), "host-%u", m);
        assert_int_equal(rig_hello(&rig, m, name, now_s), m);
    }
    for (unsigned i = 0; i < IMAGES; i++)
        rig_document(&rig, 1, &images[i].id, images[i].config, 0, now_s);
}

/* Copies are measured now and then, so that those which come and go have sizes, or are missing. */
static void small_changes_count_as_the_whole_does(void **state)
{
    unsigned held[MACHINES + 1] = {0};
    struct err err;

    (void)state;
    seed = 7;
    now_s = 1000;
    generation = 0;
    plain = true;
    rig_open(&rig);
    make_images();
    know_hosts_and_images();
    for (unsigned n = 0; n < 200; n++) {
        unsigned m = 1 + any(MACHINES);

        held[m] ^= 1u << any(IMAGES);
        held[m] ^= one_in(2) ? 1u << any(IMAGES) : 0;
        now_s++;
        report_images(m, held[m]);
        assert_ok(store_begin(rig.store, &err));
        if (one_in(4))
            copies(&err); /* of a store that may not be there yet */
        assert_ok(store_commit(rig.store, &err));
        if (n % 10 == 9)
            assert_int_equal(rig_check(&rig, NULL), 0);
    }
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_are_exact_whatever_goes_wrong),
        cmocka_unit_test(small_changes_count_as_the_whole_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
