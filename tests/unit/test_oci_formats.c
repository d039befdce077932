/* What an OCI layout's files say, apart from its index. */
#include "tests/support/unit.h"

#include "agent/engines/oci_layout/oci_layout.h"
#include "common/imageref.h"

static void a_name_tells_a_repository_only_with_its_registry(void **state)
{
    static const struct {
        const char *name, *repository;
    } cases[] = {
        {"latest", NULL},
        {"busybox:1", NULL},
        {"team/app:1", NULL},
        {"docker.io/library/busybox:1", "docker.io/library/busybox"},
        {"localhost/a", "localhost/a"},
        {"localhosts/a", NULL},
        {"r.io:5000/a/b@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "r.io:5000/a/b"},
        {"r.io/UPPER", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        char out[IMAGEREF_MAX + 1];
        int rc = oci_layout_repository(cases[i].name, out);

        assert_int_equal(rc, cases[i].repository != NULL ? 0 : -1);
        if (rc == 0)
            assert_string_equal(out, cases[i].repository);
    }
}

static void only_the_first_version_of_layouts_is_read(void **state)
{
    static const struct {
        const char *text;
        enum err_kind kind; /* ERR_NONE: it is read */
    } cases[] = {
        {"{\"imageLayoutVersion\":\"1.0.0\"}", ERR_NONE},
        {"{\"imageLayoutVersion\":\"1.1.0\",\"more\":[]}", ERR_NONE},
        {"{\"imageLayoutVersion\":\"10.0.0\"}", ERR_VERSION},
        {"{\"imageLayoutVersion\":\"\"}", ERR_VERSION},
        {"{\"imageLayoutVersion\":{}}", ERR_CORRUPT},
        {"[]", ERR_CORRUPT},
        {"", ERR_CORRUPT},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        struct err err = {.kind = ERR_NONE};
        int rc = oci_layout_version_parse(cases[i].text, strlen(cases[i].text), &err);

        assert_int_equal(rc, cases[i].kind == ERR_NONE ? 0 : -1);
        assert_int_equal(err.kind, cases[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_tells_a_repository_only_with_its_registry),
        cmocka_unit_test(only_the_first_version_of_layouts_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
