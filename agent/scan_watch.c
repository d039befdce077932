#include "agent/scan_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"

enum {
    EVENT_BYTES = 16384, /* read at once */
    READS_MAX = 256,     /* while listening starts; what is left then is an event at once */
};

#define SELF_EVENTS (IN_DELETE_SELF | IN_MOVE_SELF)
#define DIRECTORY_EVENTS (SELF_EVENTS | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define FILE_EVENTS (SELF_EVENTS | IN_MODIFY | IN_ATTRIB) /* unlinked but open: the link count */
/* IN_IGNORED is told after one of these, or after we dropped a watch ourselves. */
#define LOST_EVENTS (SELF_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW)

struct scan_watch {
    uv_poll_t poll;
    int fd;
    struct scan_watch_room *room;
    void (*on_change)(void *arg);
    void *arg;

    /* the pool's: watch descriptors, ascending and unique. The kernel counts them up, so that one
     * above all others is new. */
    int *wds;
    size_t count;
    int newest;
};

static void on_event(uv_poll_t *poll, int status, int events);
static void on_poll_closed(uv_handle_t *handle);

void scan_watch_room_init(struct scan_watch_room *room)
{
    atomic_init(&room->paths, ENGINE_WATCHES_MAX);
    room->stores = SCAN_WATCH_STORES_MAX;
}

/* ---- the loop's ------------------------------------------------------------------------------ */

int scan_watch_open(struct scan_watch **out, uv_loop_t *loop, struct scan_watch_room *room,
                    void (*on_change)(void *arg), void *arg, struct err *err)
{
    AUTO_FREE struct scan_watch *w = calloc(1, sizeof(*w));
    AUTO_FD int fd = -1;

    if (w == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to watch a store");
    if (room->stores == 0)
        return err_set(err, ERR_LIMIT, "enough stores are watched");
    fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0)
        return err_errno(err, ERR_IO, errno, "begin to watch (fs.inotify.max_user_instances)");
    if (uv_poll_init(loop, &w->poll, fd) != 0)
        return err_set(err, ERR_IO, "wait for inotify's events");
    w->poll.data = w;
    w->room = room;
    w->on_change = on_change;
    w->arg = arg;
    w->fd = steal_fd(&fd);
    room->stores--;
    *out = steal(&w);
    return 0;
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct scan_watch *w = poll->data;

    (void)status; /* an error is found by the look */
    (void)events;
    uv_poll_stop(poll);
    w->on_change(w->arg);
}

static bool tells_of_loss(const char *bytes, size_t len)
{
    const struct inotify_event *e;
    bool lost = false;

    for (size_t at = 0; at + sizeof(*e) <= len; at += sizeof(*e) + e->len) {
        e = (const struct inotify_event *)(const void *)(bytes + at);
        lost = lost || (e->mask & LOST_EVENTS) != 0;
    }
    return lost;
}

bool scan_watch_listen(struct scan_watch *w)
{
    _Alignas(struct inotify_event) char bytes[EVENT_BYTES];
    bool lost = false;

    for (int i = 0; i < READS_MAX; i++) {
        ssize_t len = read(w->fd, bytes, sizeof(bytes));

        if (len <= 0)
            break;
        lost = tells_of_loss(bytes, (size_t)len) || lost;
    }
    uv_poll_start(&w->poll, UV_READABLE, on_event); /* fails for handles that close: none of ours */
    return lost;
}

void scan_watch_close(struct scan_watch **w)
{
    struct scan_watch *closing = *w;

    if (closing == NULL)
        return;
    *w = NULL;
    closing->room->stores++;
    atomic_fetch_add(&closing->room->paths, (int)closing->count);
    uv_close((uv_handle_t *)&closing->poll, on_poll_closed);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct scan_watch *w = handle->data;

    close(w->fd);
    free(w->wds);
    free(w);
}

/* ---- the pool's ------------------------------------------------------------------------------ */

/* What other hosts or a process behind FUSE change there, this kernel may never hear of. */
static bool is_changed_elsewhere(int fd)
{
    static const unsigned long kinds[] = {
        NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC,  SMB2_SUPER_MAGIC, AFS_SUPER_MAGIC,
        CEPH_SUPER_MAGIC, FUSE_SUPER_MAGIC, OCFS2_SUPER_MAGIC, V9FS_MAGIC,
    };
    struct statfs fs;

    if (fstatfs(fd, &fs) != 0)
        return true;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if ((unsigned long)fs.f_type == kinds[i])
            return true;
    return false;
}

/* Watches what `fd` is, wherever that lies. Returns its descriptor, or -1. */
static int watch_fd(struct scan_watch *w, int fd, const char *path, struct err *err)
{
    char self[64];
    struct stat st;
    int wd;

    if (fstat(fd, &st) != 0)
        return err_errno(err, ERR_IO, errno, "stat %s", path);
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    wd = inotify_add_watch(w->fd, self, S_ISDIR(st.st_mode) ? DIRECTORY_EVENTS : FILE_EVENTS);
    if (wd < 0 && errno == ENOSPC) /* of no disk, as anybody would read it */
        return err_set(err, ERR_LIMIT, "watch %s: fs.inotify.max_user_watches is reached", path);
    return wd >= 0 ? wd : err_errno(err, ERR_IO, errno, "watch %s", path);
}

/* One that the kernel made just now needs room; one that was there has it. */
static bool has_room(struct scan_watch *w, int wd, struct scan_watched *out)
{
    if (wd <= w->newest)
        return true;
    if (atomic_fetch_sub(&w->room->paths, 1) <= 0) {
        atomic_fetch_add(&w->room->paths, 1);
        inotify_rm_watch(w->fd, wd);
        return false;
    }
    w->newest = wd;
    out->added = true;
    return true;
}

/* Opens the path, or where it is not there the nearest directory above it, which tells when it
 * comes. The host's root itself would tell too much. */
static int open_nearest(const struct engine_root *root, const char *path, struct scan_watched *out,
                        struct err *err)
{
    char above[ENGINE_PATH_MAX];
    int fd = engine_open(root, path, O_PATH, err);
    char *slash;

    snprintf(above, sizeof(above), "%s", path);
    while (fd < 0 && err->kind == ERR_NOT_FOUND) {
        slash = strrchr(above, '/');
        if (slash == NULL || slash == above)
            break;
        *slash = '\0';
        out->again = true;
        fd = engine_open(root, above, O_PATH | O_DIRECTORY, err);
    }
    return fd;
}

/* Returns the path's descriptor, or -1. */
static int watch_path(struct scan_watch *w, const struct engine_root *root, const char *path,
                      struct scan_watched *out)
{
    struct err why = {0};
    AUTO_FD int fd = open_nearest(root, path, out, &why);
    int wd = fd >= 0 ? watch_fd(w, fd, path, &why) : -1;

    if (wd >= 0 && !has_room(w, wd, out))
        wd = err_set(&why, ERR_LIMIT, "%s: more than %d paths to watch", path, ENGINE_WATCHES_MAX);
    if (wd >= 0 && is_changed_elsewhere(fd))
        err_set(&why, ERR_UNAVAILABLE, "%s is on a file system that others may change unseen",
                path);
    else if (wd >= 0)
        return wd;
    out->whole = false;
    if (why.kind != ERR_NOT_FOUND && out->err.kind == ERR_NONE)
        out->err = why;
    return wd;
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b; /* both are positive */
}

static size_t sort_unique(int *wds, size_t count)
{
    size_t kept = 0;

    qsort(wds, count, sizeof(*wds), by_number);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || wds[kept - 1] != wds[i])
            wds[kept++] = wds[i];
    return kept;
}

/* Those of before that are not among the `count` of now go, where the kernel did not drop them. */
static void drop_others(struct scan_watch *w, const int *wds, size_t count)
{
    for (size_t i = 0; i < w->count; i++) {
        if (bsearch(&w->wds[i], wds, count, sizeof(*wds), by_number) != NULL)
            continue;
        inotify_rm_watch(w->fd, w->wds[i]);
        atomic_fetch_add(&w->room->paths, 1);
    }
}

static int name_paths(const struct engine_root *root, struct engine_paths *paths, struct err *err)
{
    return root->driver->watches != NULL ? root->driver->watches(root, paths, err) : 0;
}

void scan_watch_take(struct scan_watch *w, const struct engine_root *root, struct scan_watched *out)
{
    AUTO(engine_paths_free) struct engine_paths paths = {0};
    AUTO_FREE int *wds = NULL;
    size_t count = 0;

    *out = (struct scan_watched){.whole = false};
    if (name_paths(root, &paths, &out->err) != 0)
        return;
    wds = calloc(paths.count + 1, sizeof(*wds));
    if (wds == NULL) {
        err_set(&out->err, ERR_NO_MEMORY, "no memory to watch %s", root->path);
        return;
    }
    out->whole = paths.count > 0 && paths.count < ENGINE_WATCHES_MAX;
    if (paths.count >= ENGINE_WATCHES_MAX) /* there may be more of them than the driver names */
        err_set(&out->err, ERR_LIMIT, "%s: %d paths to watch, or more", root->path,
                ENGINE_WATCHES_MAX);
    for (size_t i = 0; i < paths.count; i++) {
        int wd = watch_path(w, root, paths.items[i], out);

        if (wd >= 0)
            wds[count++] = wd;
    }
    count = sort_unique(wds, count);
    drop_others(w, wds, count);
    free(w->wds);
    w->wds = steal(&wds);
    w->count = count;
}
