#include "common/record.h"

#include <string.h>

#include "common/check.h"
#include "common/utf8.h"

/* One element of a store's digest, put together before it is hashed. */
struct element {
    uint8_t bytes[2 + 2 * DIGEST_BYTES + REC_NAME_BYTES];
    size_t len;
};

static void put(struct element *e, const void *data, size_t len)
{
    check(len <= sizeof(e->bytes) - e->len);
    memcpy(e->bytes + e->len, data, len);
    e->len += len;
}

static void put_byte(struct element *e, uint8_t byte)
{
    put(e, &byte, 1);
}

static void put_digest(struct element *e, const struct digest *d)
{
    put(e, d->bytes, DIGEST_BYTES);
}

static void enter(struct setsum *sum, const struct element *e, bool add)
{
    if (add)
        setsum_add(sum, e->bytes, e->len);
    else
        setsum_sub(sum, e->bytes, e->len);
}

void rec_sum_identity(struct setsum *sum, const struct digest *id, enum rec_identity identity,
                      bool unpacked, const struct digest *parent, bool add)
{
    struct element e = {.len = 0};

    put_byte(&e, 'I');
    put_digest(&e, id);
    put_byte(&e, (uint8_t)identity);
    put_byte(&e, unpacked);
    put_byte(&e, parent != NULL);
    if (parent != NULL)
        put_digest(&e, parent);
    enter(sum, &e, add);
}

void rec_sum_name(struct setsum *sum, const struct digest *id, const char *name, bool add)
{
    struct element e = {.len = 0};

    put_byte(&e, 'N');
    put_digest(&e, id);
    put(&e, name, strlen(name));
    enter(sum, &e, add);
}

void rec_sum_repo_digest(struct setsum *sum, const struct digest *id, const struct digest *manifest,
                         const char *repository, bool add)
{
    struct element e = {.len = 0};

    put_byte(&e, 'D');
    put_digest(&e, id);
    put_digest(&e, manifest);
    put(&e, repository, strlen(repository));
    enter(sum, &e, add);
}

void rec_image_sum(struct setsum *sum, const struct rec_image *image, bool add)
{
    rec_sum_identity(sum, &image->id, image->identity, image->unpacked,
                     image->has_parent ? &image->parent : NULL, add);
    for (size_t i = 0; i < image->name_count; i++)
        rec_sum_name(sum, &image->id, image->names[i], add);
    for (size_t i = 0; i < image->repo_digest_count; i++)
        rec_sum_repo_digest(sum, &image->id, &image->repo_digests[i].digest,
                            image->repo_digests[i].repository, add);
}

void rec_exception_sum(struct setsum *sum, const struct rec_exception *exception, bool add)
{
    struct element e = {.len = 0};

    put_byte(&e, 'X');
    put_byte(&e, (uint8_t)exception->kind);
    put_digest(&e, &exception->chain);
    put_digest(&e, &exception->diff);
    enter(sum, &e, add);
}

struct setsum rec_content_sum(const struct rec_content *content)
{
    struct setsum sum = {{0}};

    for (size_t i = 0; i < content->image_count; i++)
        rec_image_sum(&sum, &content->images[i], true);
    for (size_t i = 0; i < content->exception_count; i++)
        rec_exception_sum(&sum, &content->exceptions[i], true);
    return sum;
}

int rec_image_cmp(const void *a, const void *b)
{
    return digest_cmp(&((const struct rec_image *)a)->id, &((const struct rec_image *)b)->id);
}

int rec_name_cmp(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int rec_repo_digest_cmp(const void *a, const void *b)
{
    const struct rec_repo_digest *x = a, *y = b;
    int order = strcmp(x->repository, y->repository);

    return order != 0 ? order : digest_cmp(&x->digest, &y->digest);
}

int rec_exception_cmp(const void *a, const void *b)
{
    return digest_cmp(&((const struct rec_exception *)a)->chain,
                      &((const struct rec_exception *)b)->chain);
}

int rec_origin_cmp(const void *a, const void *b)
{
    const struct rec_origin *x = a, *y = b;
    int order = digest_cmp(&x->diff, &y->diff);

    return order != 0 ? order : strcmp(x->repository, y->repository);
}

bool rec_key_eq(const struct rec_key *a, const struct rec_key *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool rec_image_eq(const struct rec_image *a, const struct rec_image *b)
{
    if (!digest_eq(&a->id, &b->id) || a->identity != b->identity || a->unpacked != b->unpacked ||
        a->has_parent != b->has_parent || a->name_count != b->name_count ||
        a->repo_digest_count != b->repo_digest_count)
        return false;
    if (a->has_parent && !digest_eq(&a->parent, &b->parent))
        return false;
    for (size_t i = 0; i < a->name_count; i++)
        if (strcmp(a->names[i], b->names[i]) != 0)
            return false;
    for (size_t i = 0; i < a->repo_digest_count; i++)
        if (rec_repo_digest_cmp(&a->repo_digests[i], &b->repo_digests[i]) != 0)
            return false;
    return true;
}

static bool problems_eq(const struct rec_store *a, const struct rec_store *b)
{
    if (a->problem_count != b->problem_count || a->problems_more != b->problems_more)
        return false;
    for (size_t i = 0; i < a->problem_count; i++)
        if (strcmp(a->problems[i].subject, b->problems[i].subject) != 0 ||
            strcmp(a->problems[i].text, b->problems[i].text) != 0)
            return false;
    return true;
}

bool rec_store_eq(const struct rec_store *a, const struct rec_store *b)
{
    return rec_key_eq(&a->key, &b->key) && strcmp(a->engine, b->engine) == 0 &&
           strcmp(a->version, b->version) == 0 && strcmp(a->driver, b->driver) == 0 &&
           strcmp(a->space, b->space) == 0 && strcmp(a->root, b->root) == 0 &&
           a->owner == b->owner && strcmp(a->fs_type, b->fs_type) == 0 &&
           a->block_size == b->block_size && a->state == b->state &&
           strcmp(a->error, b->error) == 0 && a->sample == b->sample &&
           a->manifests == b->manifests && problems_eq(a, b);
}

/* Control characters of ASCII, and C1 (U+0080 to U+009F, in UTF-8 0xC2 0x80 to 0xC2 0x9F). */
static bool is_control(const uint8_t *sequence, size_t len)
{
    if (len == 1)
        return sequence[0] < 0x20 || sequence[0] == 0x7F;
    return len == 2 && sequence[0] == 0xC2 && sequence[1] < 0xA0;
}

size_t rec_text_fault(const char *text, size_t len, bool lines)
{
    size_t at = 0;

    while (at < len) {
        size_t n = utf8_sequence(text + at, len - at);
        bool layout = text[at] == '\n' || text[at] == '\t' || text[at] == '\r';

        if (n == 0 || (is_control((const uint8_t *)text + at, n) && !(lines && layout)))
            return at;
        at += n;
    }
    return len;
}

const char *rec_text_clean(struct arena *a, const char *text, size_t len, size_t max, bool lines,
                           struct err *err)
{
    static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
    const size_t replacement_len = sizeof(replacement) - 1;
    size_t room = len < max / replacement_len ? len * replacement_len : max;
    char *out = arena_alloc(a, room + 1, err);
    size_t from = 0, to = 0;

    if (out == NULL)
        return NULL;
    while (from < len) {
        size_t n = utf8_sequence(text + from, len - from);
        bool good = n > 0 && rec_text_fault(text + from, n, lines) == n;
        size_t put_len = good ? n : replacement_len;

        if (put_len > room - to)
            break;
        memcpy(out + to, good ? text + from : replacement, put_len);
        from += n > 0 ? n : 1;
        to += put_len;
    }
    return out;
}

const char *rec_store_state_name(enum rec_store_state state)
{
    static const char *const names[] = {
        [REC_STORE_OK] = "ok",
        [REC_STORE_DAEMON_DOWN] = "daemon-down",
        [REC_STORE_UNREADABLE] = "unreadable",
        [REC_STORE_CORRUPT] = "corrupt",
        [REC_STORE_MOVING] = "moving",
        [REC_STORE_ORPHANED] = "orphaned",
    };

    return state >= REC_STORE_OK && state <= REC_STORE_ORPHANED ? names[state] : "unknown";
}

const char *rec_run_state_name(enum rec_run_state state)
{
    return state == REC_RUNNING ? "running" : state == REC_STOPPED ? "stopped" : "unknown";
}
