/* docker_check: what the daemon says against what was read from disk. The disk is what is reported;
 * a difference is a finding about one of the two. */
#include <stdarg.h>
#include <string.h>

#include "agent/engines/docker/docker.h"
#include "common/cleanup.h"
#include "common/imageref.h"
#include "common/utf8.h"

struct checker {
    const struct engine_root *root;
    const struct engine_reading *reading;
    struct engine_findings *findings;
};

static void add_finding(const struct checker *c, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void add_finding(const struct checker *c, const char *subject, const char *fmt, ...)
{
    struct engine_findings *f = c->findings;
    struct engine_finding *finding = &f->items[f->count];
    va_list args;

    if (f->count >= sizeof(f->items) / sizeof(f->items[0])) {
        f->more++;
        return;
    }
    va_start(args, fmt);
    vsnprintf(finding->text, sizeof(finding->text), fmt, args);
    va_end(args);
    finding->text[utf8_cut(finding->text, strlen(finding->text))] = '\0';
    snprintf(finding->subject, sizeof(finding->subject), "%s", subject);
    finding->subject[utf8_cut(finding->subject, strlen(finding->subject))] = '\0';
    f->count++;
}

/* ---- images ---------------------------------------------------------------------------------- */

static const struct rec_image *image_of(const struct checker *c, const char *id)
{
    const struct rec_content *content = &c->reading->content;
    struct rec_image key;

    if (id == NULL || content->image_count == 0 ||
        digest_parse(&key.id, id, strlen(id), false, NULL) != 0)
        return NULL;
    return bsearch(&key, content->images, content->image_count, sizeof(key), rec_image_cmp);
}

static bool has_name(const struct rec_image *image, const char *name)
{
    return image->name_count > 0 && bsearch(&name, image->names, image->name_count, sizeof(name),
                                            docker_compare_texts) != NULL;
}

static bool has_repo_digest(const struct rec_image *image, const char *text)
{
    struct imageref ref;
    char repository[IMAGEREF_MAX + 1];

    if (imageref_parse(&ref, text, NULL) != 0 || !ref.has_digest)
        return false;
    snprintf(repository, sizeof(repository), "%.255s/%.255s", ref.registry, ref.repository);
    for (size_t i = 0; i < image->repo_digest_count; i++) {
        if (strcmp(image->repo_digests[i].repository, repository) == 0 &&
            digest_eq(&image->repo_digests[i].digest, &ref.digest))
            return true;
    }
    return false;
}

/* Before API 1.43 an image without a name has the names "<none>:<none>" and "<none>@<none>". */
static bool is_placeholder(const char *name)
{
    return strncmp(name, "<none>", 6) == 0;
}

/* Each of the daemon's names must be ours, and the number the same: then the sets are equal. */
static void compare_names(const struct checker *c, const struct rec_image *image,
                          const char *subject, const json_t *names, size_t ours,
                          bool (*has)(const struct rec_image *image, const char *name))
{
    size_t theirs = 0;

    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (name == NULL || is_placeholder(name))
            continue;
        theirs++;
        if (!has(image, name))
            add_finding(c, subject, "the API names it %s, the disk does not", name);
    }
    if (ours != theirs)
        add_finding(c, subject, "%zu names on disk, %zu by the API", ours, theirs);
}

static void compare_images(const struct checker *c, const json_t *images)
{
    size_t both = 0, ours = c->reading->content.image_count;

    for (size_t i = 0; i < json_array_size(images); i++) {
        const json_t *item = json_array_get(images, i);
        const char *id = json_str(item, "Id");
        const struct rec_image *image = image_of(c, id);
        char subject[128];

        snprintf(subject, sizeof(subject), "image %s", id != NULL ? id : "without Id");
        if (image == NULL) {
            add_finding(c, subject, "the API lists it, on disk it is broken or missing");
            continue;
        }
        both++;
        compare_names(c, image, subject, json_arr(item, "RepoTags"), image->name_count, has_name);
        compare_names(c, image, subject, json_arr(item, "RepoDigests"), image->repo_digest_count,
                      has_repo_digest);
    }
    if (both < ours)
        add_finding(c, "images", "%zu of %zu images on disk are unknown to the API", ours - both,
                    ours);
}

/* ---- containers ------------------------------------------------------------------------------ */

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct rec_container *)a)->id, ((const struct rec_container *)b)->id);
}

static const struct rec_container *container_of(const struct checker *c, const char *id)
{
    const struct rec_use *use = &c->reading->use;
    struct rec_container key = {.id = id};

    if (id == NULL || use->container_count == 0)
        return NULL;
    return bsearch(&key, use->containers, use->container_count, sizeof(key), compare_ids);
}

static bool says_running(const char *state)
{
    return state != NULL && (strcmp(state, "running") == 0 || strcmp(state, "paused") == 0);
}

static void compare_container(const struct checker *c, const struct rec_container *ours,
                              const char *subject, const json_t *item)
{
    const char *state = json_str(item, "State"), *image = json_str(item, "ImageID");
    char text[DIGEST_TEXT];
    bool running = says_running(state);

    if (state == NULL)
        state = "";
    if (ours->state == REC_RUN_UNKNOWN)
        add_finding(c, subject, "the API says %s; on disk it runs, but its process does not live",
                    state);
    else if ((ours->state == REC_RUNNING) != running && strcmp(state, "restarting") != 0)
        add_finding(c, subject, "the API says %s; on disk it is %s", state,
                    ours->state == REC_RUNNING ? "running" : "stopped");
    if (image != NULL && strcmp(image, digest_text(&ours->image, text)) != 0)
        add_finding(c, subject, "the API says image %s; on disk it is %s", image, text);
}

static void compare_containers(const struct checker *c, const json_t *containers)
{
    size_t both = 0, ours = c->reading->use.container_count;

    for (size_t i = 0; i < json_array_size(containers); i++) {
        const json_t *item = json_array_get(containers, i);
        const char *id = json_str(item, "Id");
        const struct rec_container *container = container_of(c, id);
        char subject[128];

        snprintf(subject, sizeof(subject), "container %s", id != NULL ? id : "without Id");
        if (container == NULL) {
            add_finding(c, subject, "the API lists it, on disk it is broken or missing");
            continue;
        }
        both++;
        compare_container(c, container, subject, item);
    }
    if (both < ours)
        add_finding(c, "containers", "%zu of %zu containers on disk are unknown to the API",
                    ours - both, ours);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t text_len = strlen(text), end_len = strlen(end);

    return text_len >= end_len && strcmp(text + text_len - end_len, end) == 0;
}

/* The daemon's path is in its own mount namespace: it is ours when it leads to the same store, or
 * when ours is that path below a chroot. */
static bool is_daemons_store(const struct checker *c, const json_t *info)
{
    struct engine_root theirs = *c->root;
    const char *path = json_str(info, "DockerRootDir"), *storage = json_str(info, "Driver");
    char dir[ENGINE_PATH_MAX + 128];
    struct rec_key key;

    if (path == NULL || storage == NULL || strcmp(storage, c->root->storage) != 0)
        return false;
    if (ends_with(c->root->path, path))
        return true;
    snprintf(dir, sizeof(dir), "%s/image/%s", path, storage);
    return engine_store_key(&key, &theirs, dir, NULL) == 0 &&
           rec_key_eq(&key, &c->reading->content.store.key);
}

static const char *text_in(const json_t *object, const char *key)
{
    const char *text = json_str(object, key);

    return text != NULL ? text : "";
}

static int ask(const struct checker *c, struct docker_api *api, struct engine_root *root,
               struct err *err)
{
    AUTO_JSON json_t *info = NULL;
    AUTO_JSON json_t *images = NULL;
    AUTO_JSON json_t *containers = NULL;

    if (docker_api_get(api, "/info", &info, err) != 0)
        return -1;
    if (!is_daemons_store(c, info))
        return err_set(err, ERR_CONFLICT,
                       "the daemon keeps its images elsewhere (driver %.40s below %.200s)",
                       text_in(info, "Driver"), text_in(info, "DockerRootDir"));
    if (docker_api_get(api, "/images/json?all=1", &images, err) != 0 ||
        docker_api_get(api, "/containers/json?all=1", &containers, err) != 0)
        return -1;
    snprintf(root->version, sizeof(root->version), "%s", text_in(info, "ServerVersion"));
    root->api_answers = true;
    compare_images(c, images);
    compare_containers(c, containers);
    return 0;
}

/* Differences that are only the time between reading and asking are none. */
static int forget_if_moved(const struct checker *c, struct err *err)
{
    struct engine_token now;
    int64_t youngest_ns;

    if (c->findings->count == 0)
        return 0;
    if (docker_token(c->root, &now, &youngest_ns, err) != 0)
        return -1;
    if (now.len == c->reading->token.len &&
        memcmp(now.bytes, c->reading->token.bytes, now.len) == 0)
        return 0;
    *c->findings = (struct engine_findings){.count = 0};
    return err_set(err, ERR_MOVED, "%s: it changed between reading and asking", c->root->path);
}

static int open_api(struct docker_api **out, const struct engine_root *root,
                    const struct engine_options *options, struct err *err)
{
    const char *socket = root->socket[0] != '\0' ? root->socket : options->docker_socket;

    if (socket == NULL || socket[0] == '\0')
        return err_set(err, ERR_UNAVAILABLE, "%s: no socket of a daemon is known", root->path);
    return docker_api_open(out, root, socket, options->api_timeout_ms, err);
}

/* Settling the version asks /_ping, and that is all. */
int docker_answers(const struct engine_root *root, const struct engine_options *options,
                   struct err *err)
{
    AUTO(docker_api_close) struct docker_api *api = NULL;

    return open_api(&api, root, options, err);
}

int docker_cross_check(struct engine_root *root, const struct engine_options *options,
                       const struct engine_reading *reading, struct engine_findings *findings,
                       struct err *err)
{
    AUTO(docker_api_close) struct docker_api *api = NULL;
    struct checker c = {.root = root, .reading = reading, .findings = findings};

    findings->count = findings->more = 0;
    root->api_answers = false;
    if (open_api(&api, root, options, err) != 0 || ask(&c, api, root, err) != 0)
        return err_wrap(err, "cross-check %s", root->path);
    return forget_if_moved(&c, err);
}
