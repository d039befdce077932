#include "tests/support/unit.h"

#include <stdlib.h>

#include "tests/support/store_rig.h"

/*
 * Random reports of several hosts, beside a model that is as simple as can be: what each store
 * holds now, and for every second what it held. Presence must say the same.
 */
enum { HOSTS = 3, STORES = 2, IMAGES = 8, NAMES = 3, STEPS = 120, START_S = 1000 };

struct model_image {
    bool here, unpacked;
    unsigned names; /* one bit for each */
};
struct model_store {
    bool here;
    struct model_image images[IMAGES];
};
struct model {
    int64_t incarnation;
    uint64_t generation;
    struct model_store stores[STORES];
    bool seen[STEPS][STORES][IMAGES]; /* at the end of each second */
};

static struct store_rig rig;

static struct rec_content *content_of(const struct model_store *m, unsigned key)
{
    struct rec_content *c = rig_content(&rig, key);

    for (unsigned i = 0; i < IMAGES; i++) {
        struct digest id = rig_digest('I', i);
        struct rec_image *image;

        if (!m->images[i].here)
            continue;
        image = rig_image(&rig, c, &id, m->images[i].unpacked);
        for (unsigned n = 0; n < NAMES; n++) {
            char name[32];

            snprintf(name, sizeof(name), "app%u:%u", i, n);
            if (m->images[i].names & 1u << n)
                rig_name(&rig, image, name);
        }
        if (i % 2 == 0)
            rig_repo_digest(&rig, image, "example.com/app", i);
    }
    rig_sort(c);
    return c;
}

static void shake_image(struct model_image *m, unsigned *seed)
{
    switch (rand_r(seed) % 4) {
    case 0:
        *m = (struct model_image){.here = false};
        break;
    case 1:
        m->here = true;
        m->unpacked = rand_r(seed) % 2 == 0;
        break;
    default:
        if (m->here)
            m->names = (unsigned)rand_r(seed) % (1u << NAMES);
    }
}

static void shake(struct model *m, unsigned *seed)
{
    for (int s = 0; s < STORES; s++) {
        int changes = rand_r(seed) % 4;

        if (rand_r(seed) % 8 == 0)
            m->stores[s] = (struct model_store){.here = !m->stores[s].here};
        for (int i = 0; m->stores[s].here && i < changes; i++)
            shake_image(&m->stores[s].images[rand_r(seed) % IMAGES], seed);
    }
}

static void report_whole(struct model *m, int64_t now_s)
{
    const struct rec_content *list[STORES];
    size_t count = 0;
    struct err err;

    for (unsigned s = 0; s < STORES; s++)
        if (m->stores[s].here)
            list[count++] = content_of(&m->stores[s], s + 1);
    assert_ok(rig_try_inventory(&rig, m->incarnation, m->generation + 1, list, count, now_s, now_s,
                                &err));
    m->generation++;
}

/* What turns one store into another: images that are other or new, and those that went. */
static void fill_change(struct rec_store_change *change, const struct model_store *old,
                        const struct model_store *now, unsigned key)
{
    struct rec_content *c = content_of(now, key), *was = content_of(old, key);

    change->store = c->store;
    change->sum = rec_content_sum(c);
    change->changed = c->images;
    change->removed = arena_array(rig.arena, IMAGES, sizeof(*change->removed), NULL);
    for (size_t i = 0; i < was->image_count; i++)
        if (bsearch(&was->images[i], c->images, c->image_count, sizeof(*c->images),
                    rec_image_cmp) == NULL)
            change->removed[change->removed_count++] = was->images[i].id;
    for (size_t i = 0; i < c->image_count; i++) {
        const struct rec_image *same = bsearch(&c->images[i], was->images, was->image_count,
                                               sizeof(*c->images), rec_image_cmp);

        if (same == NULL || !rec_image_eq(same, &c->images[i]))
            change->changed[change->changed_count++] = c->images[i];
    }
}

static void report_difference(struct model *m, const struct model *before, int64_t now_s)
{
    struct rec_store_change changes[STORES] = {{.changed_count = 0}};
    struct rec_key gone[STORES];
    struct rec_difference d = {
        .base = m->generation, .generation = m->generation + 1, .stores = changes, .gone = gone};
    struct err err;

    for (unsigned s = 0; s < STORES; s++) {
        if (m->stores[s].here)
            fill_change(&changes[d.store_count++], &before->stores[s], &m->stores[s], s + 1);
        else if (before->stores[s].here)
            gone[d.gone_count++] = rig_key(s + 1);
    }
    assert_ok(RIG_APPLY(&rig, apply_difference(rig.store, m->incarnation, &d, now_s * 1000, &err)));
    m->generation++;
}

/* How many images the database says were there in that second, in the store. */
static int64_t held_at(int64_t incarnation, unsigned store, const struct digest *id, int64_t at_s)
{
    char query[512], hex[DIGEST_HEX + 1];

    snprintf(query, sizeof(query),
             "SELECT count(*) FROM presence p JOIN store s ON s.id = p.store_id "
             "JOIN listing l ON l.id = p.listing_id JOIN image i ON i.id = l.image_id WHERE "
             "s.incarnation_id = %lld "
             "AND substr(hex(s.key), 1, 2) = '%02X' AND i.digest = x'%s' AND p.from_s <= %lld "
             "AND (p.gone_s IS NULL OR p.gone_s > %lld)",
             (long long)incarnation, store + 1, digest_hex(id, hex), (long long)at_s,
             (long long)at_s);
    return rig_number(&rig, query);
}

static void compare_image(const struct model *m, unsigned store, unsigned image, int seconds)
{
    struct digest id = rig_digest('I', image);

    for (int t = 0; t < seconds; t += 7)
        if (held_at(m->incarnation, store, &id, START_S + t) != m->seen[t][store][image])
            fail_msg("store %u, image %u differs at second %d", store, image, t);
}

static void compare(const struct model *hosts, int seconds)
{
    for (int h = 0; h < HOSTS; h++)
        for (unsigned s = 0; s < STORES; s++)
            for (unsigned i = 0; i < IMAGES; i++)
                compare_image(&hosts[h], s, i, seconds);
}

static void note_second(struct model *hosts, int second)
{
    for (int h = 0; h < HOSTS; h++)
        for (int s = 0; s < STORES; s++)
            for (int i = 0; i < IMAGES; i++)
                hosts[h].seen[second][s][i] =
                    hosts[h].stores[s].here && hosts[h].stores[s].images[i].here;
}

static void run_seed(unsigned seed)
{
    static struct model hosts[HOSTS];
    int second = 0;

    memset(hosts, 0, sizeof(hosts));
    for (unsigned h = 0; h < HOSTS; h++) {
        char name[16];

        snprintf(name, sizeof(name), "host-%u", h);
        hosts[h].incarnation = rig_hello(&rig, h + 1, name, START_S);
    }
    for (int step = 0; step < STEPS; step++) {
        struct model *m = &hosts[rand_r(&seed) % HOSTS];
        static struct model before;

        before = *m;
        shake(m, &seed);
        if (m->generation == 0 || rand_r(&seed) % 3 == 0)
            report_whole(m, START_S + second);
        else
            report_difference(m, &before, START_S + second);
        note_second(hosts, second);
        second += rand_r(&seed) % 2; /* often more than one report in a second */
        note_second(hosts, second);
    }
    compare(hosts, second + 1);
}

static void presence_equals_a_brute_force_model(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 6; seed++) {
        rig_open(&rig);
        run_seed(seed);
        rig_close(&rig); /* with store_check() */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presence_equals_a_brute_force_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
