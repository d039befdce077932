/*
 * What the decoder refuses, ignores and sorts. Messages that our encoder would never make are
 * written field by field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/wire.h"

/* ---- protobuf by hand ---------------------------------------------------------------------- */

struct pb {
    uint8_t data[4096];
    size_t len;
};

static void put_varint(struct pb *p, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        p->data[p->len++] = (uint8_t)(value | 0x80);
    p->data[p->len++] = (uint8_t)value;
}

static void put_number(struct pb *p, unsigned field, uint64_t value)
{
    put_varint(p, (uint64_t)field << 3);
    put_varint(p, value);
}

static void put_bytes(struct pb *p, unsigned field, const void *data, size_t len)
{
    put_varint(p, (uint64_t)field << 3 | 2);
    put_varint(p, len);
    memcpy(p->data + p->len, data, len);
    p->len += len;
}

static void put_text(struct pb *p, unsigned field, const char *text)
{
    put_bytes(p, field, text, strlen(text));
}

static void put_message(struct pb *p, unsigned field, const struct pb *m)
{
    put_bytes(p, field, m->data, m->len);
}

/* A digest or key of `len` bytes of which the first is `first`. */
static void put_digest(struct pb *p, unsigned field, uint8_t first, size_t len)
{
    uint8_t bytes[64] = {first};

    put_bytes(p, field, bytes, len);
}

static struct pb message(unsigned kind, const struct pb *body)
{
    struct pb m = {.len = 0};

    put_message(&m, kind, body);
    return m;
}

static struct pb hello(void)
{
    struct pb h = {.len = 0};

    put_text(&h, 2, "node");
    put_digest(&h, 5, 1, 16);
    put_digest(&h, 6, 1, 32);
    return h;
}

static struct pb store(void)
{
    struct pb s = {.len = 0};

    put_digest(&s, 1, 1, 16);
    put_text(&s, 2, "docker");
    put_number(&s, 10, REC_STORE_OK);
    return s;
}

static struct pb image(uint8_t first)
{
    struct pb i = {.len = 0};

    put_digest(&i, 1, first, 32);
    put_number(&i, 2, REC_BY_CONFIG);
    return i;
}

static struct pb part_of(const struct pb *a_store, const struct pb *a, const struct pb *b)
{
    struct pb p = {.len = 0};

    put_message(&p, 1, a_store);
    if (a != NULL)
        put_message(&p, 2, a);
    if (b != NULL)
        put_message(&p, 2, b);
    return p;
}

static struct wire_agent_msg *accepted(unsigned kind, const struct pb *body)
{
    struct pb m = message(kind, body);
    struct wire_agent_msg *out = NULL;
    struct err err = {.kind = ERR_NONE};

    if (wire_agent_decode(&out, m.data, m.len, &err) != 0)
        fail_msg("%s", err.text);
    return out;
}

static void refused(unsigned kind, const struct pb *body, enum err_kind why, const char *text)
{
    struct pb m = message(kind, body);
    struct wire_agent_msg *out = NULL;
    struct err err = {.kind = ERR_NONE};

    assert_int_equal(wire_agent_decode(&out, m.data, m.len, &err), -1);
    assert_int_equal(err.kind, why);
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, text);
}

enum { HELLO = 1, BEGIN, PART, END, DIFFERENCE, USE, DOCUMENT, LAYERS, COPIES, SPACES, DECLINED };

/* ---- what is unknown ----------------------------------------------------------------------- */

static void an_unknown_kind_is_counted(void **state)
{
    struct pb body = {.len = 0};
    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = accepted(200, &body);

    (void)state;
    assert_int_equal(out->kind, WIRE_AGENT_UNKNOWN);
    assert_int_equal(out->unknown, 1);
}

static void an_unknown_kind_of_the_collector_is_counted(void **state)
{
    struct pb body = {.len = 0};
    struct pb unknown = message(99, &body), prediction = message(7, &body);
    AUTO(wire_collector_msg_close) struct wire_collector_msg *a = NULL;
    AUTO(wire_collector_msg_close) struct wire_collector_msg *b = NULL;

    (void)state;
    assert_int_equal(wire_collector_decode(&a, unknown.data, unknown.len, NULL), 0);
    assert_int_equal(a->kind, WIRE_COLLECTOR_UNKNOWN);
    assert_int_equal(a->unknown, 1);
    assert_int_equal(wire_collector_decode(&b, prediction.data, prediction.len, NULL), 0);
    assert_int_equal(b->kind, WIRE_COLLECTOR_UNKNOWN);
    assert_int_equal(b->unknown, 1);
}

static void an_empty_message_is_refused(void **state)
{
    struct wire_agent_msg *out = NULL;
    struct err err = {.kind = ERR_NONE};

    (void)state;
    assert_int_equal(wire_agent_decode(&out, NULL, 0, &err), -1);
    assert_int_equal(err.kind, ERR_PROTOCOL);
}

static void unknown_fields_are_counted_at_every_depth(void **state)
{
    struct pb s = store(), i = image(1), p;

    (void)state;
    put_number(&s, 77, 1);
    put_number(&i, 78, 2);
    put_text(&i, 79, "newer");
    p = part_of(&s, &i, NULL);
    put_number(&p, 80, 3);

    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = accepted(PART, &p);
    assert_int_equal(out->unknown, 4);
    assert_int_equal(out->part.image_count, 1);
}

static void unknown_capabilities_and_lifetimes_are_left_out(void **state)
{
    struct pb h = hello();

    (void)state;
    put_number(&h, 7, 9);
    put_number(&h, 13, REC_CAP_USE);
    put_number(&h, 13, 1000);
    put_number(&h, 13, 0);

    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = accepted(HELLO, &h);
    assert_int_equal(out->hello.lifetime, REC_LIFETIME_LASTING);
    assert_int_equal(out->hello.capability_count, 1);
    assert_int_equal(out->hello.capabilities[0], REC_CAP_USE);
    assert_int_equal(out->unknown, 3);
}

static void an_unknown_state_of_a_store_is_not_taken_for_ok(void **state)
{
    struct pb s = store(), p;

    (void)state;
    put_number(&s, 10, 42);
    p = part_of(&s, NULL, NULL);

    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = accepted(PART, &p);
    assert_int_equal(out->part.store.state, REC_STORE_CORRUPT);
    assert_string_equal(out->part.store.error, "state 42, of a newer agent");
    assert_int_equal(out->unknown, 1);
}

static void unknown_wants_are_left_out(void **state)
{
    struct pb known = {.len = 0}, other = {.len = 0}, want = {.len = 0}, m;
    AUTO(wire_collector_msg_close) struct wire_collector_msg *out = NULL;

    (void)state;
    put_number(&known, 1, REC_DOC_MANIFEST);
    put_digest(&known, 2, 5, 32);
    put_number(&other, 1, 17);
    put_digest(&other, 2, 6, 64); /* a digest of another length, too: not looked at */
    put_message(&want, 2, &other);
    put_message(&want, 2, &known);
    m = message(3, &want);
    assert_int_equal(wire_collector_decode(&out, m.data, m.len, NULL), 0);
    assert_int_equal(out->want.count, 1);
    assert_int_equal(out->want.items[0].digest.bytes[0], 5);
    assert_int_equal(out->unknown, 1);
}

static void a_document_of_an_unknown_kind_is_an_unknown_message(void **state)
{
    struct pb d = {.len = 0};

    (void)state;
    put_number(&d, 1, 9);

    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = accepted(DOCUMENT, &d);
    assert_int_equal(out->kind, WIRE_AGENT_UNKNOWN);
    assert_int_equal(out->unknown, 1);
}

static void unknown_spaces_and_run_states_are_left_out(void **state)
{
    struct pb s = {.len = 0}, u = {.len = 0}, space = {.len = 0}, container = {.len = 0};

    (void)state;
    put_digest(&s, 1, 1, 16);
    put_number(&space, 1, 88);
    put_message(&s, 5, &space);
    put_digest(&u, 1, 1, 16);
    put_digest(&container, 1, 1, 32);
    put_text(&container, 2, "id");
    put_number(&container, 4, 33);
    put_message(&u, 3, &container);

    AUTO(wire_agent_msg_close) struct wire_agent_msg *spaces = accepted(SPACES, &s);
    AUTO(wire_agent_msg_close) struct wire_agent_msg *use = accepted(USE, &u);
    assert_int_equal(spaces->spaces.space_count, 0);
    assert_int_equal(spaces->unknown, 1);
    assert_int_equal(use->use.containers[0].state, REC_RUN_UNKNOWN);
    assert_int_equal(use->unknown, 1);
}

static void an_identity_that_is_not_known_is_refused(void **state)
{
    struct pb s = store(), i = image(1), p;

    (void)state;
    put_number(&i, 2, 5);
    p = part_of(&s, &i, NULL);
    refused(PART, &p, ERR_PROTOCOL, "images[0]: identity: 5");
}

static void an_identity_that_is_left_out_is_the_configs(void **state)
{
    struct pb s = store(), i = {.len = 0}, p;

    (void)state;
    put_digest(&i, 1, 1, 32);
    p = part_of(&s, &i, NULL);

    AUTO(wire_agent_msg_close) struct wire_agent_msg *m = accepted(PART, &p);
    assert_int_equal(m->part.images[0].identity, REC_BY_CONFIG);
}

/* What an image shares with the one before it: `name` of the first, then of the second. */
static struct pb two_names(const char *name, uint64_t shared, const char *rest)
{
    struct pb s = store(), a = image(1), b = image(2);

    put_text(&a, 5, name);
    if (rest != NULL)
        put_text(&b, 5, rest);
    put_number(&b, 7, shared);
    return part_of(&s, &a, &b);
}

static void a_name_may_share_whole_characters_of_the_last_one(void **state)
{
    struct pb p = two_names("x\xc3\xa9y", 3, "z");

    (void)state;
    {
        AUTO(wire_agent_msg_close) struct wire_agent_msg *m = accepted(PART, &p);

        assert_string_equal(m->part.images[1].names[0], "x\xc3\xa9z");
    }
    p = two_names("x\xc3\xa9y", 2, "z");
    refused(PART, &p, ERR_PROTOCOL, "images[1]: shared: 2 bytes of a name of 4");
    p = two_names("xy", 3, "z");
    refused(PART, &p, ERR_PROTOCOL, "images[1]: shared: 3 bytes of a name of 2");
    p = two_names("xy", UINT32_MAX, "z");
    refused(PART, &p, ERR_PROTOCOL, "images[1]: shared: 4294967295 bytes");
    p = two_names("xy", 1, "");
    refused(PART, &p, ERR_PROTOCOL, "names[0]: name: missing");
    p = two_names("xy", 1, NULL);
    refused(PART, &p, ERR_PROTOCOL, "of an image without a name");
}

static void a_joined_name_keeps_the_limit(void **state)
{
    char name[REC_NAME_BYTES + 1];
    struct pb p;

    (void)state;
    memset(name, 'x', REC_NAME_BYTES);
    name[REC_NAME_BYTES] = '\0';
    p = two_names(name, REC_NAME_BYTES - 1, "yz");
    refused(PART, &p, ERR_LIMIT, "images[1]: name: 513");
}

static void a_manifest_alone_has_the_first_names_repository(void **state)
{
    struct pb s = store(), i = image(1), p;

    (void)state;
    put_text(&i, 5, "debian:12");
    put_digest(&i, 8, 7, 32);
    p = part_of(&s, &i, NULL);
    {
        AUTO(wire_agent_msg_close) struct wire_agent_msg *m = accepted(PART, &p);

        assert_string_equal(m->part.images[0].repo_digests[0].repository,
                            "docker.io/library/debian");
        assert_int_equal(m->part.images[0].repo_digests[0].digest.bytes[0], 7);
    }
    put_digest(&i, 8, 7, 32);
    p = part_of(&s, &i, NULL);
    refused(PART, &p, ERR_PROTOCOL, "repo_digests: one of docker.io/library/debian is there twice");
    i = image(1);
    put_text(&i, 5, "No Name");
    put_digest(&i, 8, 7, 32);
    p = part_of(&s, &i, NULL);
    refused(PART, &p, ERR_PROTOCOL, "images[0]: manifests: the first name has no repository");
    i = image(1);
    put_digest(&i, 8, 7, 32);
    p = part_of(&s, &i, NULL);
    refused(PART, &p, ERR_PROTOCOL, "images[0]: shared or manifests");
    i = image(1);
    put_text(&i, 5, "debian:12");
    put_digest(&i, 8, 7, 31);
    p = part_of(&s, &i, NULL);
    refused(PART, &p, ERR_PROTOCOL, "manifests[0]: manifest: 31 bytes, expected 32");
}

/* ---- what is wrong ------------------------------------------------------------------------- */

static void a_digest_of_another_length_is_refused(void **state)
{
    struct pb s = store(), p, h = hello();
    struct pb i = {.len = 0};

    (void)state;
    put_digest(&i, 1, 1, 31);
    put_number(&i, 2, REC_BY_CONFIG);
    p = part_of(&s, &i, NULL);
    refused(PART, &p, ERR_PROTOCOL, "inventory_part: images[0]: id: 31 bytes, expected 32");
    put_digest(&h, 5, 1, 15);
    refused(HELLO, &h, ERR_PROTOCOL, "hello: incarnation: 15 bytes, expected 16");
}

static void an_image_that_is_there_twice_is_named(void **state)
{
    struct pb s = store(), a = image(0xAB), p = part_of(&s, &a, &a);

    (void)state;
    refused(PART, &p, ERR_PROTOCOL, "image sha256:ab0000");
}

static void images_and_names_may_come_in_any_order(void **state)
{
    struct pb s = store(), a = image(1), b = image(2), p;

    (void)state;
    put_text(&b, 5, "z:1");
    put_text(&b, 5, "a:1");
    p = part_of(&s, &b, &a);

    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = accepted(PART, &p);
    assert_int_equal(out->part.images[0].id.bytes[0], 1);
    assert_int_equal(out->part.images[1].id.bytes[0], 2);
    assert_string_equal(out->part.images[1].names[0], "a:1");
    assert_string_equal(out->part.images[1].names[1], "z:1");
}

static void a_name_that_is_there_twice_is_refused(void **state)
{
    struct pb s = store(), i = image(1), p;

    (void)state;
    put_text(&i, 5, "a:1");
    put_text(&i, 5, "b:1");
    put_text(&i, 5, "a:1");
    p = part_of(&s, &i, NULL);
    refused(PART, &p, ERR_PROTOCOL, "names: a:1 is there twice");
}

static void texts_that_could_break_a_line_are_refused(void **state)
{
    static const struct {
        const char *name;
        size_t len;
    } bad[] = {{"a\nb", 3}, {"a\x1B[2J", 5}, {"a\xFF", 2}, {"evil\0debian", 11}, {"", 0}};

    (void)state;
    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        struct pb s = store(), i = image(1), p;

        put_bytes(&i, 5, bad[k].name, bad[k].len);
        p = part_of(&s, &i, NULL);
        refused(PART, &p, ERR_PROTOCOL, "names[0]: name: ");
    }
}

static void what_must_be_said_is_missed(void **state)
{
    struct pb empty = {.len = 0}, part = {.len = 0}, h = {.len = 0};
    struct pb s = {.len = 0}, p;

    (void)state;
    put_message(&part, 2, &empty);
    refused(PART, &part, ERR_PROTOCOL, "store: missing");
    put_digest(&h, 5, 1, 16);
    put_digest(&h, 6, 1, 32);
    refused(HELLO, &h, ERR_PROTOCOL, "host_name: missing");
    refused(BEGIN, &empty, ERR_PROTOCOL, "generation: missing");
    put_digest(&s, 1, 1, 16);
    put_text(&s, 2, "docker");
    p = part_of(&s, NULL, NULL);
    refused(PART, &p, ERR_PROTOCOL, "state: missing");
}

static void a_piece_outside_of_its_document_is_refused(void **state)
{
    struct pb d = {.len = 0}, cut, uncut;

    (void)state;
    put_number(&d, 1, REC_DOC_CONFIG);
    put_digest(&d, 2, 1, 32);
    put_number(&d, 3, 10);
    put_bytes(&d, 5, "12345", 5);
    cut = d;
    put_number(&d, 4, 6);
    refused(DOCUMENT, &d, ERR_PROTOCOL, "5 bytes at 6 do not lie in a total of 10");
    put_number(&d, 4, UINT32_MAX);
    refused(DOCUMENT, &d, ERR_PROTOCOL, "do not lie");
    uncut = cut;
    put_number(&cut, 7, 1);
    refused(DOCUMENT, &cut, ERR_PROTOCOL, "cuts");
    put_number(&uncut, 6, 2);
    refused(DOCUMENT, &uncut, ERR_PROTOCOL, "without cuts");
}

static void a_difference_that_contradicts_itself_is_refused(void **state)
{
    struct pb s = store(), i = image(1), change = {.len = 0}, d = {.len = 0}, twice, backwards;

    (void)state;
    put_message(&change, 1, &s);
    put_message(&change, 2, &i);
    put_digest(&change, 6, 0, 32);
    put_number(&d, 1, 1);
    put_number(&d, 2, 2);
    put_message(&d, 4, &change);
    twice = backwards = d;
    put_message(&twice, 4, &change);
    refused(DIFFERENCE, &twice, ERR_PROTOCOL, "is there twice");
    put_number(&backwards, 2, 1);
    refused(DIFFERENCE, &backwards, ERR_PROTOCOL, "not after its base");
    put_digest(&d, 5, 1, 16);
    refused(DIFFERENCE, &d, ERR_PROTOCOL, "stores and gone: store 01");

    d.len = 0;
    put_digest(&change, 3, 1, 32);
    put_number(&d, 1, 1);
    put_number(&d, 2, 2);
    put_message(&d, 4, &change);
    refused(DIFFERENCE, &d, ERR_PROTOCOL, "is both changed and removed");
}

static void ages_are_cut_to_what_can_be_computed_with(void **state)
{
    struct pb b = {.len = 0};

    (void)state;
    put_number(&b, 1, 1);
    put_number(&b, 3, INT64_MAX);
    AUTO(wire_agent_msg_close) struct wire_agent_msg *future = accepted(BEGIN, &b);
    put_number(&b, 3, (uint64_t)INT64_MIN);
    AUTO(wire_agent_msg_close) struct wire_agent_msg *past = accepted(BEGIN, &b);

    assert_int_equal(future->begin.age_ms, REC_AGE_MAX_MS);
    assert_int_equal(past->begin.age_ms, -REC_AGE_MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_kind_is_counted),
        cmocka_unit_test(an_unknown_kind_of_the_collector_is_counted),
        cmocka_unit_test(an_empty_message_is_refused),
        cmocka_unit_test(unknown_fields_are_counted_at_every_depth),
        cmocka_unit_test(unknown_capabilities_and_lifetimes_are_left_out),
        cmocka_unit_test(an_unknown_state_of_a_store_is_not_taken_for_ok),
        cmocka_unit_test(unknown_wants_are_left_out),
        cmocka_unit_test(a_document_of_an_unknown_kind_is_an_unknown_message),
        cmocka_unit_test(unknown_spaces_and_run_states_are_left_out),
        cmocka_unit_test(an_identity_that_is_not_known_is_refused),
        cmocka_unit_test(an_identity_that_is_left_out_is_the_configs),
        cmocka_unit_test(a_name_may_share_whole_characters_of_the_last_one),
        cmocka_unit_test(a_joined_name_keeps_the_limit),
        cmocka_unit_test(a_manifest_alone_has_the_first_names_repository),
        cmocka_unit_test(a_digest_of_another_length_is_refused),
        cmocka_unit_test(an_image_that_is_there_twice_is_named),
        cmocka_unit_test(images_and_names_may_come_in_any_order),
        cmocka_unit_test(a_name_that_is_there_twice_is_refused),
        cmocka_unit_test(texts_that_could_break_a_line_are_refused),
        cmocka_unit_test(what_must_be_said_is_missed),
        cmocka_unit_test(a_piece_outside_of_its_document_is_refused),
        cmocka_unit_test(a_difference_that_contradicts_itself_is_refused),
        cmocka_unit_test(ages_are_cut_to_what_can_be_computed_with),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
