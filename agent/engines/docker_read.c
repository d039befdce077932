/* docker_read: passes over the store until one saw it standing still. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "agent/engines/docker.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/utf8.h"

#define ATTEMPTS 3
#define PAUSE_NS 100000000 /* between attempts */

int docker_problem(struct docker_pass *p, struct err *err, const char *subject, const char *fmt,
                   ...)
{
    struct rec_problem *problem = &p->problems[p->problem_count];
    char text[ERR_TEXT_MAX];
    struct err line;
    va_list args;

    if (p->problem_count >= REC_PROBLEMS_MAX) {
        p->problems_more++;
        return 0;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    /* Both pass through an error's text, which is one valid line: names on disk may be anything. */
    err_set(&line, ERR_CORRUPT, "%s", text);
    problem->text = arena_text(p->arena, line.text, strlen(line.text), err);
    err_set(&line, ERR_CORRUPT, "%s", subject);
    problem->subject = arena_text(p->arena, line.text, strlen(line.text), err);
    if (problem->text == NULL || problem->subject == NULL)
        return -1;
    p->problem_count++;
    return 0;
}

size_t docker_remarks(const struct docker_pass *p)
{
    return p->problem_count + p->problems_more + p->vanished;
}

int docker_entry_failed(struct docker_pass *p, const char *subject, const struct err *why,
                        struct err *err)
{
    switch (why->kind) {
    case ERR_NOT_FOUND:
        p->vanished++;
        return docker_problem(p, err, subject, "%s", why->text);
    case ERR_CORRUPT:
    case ERR_LIMIT:
        return docker_problem(p, err, subject, "%s", why->text);
    default: /* no memory, no right, a disk that fails: nothing is known, so nothing is said */
        return err_set(err, why->kind, "%s: %s", subject, why->text);
    }
}

int docker_read_file(struct buf *into, int fd, const char *dir, const char *file, struct err *err)
{
    char path[NAME_MAX + 64];

    if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
        return err_set(err, ERR_LIMIT, "%s/%s: path too long", dir, file);
    return buf_read_file_at(into, fd, path, err);
}

static const char *fs_name(long type)
{
    static const struct {
        long type; /* statfs(2) */
        const char *name;
    } names[] = {
        {0xef53, "ext4"},      {0x58465342, "xfs"},     {0x9123683e, "btrfs"},
        {0x01021994, "tmpfs"}, {0x794c7630, "overlay"}, {0x2fc12fc1, "zfs"},
        {0xf2f52010, "f2fs"},  {0x6969, "nfs"},         {0x65735546, "fuse"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].type == type)
            return names[i].name;
    }
    return "other";
}

/* The metadata directory says who owns the store and on what it lies. */
static int describe_place(struct docker_pass *p, struct rec_store *store, struct err *err)
{
    AUTO_FD int fd = docker_open_metadata(p->root, "", err);
    char path[ENGINE_PATH_MAX + 128];
    struct statfs fs;
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
        return err_errno(err, ERR_IO, errno, "stat %s", p->root->path);
    store->owner = st.st_uid;
    store->block_size = (uint32_t)fs.f_bsize;
    store->fs_type = fs_name((long)fs.f_type);
    snprintf(path, sizeof(path), "%s/image/%s", p->root->path, p->root->storage);
    return engine_store_key(&store->key, p->root, path, err);
}

static int describe_store(struct docker_pass *p, struct err *err)
{
    struct rec_store *store = &p->reading->content.store;
    const struct engine_root *root = p->root;

    store->engine = docker_driver.name;
    store->space = "";
    store->error = "";
    store->state = REC_STORE_OK;
    store->sample = root->sample;
    store->version = arena_text(p->arena, root->version, strlen(root->version), err);
    store->driver = arena_text(p->arena, root->storage, strlen(root->storage), err);
    store->root = arena_text(p->arena, root->path, strlen(root->path), err);
    if (store->version == NULL || store->driver == NULL || store->root == NULL ||
        describe_place(p, store, err) != 0)
        return -1;
    p->reading->use.key = store->key;
    return 0;
}

static int compare_exceptions(const void *a, const void *b)
{
    return digest_cmp(&((const struct rec_exception *)a)->chain,
                      &((const struct rec_exception *)b)->chain);
}

/* What images miss and what no image needs, sorted; two images may miss the same chain. */
static int collect_exceptions(struct docker_pass *p, struct err *err)
{
    struct rec_content *content = &p->reading->content;
    struct rec_exception *all =
        arena_array(p->arena, p->missing_count + p->layer_count, sizeof(*all), err);
    size_t count = p->missing_count, kept = 0;

    if (all == NULL)
        return -1;
    if (count > 0)
        memcpy(all, p->missing, count * sizeof(*all));
    for (size_t i = 0; i < p->layer_count; i++) {
        if (!p->layers[i].needed)
            all[count++] = (struct rec_exception){
                .kind = REC_CHAIN_EXTRA, .chain = p->layers[i].chain, .diff = p->layers[i].diff};
    }
    if (count > 0)
        qsort(all, count, sizeof(*all), compare_exceptions);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !digest_eq(&all[kept - 1].chain, &all[i].chain))
            all[kept++] = all[i];
    }
    if (kept > REC_EXCEPTIONS_MAX)
        return err_set(err, ERR_LIMIT, "%zu layers that no image explains: at most %d are reported",
                       kept, REC_EXCEPTIONS_MAX);
    content->exceptions = all;
    content->exception_count = kept;
    return 0;
}

static int collect_problems(struct docker_pass *p, struct err *err)
{
    struct rec_store *store = &p->reading->content.store;
    char text[REC_TEXT_BYTES];

    if (p->problem_count == 0)
        return 0;
    store->problems = arena_array(p->arena, p->problem_count, sizeof(*store->problems), err);
    if (store->problems == NULL)
        return -1;
    memcpy(store->problems, p->problems, p->problem_count * sizeof(*store->problems));
    store->problem_count = p->problem_count;
    store->problems_more = p->problems_more;
    store->state = REC_STORE_CORRUPT;
    snprintf(text, sizeof(text), "%zu broken entries; %s: %s", p->problem_count + p->problems_more,
             p->problems[0].subject, p->problems[0].text);
    store->error = arena_text(p->arena, text, utf8_cut(text, strlen(text)), err);
    return store->error != NULL ? 0 : -1;
}

/* What was kept of another store, as under a root that was replaced, is not this one's. */
static void recall(struct docker_pass *p)
{
    if (p->last == NULL || p->last->kept == NULL ||
        !rec_key_eq(&p->last->content.store.key, &p->reading->content.store.key))
        return;
    p->last_kept = p->last->kept;
}

static int run_pass(struct docker_pass *p, struct err *err)
{
    if (describe_store(p, err) != 0)
        return -1;
    recall(p);
    if (docker_read_layers(p, err) != 0 || docker_read_mounts(p, err) != 0 ||
        docker_read_refs(p, err) != 0 || docker_read_images(p, err) != 0 ||
        docker_read_containers(p, err) != 0 || docker_read_space(p, err) != 0)
        return -1;
    if (collect_exceptions(p, err) != 0 || collect_problems(p, err) != 0)
        return -1;
    return 0;
}

/* What docker_read() was asked. */
struct request {
    struct engine_root *root;
    const struct engine_options *options;
    const struct engine_reading *last;
};

static int open_pass(const struct request *ask, struct engine_reading **out, size_t *vanished,
                     struct err *err)
{
    AUTO(engine_reading_close) struct engine_reading *reading = calloc(1, sizeof(*reading));
    AUTO_FREE struct docker_pass *p = calloc(1, sizeof(*p));
    int rc;

    if (reading == NULL || p == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to read %s", ask->root->path);
    if (arena_open(&reading->arena, DOCKER_ARENA_BYTES, err) != 0)
        return -1;
    p->root = ask->root;
    p->options = ask->options;
    p->last = ask->last;
    p->layout = docker_layout_of(ask->root->storage);
    p->reading = reading;
    p->arena = reading->arena;
    p->kept = arena_alloc(p->arena, sizeof(*p->kept), err);
    if (p->kept == NULL)
        return -1;
    reading->kept = p->kept;
    buf_init(&p->file, JSON_BYTES_MAX);
    buf_init(&p->small, DOCKER_SMALL_FILE_BYTES);
    rc = run_pass(p, err);
    buf_close(&p->file);
    buf_close(&p->small);
    *vanished = p->vanished;
    if (rc == 0)
        *out = steal(&reading);
    return rc;
}

static void sleep_ns(long ns)
{
    struct timespec ts = {.tv_nsec = ns};

    nanosleep(&ts, NULL);
}

/* Before a pass: where the last change is so young that one right after it could have the same
 * ctime (the kernel's clock for it ticks every few milliseconds), the tick is waited out. */
static int settled_token(const struct engine_root *root, struct engine_token *token,
                         struct err *err)
{
    int64_t youngest_ns, now_ns;

    if (docker_token(root, token, &youngest_ns, err) != 0)
        return -1;
    now_ns = clock_wall_ms() * 1000000;
    if (youngest_ns > now_ns || now_ns - youngest_ns >= DOCKER_MOVING_NS)
        return 0;
    sleep_ns(DOCKER_MOVING_NS);
    return docker_token(root, token, &youngest_ns, err);
}

static bool token_eq(const struct engine_token *a, const struct engine_token *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* One attempt. *still: the store did not change meanwhile. An entry that was listed and not there
 * may be a change that no token shows: it must be the same twice to count. */
static int attempt(const struct request *ask, int number, struct engine_reading **out, bool *still,
                   struct err *err)
{
    AUTO(engine_reading_close) struct engine_reading *reading = NULL;
    struct engine_token before, after;
    int64_t youngest_ns;
    size_t vanished = 0;

    if (settled_token(ask->root, &before, err) != 0 ||
        open_pass(ask, &reading, &vanished, err) != 0 ||
        docker_token(ask->root, &after, &youngest_ns, err) != 0)
        return -1;
    *still = token_eq(&before, &after) && (vanished == 0 || number > 0);
    reading->token = after;
    *out = steal(&reading);
    return 0;
}

/* A root named by the operator that nobody could look into when it was found. */
static int settle_storage(struct engine_root *root, struct err *err)
{
    struct engine_roots found = {0};
    int rc = 0;

    if (root->storage[0] != '\0')
        return 0;
    if (docker_expand(root, &found, err) != 0)
        rc = -1;
    else if (found.count == 0)
        rc = docker_no_store(root, err);
    else
        *root = found.items[0];
    engine_roots_free(&found);
    return rc;
}

int docker_read(struct engine_root *root, const struct engine_options *options,
                const struct engine_reading *last, struct engine_reading **out, struct err *err)
{
    AUTO(engine_reading_close) struct engine_reading *reading = NULL;
    const struct request ask = {.root = root, .options = options, .last = last};
    bool still = false;

    if (settle_storage(root, err) != 0)
        return -1;
    for (int i = 0; i < ATTEMPTS && !still; i++) {
        if (i > 0)
            sleep_ns(PAUSE_NS);
        engine_reading_close(&reading);
        if (attempt(&ask, i, &reading, &still, err) != 0)
            return err_wrap(err, "read docker store %s%s", root->host, root->path);
    }
    if (!still) {
        reading->kept = NULL; /* half of it may be older than its stamps */
        reading->content.store.state = REC_STORE_MOVING;
        reading->content.store.error = "it changed during each of 3 attempts to read it";
    }
    *out = steal(&reading);
    return 0;
}
