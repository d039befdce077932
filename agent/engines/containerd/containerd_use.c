/* containerd_use: which containers use which image, and whether they run. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/containerd/containerd_pass.h"
#include "agent/engines/docker/docker_use.h"
#include "agent/engines/process.h"
#include "common/cleanup.h"
#include "common/clock.h"

/* The runtime writes init.pid after the process exists; the boot time, from which the start of a
 * process is counted, is known to a second and moves with corrections of the clock. */
#define START_TOLERANCE_MS 10000
#define PID_FILE_BYTES 32

struct users {
    struct containerd_pass *p;
    struct process_view view;
    int tasks;     /* <run>/io.containerd.runtime.v2.task/<namespace>; -1: no task there */
    bool run_seen; /* whether it can be known */
};

/* ---- which image ----------------------------------------------------------------------------- */

static bool is_listed(const struct containerd_pass *p, const struct digest *image)
{
    const struct rec_content *content = &p->base.reading->content;
    const struct rec_image key = {.id = *image};

    return content->image_count > 0 &&
           bsearch(&key, content->images, content->image_count, sizeof(key), rec_image_cmp) != NULL;
}

/* The chain that a container's snapshot lies upon. Snapshots in between (docker's "-init") are
 * passed; keys that go in circles end with their number. */
static bool chain_below(const struct containerd_pass *p, const char *key, struct digest *out)
{
    for (size_t i = 0; i <= p->snapshotter->count; i++) {
        const struct containerd_snapshot *s = containerd_snapshot_of(p->snapshotter, key);

        if (s == NULL || s->parent[0] == '\0')
            return false;
        key = s->parent;
        if (digest_parse(out, key, strlen(key), false, NULL) == 0)
            return true;
    }
    return false;
}

/* The images whose uppermost layer this is: several where configs differ and layers do not. */
static size_t images_of_chain(const struct containerd_pass *p, const struct digest *chain,
                              const struct containerd_top **first)
{
    size_t low = 0, high = p->top_count, end;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (digest_cmp(&p->tops[middle].chain, chain) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (end = low; end < p->top_count && digest_eq(&p->tops[end].chain, chain);)
        end++;
    *first = &p->tops[low];
    return end - low;
}

static const struct content_found *found_of(const struct containerd_pass *p, const char *name)
{
    const struct containerd_image *record = containerd_image_of(p->ns, name);

    return record != NULL ? &p->targets[record - p->ns->images].found : NULL;
}

/* Of the images that the name leads to, the one upon this chain, or else (no chain) the first that
 * is unpacked. */
static bool image_by_name(const struct containerd_pass *p, const char *name,
                          const struct digest *chain, struct digest *out)
{
    const struct content_found *found = found_of(p, name);

    for (size_t i = 0; found != NULL && i < found->image_count; i++) {
        const struct content_image *image = &found->images[i];
        bool fits = chain != NULL ? image->diff_count > 0 &&
                                        digest_eq(&image->chains[image->diff_count - 1], chain)
                                  : containerd_is_unpacked(p, image);

        if (image->identity == REC_BY_CONFIG && fits) {
            *out = image->id;
            return true;
        }
    }
    return false;
}

/* What the name leads to where its layers are not known: no config, or no manifest even. */
static bool image_unknown(const struct containerd_pass *p, const char *name, struct digest *out)
{
    const struct containerd_image *record = containerd_image_of(p->ns, name);
    const struct content_found *found = found_of(p, name);

    if (record == NULL)
        return false;
    *out = record->target;
    for (size_t i = 0; i < found->image_count; i++) {
        if (found->images[i].identity == REC_BY_MANIFEST)
            *out = found->images[i].id;
    }
    return is_listed(p, out);
}

/* CRI says it exactly. Else the snapshot does, and among images of equal layers the name: alone the
 * name would not do, since it may point to another image by now. False: its image is gone. */
static bool image_of(const struct containerd_pass *p, const struct containerd_container *c,
                     struct digest *out)
{
    const struct containerd_top *tops;
    struct digest chain;

    if (c->has_image_id && is_listed(p, &c->image_id)) {
        *out = c->image_id;
        return true;
    }
    if (!chain_below(p, c->snapshot_key, &chain))
        return image_by_name(p, c->image, NULL, out) && is_listed(p, out);
    if (image_by_name(p, c->image, &chain, out))
        return is_listed(p, out);
    if (images_of_chain(p, &chain, &tops) == 0)
        return image_unknown(p, c->image, out);
    *out = tops[0].image;
    return true;
}

/* ---- whether it runs ------------------------------------------------------------------------- */

/* <task>/init.pid, and when it was written. */
static bool read_pid(int tasks, const char *id, long *pid, int64_t *written_ms)
{
    AUTO(buf_close) struct buf file;
    AUTO_FD int dir = openat(tasks, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    char *end;

    buf_init(&file, PID_FILE_BYTES);
    if (dir < 0 || buf_read_file_at(&file, dir, "init.pid", NULL) != 0 ||
        fstatat(dir, "init.pid", &st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    *pid = strtol(buf_str(&file), &end, 10);
    *written_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    return *pid > 0 && (*end == '\0' || *end == '\n');
}

bool containerd_task_runs(int tasks, const char *id, const struct process_view *view,
                          int64_t *started_ms)
{
    int64_t written_ms;
    long pid;

    return strchr(id, '/') == NULL && read_pid(tasks, id, &pid, &written_ms) &&
           process_started(view, pid, started_ms, NULL) == 0 &&
           llabs(*started_ms - written_ms) <= START_TOLERANCE_MS;
}

static void run_state(const struct users *u, const struct containerd_container *c,
                      struct rec_container *out)
{
    int64_t started_ms = -1, now_ms = clock_wall_ms();
    bool runs, seen;

    out->since_age_ms = -1;
    out->state = REC_RUN_UNKNOWN;
    if (!c->has_task && !u->run_seen)
        return;
    if (c->has_task) { /* the daemon's word; whether we see that process or not */
        runs = c->pid > 0;
        seen = runs && process_started(&u->view, c->pid, &started_ms, NULL) == 0;
    } else {
        runs = seen = u->tasks >= 0 && containerd_task_runs(u->tasks, c->id, &u->view, &started_ms);
    }
    out->state = runs ? REC_RUNNING : REC_STOPPED;
    if (seen)
        out->since_age_ms = started_ms < now_ms ? now_ms - started_ms : 0;
}

static int open_tasks(struct users *u, struct err *err)
{
    const struct engine_root *root = u->p->base.root;
    struct err why = {0};
    char path[ENGINE_PATH_MAX];

    u->tasks = -1;
    if (root->by_api || root->run[0] == '\0')
        return 0;
    if (snprintf(path, sizeof(path), "%s/" CONTAINERD_TASKS "/%s", root->run, root->space) >=
        (int)sizeof(path))
        return err_set(err, ERR_LIMIT, "%s: path too long", root->run);
    u->tasks = engine_open(root, path, O_RDONLY | O_DIRECTORY, &why);
    u->run_seen = u->tasks >= 0 || why.kind == ERR_NOT_FOUND;
    return 0;
}

/* ---- containers ------------------------------------------------------------------------------ */

static const char *named_text(const struct containerd_pass *p, const char *text, struct err *err)
{
    size_t len = p->base.options->container_names ? strlen(text) : 0;

    return arena_text(p->base.arena, text, len, err);
}

static int put_container(const struct users *u, const struct containerd_container *c,
                         const struct digest *image, struct err *err)
{
    struct containerd_pass *p = u->p;
    struct rec_use *use = &p->base.reading->use;
    struct rec_container *out = &use->containers[use->container_count];

    out->image = *image;
    out->id = arena_text(p->base.arena, c->id, strlen(c->id), err);
    out->name = named_text(p, c->name, err);
    out->kube_namespace = named_text(p, c->kube_namespace, err);
    out->kube_pod = named_text(p, c->kube_pod, err);
    run_state(u, c, out);
    if (out->id == NULL || out->name == NULL || out->kube_namespace == NULL ||
        out->kube_pod == NULL)
        return -1;
    use->container_count++;
    return 0;
}

static bool is_mine(const struct containerd_pass *p, const struct containerd_container *c)
{
    if (c->snapshotter[0] == '\0')
        return p->first_of_namespace;
    return strcmp(c->snapshotter, p->base.root->storage) == 0;
}

static int read_containers(struct users *u, struct err *err)
{
    struct containerd_pass *p = u->p;
    struct digest image;

    p->base.reading->use.containers =
        arena_array(p->base.arena, p->ns->container_count, sizeof(struct rec_container), err);
    if (p->base.reading->use.containers == NULL || open_tasks(u, err) != 0)
        return -1;
    for (size_t i = 0; i < p->ns->container_count; i++) {
        const struct containerd_container *c = &p->ns->containers[i];

        if (is_mine(p, c) && image_of(p, c, &image) && put_container(u, c, &image, err) != 0)
            return -1;
    }
    return 0;
}

static void close_users(struct users *u)
{
    cleanup_fd(&u->tasks);
    process_view_close(&u->view);
}

/* ---- docker's -------------------------------------------------------------------------------- */

/* Docker's containers name a manifest or an index; the image is reported by its config. */
static struct digest image_of_docker(void *arg, const struct docker_container *container)
{
    const struct containerd_pass *p = arg;
    const struct digest *manifest =
        container->has_manifest ? &container->manifest : &container->image;

    for (size_t i = 0; i < p->ns->image_count; i++) {
        const struct containerd_target *target = &p->targets[i];
        bool named = digest_eq(&target->record->target, manifest);

        for (size_t j = 0; j < target->found.image_count; j++) {
            const struct content_image *image = &target->found.images[j];

            if (digest_eq(&image->manifest, manifest) ||
                (named && containerd_is_unpacked(p, image)))
                return image->id;
        }
    }
    return container->image;
}

int containerd_read_use(struct containerd_pass *p, struct err *err)
{
    AUTO(close_users)
    struct users u = {.p = p, .tasks = -1, .view = {.proc_fd = -1}};

    if (p->base.root->docker[0] != '\0')
        return docker_use_read(&p->base, p->base.root->docker, image_of_docker, p, err);
    process_view_open(&u.view, p->base.root);
    return read_containers(&u, err);
}
