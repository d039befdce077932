/* docker_by_api_parse: the API's answers to records. */
#include <stdlib.h>
#include <string.h>

#include "agent/engines/docker/docker_by_api_private.h"
#include "agent/engines/image_config.h"
#include "common/cleanup.h"
#include "common/imageref.h"

#define SUBJECT_BYTES 160

/* ---- the daemon ------------------------------------------------------------------------------ */

/* DriverStatus is a list of pairs; the containerd image store says so in "driver-type". */
static bool keeps_in_containerd(const json_t *info)
{
    const json_t *status = json_arr(info, "DriverStatus");

    for (size_t i = 0; i < json_array_size(status); i++) {
        const json_t *pair = json_array_get(status, i);
        const char *key = json_string_value(json_array_get(pair, 0));
        const char *value = json_string_value(json_array_get(pair, 1));

        if (key != NULL && value != NULL && strcmp(key, "driver-type") == 0 &&
            strcmp(value, "io.containerd.snapshotter.v1") == 0)
            return true;
    }
    return false;
}

/* Of texts, each with its end, so that no two inputs look alike. */
static int make_key(struct rec_key *out, const char *owner, const char *storage, struct err *err)
{
    static const char kind[] = "api";
    AUTO(buf_close) struct buf text = {0};
    struct digest digest;

    buf_init(&text, JSON_BYTES_MAX);
    if (buf_add(&text, kind, sizeof(kind), err) != 0 ||
        buf_add(&text, owner, strlen(owner) + 1, err) != 0 ||
        buf_add(&text, storage, strlen(storage) + 1, err) != 0)
        return -1;
    digest = digest_of(text.data, text.len);
    memcpy(out->bytes, digest.bytes, sizeof(out->bytes));
    return 0;
}

int docker_api_daemon_parse(struct docker_api_daemon *out, const json_t *info, bool podman,
                            struct err *err)
{
    const char *id = json_str(info, "ID"), *path = json_str(info, "DockerRootDir");
    const char *storage = json_str(info, "Driver"), *number = json_str(info, "ServerVersion");
    const char *owner;

    *out = (struct docker_api_daemon){.podman = podman, .in_containerd = keeps_in_containerd(info)};
    owner = id == NULL || id[0] == '\0' || podman ? path : id;
    if (storage == NULL || storage[0] == '\0' || strlen(storage) >= sizeof(out->storage))
        return err_set(err, ERR_PROTOCOL, "/info: no Driver, or one that is no name");
    if (owner == NULL || owner[0] == '\0')
        return err_set(err, ERR_PROTOCOL, "/info: neither ID nor DockerRootDir");
    snprintf(out->storage, sizeof(out->storage), "%s", storage);
    snprintf(out->version, sizeof(out->version), "%.63s", number != NULL ? number : "");
    return make_key(&out->key, owner, storage, err);
}

/* ---- images ---------------------------------------------------------------------------------- */

/* Before API 1.43 an image without a name has the names "<none>:<none>" and "<none>@<none>". */
static bool is_placeholder(const char *name)
{
    return strncmp(name, "<none>", 6) == 0;
}

static int add_name(struct pass *p, const char *subject, struct rec_image *image, const char *name,
                    struct err *err)
{
    if (strlen(name) > REC_NAME_BYTES)
        return pass_problem(p, err, subject, "a name of %zu bytes", strlen(name));
    if (image->name_count == REC_NAMES_MAX)
        return pass_problem(p, err, subject, "more names than the limit of %d", REC_NAMES_MAX);
    image->names[image->name_count] =
        rec_text_clean(p->arena, name, strlen(name), REC_NAME_BYTES, false, err);
    return image->names[image->name_count++] != NULL ? 0 : -1;
}

static int add_repo_digest(struct pass *p, const char *subject, struct rec_image *image,
                           const char *text, struct err *err)
{
    struct rec_repo_digest *to = &image->repo_digests[image->repo_digest_count];
    struct imageref ref;

    if (imageref_parse(&ref, text, NULL) != 0 || !ref.has_digest)
        return pass_problem(p, err, subject, "\"%.200s\" is no repository with a digest", text);
    if (image->repo_digest_count == REC_NAMES_MAX)
        return pass_problem(p, err, subject, "more repo digests than the limit of %d",
                            REC_NAMES_MAX);
    to->repository = pass_text(p, err, "%s/%s", ref.registry, ref.repository);
    to->digest = ref.digest;
    image->repo_digest_count++;
    return to->repository != NULL ? 0 : -1;
}

typedef int add_fn(struct pass *p, const char *subject, struct rec_image *image, const char *text,
                   struct err *err);

static int add_each(struct pass *p, const char *subject, struct rec_image *image,
                    const json_t *texts, add_fn *add, struct err *err)
{
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const char *text = json_string_value(json_array_get(texts, i));

        if (text != NULL && !is_placeholder(text) && add(p, subject, image, text, err) != 0)
            return -1;
    }
    return 0;
}

/* Drops equals from a sorted array. Returns how many are left. */
static size_t drop_equals(void *items, size_t count, size_t size,
                          int (*compare)(const void *a, const void *b))
{
    char *all = items;
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare(all + (kept - 1) * size, all + i * size) == 0)
            continue;
        memmove(all + kept * size, all + i * size, size);
        kept++;
    }
    return kept;
}

static size_t sort_unique(void *items, size_t count, size_t size,
                          int (*compare)(const void *a, const void *b))
{
    if (count == 0)
        return 0;
    qsort(items, count, size, compare);
    return drop_equals(items, count, size, compare);
}

static int name_image(struct pass *p, const char *subject, struct rec_image *image,
                      const json_t *item, struct err *err)
{
    const json_t *names = json_arr(item, "RepoTags"), *digests = json_arr(item, "RepoDigests");

    image->names = arena_array(p->arena, json_array_size(names), sizeof(*image->names), err);
    image->repo_digests =
        arena_array(p->arena, json_array_size(digests), sizeof(*image->repo_digests), err);
    if (image->names == NULL || image->repo_digests == NULL ||
        add_each(p, subject, image, names, add_name, err) != 0 ||
        add_each(p, subject, image, digests, add_repo_digest, err) != 0)
        return -1;
    image->name_count =
        sort_unique(image->names, image->name_count, sizeof(*image->names), rec_name_cmp);
    image->repo_digest_count = sort_unique(image->repo_digests, image->repo_digest_count,
                                           sizeof(*image->repo_digests), rec_repo_digest_cmp);
    return 0;
}

/* 0 also where the item is broken and left out. */
static int add_image(struct pass *p, const json_t *item, bool in_containerd, struct err *err)
{
    struct rec_content *content = &p->reading->content;
    struct rec_image *image = &content->images[content->image_count];
    const char *id = json_str(item, "Id"), *parent = json_str(item, "ParentId");
    char subject[SUBJECT_BYTES];
    struct err why;

    snprintf(subject, sizeof(subject), "image %.128s", id != NULL ? id : "without Id");
    if (id == NULL)
        return pass_problem(p, err, subject, "the API lists it");
    if (digest_parse(&image->id, id, strlen(id), true, &why) != 0)
        return pass_problem(p, err, subject, "%s", why.text);
    image->identity = in_containerd ? REC_BY_MANIFEST : REC_BY_CONFIG;
    if (parent != NULL && parent[0] != '\0') {
        image->has_parent = digest_parse(&image->parent, parent, strlen(parent), true, &why) == 0;
        if (!image->has_parent && pass_problem(p, err, subject, "its parent: %s", why.text) != 0)
            return -1;
    }
    if (name_image(p, subject, image, item, err) != 0)
        return -1;
    content->image_count++;
    return 0;
}

int docker_api_images_parse(struct pass *p, const json_t *images, bool in_containerd,
                            struct err *err)
{
    struct rec_content *content = &p->reading->content;
    size_t count = json_array_size(images);

    if (!json_is_array(images))
        return err_set(err, ERR_PROTOCOL, "/images/json: no array");
    if (count > REC_IMAGES_MAX)
        return err_set(err, ERR_LIMIT, "/images/json: %zu images: at most %d are read", count,
                       REC_IMAGES_MAX);
    content->images = arena_array(p->arena, count, sizeof(*content->images), err);
    if (content->images == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (add_image(p, json_array_get(images, i), in_containerd, err) != 0)
            return -1;
    }
    content->image_count =
        sort_unique(content->images, content->image_count, sizeof(*content->images), rec_image_cmp);
    return 0;
}

struct setsum docker_api_images_sum(const json_t *images)
{
    static const char *const keys[] = {"Id", "ParentId", "RepoTags", "RepoDigests"};
    struct setsum sum = {{0}};

    for (size_t i = 0; i < json_array_size(images); i++) {
        const json_t *item = json_array_get(images, i);

        for (size_t j = 0; j < sizeof(keys) / sizeof(keys[0]); j++) {
            json_t *both =
                json_pack("[O?, O?]", json_object_get(item, "Id"), json_object_get(item, keys[j]));
            AUTO_FREE char *text = json_dumps(both, JSON_COMPACT);

            if (text != NULL) /* without memory a change is seen by the next reading */
                setsum_add(&sum, text, strlen(text));
            json_decref(both);
        }
    }
    return sum;
}

/* An image from scratch with nothing added has no list, or null. */
int docker_api_layers_parse(struct docker_api_layers *out, const json_t *image, struct arena *arena,
                            struct err *err)
{
    const json_t *root = json_obj(image, "RootFS"), *layers = json_arr(root, "Layers");
    size_t count = json_array_size(layers);
    struct digest *diffs;

    if (root == NULL)
        return err_set(err, ERR_CORRUPT, "the API tells no RootFS");
    if (count > IMAGE_CONFIG_LAYERS_MAX)
        return err_set(err, ERR_LIMIT, "%zu layers: at most %d are read", count,
                       IMAGE_CONFIG_LAYERS_MAX);
    diffs = arena_array(arena, count, sizeof(*diffs), err);
    if (diffs == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(layers, i));

        if (text == NULL)
            return err_set(err, ERR_CORRUPT, "layer %zu is no text", i);
        if (digest_parse(&diffs[i], text, strlen(text), false, err) != 0)
            return err_wrap(err, "layer %zu", i);
    }
    out->diffs = diffs;
    out->count = count;
    return 0;
}

/* ---- containers ------------------------------------------------------------------------------ */

/* docker's states, and podman's. */
static enum rec_run_state run_state(const char *state)
{
    static const struct {
        const char *name;
        enum rec_run_state state;
    } states[] = {
        {"running", REC_RUNNING},     {"paused", REC_RUNNING},     {"restarting", REC_RUNNING},
        {"stopping", REC_RUNNING},    {"created", REC_STOPPED},    {"exited", REC_STOPPED},
        {"dead", REC_STOPPED},        {"removing", REC_STOPPED},   {"stopped", REC_STOPPED},
        {"initialized", REC_STOPPED}, {"configured", REC_STOPPED},
    };

    for (size_t i = 0; state != NULL && i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(states[i].name, state) == 0)
            return states[i].state;
    }
    return REC_RUN_UNKNOWN;
}

static const char *clean_text(struct pass *p, const char *text, bool wanted, struct err *err)
{
    return rec_text_clean(p->arena, text != NULL ? text : "",
                          text != NULL && wanted ? strlen(text) : 0, REC_NAME_BYTES, false, err);
}

static int add_container(struct pass *p, const json_t *item, struct err *err)
{
    struct rec_use *use = &p->reading->use;
    struct rec_container *c = &use->containers[use->container_count];
    const char *id = json_str(item, "Id"), *image = json_str(item, "ImageID");
    const char *name = json_string_value(json_array_get(json_arr(item, "Names"), 0));
    const json_t *labels = json_obj(item, "Labels");
    bool named = p->options->container_names;
    char subject[SUBJECT_BYTES];
    struct err why;

    snprintf(subject, sizeof(subject), "container %.128s", id != NULL ? id : "without Id");
    if (id == NULL || image == NULL)
        return pass_problem(p, err, subject, "the API tells no Id or no ImageID");
    if (digest_parse(&c->image, image, strlen(image), true, &why) != 0)
        return pass_problem(p, err, subject, "its image: %s", why.text);
    if (name != NULL && name[0] == '/')
        name++;
    c->id = clean_text(p, id, true, err);
    c->name = clean_text(p, name, named, err);
    c->kube_namespace = clean_text(p, json_str(labels, "io.kubernetes.pod.namespace"), named, err);
    c->kube_pod = clean_text(p, json_str(labels, "io.kubernetes.pod.name"), named, err);
    c->state = run_state(json_str(item, "State"));
    c->since_age_ms = -1;
    if (c->id == NULL || c->name == NULL || c->kube_namespace == NULL || c->kube_pod == NULL)
        return -1;
    use->container_count++;
    return 0;
}

int docker_api_containers_parse(struct pass *p, const json_t *containers, struct err *err)
{
    struct rec_use *use = &p->reading->use;
    size_t count = json_array_size(containers);

    if (!json_is_array(containers))
        return err_set(err, ERR_PROTOCOL, "/containers/json: no array");
    if (count > REC_CONTAINERS_MAX)
        return err_set(err, ERR_LIMIT, "/containers/json: %zu containers: at most %d are read",
                       count, REC_CONTAINERS_MAX);
    use->containers = arena_array(p->arena, count, sizeof(*use->containers), err);
    if (use->containers == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (add_container(p, json_array_get(containers, i), err) != 0)
            return -1;
    }
    return 0;
}
