/*
 * fleet_player: plays many hosts against a real collector, until all of them are acknowledged, all
 * that was wanted is answered, and nothing more comes.
 *
 * Exit status: 0 that was reached (also when SIGINT ends it then), 1 the deadline passed first
 * (stderr says what is missing), 2 wrong usage, 3 it could not start.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/cli.h"
#include "tests/fleet/fleet.h"

#define TICK_MS 20
#define TRIM_MS 1000
#define PORT "7440"

#define OPTION(name_, type_, field, value_, standard_, help_)                                      \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct fleet_options, field),             \
        .value = value_, .standard = standard_, .help = help_                                      \
    }
#define NUMBER(name_, field, value_, standard_, least_, most_, help_)                              \
    {                                                                                              \
        .name = name_, .type = CLI_NUMBER, .offset = offsetof(struct fleet_options, field),        \
        .value = value_, .standard = standard_, .help = help_, .least = least_, .most = most_      \
    }
static const struct cli_option options[] = {
    OPTION("connect", CLI_TEXT, connect, "ADDRESS", "127.0.0.1:" PORT,
           "The collector: host:port or unix:/path."),
    OPTION("cert", CLI_LIST, certs, "FILE", NULL,
           "Client certificate, PEM. Of several, host n has number n modulo their count."),
    OPTION("key", CLI_TEXT, key, "FILE", NULL, "The key of all of them."),
    OPTION("ca", CLI_TEXT, ca, "FILE", NULL, "Speaks TLS and verifies against this CA."),
    OPTION("server-name", CLI_TEXT, server_name, "NAME", NULL,
           "Name that the collector's certificate must have."),
    OPTION("cluster", CLI_TEXT, cluster, "NAME", "fleet",
           "Part of the hosts' names: another one is another fleet."),
    OPTION("play", CLI_TEXT, play, "FILE", NULL,
           "Hosts and events that simulate_fleet.py wrote, in place of --hosts and the like."),
    OPTION("catalogue", CLI_TEXT, catalogue, "FILE", NULL,
           "The images of --play, as real_fleet.py prepares them."),
    NUMBER("hosts", hosts, "N", "20", 1, 200000, "Hosts to play."),
    NUMBER("images", images, "K", "30", 1, 20000, "Images in the catalogue."),
    NUMBER("bases", bases, "B", "5", 1, 1000, "Base images among them."),
    NUMBER("per-host", per_host, "P", "10", 0, 20000, "Images on each host."),
    OPTION("seed", CLI_NUMBER, seed, "S", "1", "Everything follows from it."),
    OPTION("changes", CLI_NUMBER, changes, "C", "0",
           "Differences that each host plays after its inventory."),
    OPTION("extra", CLI_NUMBER, extra, "N", "0",
           "So many hosts hold a chain that no image of theirs needs."),
    OPTION("liar", CLI_NUMBER, liars, "N", "0",
           "The first N hosts that are asked give wrong bytes for documents."),
    OPTION("mute", CLI_NUMBER, mutes, "N", "0", "The next N that are asked never answer."),
    OPTION(
        "die-after-want", CLI_NUMBER, deaths, "N", "0",
        "The first N hosts that are asked close their streams for good (before liars and mutes)."),
    OPTION("mismatch", CLI_NUMBER, mismatches, "N", "0",
           "The first N hosts asked to measure tell other facts than the rest."),
    OPTION("rate", CLI_NUMBER, rate, "N", "500",
           "Hosts started a second; 0: as fast as --joining lets them."),
    OPTION(
        "joining", CLI_NUMBER, joining, "N", "200",
        "Hosts that wait for their welcome at a time before the next one starts; 0: any number."),
    OPTION("hello-only-rate", CLI_NUMBER, hello_only_rate, "N", "0",
           "Hosts only say hello and leave; so many begin a second."),
    OPTION("day", CLI_DURATION, day_ms, "TIME", "0s",
           "A day of --play takes so long, from the first report on; 0: each event follows the one "
           "before."),
    OPTION("rejoin", CLI_NUMBER, rejoin, "N", "0",
           "A host ends its stream after each N of its changes and comes back."),
    OPTION("duration", CLI_DURATION, duration_ms, "TIME", "0s",
           "Stays connected so long after everything is acknowledged."),
    OPTION("quiet", CLI_DURATION, quiet_ms, "TIME", "1500ms",
           "How long nothing may come before it is the end."),
    OPTION("deadline", CLI_DURATION, deadline_ms, "TIME", "60s", "Gives up with status 1."),
    OPTION("all-documents", CLI_FLAG, all_documents, NULL, "no",
           "Waits until each document was asked for and given (a fresh database)."),
    OPTION("no-measure", CLI_FLAG, no_measure, NULL, "no", "Tells no bytes of copies and spaces."),
    OPTION("together", CLI_FLAG, together, NULL, "no",
           "All streams are open, and all reports put together, before the first one is sent."),
    OPTION("truth", CLI_TEXT, truth, "FILE", NULL, "Writes what was played, counted, as JSON."),
    OPTION("report", CLI_TEXT, report, "FILE", NULL, "Writes what happened, as JSON."),
    {0},
};

static const struct cli_program program = {
    .name = "fleet_player",
    .about = "Plays simulated hosts against a collector.",
    .options = options,
};

struct player {
    uv_loop_t loop;
    uv_timer_t tick, trim;
    uv_signal_t interrupt;
    struct fleet fleet;
    uint64_t begun_ns, settled_ns;  /* settled_ns 0: not yet */
    bool late, interrupted, failed; /* failed: err says why */
    int status;
    struct err err;
};

/* ---- are we done? -------------------------------------------------------------------------- */

struct missing {
    size_t hosts, documents;
};

/* Whether a host is there that could give this document. */
static bool can_be_given(const struct fleet *f, const struct cat_image *image)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct speaker *s = &f->speakers[i];

        if (s->state != SPEAKER_GONE && s->role == ROLE_HONEST &&
            holding_has(&s->holding, &image->id))
            return true;
    }
    return false;
}

static struct missing what_is_missing(const struct fleet *f)
{
    struct missing m = {f->count - f->started, 0};

    for (size_t i = 0; i < f->started; i++)
        m.hosts += f->speakers[i].state != SPEAKER_SETTLED && f->speakers[i].state != SPEAKER_GONE;
    if (m.hosts > 0)
        return m;
    for (size_t i = 0; i < f->catalogue->image_count; i++) {
        const struct cat_image *image = &f->catalogue->images[i];
        bool awaited = image->asked > 0 || f->options->all_documents;

        m.documents += awaited && image->given == 0 && can_be_given(f, image);
    }
    return m;
}

static uint64_t ms_since(uint64_t ns)
{
    return (uv_hrtime() - ns) / 1000000;
}

static bool is_over(struct player *p)
{
    const struct fleet_options *o = p->fleet.options;
    struct missing m;

    if (ms_since(p->begun_ns) >= (uint64_t)o->deadline_ms) {
        p->late = true;
        return true;
    }
    if (p->fleet.started < p->fleet.count ||
        ms_since(p->fleet.last_event_ns) < (uint64_t)o->quiet_ms)
        return false;
    m = what_is_missing(&p->fleet);
    if (m.hosts > 0 || m.documents > 0) {
        p->settled_ns = 0;
        return false;
    }
    if (p->settled_ns == 0)
        p->settled_ns = uv_hrtime();
    return ms_since(p->settled_ns) >= (uint64_t)o->duration_ms;
}

/* ---- loop ---------------------------------------------------------------------------------- */

/* All hosts share our processor: were all of them in their handshakes at once, none would end its
 * own in time, and the next attempts would meet the same. */
static size_t room_to_join(const struct fleet *f)
{
    size_t most = (size_t)f->options->joining, joining = 0;

    if (most == 0)
        return f->count;
    for (size_t i = 0; i < f->started; i++)
        joining +=
            f->speakers[i].state == SPEAKER_CONNECTING || f->speakers[i].state == SPEAKER_GREETING;
    return joining < most ? most - joining : 0;
}

static void start_due(struct player *p)
{
    struct fleet *f = &p->fleet;
    const struct fleet_options *o = f->options;
    int64_t rate = o->hello_only_rate > 0 ? o->hello_only_rate : o->rate;
    uint64_t due = rate == 0 ? f->count : 1 + ms_since(p->begun_ns) * (uint64_t)rate / 1000;
    size_t room = f->started < f->count ? room_to_join(f) : 0;

    for (; f->started < f->count && f->started < due && room > 0; f->started++, room--) {
        f->last_event_ns = uv_hrtime();
        speaker_start(&f->speakers[f->started]);
    }
}

static int say_how_it_ended(const struct player *p)
{
    const struct fleet_stats *s = &p->fleet.stats;
    struct missing m = what_is_missing(&p->fleet);

    fprintf(
        stderr,
        "fleet_player: %zu hosts, %lu connections, %lu acknowledgements, %lu resyncs in %lu ms\n",
        p->fleet.count, (unsigned long)s->connections, (unsigned long)s->acknowledgements,
        (unsigned long)s->resyncs, (unsigned long)ms_since(p->begun_ns));
    if (p->fleet.acknowledged_ns > p->fleet.begun_ns)
        fprintf(stderr, "fleet_player: reports took %lu us\n",
                (unsigned long)((p->fleet.acknowledged_ns - p->fleet.begun_ns) / 1000));
    if (s->last_end[0] != '\0')
        fprintf(stderr, "fleet_player: last end of a stream: %s\n", s->last_end);
    if (s->last_rejection[0] != '\0')
        fprintf(stderr, "fleet_player: last rejection: %s\n", s->last_rejection);
    if (!p->late && (!p->interrupted || (m.hosts == 0 && m.documents == 0)))
        return 0;
    fprintf(stderr, "fleet_player: %s: %zu hosts are not acknowledged, %zu documents not given\n",
            p->late ? "the deadline passed" : "interrupted", m.hosts, m.documents);
    return 1;
}

static void stop(struct player *p)
{
    p->fleet.stopping = true;
    for (size_t i = 0; i < p->fleet.count; i++)
        speaker_stop(&p->fleet.speakers[i]);
    uv_close((uv_handle_t *)&p->tick, NULL);
    uv_close((uv_handle_t *)&p->trim, NULL);
    uv_close((uv_handle_t *)&p->interrupt, NULL);
}

static int write_files(const struct player *p, struct err *err)
{
    const struct fleet_options *o = p->fleet.options;

    if (o->report != NULL && report_write(&p->fleet, o->report, err) != 0)
        return -1;
    return o->truth != NULL ? truth_write(&p->fleet, o->truth, err) : 0;
}

/* States are told before the streams are closed; the loop then runs out by itself. */
static void finish(struct player *p)
{
    p->status = say_how_it_ended(p);
    p->failed = write_files(p, &p->err) != 0;
    stop(p);
}

static void on_tick(uv_timer_t *timer)
{
    struct player *p = timer->data;

    start_due(p);
    if (is_over(p))
        finish(p);
}

/* How many hosts are busy at once is chance: what they needed for it goes back to the system, so
 * that whoever watches the player's memory sees what hosts keep. */
static void on_trim(uv_timer_t *timer)
{
    (void)timer;
    malloc_trim(0);
}

static void on_interrupt(uv_signal_t *signal, int number)
{
    struct player *p = signal->data;

    (void)number;
    p->interrupted = true;
    finish(p);
}

static void start_loop(struct player *p, const struct fleet_options *o)
{
    check(uv_timer_init(&p->loop, &p->tick) == 0);
    check(uv_signal_init(&p->loop, &p->interrupt) == 0);
    p->tick.data = p;
    p->interrupt.data = p;
    uv_timer_start(&p->tick, on_tick, 0, TICK_MS);
    check(uv_timer_init(&p->loop, &p->trim) == 0);
    if (o->day_ms > 0)
        uv_timer_start(&p->trim, on_trim, TRIM_MS, TRIM_MS);
    uv_signal_start(&p->interrupt, on_interrupt, SIGINT);
    p->begun_ns = uv_hrtime();
    p->fleet.last_event_ns = p->begun_ns;
}

/* ---- start --------------------------------------------------------------------------------- */

/* One descriptor a host, and some for us. Only a privileged player may raise the hard limit. */
static int raise_files(size_t hosts, struct err *err)
{
    struct rlimit limit;
    rlim_t hard;

    check(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    hard = limit.rlim_max;
    if (limit.rlim_max < hosts + 64)
        limit.rlim_max = hosts + 64;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return err_set(err, ERR_LIMIT, "%zu hosts need as many files; the limit is %zu: ulimit -n",
                       hosts, (size_t)hard);
    return 0;
}

/* One context a certificate; without any, one for all where the server is verified. */
static int open_tls(struct fleet *f, const struct fleet_options *o, struct err *err)
{
    size_t count = o->certs.count > 0 ? o->certs.count : o->ca != NULL;

    f->tls = calloc(count + 1, sizeof(struct tls_context *));
    if (f->tls == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu certificates", count);
    for (; f->tls_count < count; f->tls_count++) {
        struct tls_files files = {NULL, NULL, o->ca};

        if (o->certs.count > 0)
            files = (struct tls_files){o->certs.items[f->tls_count], o->key, o->ca};
        if (tls_client_context(&f->tls[f->tls_count], &files, err) != 0)
            return -1;
    }
    return 0;
}

/* The images and, where they are not made up, the hosts. */
static int open_content(struct fleet *f, const struct fleet_options *o, struct err *err)
{
    if ((o->play == NULL) != (o->catalogue == NULL))
        return err_set(err, ERR_USAGE, "--play and --catalogue belong together");
    f->wanted = (size_t)o->hosts;
    if (o->play == NULL)
        return catalogue_open(&f->catalogue, (size_t)o->images,
                              (size_t)(o->bases < o->images ? o->bases : o->images),
                              (uint64_t)o->seed, err);
    if (catalogue_read(&f->catalogue, o->catalogue, err) != 0 ||
        script_read(&f->script, o->play, f->catalogue, err) != 0)
        return -1;
    f->wanted = f->script->count;
    return 0;
}

static int open_fleet(struct player *p, const struct fleet_options *o, struct err *err)
{
    struct fleet *f = &p->fleet;

    f->options = o;
    f->loop = &p->loop;
    f->liars_left = o->liars;
    f->mutes_left = o->mutes;
    f->deaths_left = o->deaths;
    f->mismatches_left = o->mismatches;
    grpc_limits_default(&f->limits);
    if (uvx_address_parse(&f->address, o->connect, PORT, err) != 0 || open_tls(f, o, err) != 0 ||
        open_content(f, o, err) != 0 || raise_files(f->wanted, err) != 0)
        return -1;
    f->speakers = calloc(f->wanted, sizeof(*f->speakers));
    if (f->speakers == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu hosts", f->wanted);
    for (; f->count < f->wanted; f->count++)
        if (speaker_init(&f->speakers[f->count], f, (uint32_t)f->count, err) != 0)
            return -1;
    return 0;
}

static void close_fleet(struct fleet *f)
{
    for (size_t i = 0; i < f->count; i++)
        speaker_close(&f->speakers[i]);
    free(f->speakers);
    script_close(&f->script);
    catalogue_close(&f->catalogue);
    for (size_t i = 0; i < f->tls_count; i++)
        tls_context_close(&f->tls[i]);
    free(f->tls);
}

static int play(struct player *p, const struct fleet_options *o, struct err *err)
{
    check(uv_loop_init(&p->loop) == 0);
    start_loop(p, o);
    if (open_fleet(p, o, &p->err) != 0) {
        p->failed = true;
        stop(p);
    }
    uv_run(&p->loop, UV_RUN_DEFAULT);
    close_fleet(&p->fleet);
    if (uvx_loop_close(&p->loop, err) != 0)
        return -1;
    *err = p->err;
    return p->failed ? -1 : p->status;
}

int main(int argc, char **argv)
{
    struct fleet_options o = {0};
    struct cli_result result = {0};
    struct player p = {.late = false};
    struct err err = {.kind = ERR_NONE};
    int status = -1;

    signal(SIGPIPE, SIG_IGN);
    if (cli_parse(&program, argc, argv, &o, &result, &err) == 0) {
        status = result.done ? 0 : play(&p, &o, &err);
    }
    cli_free(&program, &o);
    if (status >= 0)
        return status;
    fprintf(stderr, "fleet_player: %s\n", err.text);
    return err_exit_status(err.kind);
}
