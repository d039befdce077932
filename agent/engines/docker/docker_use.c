/* docker_use: who uses which image, from containers/<id>/config.v2.json. */
#include "agent/engines/docker/docker_use.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engines/dirlist.h"
#include "agent/engines/process.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/json.h"

/* Docker notes StartedAt after the process exists; the boot time is known to a second and moves
 * with corrections of the clock. */
#define START_TOLERANCE_MS 10000

/* Go's zero time, year 1, is what Docker writes for "never". */
static int64_t parse_time(const char *text)
{
    int64_t ms;

    if (text == NULL || strncmp(text, "0001-", 5) == 0 || clock_parse(&ms, text, NULL) != 0)
        return -1;
    return ms;
}

static int64_t state_since(const json_t *document, const json_t *state, bool running)
{
    int64_t ms = parse_time(json_str(state, running ? "StartedAt" : "FinishedAt"));

    if (ms < 0 && !running) /* created and never started */
        ms = parse_time(json_str(document, "Created"));
    return ms;
}

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text != NULL ? text : "");
}

/* The labels that the kubelet puts on its containers (cri-dockerd). */
static void parse_labels(struct docker_container *c, const json_t *document)
{
    const json_t *labels = json_obj(json_obj(document, "Config"), "Labels");

    copy_text(c->kube_namespace, sizeof(c->kube_namespace),
              json_str(labels, "io.kubernetes.pod.namespace"));
    copy_text(c->kube_pod, sizeof(c->kube_pod), json_str(labels, "io.kubernetes.pod.name"));
}

/* The containerd image store notes which platform's manifest it is, besides what was named. */
static int parse_image(struct docker_container *c, const json_t *document, struct err *err)
{
    const char *image = json_str(document, "Image");
    const char *manifest = json_str(json_obj(document, "ImageManifest"), "digest");

    if (image == NULL)
        return err_set(err, ERR_CORRUPT, "config.v2.json: no Image");
    if (digest_parse(&c->image, image, strlen(image), false, err) != 0)
        return err_wrap(err, "config.v2.json: Image");
    c->has_manifest = manifest != NULL &&
                      digest_parse(&c->manifest, manifest, strlen(manifest), false, NULL) == 0;
    return 0;
}

int docker_container_parse(struct docker_container *out, const char *data, size_t len,
                           struct err *err)
{
    AUTO_JSON json_t *document = json_parse(data, len, err);
    const char *name = json_str(document, "Name");
    const json_t *state = json_obj(document, "State");
    struct docker_container c = {.since_ms = -1};

    if (document == NULL || parse_image(&c, document, err) != 0)
        return -1;
    if (state == NULL)
        return err_set(err, ERR_CORRUPT, "config.v2.json: no State");
    if (name != NULL)
        copy_text(c.name, sizeof(c.name), name[0] == '/' ? name + 1 : name);
    copy_text(c.storage, sizeof(c.storage), json_str(document, "Driver"));
    parse_labels(&c, document);
    c.running = json_flag(state, "Running", 0) || json_flag(state, "Paused", 0);
    c.pid = (long)json_int(state, "Pid", 0);
    c.since_ms = state_since(document, state, c.running);
    *out = c;
    return 0;
}

/* "Running" on disk survives a crash of the daemon and a reboot: it counts only while the process
 * lives and is as old as the container says. */
static enum rec_run_state run_state(const struct docker_container *c,
                                    const struct process_view *view)
{
    int64_t started_ms;

    if (!c->running)
        return REC_STOPPED;
    if (c->since_ms < 0 || process_started(view, c->pid, &started_ms, NULL) != 0 ||
        llabs(started_ms - c->since_ms) > START_TOLERANCE_MS)
        return REC_RUN_UNKNOWN;
    return REC_RUNNING;
}

static int64_t age_of(int64_t since_ms)
{
    int64_t now = clock_wall_ms();

    if (since_ms < 0)
        return -1;
    return since_ms < now ? now - since_ms : 0;
}

/* One reading of the containers under way. */
struct user_pass {
    struct pass *base;
    docker_image_fn *image_of;
    void *arg;
    int fd; /* of <data root>/containers */
    struct process_view view;
};

static const char *named_text(const struct user_pass *p, const char *text, struct err *err)
{
    return arena_text(p->base->arena, text, p->base->options->container_names ? strlen(text) : 0,
                      err);
}

static int fill(const struct user_pass *p, const struct docker_container *c, const char *id,
                struct rec_container *out, struct err *err)
{
    out->image = p->image_of != NULL ? p->image_of(p->arg, c) : c->image;
    out->id = arena_text(p->base->arena, id, strlen(id), err);
    out->name = named_text(p, c->name, err);
    out->kube_namespace = named_text(p, c->kube_namespace, err);
    out->kube_pod = named_text(p, c->kube_pod, err);
    out->state = run_state(c, &p->view);
    out->since_age_ms = out->state == REC_RUN_UNKNOWN ? -1 : age_of(c->since_ms);
    return out->id != NULL && out->name != NULL && out->kube_namespace != NULL &&
                   out->kube_pod != NULL
               ? 0
               : -1;
}

/* A directory without the file is a container that is being made or removed. One that another
 * store's driver made, before the daemon was switched, is that store's. */
static int read_container(const struct user_pass *p, const char *id, struct err *err)
{
    struct rec_use *use = &p->base->reading->use;
    struct buf *file = &p->base->file;
    struct docker_container c;
    struct err why = {0};
    char path[NAME_MAX + 32];

    snprintf(path, sizeof(path), "%s/config.v2.json", id);
    if (buf_read_file_at(file, p->fd, path, &why) != 0 ||
        docker_container_parse(&c, buf_str(file), file->len, &why) != 0) {
        snprintf(path, sizeof(path), "container %s", id);
        return pass_entry_failed(p->base, path, &why, err);
    }
    if (c.storage[0] != '\0' && strcmp(c.storage, p->base->root->storage) != 0)
        return 0;
    if (fill(p, &c, id, &use->containers[use->container_count], err) != 0)
        return -1;
    use->container_count++;
    return 0;
}

static int open_containers(const struct engine_root *root, const char *data_root, int *fd,
                           struct err *err)
{
    struct err why = {0};
    char path[ENGINE_PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/containers", data_root) >= (int)sizeof(path))
        return err_set(err, ERR_LIMIT, "%s/containers: path too long", data_root);
    *fd = engine_open(root, path, O_RDONLY | O_DIRECTORY, &why);
    return *fd >= 0 || why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
}

static int list_containers(const struct engine_root *root, const char *data_root, int fd,
                           struct dirlist *out, struct err *err)
{
    char what[2 * ENGINE_PATH_MAX + 16];

    snprintf(what, sizeof(what), "%s%s/containers", root->host, data_root);
    return dirlist_read(out, fd, REC_CONTAINERS_MAX, what, err);
}

static bool is_id(const char *name)
{
    return strlen(name) == DIGEST_HEX && strspn(name, "0123456789abcdef") == DIGEST_HEX;
}

int docker_use_read(struct pass *base, const char *data_root, docker_image_fn *image_of, void *arg,
                    struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};
    AUTO_FD int fd = -1;
    struct user_pass p = {.base = base, .image_of = image_of, .arg = arg};
    struct rec_use *use = &base->reading->use;
    int rc = 0;

    if (open_containers(base->root, data_root, &fd, err) != 0)
        return -1;
    if (fd < 0) {
        base->vanished++;
        return 0;
    }
    if (list_containers(base->root, data_root, fd, &list, err) != 0)
        return -1;
    use->containers = arena_array(base->arena, list.count, sizeof(*use->containers), err);
    if (use->containers == NULL)
        return -1;
    p.fd = fd;
    process_view_open(&p.view, base->root);
    for (size_t i = 0; i < list.count && rc == 0; i++) {
        if (is_id(list.names[i]))
            rc = read_container(&p, list.names[i], err);
    }
    process_view_close(&p.view);
    return rc;
}

/* ---- noticing -------------------------------------------------------------------------------- */

static int add_stamp(struct setsum *sum, int fd, const char *name, int64_t *youngest_ns,
                     struct err *err)
{
    char path[NAME_MAX + 32];
    struct engine_token stamp = {.len = 0};
    uint8_t element[NAME_MAX + 1 + 64] = {0};

    snprintf(path, sizeof(path), "%s/config.v2.json", name);
    if (pass_token_stat(&stamp, fd, path, youngest_ns, err) != 0)
        return -1;
    check(NAME_MAX + 1 + stamp.len <= sizeof(element));
    memcpy(element, name, strlen(name));
    memcpy(element + NAME_MAX + 1, stamp.bytes, stamp.len);
    setsum_add(sum, element, sizeof(element));
    return 0;
}

int docker_use_token(const struct engine_root *root, const char *data_root,
                     struct engine_token *out, int64_t *youngest_ns, struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};
    struct setsum sum = {{0}};
    AUTO_FD int fd = -1;
    uint8_t bytes[32];

    if (open_containers(root, data_root, &fd, err) != 0)
        return -1;
    if (fd >= 0 && (pass_token_stat(out, fd, ".", youngest_ns, err) != 0 ||
                    list_containers(root, data_root, fd, &list, err) != 0))
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        if (add_stamp(&sum, fd, list.names[i], youngest_ns, err) != 0)
            return -1;
    }
    setsum_bytes(&sum, bytes);
    pass_token_put(out, bytes, sizeof(bytes));
    return 0;
}

int docker_use_watches(const struct engine_root *root, const char *data_root,
                       struct engine_paths *out, struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};
    AUTO_FD int fd = -1;
    char path[ENGINE_PATH_MAX + NAME_MAX + 16];

    snprintf(path, sizeof(path), "%s/containers", data_root);
    if (open_containers(root, data_root, &fd, err) != 0)
        return -1;
    if (fd < 0)
        return 0;
    if (engine_paths_add(out, path, err) != 0 ||
        list_containers(root, data_root, fd, &list, err) != 0)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        snprintf(path, sizeof(path), "%s/containers/%s", data_root, list.names[i]);
        if (is_id(list.names[i]) && engine_paths_add(out, path, err) != 0)
            return -1;
    }
    return 0;
}
