#include "tests/support/unit.h"

#include "common/imageref.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define AT_DIGEST "@sha256:" HEX

/* What is typed, its normal form, and the familiar form of that. */
static const struct {
    const char *text, *normal, *familiar;
} names[] = {
    {"debian", "docker.io/library/debian", "debian"},
    {"debian:12", "docker.io/library/debian:12", "debian:12"},
    {"library/debian", "docker.io/library/debian", "debian"},
    {"docker.io/debian", "docker.io/library/debian", "debian"},
    {"docker.io/library/debian", "docker.io/library/debian", "debian"},
    {"index.docker.io/debian", "docker.io/library/debian", "debian"},
    {"index.docker.io/team/app", "docker.io/team/app", "team/app"},
    {"team/app", "docker.io/team/app", "team/app"},
    {"library/a/b", "docker.io/library/a/b", "library/a/b"},
    {"quay.io/team/app:v1.2-3_x", "quay.io/team/app:v1.2-3_x", "quay.io/team/app:v1.2-3_x"},
    {"quay.io/debian", "quay.io/debian", "quay.io/debian"},
    {"localhost/app", "localhost/app", "localhost/app"},
    {"localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:1"},
    {"localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"},
    {"host:5000/app", "host:5000/app", "host:5000/app"},
    {"Host/app", "Host/app", "Host/app"},
    {"[::1]:5000/app:2", "[::1]:5000/app:2", "[::1]:5000/app:2"},
    {"[fd00:1::2]/app", "[fd00:1::2]/app", "[fd00:1::2]/app"},
    {"a/b/c/d/e", "docker.io/a/b/c/d/e", "a/b/c/d/e"},
    {"foo_bar.x__y-z---w", "docker.io/library/foo_bar.x__y-z---w", "foo_bar.x__y-z---w"},
    {"docker.io/my.team/app", "docker.io/my.team/app", "docker.io/my.team/app"},
    {"debian" AT_DIGEST, "docker.io/library/debian" AT_DIGEST, "debian" AT_DIGEST},
    {"debian:12" AT_DIGEST, "docker.io/library/debian:12" AT_DIGEST, "debian:12" AT_DIGEST},
    {"x:_", "docker.io/library/x:_", "x:_"},
    {"x:Tag.1", "docker.io/library/x:Tag.1", "x:Tag.1"},
};

static void names_have_a_normal_and_a_familiar_form(void **state)
{
    char out[IMAGEREF_MAX + 1];
    struct imageref r;
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(names); i++) {
        assert_ok(imageref_parse(&r, names[i].text, &err));
        assert_string_equal(imageref_text(&r, out), names[i].normal);
        assert_string_equal(imageref_familiar(&r, out), names[i].familiar);
    }
}

static void both_forms_parse_to_the_same_name(void **state)
{
    char first[IMAGEREF_MAX + 1], again[IMAGEREF_MAX + 1];
    struct imageref r, back;
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(names); i++) {
        assert_ok(imageref_parse(&r, names[i].text, &err));
        assert_ok(imageref_parse(&back, imageref_familiar(&r, first), &err));
        assert_string_equal(imageref_text(&back, again), names[i].normal);
        assert_ok(imageref_parse(&back, imageref_text(&r, first), &err));
        assert_string_equal(imageref_text(&back, again), names[i].normal);
    }
}

static void the_parts_are_apart(void **state)
{
    struct imageref r;
    struct err err;
    char hex[DIGEST_HEX + 1];

    (void)state;
    assert_ok(imageref_parse(&r, "host:5000/a/b:t" AT_DIGEST, &err));
    assert_string_equal(r.registry, "host:5000");
    assert_string_equal(r.repository, "a/b");
    assert_string_equal(r.tag, "t");
    assert_true(r.has_digest);
    assert_string_equal(digest_hex(&r.digest, hex), HEX);
    assert_ok(imageref_parse(&r, "a", &err));
    assert_string_equal(r.tag, "");
    assert_false(r.has_digest);
}

static void what_is_no_name_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "empty"},
        {":tag", "no valid repository"},
        {"@sha256:" HEX, "no valid repository"},
        {"Debian", "upper case in the repository that begins at character 1"},
        {"quay.io/Team/app", "upper case in the repository that begins at character 9"},
        {"a//b", "no valid repository"},
        {"/a", "no valid repository"},
        {"a/", "no valid repository"},
        {"a..b", "no valid repository"},
        {"a___b", "no valid repository"},
        {"-a", "no valid repository"},
        {"a-", "no valid repository"},
        {"a._b", "no valid repository"},
        {"a b", "no valid repository"},
        {"a:", "no valid tag at character 3"},
        {"a:-x", "no valid tag"},
        {"a:.x", "no valid tag"},
        {"a:b:c", "no valid tag"},
        {"a:t\xc3\xa4g", "no valid tag"},
        {"a@sha256:12", "64 hex digits"},
        {"a@sha512:12", "only the algorithm sha256"},
        {"a@", "digest"},
        {"-host.io/a", "no valid registry at character 1"},
        {"ho..st/a", "no valid registry"},
        {"host:port/a", "no valid registry"},
        {"host:/a", "no valid registry"},
        {"[::g]/a", "no valid registry"},
        {"quay.io/", "no valid repository at character 9"},
        {HEX, "an ID, not a name"},
        {"https://quay.io/a", "no valid registry"},
    };
    struct imageref r;
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        assert_fails(imageref_parse(&r, cases[i].text, &err), ERR_CORRUPT, cases[i].words);
}

static void lengths_have_limits(void **state)
{
    char text[IMAGEREF_MAX + 200];
    struct imageref r;
    struct err err;

    (void)state;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_fails(imageref_parse(&r, text, &err), ERR_CORRUPT, "over 512 bytes");
    text[300] = '\0';
    assert_fails(imageref_parse(&r, text, &err), ERR_CORRUPT, "over 255 bytes");
    text[247] = '\0'; /* and "library/" makes 255 */
    assert_ok(imageref_parse(&r, text, &err));
    text[247] = 'a';
    text[248] = '\0';
    assert_fails(imageref_parse(&r, text, &err), ERR_CORRUPT, "over 255 bytes");
    snprintf(text, sizeof(text), "a:%0128d", 0);
    assert_ok(imageref_parse(&r, text, &err));
    snprintf(text, sizeof(text), "a:%0129d", 0);
    assert_fails(imageref_parse(&r, text, &err), ERR_CORRUPT, "no valid tag");
}

static void the_longest_names_fit_in_their_normal_form(void **state)
{
    char text[IMAGEREF_MAX + 1], out[IMAGEREF_MAX + 1];
    struct imageref r;
    struct err err;

    (void)state;
    snprintf(text, sizeof(text), "%0247d:%0128d" AT_DIGEST, 0, 0);
    assert_ok(imageref_parse(&r, text, &err));
    assert_int_equal(strlen(imageref_text(&r, out)), strlen(text) + strlen("docker.io/library/"));
    assert_string_equal(imageref_familiar(&r, out), text);
    snprintf(text, sizeof(text), "%063d.%026d/%0219d:%0128d" AT_DIGEST, 0, 0, 0, 0);
    assert_int_equal(strlen(text), IMAGEREF_MAX - 1);
    assert_ok(imageref_parse(&r, text, &err));
    assert_string_equal(imageref_text(&r, out), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_a_normal_and_a_familiar_form),
        cmocka_unit_test(both_forms_parse_to_the_same_name),
        cmocka_unit_test(the_parts_are_apart),
        cmocka_unit_test(what_is_no_name_is_refused_with_the_reason),
        cmocka_unit_test(lengths_have_limits),
        cmocka_unit_test(the_longest_names_fit_in_their_normal_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
