#include "agent/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/state_file.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "common/wire.h"

#define STORES "stores"
#define HEAD "layercensus store 1\n"
#define BY_API " api" /* behind the driver's name */
#define FILE_MAX ((size_t)64 << 20)
#define ARENA_MAX ((size_t)256 << 20)
#define PART_BYTES (1 << 20)
#define KEY_HEX (2 * sizeof(((struct rec_key *)NULL)->bytes))
#define LENGTH_BYTES 4

static void key_name(const struct rec_key *key, char out[KEY_HEX + 1])
{
    for (size_t i = 0; i < sizeof(key->bytes); i++)
        snprintf(out + 2 * i, 3, "%02x", key->bytes[i]);
}

/* Opens STATE_DIR/stores, made where it is missing; -1 with *err. */
static int open_stores(const char *state_dir, bool make, struct err *err)
{
    AUTO_FREE char *path = NULL;
    int fd;

    if (asprintf(&path, "%s/" STORES, state_dir) < 0) {
        path = NULL;
        return err_set(err, ERR_NO_MEMORY, "no memory for a path");
    }
    if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_errno(err, ERR_IO, errno, "make %s", path);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : err_errno(err, ERR_IO, errno, "open %s", path);
}

/* ---- saving ---------------------------------------------------------------------------------- */

static int add_part(struct buf *out, const struct wire_agent_msg *m, struct err *err)
{
    AUTO(buf_close) struct buf part;
    uint8_t length[LENGTH_BYTES];

    buf_init(&part, REC_MESSAGE_BYTES);
    if (wire_agent_encode(m, &part, err) != 0)
        return -1;
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        length[i] = (uint8_t)(part.len >> (8 * i));
    return buf_add(out, length, sizeof(length), err) != 0 ||
                   buf_add(out, part.data, part.len, err) != 0
               ? -1
               : 0;
}

static int print_store(struct buf *out, const struct inventory_store *s, struct err *err)
{
    const struct rec_content *content = inventory_content(s);
    struct inventory_cursor at = {0};
    struct digest digest;
    bool more = true;

    if (buf_printf(out, err, HEAD "%s%s\n", s->root.driver->name, s->root.by_api ? BY_API : "") !=
        0)
        return -1;
    while (more) {
        struct wire_agent_msg m = {.kind = WIRE_INVENTORY_PART};

        more = inventory_next_part(content, &at, PART_BYTES, &m.part);
        m.part.store = content->store;
        if (add_part(out, &m, err) != 0)
            return -1;
    }
    digest = digest_of(out->data, out->len);
    return buf_add(out, digest.bytes, sizeof(digest.bytes), err);
}

static int save_store(int dir, const struct inventory_store *s, struct err *err)
{
    AUTO(buf_close) struct buf b;
    char name[KEY_HEX + 1];

    buf_init(&b, FILE_MAX);
    key_name(&s->store.key, name);
    if (print_store(&b, s, err) != 0 || state_file_write(dir, name, &b, err) != 0)
        return err_wrap(err, STORES);
    return 0;
}

static bool is_saved(const struct inventory_store *s, const struct inventory *saved)
{
    const struct inventory_store *before = inventory_find(saved, &s->store.key);

    return before != NULL && before->shared != NULL && before->root.by_api == s->root.by_api &&
           setsum_eq(&before->sum, &s->sum) &&
           rec_store_eq(&inventory_content(before)->store, &inventory_content(s)->store);
}

int memory_save(const char *state_dir, const struct inventory *inv, const struct inventory *saved,
                struct err *err)
{
    AUTO_FD int dir = open_stores(state_dir, true, err);

    if (dir < 0)
        return -1;
    for (size_t i = 0; i < inv->store_count; i++) {
        const struct inventory_store *s = &inv->stores[i];

        if (s->shared != NULL && !s->shared->remembered && !is_saved(s, saved) &&
            save_store(dir, s, err) != 0)
            return -1;
    }
    for (size_t i = 0; saved != NULL && i < saved->store_count; i++) {
        char name[KEY_HEX + 1];

        key_name(&saved->stores[i].store.key, name);
        if (inventory_find(inv, &saved->stores[i].store.key) == NULL &&
            unlinkat(dir, name, 0) != 0 && errno != ENOENT)
            return err_errno(err, ERR_IO, errno, "remove " STORES "/%s", name);
    }
    return fsync(dir) == 0 ? 0 : err_errno(err, ERR_IO, errno, "sync %s/" STORES, state_dir);
}

/* ---- loading --------------------------------------------------------------------------------- */

/* A store's file as it is taken apart. */
struct parse {
    const uint8_t *at, *end;
    struct engine_reading *reading;
};

static int damaged(struct err *err, const char *why)
{
    return err_set(err, ERR_CORRUPT, "not the memory of a store: %s", why);
}

/* Steps over the text, where it comes next. */
static bool take_text(struct parse *p, const char *text)
{
    size_t len = strlen(text);

    if ((size_t)(p->end - p->at) < len || memcmp(p->at, text, len) != 0)
        return false;
    p->at += len;
    return true;
}

static int take_head(struct parse *p, const struct engine_driver *const *drivers,
                     struct engine_root *out, struct err *err)
{
    const uint8_t *line;

    if (!take_text(p, HEAD))
        return damaged(err, "it begins otherwise");
    for (line = p->at; *drivers != NULL; drivers++, p->at = line) {
        if (!take_text(p, (*drivers)->name))
            continue;
        out->driver = *drivers;
        out->by_api = take_text(p, BY_API);
        if (take_text(p, "\n"))
            return 0;
    }
    return damaged(err, "no driver of this program wrote it");
}

/* The part's texts belong to its message: everything is copied into the reading's arena. */
static char *copy_text(struct arena *a, const char *text, struct err *err)
{
    return arena_text(a, text, strlen(text), err);
}

static int copy_image(struct arena *a, struct rec_image *image, struct err *err)
{
    const char **names = arena_array(a, image->name_count, sizeof(*names), err);
    struct rec_repo_digest *digests =
        arena_array(a, image->repo_digest_count, sizeof(*digests), err);

    if (names == NULL || digests == NULL)
        return -1;
    for (size_t i = 0; i < image->name_count; i++)
        if ((names[i] = copy_text(a, image->names[i], err)) == NULL)
            return -1;
    for (size_t i = 0; i < image->repo_digest_count; i++) {
        digests[i] = image->repo_digests[i];
        if ((digests[i].repository = copy_text(a, digests[i].repository, err)) == NULL)
            return -1;
    }
    image->names = names;
    image->repo_digests = digests;
    return 0;
}

/* A longer array in the arena; the old one is left to it. */
static void *grown(struct arena *a, const void *old, size_t count, size_t more, size_t size,
                   struct err *err)
{
    char *items = arena_array(a, count + more, size, err);

    if (items != NULL && count > 0)
        memcpy(items, old, count * size);
    return items;
}

static int copy_store(struct arena *a, const struct rec_store *from, struct rec_store *to,
                      struct err *err)
{
    const char **const texts[] = {&to->engine, &to->version, &to->driver, &to->space,
                                  &to->root,   &to->fs_type, &to->error};

    *to = *from;
    to->problems = NULL; /* of the entries then: they are named again when it is read again */
    to->problem_count = to->problems_more = 0;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if ((*texts[i] = copy_text(a, *texts[i], err)) == NULL)
            return -1;
    return 0;
}

static int add_content(struct engine_reading *r, const struct rec_content *part, struct err *err)
{
    struct rec_content *to = &r->content;

    to->images =
        grown(r->arena, to->images, to->image_count, part->image_count, sizeof(*to->images), err);
    to->exceptions = grown(r->arena, to->exceptions, to->exception_count, part->exception_count,
                           sizeof(*to->exceptions), err);
    if (to->images == NULL || to->exceptions == NULL ||
        copy_store(r->arena, &part->store, &to->store, err) != 0)
        return -1;
    for (size_t i = 0; i < part->image_count; i++) {
        to->images[to->image_count] = part->images[i];
        if (copy_image(r->arena, &to->images[to->image_count++], err) != 0)
            return -1;
    }
    if (part->exception_count > 0)
        memcpy(to->exceptions + to->exception_count, part->exceptions,
               part->exception_count * sizeof(*part->exceptions));
    to->exception_count += part->exception_count;
    return 0;
}

static int take_part(struct parse *p, struct err *err)
{
    AUTO(wire_agent_msg_close) struct wire_agent_msg *m = NULL;
    size_t len = 0;

    if (p->end - p->at < LENGTH_BYTES)
        return damaged(err, "it is cut short");
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        len |= (size_t)p->at[i] << (8 * i);
    p->at += LENGTH_BYTES;
    if (len > (size_t)(p->end - p->at))
        return damaged(err, "it is cut short");
    if (wire_agent_decode(&m, p->at, len, err) != 0)
        return -1;
    p->at += len;
    if (m->kind != WIRE_INVENTORY_PART)
        return damaged(err, "a part is no part of an inventory");
    return add_content(p->reading, &m->part, err);
}

static int check_digest(struct parse *p, struct err *err)
{
    size_t len = (size_t)(p->end - p->at);
    struct digest digest;

    if (len < DIGEST_BYTES)
        return damaged(err, "it is cut short");
    p->end -= DIGEST_BYTES;
    digest = digest_of(p->at, len - DIGEST_BYTES);
    return memcmp(digest.bytes, p->end, DIGEST_BYTES) == 0 ? 0
                                                           : damaged(err, "its digest is wrong");
}

static int parse_parts(struct parse *p, struct memory_store *out, struct err *err)
{
    const struct rec_store *store = &p->reading->content.store;

    do {
        if (take_part(p, err) != 0)
            return -1;
    } while (p->at < p->end);
    snprintf(out->root.path, sizeof(out->root.path), "%s", store->root);
    snprintf(out->root.storage, sizeof(out->root.storage), "%s", store->driver);
    snprintf(out->root.space, sizeof(out->root.space), "%s", store->space);
    snprintf(out->root.version, sizeof(out->root.version), "%s", store->version);
    if (strcmp(store->engine, out->root.driver->name) != 0)
        snprintf(out->root.engine, sizeof(out->root.engine), "%s", store->engine);
    out->root.orphaned = store->state == REC_STORE_ORPHANED;
    out->root.sample = store->sample;
    p->reading->use.key = store->key;
    return inventory_reading_open(&out->reading, p->reading, err);
}

static int load_store(int dir, const char *name, const struct engine_driver *const *drivers,
                      struct memory_store *out, struct err *err)
{
    AUTO(buf_close) struct buf b;
    AUTO(engine_reading_close) struct engine_reading *reading = NULL;
    struct parse p;

    buf_init(&b, FILE_MAX);
    if (buf_read_file_at(&b, dir, name, err) != 0)
        return -1;
    reading = calloc(1, sizeof(*reading));
    if (reading == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a store");
    p = (struct parse){b.data, b.data + b.len, reading};
    *out = (struct memory_store){.reading = NULL};
    if (arena_open(&reading->arena, ARENA_MAX, err) != 0 || check_digest(&p, err) != 0 ||
        take_head(&p, drivers, &out->root, err) != 0 || parse_parts(&p, out, err) != 0)
        return -1;
    reading = NULL; /* the shared reading's now */
    out->reading->remembered = true;
    return 0;
}

static bool is_store_file(const char *name)
{
    return strlen(name) == KEY_HEX && strspn(name, "0123456789abcdef") == KEY_HEX;
}

int memory_load(struct memory *out, const char *state_dir,
                const struct engine_driver *const *drivers, struct err *err)
{
    struct err why = {0};
    AUTO_FD int fd = open_stores(state_dir, false, &why);
    AUTO_DIR DIR *dir = fd >= 0 ? fdopendir(dup(fd)) : NULL;
    struct dirent *entry;

    *out = (struct memory){.items = calloc(REC_STORES_MAX, sizeof(*out->items))};
    if (out->items == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for remembered stores");
    while (dir != NULL && out->count < REC_STORES_MAX && (entry = readdir(dir)) != NULL) {
        if (!is_store_file(entry->d_name))
            continue;
        if (load_store(fd, entry->d_name, drivers, &out->items[out->count], &why) == 0)
            out->count++;
        else
            log_error(LOG_WARN, "memory-damaged", &why, "file", entry->d_name, NULL);
    }
    return 0;
}

void memory_free(struct memory *m)
{
    for (size_t i = 0; i < m->count; i++)
        inventory_reading_unref(&m->items[i].reading);
    free(m->items);
    *m = (struct memory){0};
}
