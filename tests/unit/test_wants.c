/* wants: who is asked for what, played through without a loop or a clock. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "collector/server/wants.h"

#define LEASE_MS 30000
#define RETRY_MS 3600000
#define DECLINE_MS 10000
#define FLEET 1000
#define IMAGES 200

struct fixture {
    struct wants *wants;
    struct wants_session a, b, c;
};

static struct digest digest_number(uint32_t n)
{
    return digest_of(&n, sizeof(n));
}

static struct wants_item config(uint32_t n)
{
    return (struct wants_item){.kind = REC_DOC_CONFIG, .digest = digest_number(n)};
}

static void announce(struct fixture *f, struct wants_session *s, const struct wants_item *item)
{
    struct err err;

    assert_ok(wants_announce(f->wants, s, item, &err));
}

static size_t take(struct fixture *f, struct wants_session *s, uint64_t now_ms)
{
    struct wants_item items[REC_BATCH_MAX];

    return wants_take(f->wants, s, WANTS_DOCUMENTS, items, REC_BATCH_MAX, now_ms);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct wants_limits limits;
    struct err err;

    wants_limits_default(&limits);
    assert_non_null(f);
    assert_ok(wants_open(&f->wants, &limits, &err));
    wants_join(f->wants, &f->a, 1);
    wants_join(f->wants, &f->b, 2);
    wants_join(f->wants, &f->c, 3);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    wants_leave(f->wants, &f->a);
    wants_leave(f->wants, &f->b);
    wants_leave(f->wants, &f->c);
    wants_close(&f->wants);
    free(f);
    return 0;
}

static void one_of_many_holders_is_asked(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);

    announce(f, &f->a, &item);
    announce(f, &f->b, &item);
    assert_ptr_equal(wants_next(f->wants), &f->a);
    assert_int_equal(take(f, &f->a, 0), 1);
    assert_true(wants_is_leased(f->wants, &f->a, REC_DOC_CONFIG, &item.digest));
    assert_int_equal(take(f, &f->b, 0), 0);
    assert_null(wants_next(f->wants));
}

static void what_is_with_the_writer_is_not_asked_again(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);

    announce(f, &f->a, &item);
    take(f, &f->a, 0);
    wants_delivered(f->wants, &f->a, REC_DOC_CONFIG, &item.digest, 1);
    announce(f, &f->b, &item);
    assert_null(wants_next(f->wants));
    wants_leave(f->wants, &f->a);
    assert_null(wants_next(f->wants));
    wants_settle(f->wants, REC_DOC_CONFIG, &item.digest, 1, WANTS_DONE, 2);
    assert_int_equal(wants_count(f->wants), 0);
}

static void a_lease_that_runs_out_goes_to_the_next(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);

    announce(f, &f->a, &item);
    announce(f, &f->b, &item);
    take(f, &f->a, 100);
    assert_int_equal(wants_expire(f->wants, 100 + LEASE_MS - 1), 0);
    assert_int_equal(wants_expire(f->wants, 100 + LEASE_MS), 1);
    assert_false(wants_is_leased(f->wants, &f->a, REC_DOC_CONFIG, &item.digest));
    assert_ptr_equal(wants_next(f->wants), &f->b);
}

static void a_piece_starts_the_lease_anew(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);

    announce(f, &f->a, &item);
    take(f, &f->a, 0);
    wants_progress(&f->a, WANTS_DOCUMENTS, LEASE_MS - 1);
    assert_int_equal(wants_expire(f->wants, LEASE_MS), 0);
    assert_int_equal(wants_expire(f->wants, 2 * LEASE_MS - 1), 1);
}

static void a_trickle_does_not_keep_a_lease(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);
    uint64_t now = 0;

    announce(f, &f->a, &item);
    announce(f, &f->b, &item);
    take(f, &f->a, 0);
    while (wants_expire(f->wants, now) == 0) {
        assert_true(now < (WANTS_LEASES_MAX + 1) * LEASE_MS);
        now += LEASE_MS - 1;
        wants_progress(&f->a, WANTS_DOCUMENTS, now);
    }
    assert_true(now >= WANTS_LEASES_MAX * LEASE_MS);
    assert_ptr_equal(wants_next(f->wants), &f->b);
}

static void a_session_that_dies_hands_on_its_leases(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);

    announce(f, &f->a, &item);
    announce(f, &f->b, &item);
    take(f, &f->a, 0);
    wants_leave(f->wants, &f->a);
    assert_ptr_equal(wants_next(f->wants), &f->b);
    assert_int_equal(take(f, &f->b, 0), 1);
}

static void what_nobody_holds_is_forgotten_until_announced(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);

    announce(f, &f->a, &item);
    take(f, &f->a, 0);
    wants_leave(f->wants, &f->a);
    assert_int_equal(wants_count(f->wants), 0);
    announce(f, &f->b, &item);
    assert_ptr_equal(wants_next(f->wants), &f->b);
}

static void a_liar_is_not_asked_again_for_long(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);

    announce(f, &f->a, &item);
    take(f, &f->a, 0);
    wants_delivered(f->wants, &f->a, REC_DOC_CONFIG, &item.digest, 0);
    wants_settle(f->wants, REC_DOC_CONFIG, &item.digest, 1, WANTS_FAILED, 0);
    announce(f, &f->a, &item);
    assert_null(wants_next(f->wants));
    announce(f, &f->b, &item);
    assert_ptr_equal(wants_next(f->wants), &f->b);
    wants_expire(f->wants, RETRY_MS);
    assert_int_equal(take(f, &f->a, RETRY_MS), 1);
}

/* What it says does not change by itself, so it is not asked each hour. */
static void who_said_what_he_can_is_asked_once(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);

    announce(f, &f->a, &item);
    announce(f, &f->b, &item);
    take(f, &f->a, 0);
    wants_delivered(f->wants, &f->a, REC_DOC_CONFIG, &item.digest, 0);
    wants_settle(f->wants, REC_DOC_CONFIG, &item.digest, 1, WANTS_SAID, 0);
    assert_int_equal(take(f, &f->b, 0), 1);
    wants_delivered(f->wants, &f->b, REC_DOC_CONFIG, &item.digest, 0);
    wants_settle(f->wants, REC_DOC_CONFIG, &item.digest, 2, WANTS_SAID, 0);
    wants_expire(f->wants, RETRY_MS);
    assert_null(wants_next(f->wants));
    announce(f, &f->a, &item);
    assert_int_equal(take(f, &f->a, RETRY_MS), 1);
}

static void a_liar_that_comes_back_is_still_known(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);

    announce(f, &f->a, &item);
    take(f, &f->a, 0);
    wants_delivered(f->wants, &f->a, REC_DOC_CONFIG, &item.digest, 0);
    wants_settle(f->wants, REC_DOC_CONFIG, &item.digest, 1, WANTS_FAILED, 0);
    wants_leave(f->wants, &f->a);
    wants_join(f->wants, &f->a, 1);
    announce(f, &f->a, &item);
    assert_null(wants_next(f->wants));
}

static void only_the_asked_one_can_decline(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);

    announce(f, &f->a, &item);
    announce(f, &f->b, &item);
    take(f, &f->a, 0);
    assert_false(wants_refused(f->wants, &f->b, REC_DOC_CONFIG, &item.digest, 0));
    assert_true(wants_refused(f->wants, &f->a, REC_DOC_CONFIG, &item.digest, 0));
    assert_ptr_equal(wants_next(f->wants), &f->b);
}

static void who_declined_is_asked_when_its_report_changes(void **state)
{
    struct fixture *f = *state;
    struct wants_item one = config(1), two = config(2);

    announce(f, &f->a, &one);
    announce(f, &f->a, &two);
    assert_int_equal(take(f, &f->a, 0), 2);
    assert_true(wants_refused(f->wants, &f->a, REC_DOC_CONFIG, &one.digest, 0));
    announce(f, &f->a, &one);
    assert_int_equal(take(f, &f->a, 1), 0);
    wants_changed(f->wants, &f->a);
    assert_int_equal(take(f, &f->a, 1), 1);
    /* The other one is still leased, and runs out: that host did not answer, which is no decline.
     */
    assert_int_equal(wants_expire(f->wants, 1 + LEASE_MS), 2);
    wants_changed(f->wants, &f->a);
    assert_int_equal(take(f, &f->a, 1 + LEASE_MS), 0);
}

static void who_declined_is_asked_after_a_growing_pause(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);
    uint64_t now = 0, pause = DECLINE_MS;

    announce(f, &f->a, &item);
    for (int n = 0; n < 20; n++) {
        assert_int_equal(take(f, &f->a, now), 1);
        assert_true(wants_refused(f->wants, &f->a, REC_DOC_CONFIG, &item.digest, now));
        wants_expire(f->wants, now + pause - 1);
        assert_int_equal(take(f, &f->a, now + pause - 1), 0);
        now += pause;
        wants_expire(f->wants, now);
        pause = 2 * pause < RETRY_MS ? 2 * pause : RETRY_MS;
    }
    wants_changed(f->wants, &f->a);
    assert_int_equal(take(f, &f->a, now), 1);
    assert_true(wants_refused(f->wants, &f->a, REC_DOC_CONFIG, &item.digest, now));
    wants_expire(f->wants, now + DECLINE_MS);
    assert_int_equal(take(f, &f->a, now + DECLINE_MS), 1);
}

static void another_host_is_asked_at_once_after_a_decline(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);

    announce(f, &f->a, &item);
    announce(f, &f->b, &item);
    assert_int_equal(take(f, &f->a, 0), 1);
    assert_true(wants_refused(f->wants, &f->a, REC_DOC_CONFIG, &item.digest, 0));
    assert_int_equal(take(f, &f->b, 0), 1);
    wants_changed(f->wants, &f->a); /* while another one is asked */
    assert_int_equal(take(f, &f->a, 0), 0);
    wants_leave(f->wants, &f->b);
    assert_int_equal(take(f, &f->a, 0), 1);
}

/* A host that reports and declines all day long does not make others wait longer. */
static void a_decline_does_not_lengthen_the_refusal_of_others(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);

    announce(f, &f->a, &item);
    assert_int_equal(take(f, &f->a, 0), 1);
    assert_int_equal(wants_expire(f->wants, LEASE_MS), 1);
    announce(f, &f->b, &item);
    for (uint64_t now = LEASE_MS; now < LEASE_MS + RETRY_MS; now += RETRY_MS / 6) {
        wants_expire(f->wants, now);
        assert_int_equal(take(f, &f->a, now), 0);
        assert_int_equal(take(f, &f->b, now), 1);
        assert_true(wants_refused(f->wants, &f->b, REC_DOC_CONFIG, &item.digest, now));
        wants_changed(f->wants, &f->b);
    }
    wants_expire(f->wants, LEASE_MS + RETRY_MS);
    wants_leave(f->wants, &f->b);
    assert_int_equal(take(f, &f->a, LEASE_MS + RETRY_MS), 1);
}

static void those_that_declined_make_room_for_others(void **state)
{
    struct fixture *f = *state;
    struct wants_session many[WANTS_HOLDERS_MAX];
    struct wants_item item = config(1);

    for (int i = 0; i < WANTS_HOLDERS_MAX; i++) {
        wants_join(f->wants, &many[i], 10 + i);
        announce(f, &many[i], &item);
        assert_int_equal(take(f, &many[i], 0), 1);
        assert_true(wants_refused(f->wants, &many[i], REC_DOC_CONFIG, &item.digest, 0));
    }
    announce(f, &f->a, &item);
    assert_int_equal(take(f, &f->a, 0), 1);
    assert_false(wants_is_starved(f->wants));
    for (int i = 0; i < WANTS_HOLDERS_MAX; i++)
        wants_leave(f->wants, &many[i]);
}

static void another_incarnation_confirms(void **state)
{
    struct fixture *f = *state;
    struct wants_item item = config(1);

    announce(f, &f->a, &item);
    take(f, &f->a, 0);
    wants_delivered(f->wants, &f->a, REC_DOC_CONFIG, &item.digest, 0);
    announce(f, &f->b, &item);
    wants_settle(f->wants, REC_DOC_CONFIG, &item.digest, 1, WANTS_CONFIRM, 0);
    assert_ptr_equal(wants_next(f->wants), &f->b);
    assert_int_equal(take(f, &f->a, 0), 0);
    assert_int_equal(take(f, &f->b, 0), 1);
}

static struct wants_item layer(uint32_t n, bool of_root)
{
    return (struct wants_item){
        .digest = digest_number(n), .chain = digest_number(n), .of_root = of_root};
}

static size_t take_layers(struct fixture *f, struct wants_session *s)
{
    struct wants_item items[REC_BATCH_MAX];

    return wants_take(f->wants, s, WANTS_LAYERS, items, REC_BATCH_MAX, 0);
}

/* Two users said it: nobody but root has anything to add. */
static void root_is_asked_after_users(void **state)
{
    struct fixture *f = *state;
    struct wants_item of_user = layer(1, false), of_root = layer(1, true);

    announce(f, &f->a, &of_user);
    announce(f, &f->b, &of_user);
    announce(f, &f->c, &of_root);
    assert_int_equal(take_layers(f, &f->a), 1);
    wants_delivered(f->wants, &f->a, 0, &of_user.digest, 0);
    wants_settle(f->wants, 0, &of_user.digest, 1, WANTS_ROOTS, 0);
    assert_int_equal(take_layers(f, &f->b), 0);
    assert_int_equal(take_layers(f, &f->c), 1);
    wants_delivered(f->wants, &f->c, 0, &of_user.digest, 0);
    wants_settle(f->wants, 0, &of_user.digest, 3, WANTS_DONE, 0);
    assert_int_equal(wants_count(f->wants), 0);
}

/* Its user had the layer first, and root pulled it then. */
static void a_host_that_said_it_may_say_more(void **state)
{
    struct fixture *f = *state;
    struct wants_item of_user = layer(1, false), of_root = layer(1, true);

    announce(f, &f->a, &of_user);
    announce(f, &f->b, &of_user);
    assert_int_equal(take_layers(f, &f->a), 1);
    wants_delivered(f->wants, &f->a, 0, &of_user.digest, 0);
    wants_settle(f->wants, 0, &of_user.digest, 1, WANTS_CONFIRM, 0);
    assert_int_equal(take_layers(f, &f->a), 0);
    announce(f, &f->a, &of_root);
    assert_int_equal(take_layers(f, &f->b) + take_layers(f, &f->a), 1);
}

static void one_host_is_not_flooded(void **state)
{
    struct fixture *f = *state;

    for (uint32_t n = 0; n < 100; n++) {
        struct wants_item item = config(n);

        announce(f, &f->a, &item);
        announce(f, &f->b, &item);
    }
    assert_int_equal(take(f, &f->a, 0), 64);
    assert_int_equal(take(f, &f->b, 0), 36);
}

static void layers_come_with_a_chain_of_the_asked_host(void **state)
{
    struct fixture *f = *state;
    struct wants_item first = {.digest = digest_number(1), .chain = digest_number(10)};
    struct wants_item second = {.digest = digest_number(1), .chain = digest_number(20)};
    struct wants_item got;

    announce(f, &f->a, &first);
    announce(f, &f->b, &second);
    wants_leave(f->wants, &f->a);
    assert_int_equal(wants_take(f->wants, &f->b, WANTS_LAYERS, &got, 1, 0), 1);
    assert_true(digest_eq(&got.chain, &second.chain));
}

static void the_turned_away_are_called_when_nobody_is_left(void **state)
{
    struct fixture *f = *state;
    struct wants_session crowd[WANTS_HOLDERS_MAX];
    struct wants_item item = config(1);

    for (int i = 0; i < WANTS_HOLDERS_MAX; i++) {
        wants_join(f->wants, &crowd[i], 100 + i);
        announce(f, &crowd[i], &item);
    }
    announce(f, &f->a, &item);
    assert_int_equal(take(f, &f->a, 0), 0);
    for (int i = 0; i < WANTS_HOLDERS_MAX; i++) {
        assert_false(wants_is_starved(f->wants));
        wants_leave(f->wants, &crowd[i]);
    }
    assert_true(wants_is_starved(f->wants));
    assert_false(wants_is_starved(f->wants));
}

static void the_registry_has_a_limit(void **state)
{
    struct fixture *f = *state;
    struct wants_limits limits = {.entries_max = 1};
    struct wants *small;
    struct wants_session s;
    struct wants_item one = config(1), two = config(2);
    struct err err;

    (void)f;
    assert_ok(wants_open(&small, &limits, &err));
    wants_join(small, &s, 1);
    assert_ok(wants_announce(small, &s, &one, &err));
    assert_fails(wants_announce(small, &s, &two, &err), ERR_LIMIT, "asked for later");
    assert_ok(wants_announce(small, &s, &one, &err));
    wants_leave(small, &s);
    wants_close(&small);
}

/* Everybody announces everything, before, during and after the deliveries. */
static void a_fleet_gives_each_document_once(void **state)
{
    struct fixture *f = *state;
    struct wants_session *fleet = calloc(FLEET, sizeof(*fleet));
    unsigned *asked = calloc(IMAGES, sizeof(*asked));
    struct wants_session *next;

    assert_non_null(fleet);
    assert_non_null(asked);
    for (uint32_t h = 0; h < FLEET; h++) {
        wants_join(f->wants, &fleet[h], 1000 + h);
        for (uint32_t n = 0; n < IMAGES; n++) {
            struct wants_item item = config(n);

            announce(f, &fleet[h], &item);
        }
        while ((next = wants_next(f->wants)) != NULL) {
            struct wants_item items[64];
            size_t count = wants_take(f->wants, next, WANTS_DOCUMENTS, items, 64, h);

            for (size_t i = 0; i < count; i++)
                for (uint32_t n = 0; n < IMAGES; n++) {
                    struct digest d = digest_number(n);

                    asked[n] += digest_eq(&d, &items[i].digest);
                }
            for (size_t i = 0; i < count && h % 2 == 0; i++)
                wants_delivered(f->wants, next, items[i].kind, &items[i].digest, h);
        }
    }
    for (uint32_t n = 0; n < IMAGES; n++)
        assert_int_equal(asked[n], 1);
    for (uint32_t h = 0; h < FLEET; h++)
        wants_leave(f->wants, &fleet[h]);
    free(fleet);
    free(asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_of_many_holders_is_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_with_the_writer_is_not_asked_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_lease_that_runs_out_goes_to_the_next, setup, teardown),
        cmocka_unit_test_setup_teardown(a_piece_starts_the_lease_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(a_trickle_does_not_keep_a_lease, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_that_dies_hands_on_its_leases, setup, teardown),
        cmocka_unit_test_setup_teardown(what_nobody_holds_is_forgotten_until_announced, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_liar_is_not_asked_again_for_long, setup, teardown),
        cmocka_unit_test_setup_teardown(who_said_what_he_can_is_asked_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_liar_that_comes_back_is_still_known, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_asked_one_can_decline, setup, teardown),
        cmocka_unit_test_setup_teardown(who_declined_is_asked_when_its_report_changes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_declined_is_asked_after_a_growing_pause, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(another_host_is_asked_at_once_after_a_decline, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_decline_does_not_lengthen_the_refusal_of_others, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(those_that_declined_make_room_for_others, setup, teardown),
        cmocka_unit_test_setup_teardown(another_incarnation_confirms, setup, teardown),
        cmocka_unit_test_setup_teardown(root_is_asked_after_users, setup, teardown),
        cmocka_unit_test_setup_teardown(a_host_that_said_it_may_say_more, setup, teardown),
        cmocka_unit_test_setup_teardown(one_host_is_not_flooded, setup, teardown),
        cmocka_unit_test_setup_teardown(layers_come_with_a_chain_of_the_asked_host, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_turned_away_are_called_when_nobody_is_left, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_registry_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fleet_gives_each_document_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
