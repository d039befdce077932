#include "tests/support/unit.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "common/tls_cache.h"

#define HOUR 3600000000000u
#define NOW (5 * (uint64_t)HOUR)
#define TODAY 1800000000 /* Unix seconds */
#define MANY 5000        /* names: what is tested is not how many sessions one certificate has */

/* Of the certificate with this number, whose names nobody asks for. */
static struct tls_identity *of_certificate(unsigned number, size_t names)
{
    struct tls_identity *id = calloc(1, sizeof(*id));

    assert_non_null(id);
    id->refs = 1;
    id->verified_ns = NOW;
    id->until_s = INT64_MAX;
    memcpy(id->fingerprint, &number, sizeof(number));
    id->name_count = names;
    id->names = calloc(names + 1, sizeof(*id->names));
    assert_non_null(id->names);
    return id;
}

static struct tls_identity *verified(uint64_t at_ns, int64_t until_s)
{
    struct tls_identity *id = of_certificate(0, MANY);

    id->verified_ns = at_ns;
    id->until_s = until_s;
    return id;
}

static struct tls_cached entry_of(unsigned number, struct tls_identity *id)
{
    struct tls_cached e = {.identity = id, .secret = {1, 2, 3}, .secret_len = 3};

    memcpy(e.id, &number, sizeof(number));
    return e;
}

static void add(struct tls_cache *c, unsigned number, struct tls_identity *id)
{
    struct tls_cached e = entry_of(number, id);

    tls_cache_add(c, &e, NOW, TODAY);
}

static bool take(struct tls_cache *c, unsigned number, uint64_t now_ns, int64_t now_s)
{
    struct tls_cached e = entry_of(number, NULL);
    AUTO(tls_cached_free)
    struct tls_cached *found = tls_cache_take(c, e.id, sizeof(e.id), now_ns, now_s);

    return found != NULL;
}

static struct tls_cache *open_cache(size_t max)
{
    struct tls_cache *c = NULL;
    struct err err;

    assert_ok(tls_cache_open(&c, max, HOUR, &err));
    return c;
}

static void a_session_is_given_out_once(void **state)
{
    AUTO(tls_cache_close) struct tls_cache *c = open_cache(10);
    AUTO(tls_identity_unref) struct tls_identity *id = verified(NOW, INT64_MAX);
    uint8_t name[TLS_CACHE_ID] = {7};

    (void)state;
    add(c, 7, id);
    assert_false(take(c, 8, NOW, TODAY));
    assert_null(tls_cache_take(c, name, 4, NOW, TODAY));
    assert_true(take(c, 7, NOW, TODAY));
    assert_false(take(c, 7, NOW, TODAY));
    assert_int_equal(tls_cache_count(c), 0);
    assert_int_equal(id->refs, 1);
}

static void its_lifetime_counts_from_the_verification_of_certificates(void **state)
{
    AUTO(tls_cache_close) struct tls_cache *c = open_cache(10);
    AUTO(tls_identity_unref) struct tls_identity *id = verified(NOW - HOUR / 2, INT64_MAX);

    (void)state;
    add(c, 1, id); /* of a connection that was resumed: half of the time is over */
    add(c, 2, id);
    assert_true(take(c, 1, NOW + HOUR / 2 - 1, TODAY));
    assert_false(take(c, 2, NOW + HOUR / 2, TODAY));
    assert_int_equal(tls_cache_count(c), 0);
}

static void it_ends_with_the_certificate(void **state)
{
    AUTO(tls_cache_close) struct tls_cache *c = open_cache(10);
    AUTO(tls_identity_unref) struct tls_identity *id = verified(NOW, TODAY + 60);
    AUTO(tls_identity_unref) struct tls_identity *over = verified(NOW, TODAY - 1);

    (void)state;
    add(c, 1, id);
    add(c, 2, id);
    add(c, 3, over);
    assert_int_equal(tls_cache_count(c), 2);
    assert_true(take(c, 1, NOW, TODAY + 60));
    assert_false(take(c, 2, NOW, TODAY + 61));
}

static void a_newer_session_takes_the_place_of_the_same_certificates(void **state)
{
    AUTO(tls_cache_close) struct tls_cache *c = open_cache(2);
    AUTO(tls_identity_unref) struct tls_identity *other = of_certificate(1, 1);

    (void)state;
    add(c, 1000, other);
    for (unsigned i = 0; i < 100; i++) { /* each a full handshake with the one certificate */
        AUTO(tls_identity_unref) struct tls_identity *id = of_certificate(2, 1);

        add(c, i, id);
    }
    assert_int_equal(tls_cache_count(c), 2);
    assert_false(take(c, 98, NOW, TODAY));
    assert_true(take(c, 99, NOW, TODAY));
    assert_true(take(c, 1000, NOW, TODAY));
}

static void hosts_that_share_a_certificate_have_a_session_each(void **state)
{
    AUTO(tls_cache_close) struct tls_cache *c = open_cache(10);
    AUTO(tls_identity_unref) struct tls_identity *id = of_certificate(1, 3);

    (void)state;
    for (unsigned i = 1; i <= 4; i++)
        add(c, i, id);
    assert_int_equal(tls_cache_count(c), 3);
    assert_false(take(c, 1, NOW, TODAY)); /* the oldest */
    assert_true(take(c, 3, NOW, TODAY));
    add(c, 5, id); /* takes the place of the one used */
    assert_true(take(c, 2, NOW, TODAY));
    assert_true(take(c, 4, NOW, TODAY));
    assert_true(take(c, 5, NOW, TODAY));
}

static void peers_without_a_name_share_one_session(void **state)
{
    AUTO(tls_cache_close) struct tls_cache *c = open_cache(10);
    AUTO(tls_identity_unref) struct tls_identity *id = of_certificate(0, 0);

    (void)state;
    add(c, 1, id);
    add(c, 2, id);
    assert_int_equal(tls_cache_count(c), 1);
    assert_true(take(c, 2, NOW, TODAY));
}

static void ten_thousand_certificates_are_told_apart(void **state)
{
    AUTO(tls_cache_close) struct tls_cache *c = open_cache(20000);

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        AUTO(tls_identity_unref) struct tls_identity *id = of_certificate(i % 10000, 1);

        add(c, i, id);
    }
    assert_int_equal(tls_cache_count(c), 10000);
    for (unsigned i = 10000; i < 20000; i++)
        assert_true(take(c, i, NOW, TODAY));
}

static void past_the_maximum_the_oldest_goes(void **state)
{
    AUTO(tls_cache_close) struct tls_cache *c = open_cache(1000);
    AUTO(tls_identity_unref) struct tls_identity *id = verified(NOW, INT64_MAX);

    (void)state;
    for (unsigned i = 0; i < 5000; i++)
        add(c, i, id);
    assert_int_equal(tls_cache_count(c), 1000);
    assert_false(take(c, 3999, NOW, TODAY));
    for (unsigned i = 4000; i < 5000; i++)
        assert_true(take(c, i, NOW, TODAY));
    assert_int_equal(tls_cache_count(c), 0);
}

static void those_whose_time_is_over_go_first(void **state)
{
    AUTO(tls_cache_close) struct tls_cache *c = open_cache(1000);
    AUTO(tls_identity_unref) struct tls_identity *old = verified(NOW - HOUR + 1, INT64_MAX);
    AUTO(tls_identity_unref) struct tls_identity *id = verified(NOW, INT64_MAX);
    struct tls_cached e = entry_of(500, id);

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        add(c, i, old);
    assert_int_equal(tls_cache_count(c), 100);
    tls_cache_add(c, &e, NOW + 1, TODAY);
    assert_int_equal(tls_cache_count(c), 1);
    assert_int_equal(old->refs, 1);
}

static void a_peer_with_very_many_names_is_not_kept(void **state)
{
    AUTO(tls_cache_close) struct tls_cache *c = open_cache(10);
    AUTO(tls_identity_unref) struct tls_identity *id = verified(NOW, INT64_MAX);

    (void)state;
    id->bytes = TLS_CACHE_NAMES_MAX;
    add(c, 1, id);
    id->bytes++;
    add(c, 2, id);
    assert_int_equal(tls_cache_count(c), 1);
    assert_true(take(c, 1, NOW, TODAY));
}

static void a_cache_of_nothing_keeps_nothing(void **state)
{
    AUTO(tls_cache_close) struct tls_cache *c = open_cache(0);
    AUTO(tls_identity_unref) struct tls_identity *id = verified(NOW, INT64_MAX);

    (void)state;
    add(c, 1, id);
    assert_false(take(c, 1, NOW, TODAY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_given_out_once),
        cmocka_unit_test(its_lifetime_counts_from_the_verification_of_certificates),
        cmocka_unit_test(it_ends_with_the_certificate),
        cmocka_unit_test(a_newer_session_takes_the_place_of_the_same_certificates),
        cmocka_unit_test(hosts_that_share_a_certificate_have_a_session_each),
        cmocka_unit_test(peers_without_a_name_share_one_session),
        cmocka_unit_test(ten_thousand_certificates_are_told_apart),
        cmocka_unit_test(past_the_maximum_the_oldest_goes),
        cmocka_unit_test(those_whose_time_is_over_go_first),
        cmocka_unit_test(a_peer_with_very_many_names_is_not_kept),
        cmocka_unit_test(a_cache_of_nothing_keeps_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
