/* storage_use: the containers of the store, and whether they run. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/process.h"
#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"
#include "common/clock.h"

/* The pidfile is written right after the process was made; the boot time, from which the start of
 * a process is counted, is known to a second and moves with corrections of the clock. */
#define START_TOLERANCE_MS 10000
#define PID_BYTES 32
#define MS_PER_SECOND 1000

/* ---- lists ----------------------------------------------------------------------------------- */

static int add_containers(struct storage_pass *p, const struct storage_containers *more,
                          struct err *err)
{
    struct storage_containers *all = &p->containers;
    struct storage_container *grown =
        arena_array(p->base.arena, all->count + more->count, sizeof(*grown), err);

    if (grown == NULL)
        return -1;
    if (all->count > 0)
        memcpy(grown, all->items, all->count * sizeof(*grown));
    all->items = grown;
    for (size_t i = 0; i < more->count; i++) {
        const struct storage_container *c = &more->items[i];
        char subject[DIGEST_TEXT + 16];

        if (c->broken == NULL) {
            grown[all->count++] = *c;
            continue;
        }
        snprintf(subject, sizeof(subject), "container %s", c->id_text);
        if (pass_problem(&p->base, err, subject, "%s", c->broken) != 0)
            return -1;
    }
    return 0;
}

/* A list that cannot be read hides its containers and no image. */
static int read_list(struct storage_pass *p, int fd, const char *name, struct err *err)
{
    struct storage_containers list;
    struct err why = {0};
    bool there;

    if (storage_load(p, fd, name, &there, &why) == 0 && !there)
        return 0;
    if (why.kind == ERR_NONE &&
        storage_containers_parse(&list, buf_str(&p->base.file), p->base.file.len, p->base.arena,
                                 &why) == 0)
        return add_containers(p, &list, err);
    p->containers_known = false;
    return pass_entry_failed(&p->base, name, &why, err);
}

static int compare_containers(const void *a, const void *b)
{
    return digest_cmp(&((const struct storage_container *)a)->id,
                      &((const struct storage_container *)b)->id);
}

int storage_read_containers(struct storage_pass *p, struct err *err)
{
    AUTO_FD int fd = -1;
    AUTO_FD int run = -1;

    p->containers_known = true;
    if (storage_open_optional(p->base.root, "-containers", &fd, err) != 0 ||
        storage_open_run(p->base.root, "-containers", &run, err) != 0 ||
        read_list(p, fd, "containers.json", err) != 0 ||
        read_list(p, fd, "volatile-containers.json", err) != 0 ||
        read_list(p, run, "volatile-containers.json", err) != 0)
        return -1;
    if (p->containers.count > 0)
        qsort(p->containers.items, p->containers.count, sizeof(*p->containers.items),
              compare_containers);
    for (size_t i = 0; i < p->containers.count; i++) {
        struct storage_node *node = storage_node_of(p, &p->containers.items[i].layer);

        if (node != NULL)
            node->of_container = true;
    }
    return 0;
}

/* ---- running --------------------------------------------------------------------------------- */

/* What tells of one container's process. */
struct runtime {
    int containers; /* <run>/<drv>-containers; -1: not there */
    struct process_view view;
    struct storage_mounts mounts;
};

static void close_runtime(struct runtime *r)
{
    cleanup_fd(&r->containers);
    process_view_close(&r->view);
}

/* A hint and no more: what cannot be read here says nothing. */
static void read_mounts(struct storage_pass *p, struct runtime *r)
{
    AUTO_FD int fd = -1;
    bool there;

    if (storage_open_run(p->base.root, "-layers", &fd, NULL) != 0 ||
        storage_load(p, fd, "mountpoints.json", &there, NULL) != 0 ||
        storage_mounts_parse(&r->mounts, buf_str(&p->base.file), p->base.file.len, p->base.arena,
                             NULL) != 0)
        r->mounts = (struct storage_mounts){0};
}

static int compare_digests(const void *a, const void *b)
{
    return digest_cmp(a, b);
}

static bool is_mounted(const struct runtime *r, const struct storage_container *c)
{
    return r->mounts.count > 0 && bsearch(&c->layer, r->mounts.items, r->mounts.count,
                                          sizeof(c->layer), compare_digests) != NULL;
}

/* The process ID in <id>/userdata/pidfile and when it was written; false where there is none. */
static bool read_pidfile(const struct runtime *r, const char *id, long *pid, int64_t *written_ms)
{
    AUTO(buf_close) struct buf file;
    char path[DIGEST_TEXT + 32];
    struct stat st;

    buf_init(&file, PID_BYTES);
    snprintf(path, sizeof(path), "%s/userdata/pidfile", id);
    if (r->containers < 0 || buf_read_file_at(&file, r->containers, path, NULL) != 0 ||
        fstatat(r->containers, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    *pid = strtol(buf_str(&file), NULL, 10);
    *written_ms = (int64_t)st.st_mtim.tv_sec * MS_PER_SECOND + st.st_mtim.tv_nsec / 1000000;
    return true;
}

/* Podman leaves the pidfile where it is when the container has ended, but unmounts its layer. One
 * whose process cannot be seen and which is still mounted may run beyond our sight, or was just
 * mounted by somebody. Without its run root, which may lie anywhere, nothing is known. */
static enum rec_run_state run_state(const struct runtime *r, const struct storage_container *c,
                                    int64_t *started_ms)
{
    int64_t written_ms;
    long pid;

    *started_ms = -1;
    if (r->containers < 0)
        return REC_RUN_UNKNOWN;
    if (read_pidfile(r, c->id_text, &pid, &written_ms) &&
        process_started(&r->view, pid, started_ms, NULL) == 0 &&
        llabs(*started_ms - written_ms) <= START_TOLERANCE_MS)
        return REC_RUNNING;
    *started_ms = -1;
    return is_mounted(r, c) ? REC_RUN_UNKNOWN : REC_STOPPED;
}

/* ---- records --------------------------------------------------------------------------------- */

static int compare_kept(const void *a, const void *b)
{
    return digest_cmp(&((const struct storage_kept_image *)a)->entry,
                      &((const struct storage_kept_image *)b)->entry);
}

/* The image's ID in its record; of one that is not reported here (it lies in another store), the
 * one that it has in this store, which ordinarily is the same. */
static struct digest image_of(const struct storage_pass *p, const struct storage_container *c)
{
    const struct storage_kept_image key = {.entry = c->image};
    const struct storage_kept_image *kept =
        p->kept_count > 0 ? bsearch(&key, p->kept, p->kept_count, sizeof(key), compare_kept) : NULL;

    return kept != NULL ? kept->id : c->image;
}

static int64_t age_of(int64_t since_ms)
{
    int64_t now = clock_wall_ms();

    if (since_ms < 0)
        return -1;
    return since_ms < now ? now - since_ms : 0;
}

int storage_read_use(struct storage_pass *p, struct err *err)
{
    AUTO(close_runtime) struct runtime r = {.containers = -1, .view = {.proc_fd = -1}};
    struct rec_use *use = &p->base.reading->use;
    bool named = p->base.options->container_names;

    use->containers =
        arena_array(p->base.arena, p->containers.count, sizeof(*use->containers), err);
    if (use->containers == NULL ||
        storage_open_run(p->base.root, "-containers", &r.containers, err) != 0)
        return -1;
    process_view_open(&r.view, p->base.root);
    read_mounts(p, &r);
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct storage_container *c = &p->containers.items[i];
        struct rec_container *out = &use->containers[use->container_count];
        int64_t started_ms;

        if (!c->has_image || use->container_count == REC_CONTAINERS_MAX)
            continue;
        out->image = image_of(p, c);
        out->id = c->id_text;
        out->name = named ? c->name : "";
        out->kube_namespace = named ? c->kube_namespace : "";
        out->kube_pod = named ? c->kube_pod : "";
        out->state = run_state(&r, c, &started_ms);
        out->since_age_ms = age_of(started_ms);
        use->container_count++;
    }
    return 0;
}
