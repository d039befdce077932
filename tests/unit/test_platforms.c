#include "tests/support/unit.h"

#include "collector/census/platforms.h"

enum { CHAINS_MAX = 130, DIGESTS_EACH = 2000, ARCH_TEXT = 8 };

#define ARENA_BYTES ((size_t)256 << 20)
#define DEBIAN "ID=debian\nVERSION_ID=12\n"
#define ALPINE "ID=alpine\n"

/* Images of one layer each, of which each has an architecture of its own. */
struct fixture {
    struct arena *arena;
    struct fleet f;
    struct fleet_layer layers[CHAINS_MAX];
    struct fleet_chain chains[CHAINS_MAX];
    struct fleet_image images[CHAINS_MAX];
    struct fleet_said said[CHAINS_MAX];
    struct fleet_said_digest digests[CHAINS_MAX * DIGESTS_EACH];
    uint32_t lines[CHAINS_MAX];
    char archs[CHAINS_MAX][ARCH_TEXT];
    uint32_t *release;
};

static int setup(void **state)
{
    static struct fixture f;
    struct err err;

    memset(&f, 0, sizeof(f));
    assert_ok(arena_open(&f.arena, ARENA_BYTES, &err));
    f.f = (struct fleet){.layers = f.layers,
                         .chains = f.chains,
                         .images = f.images,
                         .said = f.said,
                         .said_digests = f.digests};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_close(&f->arena);
    return 0;
}

/* A chain that an image ends at, which a store of root's lists; os_release NULL: not known. */
static uint32_t add(struct fixture *f, const char *os_release)
{
    uint32_t i = (uint32_t)f->f.chain_count++;

    snprintf(f->archs[i], ARCH_TEXT, "a%03u", i);
    f->f.layer_count = f->f.image_count = f->f.said_count = f->f.chain_count;
    f->layers[i] = (struct fleet_layer){
        .diff = digest_of(&i, sizeof(i)), .content_bytes = FLEET_UNKNOWN, .os_release = os_release};
    f->chains[i] = (struct fleet_chain){
        .digest = f->layers[i].diff, .parent = FLEET_NONE, .layer = i, .depth = 1};
    f->lines[i] = i;
    f->images[i] = (struct fleet_image){.digest = f->layers[i].diff,
                                        .parsed = PARSED_READ,
                                        .os = "linux",
                                        .arch = f->archs[i],
                                        .variant = "",
                                        .chains = &f->lines[i],
                                        .chain_count = 1};
    f->said[i] = (struct fleet_said){
        .image = i, .user = {.store = FLEET_NONE}, .digests = {i * DIGESTS_EACH, 0}};
    return i;
}

/* The store lists the chain's image with this index. */
static void list(struct fixture *f, uint32_t chain, uint32_t index)
{
    struct fleet_run *run = &f->said[chain].digests;
    struct digest d = {{(uint8_t)(index >> 16), (uint8_t)(index >> 8), (uint8_t)index, 1}};

    assert_true(run->count < DIGESTS_EACH);
    f->digests[run->first + run->count++].digest = d;
}

static void compute(struct fixture *f)
{
    struct err err;

    f->release = platforms_join(&f->f, f->arena, &err);
    assert_non_null(f->release);
}

static void an_index_joins_what_it_lists_under_its_first_platform(void **state)
{
    struct fixture *f = *state;
    uint32_t b = add(f, DEBIAN), a = add(f, DEBIAN), c = add(f, DEBIAN), alone = add(f, DEBIAN);

    f->images[a].arch = "a";
    list(f, b, 1);
    list(f, a, 1);
    list(f, c, 2);
    list(f, b, 2);
    compute(f);
    assert_int_equal(f->release[b], a);
    assert_int_equal(f->release[c], a);
    assert_int_equal(f->release[a], a);
    assert_int_equal(f->release[alone], alone);
}

static void two_distributions_are_never_one_release(void **state)
{
    struct fixture *f = *state;
    uint32_t debian = add(f, DEBIAN), arm = add(f, DEBIAN), alpine = add(f, ALPINE);

    list(f, debian, 2);
    list(f, arm, 2);
    list(f, debian, 1); /* which somebody invented */
    list(f, alpine, 1);
    compute(f);
    assert_int_equal(f->release[arm], debian);
    assert_int_equal(f->release[alpine], alpine);
}

static void what_is_of_no_known_distribution_joins_no_two(void **state)
{
    struct fixture *f = *state;
    uint32_t debian = add(f, DEBIAN), unknown = add(f, NULL), alpine = add(f, ALPINE);

    list(f, debian, 1);
    list(f, unknown, 1);
    list(f, unknown, 2);
    list(f, alpine, 2);
    compute(f);
    assert_int_equal(f->release[unknown], debian);
    assert_int_equal(f->release[alpine], alpine);
}

static void the_uppermost_os_release_of_a_line_counts(void **state)
{
    struct fixture *f = *state;
    uint32_t debian = add(f, DEBIAN), alpine = add(f, ALPINE), top = add(f, NULL);

    f->chains[top].parent = alpine;
    list(f, debian, 1);
    list(f, top, 1);
    compute(f);
    assert_int_equal(f->release[top], top);
}

static void an_os_release_of_a_layer_above_goes_before_its_bases(void **state)
{
    struct fixture *f = *state;
    uint32_t debian = add(f, DEBIAN), alpine = add(f, ALPINE), top = add(f, DEBIAN);

    f->chains[top].parent = alpine;
    list(f, debian, 1);
    list(f, top, 1);
    compute(f);
    assert_int_equal(f->release[top], debian);
}

static void a_release_is_of_the_distribution_that_any_of_its_platforms_tells(void **state)
{
    struct fixture *f = *state;
    uint32_t unknown = add(f, NULL), debian = add(f, DEBIAN), alpine = add(f, ALPINE);

    list(f, unknown, 1);
    list(f, debian, 1);
    list(f, unknown, 2);
    list(f, alpine, 2);
    compute(f);
    assert_int_equal(f->release[debian], unknown);
    assert_int_equal(f->release[alpine], alpine);
}

static void what_only_a_users_store_lists_joins_nothing(void **state)
{
    struct fixture *f = *state;
    uint32_t amd = add(f, DEBIAN), arm = add(f, DEBIAN);

    list(f, amd, 1);
    list(f, arm, 1);
    f->said[arm].user = f->said[arm].root;
    f->said[arm].root.store = FLEET_NONE;
    compute(f);
    assert_int_equal(f->release[arm], arm);
}

static void a_release_has_each_platform_once(void **state)
{
    struct fixture *f = *state;
    uint32_t new_amd = add(f, DEBIAN), old_amd = add(f, DEBIAN), arm = add(f, DEBIAN);

    f->images[old_amd].arch = f->images[new_amd].arch;
    list(f, new_amd, 1);
    list(f, arm, 1);
    list(f, old_amd, 2);
    list(f, arm, 2);
    compute(f);
    assert_int_equal(f->release[arm], new_amd);
    assert_int_equal(f->release[old_amd], old_amd);
}

static void a_release_has_no_more_platforms_than_is_allowed(void **state)
{
    struct fixture *f = *state;
    uint32_t joined = 0;

    for (uint32_t i = 0; i < PLATFORMS_MOST + 6; i++)
        list(f, add(f, NULL), 1);
    compute(f);
    for (uint32_t i = 0; i < PLATFORMS_MOST + 6; i++)
        joined += f->release[i] == 0;
    assert_int_equal(joined, PLATFORMS_MOST);
    assert_int_equal(f->release[PLATFORMS_MOST], PLATFORMS_MOST);
}

/* Two full releases, and thousands of digests that would have them be one. */
static void two_large_releases_stay_two_however_many_digests_they_share(void **state)
{
    enum { EACH = PLATFORMS_MOST - 1 };
    struct fixture *f = *state;

    for (uint32_t i = 0; i < 2 * EACH; i++)
        list(f, add(f, NULL), i < EACH ? 1 : 2);
    for (uint32_t d = 0; d + 1 < DIGESTS_EACH; d++) {
        list(f, 0, 10 + d);
        for (uint32_t i = EACH; i < 2 * EACH; i++)
            list(f, i, 10 + d);
    }
    compute(f);
    for (uint32_t i = 0; i < 2 * EACH; i++)
        assert_int_equal(f->release[i], i < EACH ? 0 : EACH);
}

/* ---- the list -------------------------------------------------------------------------------- */

static struct platforms_list list_of(struct fixture *f, const struct standing *images,
                                     uint32_t most)
{
    static uint32_t row_of[CHAINS_MAX];
    struct platforms_list out;
    struct err err;

    assert_ok(platforms_list(&out, &f->f, images, row_of, most, f->arena, &err));
    return out;
}

static void one_hosts_invented_platforms_drive_out_none_that_is_widespread(void **state)
{
    struct fixture *f = *state;
    struct standing images[CHAINS_MAX] = {{0}};
    struct platforms_list out;
    uint32_t arm, amd;

    for (uint32_t i = 0; i < 20; i++)
        images[add(f, NULL)].hosts = 1;
    arm = add(f, NULL);
    amd = add(f, NULL);
    f->images[arm].arch = "arm64";
    f->images[amd].arch = "amd64";
    images[arm].hosts = 2;
    images[amd].hosts = 9;
    out = list_of(f, images, 4);
    assert_int_equal(out.count, 4);
    assert_string_equal(out.likes[0]->arch, "a000"); /* sorted */
    assert_string_equal(out.likes[1]->arch, "a001");
    assert_string_equal(out.likes[2]->arch, "amd64");
    assert_string_equal(out.likes[3]->arch, "arm64");
    assert_int_equal(out.of_image[amd], 2);
    assert_int_equal(out.of_image[arm], 3);
    for (uint32_t i = 1; i < 20; i++)
        assert_int_equal(out.of_image[i], 1); /* the rarest has the rest */
}

static void among_equals_the_platform_with_more_images_is_told_apart(void **state)
{
    struct fixture *f = *state;
    struct standing images[CHAINS_MAX] = {{0}};
    struct platforms_list out;

    for (uint32_t i = 0; i < 6; i++)
        images[add(f, NULL)].hosts = 1;
    f->images[4].arch = f->images[5].arch;
    out = list_of(f, images, 1);
    assert_int_equal(out.count, 1);
    assert_ptr_equal(out.likes[0], &f->images[4]);
    assert_int_equal(list_of(f, images, 100).count, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_index_joins_what_it_lists_under_its_first_platform,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(two_distributions_are_never_one_release, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_of_no_known_distribution_joins_no_two, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_uppermost_os_release_of_a_line_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(an_os_release_of_a_layer_above_goes_before_its_bases, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_release_is_of_the_distribution_that_any_of_its_platforms_tells, setup, teardown),
        cmocka_unit_test_setup_teardown(what_only_a_users_store_lists_joins_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_release_has_each_platform_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_release_has_no_more_platforms_than_is_allowed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(two_large_releases_stay_two_however_many_digests_they_share,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            one_hosts_invented_platforms_drive_out_none_that_is_widespread, setup, teardown),
        cmocka_unit_test_setup_teardown(among_equals_the_platform_with_more_images_is_told_apart,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
