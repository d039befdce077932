#include "agent/engines/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/utf8.h"

#define ATTEMPTS 3
#define PATIENT_ATTEMPTS 12 /* more, of a patient source */
#define PAUSE_NS 100000000  /* between attempts */
#define NS_PER_SECOND 1000000000

/* ---- what is wrong --------------------------------------------------------------------------- */

int pass_problem(struct pass *p, struct err *err, const char *subject, const char *fmt, ...)
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

size_t pass_remarks(const struct pass *p)
{
    return p->problem_count + p->problems_more + p->vanished;
}

int pass_entry_failed(struct pass *p, const char *subject, const struct err *why, struct err *err)
{
    switch (why->kind) {
    case ERR_NOT_FOUND:
        p->vanished++;
        return pass_problem(p, err, subject, "%s", why->text);
    case ERR_CORRUPT:
    case ERR_LIMIT:
        return pass_problem(p, err, subject, "%s", why->text);
    default: /* no memory, no right, a disk that fails: nothing is known, so nothing is said */
        return err_set(err, why->kind, "%s: %s", subject, why->text);
    }
}

int pass_unsettled(struct pass *p, struct err *err)
{
    if (p->final)
        p->unsettled++;
    else
        err->kind = ERR_MOVED;
    return -1;
}

static const char *text_in(const struct pass *p, struct arena *arena, struct err *err,
                           const char *fmt, va_list args)
{
    char text[ENGINE_PATH_MAX];
    int len = vsnprintf(text, sizeof(text), fmt, args);

    if (len < 0 || len >= (int)sizeof(text)) {
        err_set(err, ERR_LIMIT, "%s: path too long", p->root->path);
        return NULL;
    }
    return arena_text(arena, text, (size_t)len, err);
}

const char *pass_text(struct pass *p, struct err *err, const char *fmt, ...)
{
    const char *text;
    va_list args;

    va_start(args, fmt);
    text = text_in(p, p->arena, err, fmt, args);
    va_end(args);
    return text;
}

const char *pass_text_in(struct pass *p, struct arena *arena, struct err *err, const char *fmt, ...)
{
    const char *text;
    va_list args;

    va_start(args, fmt);
    text = text_in(p, arena, err, fmt, args);
    va_end(args);
    return text;
}

int pass_exception(struct pass *p, enum rec_exception_kind kind, const struct digest *chain,
                   const struct digest *diff, struct err *err)
{
    if (p->exception_count == p->exception_room) {
        size_t room = p->exception_room == 0 ? 64 : p->exception_room * 2;
        struct rec_exception *grown = arena_array(p->arena, room, sizeof(*grown), err);

        if (grown == NULL)
            return -1;
        if (p->exception_count > 0)
            memcpy(grown, p->exceptions, p->exception_count * sizeof(*grown));
        p->exceptions = grown;
        p->exception_room = room;
    }
    p->exceptions[p->exception_count++] =
        (struct rec_exception){.kind = kind, .chain = *chain, .diff = *diff};
    return 0;
}

static int compare_exceptions(const void *a, const void *b)
{
    const struct rec_exception *x = a, *y = b;
    int order = digest_cmp(&x->chain, &y->chain);

    return order != 0 ? order : (int)x->kind - (int)y->kind;
}

/* Sorted, each chain once: two images may miss the same. */
static int collect_exceptions(struct pass *p, struct err *err)
{
    struct rec_content *content = &p->reading->content;
    struct rec_exception *all = p->exceptions;
    size_t kept = 0;

    if (p->exception_count > 0)
        qsort(all, p->exception_count, sizeof(*all), compare_exceptions);
    for (size_t i = 0; i < p->exception_count; i++) {
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

static int collect_problems(struct pass *p, struct err *err)
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

/* ---- the store itself ------------------------------------------------------------------------ */

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
static int describe_place(struct pass *p, const char *metadata, struct err *err)
{
    struct rec_store *store = &p->reading->content.store;
    AUTO_FD int fd = engine_open(p->root, metadata, O_RDONLY | O_DIRECTORY, err);
    struct statfs fs;
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
        return err_errno(err, ERR_IO, errno, "stat %s", p->root->path);
    store->owner = st.st_uid;
    store->block_size = (uint32_t)fs.f_bsize;
    store->fs_type = fs_name((long)fs.f_type);
    return engine_store_key(&store->key, p->root, metadata, err);
}

int pass_name(struct pass *p, struct err *err)
{
    struct rec_store *store = &p->reading->content.store;
    const struct engine_root *root = p->root;

    store->error = "";
    store->fs_type = "";
    store->state = root->orphaned ? REC_STORE_ORPHANED : REC_STORE_OK;
    store->sample = root->sample;
    store->manifests = root->driver->gives_manifests;
    store->engine =
        pass_text(p, err, "%s", root->engine[0] != '\0' ? root->engine : root->driver->name);
    store->version = pass_text(p, err, "%s", root->version);
    store->driver = pass_text(p, err, "%s", root->storage);
    store->space = pass_text(p, err, "%s", root->space);
    store->root = pass_text(p, err, "%s", root->path);
    return store->engine != NULL && store->version != NULL && store->driver != NULL &&
                   store->space != NULL && store->root != NULL
               ? 0
               : -1;
}

int pass_describe(struct pass *p, const char *metadata, struct err *err)
{
    if (pass_name(p, err) != 0 || describe_place(p, metadata, err) != 0)
        return -1;
    p->reading->use.key = p->reading->content.store.key;
    p->reading->origins.key = p->reading->content.store.key;
    return 0;
}

/* ---- until it stood still -------------------------------------------------------------------- */

/* What pass_read() was asked. */
struct request {
    const struct pass_source *source;
    struct engine_root *root;
    const struct engine_options *options;
    const struct engine_reading *last;
};

/* What a pass noticed that a token may not show. */
struct signs {
    size_t vanished, unsettled;
};

static int run_pass(const struct request *ask, struct pass *p, struct err *err)
{
    int rc = ask->source->run(p, err);

    if (rc == 0 && (collect_exceptions(p, err) != 0 || collect_problems(p, err) != 0))
        rc = -1;
    if (ask->source->close != NULL)
        ask->source->close(p);
    buf_close(&p->file);
    return rc;
}

static int open_pass(const struct request *ask, bool final, struct engine_reading **out,
                     struct signs *signs, struct err *err)
{
    AUTO(engine_reading_close) struct engine_reading *reading = calloc(1, sizeof(*reading));
    AUTO_FREE struct pass *p = calloc(1, ask->source->size);

    check(ask->source->size >= sizeof(*p));
    if (reading == NULL || p == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to read %s", ask->root->path);
    if (arena_open(&reading->arena, PASS_ARENA_BYTES, err) != 0)
        return -1;
    p->root = ask->root;
    p->options = ask->options;
    p->last = ask->last;
    p->reading = reading;
    p->arena = reading->arena;
    p->final = final;
    buf_init(&p->file, JSON_BYTES_MAX);
    if (run_pass(ask, p, err) != 0)
        return -1;
    *signs = (struct signs){.vanished = p->vanished, .unsettled = p->unsettled};
    *out = steal(&reading);
    return 0;
}

static void sleep_ns(long ns)
{
    struct timespec ts = {.tv_nsec = ns};

    nanosleep(&ts, NULL);
}

/* Before a pass: where the last change is so young that one right after it could have the same
 * ctime (the kernel's clock for it ticks every few milliseconds), the tick is waited out. */
static int settled_token(const struct request *ask, struct engine_token *token, struct err *err)
{
    int64_t youngest_ns, now_ns;

    if (ask->source->token(ask->root, token, &youngest_ns, err) != 0)
        return -1;
    now_ns = clock_wall_ms() * 1000000;
    if (youngest_ns > now_ns || now_ns - youngest_ns >= PASS_MOVING_NS)
        return 0;
    sleep_ns(PASS_MOVING_NS);
    return ask->source->token(ask->root, token, &youngest_ns, err);
}

static bool token_eq(const struct engine_token *a, const struct engine_token *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* One attempt. *still: the store did not change meanwhile. An entry that was listed and not there
 * may be a change that no token shows: it must be the same twice to count. A source that saw the
 * store change under it says ERR_MOVED, and gives nothing. */
static int attempt(const struct request *ask, int number, struct engine_reading **out, bool *still,
                   struct err *err)
{
    AUTO(engine_reading_close) struct engine_reading *reading = NULL;
    struct engine_token before, after;
    bool final = number + 1 == ATTEMPTS;
    struct signs signs = {0};
    struct err why = {0};
    int64_t youngest_ns;

    *still = false;
    if (settled_token(ask, &before, err) != 0)
        return -1;
    if (open_pass(ask, final, &reading, &signs, &why) != 0)
        return why.kind == ERR_MOVED && !final ? 0 : err_set(err, why.kind, "%s", why.text);
    if (ask->source->token(ask->root, &after, &youngest_ns, err) != 0)
        return -1;
    *still =
        token_eq(&before, &after) && (signs.vanished == 0 || number > 0) && signs.unsettled == 0;
    reading->token = after;
    *out = steal(&reading);
    return 0;
}

int pass_read(const struct pass_source *source, struct engine_root *root,
              const struct engine_options *options, const struct engine_reading *last,
              struct engine_reading **out, struct err *err)
{
    AUTO(engine_reading_close) struct engine_reading *reading = NULL;
    const struct request ask = {source, root, options, last};
    int more = source->patient && last == NULL ? PATIENT_ATTEMPTS : 0;
    bool still = false;

    for (int i = 0; i < ATTEMPTS && !still;) {
        if (i > 0)
            sleep_ns(PAUSE_NS);
        engine_reading_close(&reading);
        if (attempt(&ask, i, &reading, &still, err) == 0)
            i++;
        else if (err->kind != ERR_MOVED || more-- == 0)
            return err_wrap(err, "read %s store %s%s", root->driver->name, root->host, root->path);
    }
    if (!still) {
        reading->kept = NULL; /* half of it may be older than its stamps */
        reading->content.store.state = REC_STORE_MOVING;
        reading->content.store.error = "it changed during each of 3 attempts to read it";
    }
    *out = steal(&reading);
    return 0;
}

/* ---- stamps ---------------------------------------------------------------------------------- */

/* Bytes of one stat: inode numbers come back (ext4 gives a freed one to the next file), so the
 * change time is what tells; inode and size are beside it for clocks that were set back. */
struct stamp {
    uint64_t ino;
    int64_t ctime_ns;
    int64_t size;
};

void pass_token_put(struct engine_token *out, const void *data, size_t len)
{
    check(out->len + len <= sizeof(out->bytes));
    memcpy(out->bytes + out->len, data, len);
    out->len += len;
}

int pass_token_stat(struct engine_token *out, int fd, const char *path, int64_t *youngest_ns,
                    struct err *err)
{
    struct stamp s = {0};
    struct stat st;

    if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
        s = (struct stamp){
            .ino = st.st_ino,
            .ctime_ns = (int64_t)st.st_ctim.tv_sec * NS_PER_SECOND + st.st_ctim.tv_nsec,
            .size = st.st_size,
        };
    else if (errno != ENOENT && errno != ENOTDIR)
        return err_errno(err, ERR_IO, errno, "stat %s", path);
    if (s.ctime_ns > *youngest_ns)
        *youngest_ns = s.ctime_ns;
    pass_token_put(out, &s, sizeof(s));
    return 0;
}

void pass_token_step(struct engine_token *out, uint64_t step_ms)
{
    uint64_t step = clock_mono_ns() / 1000000 / step_ms;

    pass_token_put(out, &step, sizeof(step));
}
