#include "collector/rules/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/census/fleet.h"
#include "collector/rules/catalogue_file.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/imageref.h"
#include "common/json.h"

#define BLOB_PATH 128
#define WORD_BYTES 64 /* of os, architecture, variant */
#define REF_NAME "org.opencontainers.image.ref.name"
#define FULL_NAME                                                                                  \
    "io.containerd.image.name" /* BuildKit and containerd put the whole name there                 \
                                */
#define REFERENCE_TYPE "vnd.docker.reference.type"

struct reader {
    const struct layout_query *query;
    struct arena *arena;
    struct layout *out;
    size_t cap, seen;
    int folder;
    char *path; /* the folder's, absolute */
};

/* An entry of index.json, while what it leads to is read. */
struct entry {
    const char *name; /* normal form, in the arena */
    struct digest digest;
};

static void reader_close(struct reader *r)
{
    cleanup_fd(&r->folder);
    free(r->path);
}

/* ---- blobs ----------------------------------------------------------------------------------- */

/* NULL with *err: ERR_NOT_FOUND where the file is not there. */
static json_t *read_json(const struct reader *r, const char *path, const struct digest *digest,
                         struct err *err)
{
    AUTO(buf_close) struct buf b;
    struct digest found;
    json_t *json;

    buf_init(&b, JSON_BYTES_MAX);
    if (buf_read_file_at(&b, r->folder, path, err) != 0) {
        err_wrap(err, "%s", r->query->folder);
        return NULL;
    }
    found = digest_of(buf_str(&b), b.len);
    if (digest != NULL && !digest_eq(digest, &found)) {
        err_set(err, ERR_CORRUPT, "%s/%s: its content has another digest", r->query->folder, path);
        return NULL;
    }
    json = json_parse(buf_str(&b), b.len, err);
    if (json == NULL)
        err_wrap(err, "%s/%s", r->query->folder, path);
    return json;
}

static json_t *read_blob(const struct reader *r, const struct digest *digest, struct err *err)
{
    char path[BLOB_PATH], hex[DIGEST_HEX + 1];

    snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(digest, hex));
    return read_json(r, path, digest, err);
}

static int read_digest(const struct reader *r, const json_t *descriptor, struct digest *out,
                       struct err *err)
{
    const char *text = json_str(descriptor, "digest");

    if (text == NULL)
        return err_set(err, ERR_CORRUPT, "%s: an entry without a digest", r->query->folder);
    return digest_parse(out, text, strlen(text), false, err) == 0
               ? 0
               : err_wrap(err, "%s", r->query->folder);
}

/* ---- configs --------------------------------------------------------------------------------- */

static const char *word_of(const json_t *config, const char *key)
{
    const char *word = json_str(config, key);
    size_t len = word != NULL ? strlen(word) : 0;

    return len > 0 && len <= WORD_BYTES && rec_text_fault(word, len, false) == len ? word : NULL;
}

static int read_platform(const struct reader *r, const json_t *config, struct catalogue_base *out,
                         struct err *err)
{
    const char *os = word_of(config, "os"), *arch = word_of(config, "architecture");
    const char *variant = word_of(config, "variant");
    char text[3 * WORD_BYTES + 3];

    out->platform = "";
    if (os == NULL || arch == NULL)
        return 0;
    snprintf(text, sizeof(text), "%s/%s%s%s", os, arch, variant != NULL ? "/" : "",
             variant != NULL ? variant : "");
    out->platform = arena_text(r->arena, text, strlen(text), err);
    return out->platform != NULL ? 0 : -1;
}

static int read_layers(const struct reader *r, const json_t *diffs, struct catalogue_base *out,
                       struct err *err)
{
    size_t count = json_array_size(diffs);

    if (count > CATALOGUE_LAYERS_MAX)
        return err_set(err, ERR_LIMIT, "%s: an image of over %d layers", r->query->folder,
                       CATALOGUE_LAYERS_MAX);
    out->diffs = arena_array(r->arena, count, sizeof(*out->diffs), err);
    if (out->diffs == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(diffs, i));

        if (text == NULL || digest_parse(&out->diffs[i], text, strlen(text), false, err) != 0)
            return err_set(err, ERR_CORRUPT, "%s: a diff_id that is no digest", r->query->folder);
        out->chain = i == 0 ? out->diffs[0] : digest_chain(&out->chain, &out->diffs[i]);
    }
    out->layers = count;
    return 0;
}

/* 0 where it has none, or 1970: a build that is reproducible says nothing of its time. */
static int64_t created_of(const json_t *config)
{
    const char *created = json_str(config, "created");
    struct err ignored;
    int64_t ms;

    return created != NULL && clock_parse(&ms, created, &ignored) == 0 && ms > 0 ? ms / 1000 : 0;
}

static bool is_twin(const struct catalogue_base *a, const struct catalogue_base *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->platform, b->platform) == 0;
}

static int keep(struct reader *r, const struct catalogue_base *base, struct err *err)
{
    struct layout *out = r->out;
    struct catalogue_base *list;

    if (r->query->platform != NULL && strcmp(r->query->platform, base->platform) != 0)
        return 0;
    for (size_t i = 0; i < out->count; i++) {
        if (!is_twin(&out->bases[i], base))
            continue;
        if (digest_eq(&out->bases[i].chain, &base->chain))
            return 0;
        return err_set(err, ERR_USAGE,
                       "%s: two images of %s would be called %s: say which, as "
                       "oci:%s:NAME",
                       r->query->folder, base->platform, base->name, r->query->folder);
    }
    list = fleet_room(r->arena, out->bases, out->count, &r->cap, sizeof(*list), err);
    if (list == NULL)
        return -1;
    out->bases = list;
    list[out->count++] = *base;
    return 0;
}

/* What has no list of layers is no image. */
static int read_config(struct reader *r, const struct entry *e, const json_t *config,
                       struct err *err)
{
    const json_t *diffs = json_arr(json_obj(config, "rootfs"), "diff_ids");
    struct catalogue_base base = {
        .name = e->name, .family = "", .version = "", .digest = e->digest};
    char source[ERR_TEXT_MAX];

    if (json_array_size(diffs) == 0) {
        r->out->others++;
        return 0;
    }
    snprintf(source, sizeof(source), "oci:%s", r->path);
    base.source = rec_text_clean(r->arena, source, strlen(source), sizeof(source), false, err);
    if (base.source == NULL || read_layers(r, diffs, &base, err) != 0 ||
        read_platform(r, config, &base, err) != 0)
        return -1;
    base.created_s = created_of(config);
    return keep(r, &base, err);
}

/* ---- manifests and indexes ------------------------------------------------------------------- */

static int read_descriptor(struct reader *r, const struct entry *e, const json_t *descriptor,
                           int depth, struct err *err);

/* A platform that was not copied into the layout is no error. */
static int skip_absent(struct reader *r, const struct err *why, struct err *err)
{
    if (why->kind != ERR_NOT_FOUND)
        return err_set(err, why->kind, "%s", why->text);
    r->out->absent++;
    return 0;
}

static int read_manifest(struct reader *r, const struct entry *e, const json_t *manifest,
                         struct err *err)
{
    AUTO_JSON json_t *config = NULL;
    struct digest digest;
    struct err why;

    if (read_digest(r, json_obj(manifest, "config"), &digest, err) != 0)
        return -1;
    config = read_blob(r, &digest, &why);
    return config != NULL ? read_config(r, e, config, err) : skip_absent(r, &why, err);
}

static int read_index(struct reader *r, const struct entry *e, const json_t *list, int depth,
                      struct err *err)
{
    if (depth >= LAYOUT_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "%s: indexes within each other, over %d deep",
                       r->query->folder, LAYOUT_DEPTH_MAX);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (read_descriptor(r, e, json_array_get(list, i), depth + 1, err) != 0)
            return -1;
    return 0;
}

static int read_descriptor(struct reader *r, const struct entry *e, const json_t *descriptor,
                           int depth, struct err *err)
{
    AUTO_JSON json_t *document = NULL;
    struct digest digest;
    struct err why;

    if (++r->seen > LAYOUT_IMAGES_MAX)
        return err_set(err, ERR_LIMIT, "%s: over %d images", r->query->folder, LAYOUT_IMAGES_MAX);
    if (json_str(json_obj(descriptor, "annotations"), REFERENCE_TYPE) != NULL) {
        r->out->others++;
        return 0;
    }
    if (read_digest(r, descriptor, &digest, err) != 0)
        return -1;
    document = read_blob(r, &digest, &why);
    if (document == NULL)
        return skip_absent(r, &why, err);
    if (json_arr(document, "manifests") != NULL)
        return read_index(r, e, json_arr(document, "manifests"), depth, err);
    return read_manifest(r, e, document, err);
}

/* ---- entries of index.json ------------------------------------------------------------------- */

/* The whole name that the layout gives; "" where it has only a tag, or none. */
static const char *full_name(const json_t *descriptor, char out[IMAGEREF_MAX + 1])
{
    const json_t *annotations = json_obj(descriptor, "annotations");
    const char *name = json_str(annotations, FULL_NAME);
    struct imageref ref;

    if (name == NULL)
        name = json_str(annotations, REF_NAME);
    if (name == NULL || strpbrk(name, "/:") == NULL || imageref_parse(&ref, name, NULL) != 0)
        return "";
    ref.has_digest = ref.has_digest && ref.tag[0] == '\0';
    return ref.tag[0] != '\0' || ref.has_digest ? imageref_text(&ref, out) : "";
}

static bool is_wanted(const struct reader *r, const json_t *descriptor)
{
    const char *which = r->query->which;
    const char *tag = json_str(json_obj(descriptor, "annotations"), REF_NAME);
    char name[IMAGEREF_MAX + 1], text[IMAGEREF_MAX + 1];
    struct imageref ref;

    if (which == NULL || (tag != NULL && strcmp(which, tag) == 0))
        return true;
    return imageref_parse(&ref, which, NULL) == 0 &&
           strcmp(imageref_text(&ref, text), full_name(descriptor, name)) == 0;
}

static int read_entry(struct reader *r, const json_t *descriptor, struct err *err)
{
    const char *tag = json_str(json_obj(descriptor, "annotations"), REF_NAME);
    char name[IMAGEREF_MAX + 1];
    const char *text = r->query->name != NULL ? r->query->name : full_name(descriptor, name);
    struct entry e;

    if (text[0] == '\0')
        return err_set(err, ERR_USAGE,
                       "%s: image \"%.60s\" has no whole name there: say one, as catalogue add "
                       "NAME:TAG --from oci:%s%s%.60s",
                       r->query->folder, tag != NULL ? tag : "", r->query->folder,
                       tag != NULL ? ":" : "", tag != NULL ? tag : "");
    e.name = arena_text(r->arena, text, strlen(text), err);
    if (e.name == NULL || read_digest(r, descriptor, &e.digest, err) != 0)
        return -1;
    return read_descriptor(r, &e, descriptor, 0, err);
}

static int read_all(struct reader *r, const json_t *index, struct err *err)
{
    const json_t *list = json_arr(index, "manifests");
    size_t wanted = 0;

    if (list == NULL)
        return err_set(err, ERR_CORRUPT, "%s/index.json: no list of manifests", r->query->folder);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *descriptor = json_array_get(list, i);

        if (!is_wanted(r, descriptor))
            continue;
        wanted++;
        if (read_entry(r, descriptor, err) != 0)
            return -1;
    }
    if (r->out->count > 0)
        return 0;
    if (wanted == 0 && r->query->which != NULL)
        return err_set(err, ERR_NOT_FOUND, "%s: no image \"%.100s\" in it", r->query->folder,
                       r->query->which);
    return err_set(err, ERR_NOT_FOUND, "%s: no image%s%s in it%s", r->query->folder,
                   r->query->platform != NULL ? " of " : "",
                   r->query->platform != NULL ? r->query->platform : "",
                   r->out->absent > 0 ? " whose blobs are all there" : "");
}

int layout_read(struct layout *out, const struct layout_query *query, struct arena *arena,
                struct err *err)
{
    AUTO(reader_close)
    struct reader r = {.query = query,
                       .arena = arena,
                       .out = out,
                       .folder = open(query->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    AUTO_JSON json_t *index = NULL;

    *out = (struct layout){.count = 0};
    if (r.folder < 0)
        return err_errno(err, ERR_IO, errno, "open %s", query->folder);
    r.path = realpath(query->folder, NULL);
    if (r.path == NULL)
        return err_errno(err, ERR_IO, errno, "open %s", query->folder);
    index = read_json(&r, "index.json", NULL, err);
    return index != NULL ? read_all(&r, index, err) : -1;
}
