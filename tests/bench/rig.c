#include "tests/bench/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/uvx.h"
#include "tests/fleet/random.h"

#define ARENA_BYTES ((size_t)8 << 30)
#define QUEUE_BYTES ((size_t)8 << 30)
#define QUEUE_JOBS ((size_t)4 << 20)
#define CHUNK_HOSTS 10000 /* whose inventories are in memory at a time */
#define SILENCE_S 100
#define HELLO_BYTES ((size_t)1 << 20)
#define BASES 50
#define SEED 7

void bench_must(int rc, const struct err *err, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

size_t bench_number(const char *text)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);

    if (n > 0 && *end == '\0')
        return n;
    fprintf(stderr, "'%s' is no positive number\n", text);
    exit(2);
}

static int cmp_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

uint64_t bench_quantile(uint64_t *values, size_t count, double share)
{
    size_t at = (size_t)(share * (double)count);

    check(count > 0);
    qsort(values, count, sizeof(*values), cmp_u64);
    return values[at < count ? at : count - 1];
}

static int64_t now_of(const struct bench_rig *r)
{
    return r->now_ms != 0 ? r->now_ms : (int64_t)time(NULL) * 1000;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static int run_hello(struct bench_job *j, struct store *store, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    char name[32];
    struct rec_hello hello = {
        .agent_version = "0.1.0",
        .host_name = name,
        .cluster = "bench",
        .lifetime = REC_LIFETIME_LASTING,
        .os = "Debian",
        .kernel = "6.1",
        .arch = "amd64",
        .clock_ms = now_of(j->rig),
    };
    struct apply_identity identity;
    struct apply_caller caller = {name, "127.0.0.1", now_of(j->rig), SILENCE_S, NULL, 0};

    snprintf(name, sizeof(name), "host-%u", j->host->number);
    hello.fingerprint = digest_of(name, strlen(name));
    memcpy(hello.incarnation.bytes, hello.fingerprint.bytes, sizeof(hello.incarnation.bytes));
    if (arena_open(&arena, HELLO_BYTES, err) != 0 ||
        apply_hello(store, &hello, &caller, arena, &identity, err) != 0)
        return -1;
    j->host->incarnation_id = identity.incarnation_id;
    return 0;
}

static int run_facts(struct bench_job *j, struct store *store, struct err *err)
{
    enum apply_verdict verdict;

    return apply_layer_facts(store, j->host->incarnation_id, j->facts, now_of(j->rig), &verdict,
                             err);
}

static int run_document(struct bench_job *j, struct store *store, struct err *err)
{
    const struct cat_image *image = j->document;
    enum apply_verdict verdict;

    return apply_document(store, j->host->incarnation_id, REC_DOC_CONFIG, &image->id,
                          (const uint8_t *)image->config, image->config_len, 0, 0, now_of(j->rig),
                          &verdict, err);
}

static int run_inventory(struct bench_job *j, struct store *store, struct err *err)
{
    struct apply_inventory in = {
        .incarnation_id = j->host->incarnation_id,
        .generation = 1,
        .now_ms = now_of(j->rig),
        .contents = j->content,
        .content_count = 1,
        .sums = &j->host->sum,
        .sum_count = 1,
    };

    return apply_inventory(store, &in, err);
}

static int run_job(struct store_job *job, struct store *store, struct err *err)
{
    struct bench_job *j = (struct bench_job *)job;

    if (j->facts != NULL)
        return run_facts(j, store, err);
    if (j->document != NULL)
        return run_document(j, store, err);
    if (j->difference != NULL)
        return apply_difference(store, j->host->incarnation_id, j->difference, now_of(j->rig), err);
    if (j->content != NULL)
        return run_inventory(j, store, err);
    return run_hello(j, store, err);
}

static void on_done(struct store_job *job, const struct err *err)
{
    struct bench_job *j = (struct bench_job *)job;

    bench_must(err == NULL ? 0 : -1, err, "a job failed");
    j->back_ns = uv_hrtime();
    j->rig->out--;
}

bool bench_submit(struct bench_job *j)
{
    struct err err = {.kind = ERR_NONE};

    j->job.run = run_job;
    j->job.done = on_done;
    j->job.weight = 1;
    j->out_ns = uv_hrtime();
    if (writer_submit(j->rig->writer, &j->job, &err) != 0) {
        if (err.kind != ERR_BUSY)
            bench_must(-1, &err, "submit a job");
        return false;
    }
    j->rig->out++;
    return true;
}

void bench_drain(struct bench_rig *r)
{
    while (r->out > 0)
        uv_run(&r->loop, UV_RUN_ONCE);
}

uint64_t bench_run(struct bench_job *jobs, size_t count)
{
    uint64_t begun = uv_hrtime();

    for (size_t i = 0; i < count; i++)
        while (!bench_submit(&jobs[i]))
            uv_run(&jobs[i].rig->loop, UV_RUN_ONCE);
    bench_drain(jobs[0].rig);
    return uv_hrtime() - begun;
}

/* ---- the fleet ------------------------------------------------------------------------------- */

static struct bench_job *new_jobs(size_t count)
{
    struct bench_job *jobs = calloc(count, sizeof(*jobs));

    check(jobs != NULL);
    return jobs;
}

static void greet(struct bench_rig *r)
{
    AUTO_FREE struct bench_job *jobs = new_jobs(r->size.hosts);

    for (size_t i = 0; i < r->size.hosts; i++)
        jobs[i] = (struct bench_job){.rig = r, .host = &r->hosts[i]};
    bench_run(jobs, r->size.hosts);
}

/* Layers are known once an image names them, so documents come first. */
static void give_content(struct bench_rig *r)
{
    const struct cat_images *c = r->catalogue;
    size_t count = c->image_count + c->layer_count;
    AUTO_FREE struct bench_job *jobs = new_jobs(count);

    for (size_t i = 0; i < count; i++) {
        jobs[i] = (struct bench_job){.rig = r, .host = &r->hosts[0]};
        if (i < c->image_count)
            jobs[i].document = &c->images[i];
        else
            jobs[i].facts = &c->layers[i - c->image_count].facts;
    }
    bench_run(jobs, count);
}

void bench_open(struct bench_rig *r, const char *path, const struct bench_size *size,
                int64_t now_ms)
{
    struct writer_options options = {
        .jobs_max = QUEUE_JOBS, .bytes_max = QUEUE_BYTES, .batch_max = size->batch};
    struct err err;

    *r = (struct bench_rig){.size = *size, .rng = SEED, .now_ms = now_ms};
    r->hosts = calloc(size->hosts, sizeof(*r->hosts));
    check(size->per_host < size->images && r->hosts != NULL && uv_loop_init(&r->loop) == 0);
    bench_must(arena_open(&r->arena, ARENA_BYTES, &err), &err, "memory");
    bench_must(catalogue_open(&r->catalogue, size->images, BASES, SEED, &err), &err, "catalogue");
    bench_must(writer_open(&r->writer, &r->loop, path, &options, &err), &err, "open the database");
    for (uint32_t i = 0; i < size->hosts; i++)
        r->hosts[i].number = i;
    greet(r);
    give_content(r);
}

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

void bench_close(struct bench_rig *r)
{
    bool stopped = false;
    struct err err;

    bench_drain(r);
    writer_stop(r->writer, on_stopped, &stopped);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    check(stopped);
    bench_must(uvx_loop_close(&r->loop, &err), &err, "close the loop");
    for (size_t i = 0; i < r->size.hosts; i++)
        free(r->hosts[i].images);
    free(r->hosts);
    catalogue_close(&r->catalogue);
    arena_close(&r->arena);
}

void bench_forget(struct bench_rig *r)
{
    struct err err;

    check(r->out == 0);
    arena_close(&r->arena);
    bench_must(arena_open(&r->arena, ARENA_BYTES, &err), &err, "memory");
}

/* ---- inventories ----------------------------------------------------------------------------- */

/* Chooses the host's images; its first content lies in the arena. */
static struct rec_content *fill_host(struct bench_rig *r, struct bench_host *h, struct arena *arena)
{
    struct rec_content *content = arena_alloc(arena, sizeof(*content), NULL);
    struct holding holding;
    struct err err;

    check(content != NULL);
    bench_must(holding_init(&holding, r->catalogue, h->number, r->size.per_host, false, SEED, &err),
               &err, "a host");
    bench_must(holding_content(&holding, arena, content, &err), &err, "a host's content");
    h->images = calloc(holding.count, sizeof(*h->images));
    check(h->images != NULL && holding.count == r->size.per_host);
    for (size_t i = 0; i < holding.count; i++)
        h->images[i] = holding.list[i].image;
    h->store = content->store;
    h->sum = (struct rec_store_sum){holding.key, rec_content_sum(content)};
    h->generation = 1;
    holding_close(&holding);
    return content;
}

uint64_t bench_inventories(struct bench_rig *r)
{
    uint64_t ns = 0;

    for (size_t at = 0; at < r->size.hosts; at += CHUNK_HOSTS) {
        size_t count = r->size.hosts - at < CHUNK_HOSTS ? r->size.hosts - at : CHUNK_HOSTS;
        AUTO_FREE struct bench_job *jobs = new_jobs(count);
        AUTO(arena_close) struct arena *arena = NULL;
        struct err err;

        bench_must(arena_open(&arena, ARENA_BYTES, &err), &err, "memory");
        for (size_t i = 0; i < count; i++) {
            struct bench_host *h = &r->hosts[at + i];

            jobs[i] = (struct bench_job){.rig = r, .host = h, .content = fill_host(r, h, arena)};
        }
        ns += bench_run(jobs, count);
    }
    return ns;
}

/* ---- differences ----------------------------------------------------------------------------- */

/* As holding_content() tells it, so that the sums agree. */
static struct rec_image record_of(struct bench_rig *r, const struct cat_image *image)
{
    const char **name = arena_alloc(r->arena, sizeof(*name), NULL);
    struct rec_repo_digest *repo = arena_alloc(r->arena, sizeof(*repo), NULL);

    check(name != NULL && repo != NULL);
    *name = image->names[0];
    *repo = (struct rec_repo_digest){image->repository, image->manifest};
    return (struct rec_image){.id = image->id,
                              .identity = REC_BY_CONFIG,
                              .unpacked = true,
                              .names = name,
                              .name_count = 1,
                              .repo_digests = repo,
                              .repo_digest_count = 1};
}

static bool holds(const struct bench_rig *r, const struct bench_host *h, uint32_t image)
{
    for (size_t i = 0; i < r->size.per_host; i++)
        if (h->images[i] == image)
            return true;
    return false;
}

/* An image that the host does not hold takes the place of one that it does, which is returned. */
static uint32_t exchange(struct bench_rig *r, struct bench_host *h, uint32_t *come)
{
    uint32_t *place = &h->images[random_below(&r->rng, (uint32_t)r->size.per_host)];
    uint32_t gone = *place;

    do
        *come = random_below(&r->rng, (uint32_t)r->size.images);
    while (holds(r, h, *come));
    *place = *come;
    return gone;
}

static struct bench_job difference(struct bench_rig *r, struct bench_host *h)
{
    struct rec_difference *d = arena_alloc(r->arena, sizeof(*d), NULL);
    struct rec_store_change *change = arena_alloc(r->arena, sizeof(*change), NULL);
    struct rec_image *images = arena_array(r->arena, 2, sizeof(*images), NULL);
    struct digest *removed = arena_alloc(r->arena, sizeof(*removed), NULL);
    uint32_t come, gone = exchange(r, h, &come);

    check(d != NULL && change != NULL && images != NULL && removed != NULL);
    images[0] = record_of(r, &r->catalogue->images[come]);
    images[1] = record_of(r, &r->catalogue->images[gone]);
    *removed = images[1].id;
    rec_image_sum(&h->sum.sum, &images[0], true);
    rec_image_sum(&h->sum.sum, &images[1], false);
    *change = (struct rec_store_change){.store = h->store,
                                        .changed = images,
                                        .changed_count = 1,
                                        .removed = removed,
                                        .removed_count = 1,
                                        .sum = h->sum.sum};
    *d = (struct rec_difference){
        .base = h->generation, .generation = h->generation + 1, .stores = change, .store_count = 1};
    h->generation++;
    return (struct bench_job){.rig = r, .host = h, .difference = d, .come = come};
}

struct bench_job *bench_differences(struct bench_rig *r, size_t count)
{
    struct bench_job *jobs = new_jobs(count);

    for (size_t i = 0; i < count; i++)
        jobs[i] = difference(r, &r->hosts[random_below(&r->rng, (uint32_t)r->size.hosts)]);
    return jobs;
}
