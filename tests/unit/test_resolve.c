#include "tests/support/unit.h"

#include "collector/census/os_release.h"
#include "collector/census/resolve.h"
#include "tests/support/fleet_maker.h"

struct fixture {
    struct fleet_maker m;
    struct resolution found;
    struct standing *images;
    struct naming naming;
    bool marks[MAKER_MAX];
    uint32_t os, app, debian, shop;
};

static int setup(void **state)
{
    static struct fixture f;
    struct fleet_maker *m = &f.m;
    uint32_t s;

    memset(&f, 0, sizeof(f));
    maker_open(m);
    f.os = maker_layer(m, "os", 100);
    f.app = maker_layer(m, "app", 5);
    f.debian = IMAGE(m, f.os);
    f.shop = IMAGE(m, f.os, f.app);
    s = maker_store(m, maker_host(m, "h"), "docker", 0);
    maker_put(m, s, f.debian, "debian:12");
    maker_put(m, s, f.shop, "127.0.0.1:5000/shop:1");
    f.m.repo_digests[f.m.fleet.repo_digest_count++] =
        (struct fleet_repo_digest){.image = f.debian,
                                   .repository = maker_name(m, "debian"),
                                   .digest = digest_of("manifest", 8),
                                   .present = true};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    maker_close(&f->m);
    return 0;
}

/* Resolves, and returns how many images it means; *image gets the last of them. */
static int find(struct fixture *f, const char *text, uint32_t *image)
{
    static const struct catalogue none;
    struct resolve_facts facts = {.f = &f->m.fleet, .naming = &f->naming, .catalogue = &none};
    struct resolve_calls calls;
    struct err err;
    int count = 0;

    f->images = standing_compute(&f->m.fleet, f->m.arena, &err);
    assert_non_null(f->images);
    assert_ok(resolve(&f->found, &f->m.fleet, f->images, text, f->m.arena, &err));
    memset(f->marks, 0, sizeof(f->marks));
    resolve_images(&f->found, &f->m.fleet, f->marks);
    facts.images = f->images;
    assert_ok(naming_compute(&f->naming, &f->m.fleet, &none, NULL, 0, f->m.arena, &err));
    assert_ok(resolve_calls(&calls, &f->found, &facts, false, f->m.arena, &err));
    for (size_t i = 0; i < calls.count; i++)
        f->marks[calls.list[i].image] =
            f->marks[calls.list[i].image] || calls.list[i].verdict == RESOLVE_MEANT;
    for (uint32_t i = 0; i < f->m.fleet.image_count; i++) {
        if (!f->marks[i])
            continue;
        *image = i;
        count++;
    }
    return count;
}

static void names_are_found_in_every_form_that_means_the_same(void **state)
{
    static const char *const forms[] = {"debian:12", "docker.io/library/debian:12",
                                        "library/debian:12", "debian", "docker.io/debian:12"};
    struct fixture *f = *state;
    uint32_t image = 0;

    for (size_t i = 0; i < unit_count(forms); i++) {
        assert_int_equal(find(f, forms[i], &image), 1);
        assert_int_equal(image, f->debian);
        assert_int_equal(f->found.hits[0].kind, RESOLVED_NAME);
    }
    assert_int_equal(find(f, "127.0.0.1:5000/shop:1", &image), 1);
    assert_int_equal(image, f->shop);
    assert_int_equal(find(f, "debian:11", &image), 0);
    assert_int_equal(find(f, "shop:1", &image), 0);
}

static void a_digest_is_found_with_and_without_its_algorithm_and_by_its_beginning(void **state)
{
    struct fixture *f = *state;
    char text[DIGEST_TEXT], hex[DIGEST_HEX + 1];
    uint32_t image = 0;

    digest_text(&f->m.images[f->shop].digest, text);
    digest_hex(&f->m.images[f->shop].digest, hex);
    assert_int_equal(find(f, text, &image), 1);
    assert_int_equal(image, f->shop);
    assert_int_equal(find(f, hex, &image), 1);
    hex[12] = '\0';
    assert_int_equal(find(f, hex, &image), 1);
    assert_string_equal(resolve_kind_name(&f->m.fleet, &f->found.hits[0]), "config");
    hex[3] = '\0';
    assert_int_equal(find(f, hex, &image), 0); /* fewer than four digits are no digest */
}

static void a_manifest_finds_its_image_alone_and_behind_its_repository(void **state)
{
    struct fixture *f = *state;
    struct digest manifest = digest_of("manifest", 8);
    char text[DIGEST_TEXT], reference[DIGEST_TEXT + 16];
    uint32_t image = 0;

    assert_int_equal(find(f, digest_text(&manifest, text), &image), 1);
    assert_int_equal(image, f->debian);
    assert_string_equal(resolve_kind_name(&f->m.fleet, &f->found.hits[0]), "manifest-or-index");
    f->m.repo_digests[0].kind = REC_DOC_INDEX;
    assert_string_equal(resolve_kind_name(&f->m.fleet, &f->found.hits[0]), "index");
    snprintf(reference, sizeof(reference), "debian@%s", text);
    assert_int_equal(find(f, reference, &image), 1);
    snprintf(reference, sizeof(reference), "alpine@%s", text);
    assert_int_equal(find(f, reference, &image), 0);
}

static void a_layer_and_a_chain_find_all_images_that_contain_them(void **state)
{
    struct fixture *f = *state;
    char text[DIGEST_TEXT];
    uint32_t image = 0;

    /* The first layer's diffID is its chainID too: one digest, two kinds, not ambiguous. */
    assert_int_equal(find(f, digest_text(&f->m.layers[f->os].diff, text), &image), 2);
    assert_int_equal(f->found.count, 2);
    assert_int_equal(f->found.digests, 1);
    assert_int_equal(find(f, digest_text(&f->m.chains[1].digest, text), &image), 1);
    assert_int_equal(image, f->shop);
    assert_int_equal(f->found.hits[0].kind, RESOLVED_CHAIN);
}

static void a_beginning_that_fits_several_digests_is_ambiguous(void **state)
{
    struct fixture *f = *state;
    uint32_t image;

    f->m.images[f->shop].digest = f->m.images[f->debian].digest;
    f->m.images[f->shop].digest.bytes[31] ^= 1;
    {
        char hex[DIGEST_HEX + 1];

        digest_hex(&f->m.images[f->debian].digest, hex);
        hex[20] = '\0';
        assert_int_equal(find(f, hex, &image), 2);
    }
    assert_int_equal(f->found.digests, 2);
}

static void a_name_made_of_hex_digits_wins_over_a_digest(void **state)
{
    struct fixture *f = *state;
    char hex[DIGEST_HEX + 1], text[DIGEST_TEXT];
    uint32_t image = 0;

    digest_hex(&f->m.images[f->debian].digest, hex);
    hex[6] = '\0';
    f->m.names[1].text = hex; /* shop's */
    assert_int_equal(find(f, hex, &image), 1);
    assert_int_equal(image, f->shop);
    snprintf(text, sizeof(text), "sha256:%s", hex);
    assert_int_equal(find(f, text, &image), 1);
    assert_int_equal(image, f->debian);
}

static void descendants_are_found_by_chain(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint32_t image;

    assert_int_equal(find(f, "debian:12", &image), 1);
    assert_ok(resolve_descendants(&f->m.fleet, f->marks, f->m.arena, &err));
    assert_true(f->marks[f->debian]);
    assert_true(f->marks[f->shop]);
    assert_int_equal(find(f, "127.0.0.1:5000/shop:1", &image), 1);
    assert_ok(resolve_descendants(&f->m.fleet, f->marks, f->m.arena, &err));
    assert_false(f->marks[f->debian]);
}

static void an_os_release_is_read_as_a_shell_would(void **state)
{
    struct os_release os;

    (void)state;
    os_release_parse(&os, "# comment\nID=debian\nVERSION_ID=\"12\"\r\nPRETTY_NAME='a b'\nID=x\\$y");
    assert_string_equal(os.id, "x$y");
    assert_string_equal(os.version_id, "12");
    assert_string_equal(os.pretty_name, "a b");
    os_release_parse(&os, NULL);
    assert_string_equal(os.id, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(names_are_found_in_every_form_that_means_the_same),
        TEST(a_digest_is_found_with_and_without_its_algorithm_and_by_its_beginning),
        TEST(a_manifest_finds_its_image_alone_and_behind_its_repository),
        TEST(a_layer_and_a_chain_find_all_images_that_contain_them),
        TEST(a_beginning_that_fits_several_digests_is_ambiguous),
        TEST(a_name_made_of_hex_digits_wins_over_a_digest),
        TEST(descendants_are_found_by_chain),
        TEST(an_os_release_is_read_as_a_shell_would),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
