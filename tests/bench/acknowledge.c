/*
 * acknowledge DATABASE HOSTS IMAGES PER-HOST SECONDS REPEATS RATE...: how long a difference (one
 * image goes, one comes) takes from its moment to its durable acknowledgement, when RATE of them
 * come a second at random moments (Poisson), for SECONDS. Through the collector's own writer with
 * its own limits of a batch, which runs on its own thread; no network. Moments do not wait for the
 * writer, nor for this program: what it submits late was late from its moment on, and
 * "generator_us" says how late at the 99th percentile. What is not back GRACE_S after the last
 * moment counts as late as it is by then, so that where the writer does not keep up the figures are
 * lower bounds; "kept_up" says so, and that rate is not repeated.
 *
 * Beside it, before and after each repetition: 4 KiB appended to a file beside the database, and
 * fdatasync. One JSON object a rate and repetition.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "tests/bench/floor.h"

#define NS 1000000000ULL
#define GRACE_S 3
#define SYNCS 500

struct arrivals {
    struct bench_rig *rig;
    struct bench_job *jobs;
    size_t rate, count, next; /* next: to be submitted */
    uint64_t last_ns;         /* the last one's moment */
    uint64_t end_ns;          /* what is not back then is not waited for */
    int timer;
    uv_poll_t poll;
    bool over;
};

/* ---- moments --------------------------------------------------------------------------------- */

static void wait_until(const struct arrivals *a, uint64_t ns)
{
    struct itimerspec spec = {.it_value = {(time_t)(ns / NS), (long)(ns % NS)}};

    check(timerfd_settime(a->timer, TFD_TIMER_ABSTIME, &spec, NULL) == 0);
}

static void finish(struct arrivals *a)
{
    if (a->over)
        return;
    a->over = true;
    uv_close((uv_handle_t *)&a->poll, NULL);
}

static void submit_due(struct arrivals *a)
{
    uint64_t now = uv_hrtime();

    while (a->next < a->count && a->jobs[a->next].due_ns <= now && bench_submit(&a->jobs[a->next]))
        a->next++;
    if (now >= a->end_ns || (a->next == a->count && a->rig->out == 0))
        finish(a);
    else if (a->next < a->count && a->jobs[a->next].due_ns > now)
        wait_until(a, a->jobs[a->next].due_ns);
    else
        wait_until(a, now + NS / 1000);
}

static void on_timer(uv_poll_t *poll, int status, int events)
{
    struct arrivals *a = poll->data;
    uint64_t times;

    (void)status;
    (void)events;
    check(read(a->timer, &times, sizeof(times)) == sizeof(times));
    submit_due(a);
}

static void set_moments(struct arrivals *a)
{
    double at = 0;
    uint64_t begin = uv_hrtime() + NS / 10;

    srand48(3);
    for (size_t i = 0; i < a->count; i++) {
        at += -log(1 - drand48()) / (double)a->rate;
        a->jobs[i].due_ns = begin + (uint64_t)(at * (double)NS);
    }
    a->last_ns = a->jobs[a->count - 1].due_ns;
    a->end_ns = a->last_ns + GRACE_S * NS;
}

static void run_arrivals(struct arrivals *a)
{
    a->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    check(a->timer >= 0 && uv_poll_init(&a->rig->loop, &a->poll, a->timer) == 0);
    a->poll.data = a;
    uv_poll_start(&a->poll, UV_READABLE, on_timer);
    set_moments(a);
    wait_until(a, a->jobs[0].due_ns);
    while (!a->over)
        uv_run(&a->rig->loop, UV_RUN_ONCE);
    uv_run(&a->rig->loop, UV_RUN_NOWAIT); /* the poll handle is closed */
    close(a->timer);
}

/* ---- what came of it ------------------------------------------------------------------------- */

/* Whether the writer kept up. */
static bool tell(const struct arrivals *a, uint64_t *syncs, size_t sync_count)
{
    AUTO_FREE uint64_t *took = calloc(a->count, sizeof(*took));
    AUTO_FREE uint64_t *late = calloc(a->count, sizeof(*late));
    size_t back = 0;
    bool kept_up;

    check(took != NULL && late != NULL);
    for (size_t i = 0; i < a->count; i++) {
        const struct bench_job *j = &a->jobs[i];
        bool in_time = j->back_ns != 0 && j->back_ns <= a->end_ns;

        took[i] = (in_time ? j->back_ns : a->end_ns) - j->due_ns;
        late[i] = (j->out_ns != 0 ? j->out_ns : a->end_ns) - j->due_ns;
        back += in_time;
    }
    kept_up = back == a->count && bench_quantile(took, a->count, 1) < NS;
    printf("{\"rate\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"sync_p50_us\": %.1f, "
           "\"sync_p99_us\": %.1f, \"generator_us\": %.1f, \"offered\": %zu, \"acknowledged\": "
           "%zu, \"kept_up\": %s}\n",
           a->rate, (double)bench_quantile(took, a->count, 0.5) / 1e3,
           (double)bench_quantile(took, a->count, 0.99) / 1e3,
           (double)bench_quantile(syncs, sync_count, 0.5) / 1e3,
           (double)bench_quantile(syncs, sync_count, 0.99) / 1e3,
           (double)bench_quantile(late, a->count, 0.99) / 1e3, a->count, back,
           kept_up ? "true" : "false");
    return kept_up;
}

/* Whether the writer kept up. */
static bool measure(struct bench_rig *rig, const char *path, size_t rate, size_t seconds)
{
    struct arrivals a = {.rig = rig, .rate = rate, .count = rate * seconds};
    uint64_t syncs[2 * SYNCS];
    bool kept_up;

    a.jobs = bench_differences(rig, a.count);
    floor_sync(path, syncs, SYNCS);
    run_arrivals(&a);
    bench_drain(rig);
    floor_sync(path, syncs + SYNCS, SYNCS);
    kept_up = tell(&a, syncs, sizeof(syncs) / sizeof(syncs[0]));
    free(a.jobs);
    bench_forget(rig);
    return kept_up;
}

int main(int argc, char **argv)
{
    struct bench_size size;
    struct bench_rig rig;

    if (argc < 8) {
        fprintf(stderr,
                "usage: acknowledge DATABASE HOSTS IMAGES PER-HOST SECONDS REPEATS RATE...\n");
        return 2;
    }
    size =
        (struct bench_size){bench_number(argv[2]), bench_number(argv[3]), bench_number(argv[4]), 0};
    bench_open(&rig, argv[1], &size, 0);
    bench_inventories(&rig);
    for (int i = 7; i < argc; i++) {
        bool kept_up = true;

        for (size_t n = bench_number(argv[6]); n > 0 && kept_up; n--)
            kept_up = measure(&rig, argv[1], bench_number(argv[i]), bench_number(argv[5]));
    }
    bench_close(&rig);
    return 0;
}
