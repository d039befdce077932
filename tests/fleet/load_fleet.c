/*
 * load_fleet: makes the database that a collector would have after a fleet was played to it,
 * without network and protocol, through the collector's own writer and apply functions.
 *
 * The hosts are those of a file that simulate_fleet.py wrote, placed on its days so that the last
 * of them ended just now; or they are made up, and all of them came a day ago. No copy is measured.
 *
 * Exit status: 0 all is durable, 2 wrong usage, 3 anything else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/cli.h"
#include "common/clock.h"
#include "common/uvx.h"
#include "tests/fleet/load_job.h"

#define DAY_MS 86400000LL
#define MINUTE_MS 60000LL
#define PROGRESS_NS 2000000000ULL
#define IMAGES_A_HOST 60
#define SEED 7

/* Images and bases of made-up fleets, by their hosts (the fleets that docs/performance.md names).
 */
static const struct {
    int64_t most_hosts;
    size_t images, bases;
} sizes[] = {{10000, 5000, 200}, {INT64_MAX, 20000, 500}};

struct load_options {
    char *play, *catalogue, *db;
    int64_t synthetic, batch;
};

#define OPTION(name_, type_, field, value_, standard_, help_)                                      \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct load_options, field),              \
        .value = value_, .standard = standard_, .help = help_                                      \
    }
static const struct cli_option options[] = {
    OPTION("play", CLI_TEXT, play, "FILE", NULL, "Hosts and events that simulate_fleet.py wrote."),
    OPTION("catalogue", CLI_TEXT, catalogue, "FILE", NULL,
           "The images of --play, as real_fleet.py prepares them."),
    {.name = "synthetic",
     .type = CLI_NUMBER,
     .offset = offsetof(struct load_options, synthetic),
     .value = "HOSTS",
     .standard = "0",
     .help = "In place of both: so many made-up hosts with 60 images each.",
     .most = 1000000},
    OPTION("db", CLI_TEXT, db, "FILE", NULL, "The database to make; it must not be there."),
    OPTION("batch", CLI_NUMBER, batch, "N", "0",
           "Most reports in one transaction; 0: as the collector has it."),
    {0},
};

static const struct cli_program program = {
    .name = "load_fleet",
    .about = "Makes the database of a simulated fleet.",
    .options = options,
};

struct loader {
    uv_loop_t loop;
    struct writer *writer;
    struct cat_images *catalogue;
    struct script *script; /* NULL: made up */
    struct load_host *hosts;
    size_t host_count;
    int64_t begin_ms; /* of day 0 */
    size_t arrived, reports;
    uint64_t said_ns;
    struct err err; /* the first job that failed */
};

/* ---- jobs ------------------------------------------------------------------------------------ */

static void say_progress(struct loader *l, bool at_last)
{
    if (!at_last && uv_hrtime() - l->said_ns < PROGRESS_NS)
        return;
    l->said_ns = uv_hrtime();
    fprintf(stderr, "load_fleet: %zu of %zu hosts, %zu reports\n", l->arrived, l->host_count,
            l->reports);
}

static void on_done(struct store_job *job, const struct err *err)
{
    struct load_job *j = (struct load_job *)job;
    struct loader *l = j->arg;

    if (err != NULL && l->err.kind == ERR_NONE)
        l->err = *err;
    l->arrived += j->kind == LOAD_ARRIVAL;
    l->reports += j->kind != LOAD_END;
    load_job_close(&j);
    say_progress(l, false);
}

/* Where the writer's queue is full, what comes back makes room. */
static int report(struct loader *l, enum load_kind kind, struct load_host *host, int64_t at_ms,
                  struct err *err)
{
    AUTO(load_job_close) struct load_job *j = NULL;

    if (load_job_open(&j, kind, host, at_ms, err) != 0)
        return -1;
    j->arg = l;
    j->job.done = on_done;
    while (l->err.kind == ERR_NONE) {
        struct err full = {.kind = ERR_NONE};

        if (writer_submit(l->writer, &j->job, &full) == 0) {
            (void)steal(&j);
            return 0;
        }
        if (full.kind != ERR_BUSY) {
            *err = full;
            return -1;
        }
        uv_run(&l->loop, UV_RUN_ONCE);
    }
    *err = l->err;
    return -1;
}

/* ---- days ------------------------------------------------------------------------------------ */

static int load_host_day(struct loader *l, struct load_host *h, uint32_t day, struct err *err)
{
    const struct script_host *s = h->script;
    int64_t at_ms = l->begin_ms + day * DAY_MS;

    if ((s != NULL ? s->day : 0) == day && report(l, LOAD_ARRIVAL, h, at_ms, err) != 0)
        return -1;
    while (s != NULL && h->event < s->event_count && s->events[h->event].day == day)
        if (report(l, LOAD_EVENT, h, at_ms += MINUTE_MS, err) != 0)
            return -1;
    return 0;
}

static int load_days(struct loader *l, struct err *err)
{
    uint32_t last = l->script != NULL ? l->script->days : 0;
    int64_t now_ms = clock_wall_ms();

    l->begin_ms = now_ms - (last + 1) * DAY_MS;
    for (uint32_t day = 0; day <= last; day++)
        for (size_t i = 0; i < l->host_count; i++)
            if (load_host_day(l, &l->hosts[i], day, err) != 0)
                return -1;
    for (size_t i = 0; i < l->host_count; i++) {
        struct load_host *h = &l->hosts[i];

        if ((h->script == NULL || !h->script->goes) && report(l, LOAD_END, h, now_ms, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- start and end --------------------------------------------------------------------------- */

static int open_host(struct loader *l, uint32_t number, struct err *err)
{
    struct load_host *h = &l->hosts[number];

    if (l->script != NULL) {
        h->script = &l->script->hosts[number];
        h->arch = h->script->arch;
        snprintf(h->name, sizeof(h->name), "%s", h->script->name);
        return holding_init_script(&h->holding, l->catalogue, number, h->script, err);
    }
    h->arch = "amd64";
    snprintf(h->name, sizeof(h->name), "h%06u", number + 1);
    return holding_init_power(&h->holding, l->catalogue, number, IMAGES_A_HOST, SEED, err);
}

static int open_content(struct loader *l, const struct load_options *o, struct err *err)
{
    size_t size = 0;

    while (o->synthetic > sizes[size].most_hosts)
        size++;
    if (o->synthetic > 0) {
        l->host_count = (size_t)o->synthetic;
        return catalogue_open_power(&l->catalogue, sizes[size].images, sizes[size].bases, SEED,
                                    err);
    }
    if (catalogue_read(&l->catalogue, o->catalogue, err) != 0 ||
        script_read(&l->script, o->play, l->catalogue, err) != 0)
        return -1;
    l->host_count = l->script->count;
    return 0;
}

static int open_loader(struct loader *l, const struct load_options *o, struct err *err)
{
    struct writer_options writer = {.batch_max = (size_t)o->batch};
    bool plays = o->play != NULL && o->catalogue != NULL;

    if (o->db == NULL || plays == (o->synthetic > 0))
        return err_set(err, ERR_USAGE,
                       "expected --db and either --synthetic, or --play and --catalogue");
    if (access(o->db, F_OK) == 0)
        return err_set(err, ERR_CONFLICT, "%s is there already", o->db);
    if (open_content(l, o, err) != 0)
        return -1;
    l->hosts = calloc(l->host_count, sizeof(*l->hosts));
    if (l->hosts == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu hosts", l->host_count);
    for (uint32_t i = 0; i < l->host_count; i++)
        if (open_host(l, i, err) != 0)
            return -1;
    return writer_open(&l->writer, &l->loop, o->db, &writer, err);
}

static void on_stopped(void *arg)
{
    (void)arg;
}

static void close_loader(struct loader *l)
{
    if (l->writer != NULL)
        writer_stop(l->writer, on_stopped, l);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    for (size_t i = 0; l->hosts != NULL && i < l->host_count; i++)
        holding_close(&l->hosts[i].holding);
    free(l->hosts);
    script_close(&l->script);
    catalogue_close(&l->catalogue);
}

static int load(const struct load_options *o, struct err *err)
{
    struct loader l = {.said_ns = uv_hrtime()};
    int status;

    check(uv_loop_init(&l.loop) == 0);
    status = open_loader(&l, o, err) != 0 || load_days(&l, err) != 0 ? -1 : 0;
    close_loader(&l);
    if (status == 0 && l.err.kind != ERR_NONE) {
        *err = l.err;
        status = -1;
    }
    if (uvx_loop_close(&l.loop, status == 0 ? err : NULL) != 0 || status != 0)
        return -1;
    say_progress(&l, true);
    return 0;
}

int main(int argc, char **argv)
{
    struct load_options o = {0};
    struct cli_result result = {0};
    struct err err = {.kind = ERR_NONE};
    int status = cli_parse(&program, argc, argv, &o, &result, &err);

    if (status == 0 && !result.done)
        status = load(&o, &err);
    cli_free(&program, &o);
    if (status == 0)
        return 0;
    fprintf(stderr, "load_fleet: %s\n", err.text);
    return err_exit_status(err.kind);
}
