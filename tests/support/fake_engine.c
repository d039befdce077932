#include "tests/support/fake_engine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/cleanup.h"

enum { STORES = 8, WORDS = 300, WORDS_TEXT = 8192, PATH_TEXT = 64, WATCHES_TEXT = 1024 };

struct fake_store {
    char path[PATH_TEXT], place[PATH_TEXT], words[WORDS_TEXT], container[PATH_TEXT];
    char space[PATH_TEXT];
    char watches[WATCHES_TEXT];
    enum rec_run_state run; /* 0: no container */
    enum err_kind failing;
    bool hanging, down, moving, orphaned, manifests;
    unsigned stuck; /* looks that hang */
    unsigned token, looks, reads, checks, comparisons, origins;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t released;
    struct fake_store stores[STORES];
    size_t count;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .released = PTHREAD_COND_INITIALIZER};

/* ---- what the test says ---------------------------------------------------------------------- */

static struct fake_store *find(const char *path)
{
    for (size_t i = 0; i < fake.count; i++)
        if (strcmp(fake.stores[i].path, path) == 0)
            return &fake.stores[i];
    return NULL;
}

static struct fake_store *must_find(const char *path)
{
    struct fake_store *s = find(path);

    check(s != NULL);
    return s;
}

void fake_engine_reset(void)
{
    pthread_mutex_lock(&fake.lock);
    memset(fake.stores, 0, sizeof(fake.stores));
    fake.count = 0;
    pthread_mutex_unlock(&fake.lock);
}

void fake_engine_put(const char *path, const char *words)
{
    struct fake_store *s;

    pthread_mutex_lock(&fake.lock);
    s = find(path);
    if (s == NULL) {
        check(fake.count < STORES);
        s = &fake.stores[fake.count++];
        snprintf(s->path, sizeof(s->path), "%s", path);
        snprintf(s->place, sizeof(s->place), "%s", path);
    }
    check(strlen(words) < sizeof(s->words));
    snprintf(s->words, sizeof(s->words), "%s", words);
    s->token++;
    pthread_mutex_unlock(&fake.lock);
}

/* Sets one field of a store under the lock. */
#define SET(path, field, value)                                                                    \
    do {                                                                                           \
        pthread_mutex_lock(&fake.lock);                                                            \
        must_find(path)->field = (value);                                                          \
        pthread_cond_broadcast(&fake.released);                                                    \
        pthread_mutex_unlock(&fake.lock);                                                          \
    } while (0)

void fake_engine_run(const char *path, enum rec_run_state state, const char *name)
{
    pthread_mutex_lock(&fake.lock);
    must_find(path)->run = state;
    must_find(path)->token++;
    snprintf(must_find(path)->container, PATH_TEXT, "%s", name);
    pthread_mutex_unlock(&fake.lock);
}

void fake_engine_origins(const char *path, unsigned count)
{
    pthread_mutex_lock(&fake.lock);
    must_find(path)->origins = count;
    must_find(path)->token++;
    pthread_mutex_unlock(&fake.lock);
}

void fake_engine_give_manifests(const char *path)
{
    SET(path, manifests, true);
}

void fake_engine_fail(const char *path, enum err_kind kind)
{
    SET(path, failing, kind);
}

void fake_engine_move(const char *path, bool moving)
{
    pthread_mutex_lock(&fake.lock);
    must_find(path)->moving = moving;
    must_find(path)->token++;
    pthread_mutex_unlock(&fake.lock);
}

void fake_engine_hang(const char *path, bool hang)
{
    SET(path, hanging, hang);
}

bool fake_engine_hangs(const char *path)
{
    bool hangs;

    pthread_mutex_lock(&fake.lock);
    hangs = must_find(path)->stuck > 0;
    pthread_mutex_unlock(&fake.lock);
    return hangs;
}

void fake_engine_daemon(const char *path, bool up)
{
    SET(path, down, !up);
}

void fake_engine_place(const char *path, const char *place)
{
    pthread_mutex_lock(&fake.lock);
    snprintf(must_find(path)->place, PATH_TEXT, "%s", place);
    pthread_mutex_unlock(&fake.lock);
}

void fake_engine_orphan(const char *path, bool orphaned)
{
    SET(path, orphaned, orphaned);
}

void fake_engine_space(const char *path, const char *space)
{
    pthread_mutex_lock(&fake.lock);
    snprintf(must_find(path)->space, PATH_TEXT, "%s", space);
    pthread_mutex_unlock(&fake.lock);
}

void fake_engine_watch(const char *path, const char *paths)
{
    pthread_mutex_lock(&fake.lock);
    check(strlen(paths) < WATCHES_TEXT);
    snprintf(must_find(path)->watches, WATCHES_TEXT, "%s", paths);
    pthread_mutex_unlock(&fake.lock);
}

unsigned fake_engine_looks(const char *path)
{
    unsigned n;

    pthread_mutex_lock(&fake.lock);
    n = must_find(path)->looks;
    pthread_mutex_unlock(&fake.lock);
    return n;
}

unsigned fake_engine_reads(const char *path)
{
    unsigned n;

    pthread_mutex_lock(&fake.lock);
    n = must_find(path)->reads;
    pthread_mutex_unlock(&fake.lock);
    return n;
}

unsigned fake_engine_checks(const char *path)
{
    unsigned n;

    pthread_mutex_lock(&fake.lock);
    n = must_find(path)->checks;
    pthread_mutex_unlock(&fake.lock);
    return n;
}

unsigned fake_engine_comparisons(const char *path)
{
    unsigned n;

    pthread_mutex_lock(&fake.lock);
    n = must_find(path)->comparisons;
    pthread_mutex_unlock(&fake.lock);
    return n;
}

char *fake_engine_config(const char *word)
{
    bool secret = strncmp(word, "secret", 6) == 0;
    char diff[DIGEST_TEXT];
    struct digest d = digest_of(word, strlen(word));
    char *text;

    check(asprintf(&text,
                   "{ \"os\":\"linux\",\"config\":{\"Env\":[\"%s\"]},\"rootfs\":{\"type\":"
                   "\"layers\",\"diff_ids\":[\"%s\"]}}",
                   secret ? "API_TOKEN=hunter2" : "A=b", digest_text(&d, diff)) > 0);
    return text;
}

char *fake_engine_manifest(const char *word)
{
    const char *note = strncmp(word, "secret", 6) == 0 ? "app.token" : "app.team";
    struct digest config = fake_engine_image(word);
    struct digest blob = digest_of(word, strlen(word));
    char config_text[DIGEST_TEXT], blob_text[DIGEST_TEXT];
    char *text;

    check(asprintf(&text,
                   "{ \"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":7},\"layers\":"
                   "[{\"digest\":\"%s\",\"size\":100}],\"annotations\":{\"%s\":\"hunter2\"}}",
                   digest_text(&config, config_text), digest_text(&blob, blob_text), note) > 0);
    return text;
}

struct digest fake_engine_image(const char *word)
{
    AUTO_FREE char *config = fake_engine_config(word);

    return digest_of(config, strlen(config));
}

struct rec_key fake_engine_key(const char *path)
{
    struct digest d = digest_of(path, strlen(path));
    struct rec_key key;

    memcpy(key.bytes, d.bytes, sizeof(key.bytes));
    return key;
}

/* ---- the driver ------------------------------------------------------------------------------ */

/* The store with the lock held, when it may be looked at; NULL with *err and without the lock. */
static struct fake_store *enter(const struct engine_root *root, struct err *err)
{
    struct fake_store *s;

    pthread_mutex_lock(&fake.lock);
    while ((s = find(root->path)) != NULL && s->hanging) {
        s->stuck++;
        pthread_cond_wait(&fake.released, &fake.lock);
        s->stuck--;
    }
    if (s != NULL && s->failing == ERR_NONE)
        return s;
    err_set(err, s != NULL ? s->failing : ERR_NOT_FOUND, "%s says no", root->path);
    pthread_mutex_unlock(&fake.lock);
    return NULL;
}

static void leave(void)
{
    pthread_mutex_unlock(&fake.lock);
}

static int fake_find(const struct engine_options *options, struct engine_roots *roots,
                     struct err *err)
{
    int rc = 0;

    (void)options;
    pthread_mutex_lock(&fake.lock);
    for (size_t i = 0; i < fake.count && rc == 0; i++) {
        struct engine_root root = {.driver = &fake_driver};

        snprintf(root.path, sizeof(root.path), "%s", fake.stores[i].path);
        snprintf(root.socket, sizeof(root.socket), "/nonexistent/%s", fake.stores[i].path);
        snprintf(root.space, sizeof(root.space), "%s", fake.stores[i].space);
        root.told = !fake.stores[i].down;
        root.orphaned = root.told && fake.stores[i].orphaned;
        rc = engine_roots_add(roots, &root, err);
    }
    pthread_mutex_unlock(&fake.lock);
    return rc;
}

static void put_token(const struct fake_store *s, struct engine_token *out)
{
    memset(out, 0, sizeof(*out));
    memcpy(out->bytes, &s->token, sizeof(s->token));
    out->len = sizeof(s->token);
}

static int fake_token(const struct engine_root *root, struct engine_token *out, struct err *err)
{
    struct fake_store *s = enter(root, err);

    if (s == NULL)
        return -1;
    put_token(s, out);
    s->looks++;
    leave();
    return 0;
}

static int fake_watches(const struct engine_root *root, struct engine_paths *out, struct err *err)
{
    char copy[WATCHES_TEXT];
    struct fake_store *s = enter(root, err);
    char *rest = copy;
    char *path;
    int rc = 0;

    if (s == NULL)
        return -1;
    snprintf(copy, sizeof(copy), "%s", s->watches);
    leave();
    while (rc == 0 && (path = strsep(&rest, " ")) != NULL)
        if (path[0] != '\0')
            rc = engine_paths_add(out, path, err);
    return rc;
}

static enum rec_store_state state_of(const struct engine_root *root, const struct fake_store *s)
{
    if (s->moving)
        return REC_STORE_MOVING;
    return root->orphaned ? REC_STORE_ORPHANED : REC_STORE_OK;
}

static char *text_in(struct arena *arena, const char *text)
{
    return arena_text(arena, text, strlen(text), NULL);
}

static void put_image(struct engine_reading *r, const char *word)
{
    struct rec_image *image = &r->content.images[r->content.image_count++];
    char name[PATH_TEXT];

    snprintf(name, sizeof(name), "%s:1", word);
    image->id = fake_engine_image(word);
    image->identity = REC_BY_CONFIG;
    image->unpacked = true;
    image->names = arena_array(r->arena, 1, sizeof(*image->names), NULL);
    image->names[0] = text_in(r->arena, name);
    image->name_count = 1;
}

static void put_images(struct engine_reading *r, const char *words)
{
    AUTO_FREE char *copy = strdup(words);
    char *rest = copy;
    char *word;

    r->content.images = arena_array(r->arena, WORDS, sizeof(*r->content.images), NULL);
    while ((word = strsep(&rest, " ")) != NULL)
        if (word[0] != '\0')
            put_image(r, word);
    qsort(r->content.images, r->content.image_count, sizeof(*r->content.images), rec_image_cmp);
}

static void put_use(struct engine_reading *r, const struct fake_store *s)
{
    r->use.key = r->content.store.key;
    if (s->run == 0 || r->content.image_count == 0)
        return;
    r->use.containers = arena_array(r->arena, 1, sizeof(*r->use.containers), NULL);
    r->use.containers[0] = (struct rec_container){.image = r->content.images[0].id,
                                                  .id = "c1",
                                                  .name = text_in(r->arena, s->container),
                                                  .kube_namespace = "",
                                                  .kube_pod = "",
                                                  .state = s->run,
                                                  .since_age_ms = 1000};
    r->use.container_count = 1;
}

/* Layers by number, all from one repository. */
static void put_origins(struct engine_reading *r, const struct fake_store *s)
{
    r->origins.key = r->content.store.key;
    r->origins.origins = arena_array(r->arena, s->origins, sizeof(*r->origins.origins), NULL);
    r->origins.origin_count = s->origins;
    for (unsigned i = 0; i < s->origins; i++) {
        struct rec_origin *origin = &r->origins.origins[i];

        origin->repository = FAKE_REPOSITORY;
        origin->diff.bytes[0] = (uint8_t)(i >> 16);
        origin->diff.bytes[1] = (uint8_t)(i >> 8);
        origin->diff.bytes[2] = (uint8_t)i;
    }
}

static int fake_read(struct engine_root *root, const struct engine_options *options,
                     const struct engine_reading *last, struct engine_reading **out,
                     struct err *err)
{
    struct fake_store *s = enter(root, err);
    struct engine_reading *r;

    (void)options;
    (void)last;
    if (s == NULL)
        return -1;
    r = calloc(1, sizeof(*r));
    check(r != NULL && arena_open(&r->arena, 16 << 20, NULL) == 0);
    r->content.store = (struct rec_store){
        .key = fake_engine_key(s->place),
        .engine = "fake",
        .version = "1",
        .driver = "fakefs",
        .space = "",
        .root = text_in(r->arena, s->path),
        .fs_type = "ext4",
        .block_size = 4096,
        .state = state_of(root, s),
        .error = "",
        .manifests = s->manifests,
    };
    put_images(r, s->words);
    put_use(r, s);
    put_origins(r, s);
    put_token(s, &r->token);
    s->reads++;
    leave();
    *out = r;
    return 0;
}

static int fake_document(const struct engine_root *root, enum rec_document_kind kind,
                         const struct digest *digest, struct buf *out, struct err *err)
{
    AUTO_FREE char *copy = NULL;
    char *rest, *word;
    bool gives;
    struct fake_store *s = enter(root, err);

    if (s == NULL)
        return -1;
    copy = strdup(s->words);
    gives = kind == REC_DOC_CONFIG || s->manifests;
    leave();
    rest = copy;
    while (gives && (word = strsep(&rest, " ")) != NULL) {
        AUTO_FREE char *text =
            kind == REC_DOC_CONFIG ? fake_engine_config(word) : fake_engine_manifest(word);
        struct digest id = digest_of(text, strlen(text));

        if (digest_eq(&id, digest))
            return buf_add_str(out, text, err);
    }
    return err_set(err, ERR_NOT_FOUND, "no such document");
}

static int ask_daemon(const struct engine_root *root, bool compare, struct err *err)
{
    struct fake_store *s = enter(root, err);
    bool down;

    if (s == NULL)
        return -1;
    s->checks++;
    s->comparisons += compare;
    down = s->down;
    leave();
    return down ? err_set(err, ERR_UNAVAILABLE, "nobody answers") : 0;
}

static int fake_answers(const struct engine_root *root, const struct engine_options *options,
                        struct err *err)
{
    (void)options;
    return ask_daemon(root, false, err);
}

static int fake_cross_check(struct engine_root *root, const struct engine_options *options,
                            const struct engine_reading *reading, struct engine_findings *findings,
                            struct err *err)
{
    (void)options;
    (void)reading;
    (void)findings;
    return ask_daemon(root, true, err);
}

const struct engine_driver fake_driver = {
    .name = "fake",
    .find = fake_find,
    .token = fake_token,
    .watches = fake_watches,
    .read = fake_read,
    .document = fake_document,
    .answers = fake_answers,
    .cross_check = fake_cross_check,
};
const struct engine_driver *const fake_drivers[] = {&fake_driver, NULL};

/* ---- inventories ----------------------------------------------------------------------------- */

static void add_store(struct inventory *inv, const char *path)
{
    struct engine_root root = {.driver = &fake_driver};
    struct engine_reading *reading = NULL;
    struct inventory_reading *shared = NULL;
    struct inventory_standing standing = {.root = &root, .error = ""};

    snprintf(root.path, sizeof(root.path), "%s", path);
    check(fake_read(&root, NULL, NULL, &reading, NULL) == 0);
    check(inventory_reading_open(&shared, reading, NULL) == 0);
    standing.reading = shared;
    check(inventory_add(inv, &standing, NULL) == 0);
    inventory_reading_unref(&shared);
}

struct inventory *fake_engine_inventory(const char *paths)
{
    AUTO_FREE char *copy = strdup(paths);
    struct inventory *inv = NULL;
    char *rest = copy;
    char *path;

    check(inventory_open(&inv, STORES, NULL) == 0);
    while ((path = strsep(&rest, " ")) != NULL)
        if (path[0] != '\0')
            add_store(inv, path);
    inventory_finish(inv);
    return inv;
}
