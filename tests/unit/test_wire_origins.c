/* Where layers come from, on the wire: there and back, too much of it, and what is refused. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "common/wire.h"

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

static void origins_go_there_and_back_grouped(void **state)
{
    static const struct rec_origin list[] = {
        {"docker.io/a", {{1}}}, {"quay.io/b", {{1}}}, {"docker.io/a", {{2}}}, {"quay.io/b", {{3}}}};
    struct wire_agent_msg m = {.kind = WIRE_ORIGINS,
                               .origins = {.key = {{7}},
                                           .continued = true,
                                           .origins = (struct rec_origin *)list,
                                           .origin_count = 4}};
    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = there_and_back(&m);
    AUTO(buf_close) struct buf bytes;

    (void)state;
    assert_true(rec_key_eq(&out->origins.key, &m.origins.key));
    assert_true(out->origins.continued);
    assert_int_equal(out->origins.origin_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(rec_origin_cmp(&out->origins.origins[i], &list[i]), 0);
    buf_init(&bytes, 1024);
    assert_int_equal(wire_agent_encode(&m, &bytes, NULL), 0);
    assert_true(bytes.len < 4 * 34 + 2 * 16 + 32); /* each repository is said once */
}

static void no_origins_go_there_and_back(void **state)
{
    struct wire_agent_msg m = {.kind = WIRE_ORIGINS, .origins = {.key = {{7}}}};
    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = there_and_back(&m);

    (void)state;
    assert_false(out->origins.continued);
    assert_int_equal(out->origins.origin_count, 0);
}

/* The encoder says whatever it is told. */
static void is_refused(const struct rec_origin *list, size_t count, enum err_kind kind,
                       const char *text)
{
    struct wire_agent_msg m = {
        .kind = WIRE_ORIGINS,
        .origins = {.origins = (struct rec_origin *)list, .origin_count = count}};
    struct wire_agent_msg *out = NULL;
    AUTO(buf_close) struct buf bytes;
    struct err err = {.kind = ERR_NONE};

    buf_init(&bytes, 8 << 20);
    assert_ok(wire_agent_encode(&m, &bytes, &err));
    assert_fails(wire_agent_decode(&out, bytes.data, bytes.len, &err), kind, text);
}

static void a_layer_twice_in_one_repository_is_refused(void **state)
{
    static const struct rec_origin list[] = {{"a", {{2}}}, {"a", {{3}}}, {"a", {{2}}}};

    (void)state;
    is_refused(list, 3, ERR_PROTOCOL, "is there twice");
}

static void a_repository_without_a_name_is_refused(void **state)
{
    static const struct rec_origin none[] = {{"", {{1}}}}, odd[] = {{"a\nb", {{1}}}};
    static const struct rec_origin bytes[] = {{"a\xFF", {{1}}}};

    (void)state;
    is_refused(none, 1, ERR_PROTOCOL, "repository");
    is_refused(odd, 1, ERR_PROTOCOL, "repository");
    is_refused(bytes, 1, ERR_PROTOCOL, "repository");
}

static void a_longer_repository_than_the_limit_is_refused(void **state)
{
    char name[REC_NAME_BYTES + 2] = "";
    struct rec_origin list[] = {{name, {{1}}}};

    (void)state;
    memset(name, 'a', sizeof(name) - 1);
    is_refused(list, 1, ERR_LIMIT, "repository");
}

/* Written by hand: what our encoder cannot say. */
static void a_key_or_digest_of_another_length_is_refused(void **state)
{
    uint8_t keyless[] = {13 << 3 | 2, 0}; /* field 13: nothing in it */
    uint8_t cut[2 + 18 + 2 + 3 + 33] = {13 << 3 | 2, 18 + 2 + 3 + 33, 1 << 3 | 2, 16};
    struct wire_agent_msg *out = NULL;
    struct err err = {.kind = ERR_NONE};
    uint8_t *origin = cut + 2 + 18;

    (void)state;
    memcpy(origin, (uint8_t[]){3 << 3 | 2, 3 + 33, 1 << 3 | 2, 1, 'a', 2 << 3 | 2, 31}, 7);
    assert_fails(wire_agent_decode(&out, keyless, sizeof(keyless), &err), ERR_PROTOCOL, "key");
    assert_fails(wire_agent_decode(&out, cut, sizeof(cut), &err), ERR_PROTOCOL, "diffs[0]");
}

/* Each of another layer, all of one repository. */
static struct rec_origin *make_origins(size_t count)
{
    struct rec_origin *list = calloc(count, sizeof(*list));

    for (size_t i = 0; i < count; i++) {
        list[i].repository = "docker.io/library/debian";
        memcpy(list[i].diff.bytes, &i, sizeof(i));
    }
    return list;
}

static void as_many_origins_as_the_limit_fit_into_one_message(void **state)
{
    AUTO_FREE struct rec_origin *list = make_origins(REC_ORIGINS_MAX);
    struct wire_agent_msg m = {.kind = WIRE_ORIGINS,
                               .origins = {.origins = list, .origin_count = REC_ORIGINS_MAX}};
    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = NULL;
    AUTO(buf_close) struct buf bytes;
    struct err err = {.kind = ERR_NONE};

    (void)state;
    buf_init(&bytes, REC_MESSAGE_BYTES);
    assert_int_equal(wire_agent_encode(&m, &bytes, NULL), 0);
    if (wire_agent_decode(&out, bytes.data, bytes.len, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(out->origins.origin_count, REC_ORIGINS_MAX);
}

static void more_origins_than_the_limit_are_refused(void **state)
{
    AUTO_FREE struct rec_origin *list = make_origins(REC_ORIGINS_MAX + 1);

    (void)state;
    is_refused(list, REC_ORIGINS_MAX + 1, ERR_LIMIT, "origins: 100001 is over the limit of 100000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins_go_there_and_back_grouped),
        cmocka_unit_test(no_origins_go_there_and_back),
        cmocka_unit_test(a_layer_twice_in_one_repository_is_refused),
        cmocka_unit_test(a_repository_without_a_name_is_refused),
        cmocka_unit_test(a_longer_repository_than_the_limit_is_refused),
        cmocka_unit_test(a_key_or_digest_of_another_length_is_refused),
        cmocka_unit_test(as_many_origins_as_the_limit_fit_into_one_message),
        cmocka_unit_test(more_origins_than_the_limit_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
