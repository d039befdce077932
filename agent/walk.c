#include "agent/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define LIST_BYTES (64u << 10)    /* of directory entries read at once */
#define PENDING_BYTES (64u << 20) /* names of directories still to visit */
#define OPEN_MAX_DEPTH 64         /* deeper, a directory is closed while its children are visited */
#define DEPTH_MAX 65536
#define PACE_ENTRIES 64       /* how many entries may come at once */
#define SLEEP_NS 100000000ull /* at once, so that a stop is seen */
#define NS_PER_SECOND 1000000000ull

/* A directory being visited. Its children's names lie in state.pending from `first` on. */
struct level {
    int fd; /* -1: closed meanwhile, reopened as its child's ".." */
    dev_t dev;
    ino_t ino;
    size_t first;
};

struct state {
    struct walk *walk;
    const char *what;
    dev_t dev; /* the file system */
    struct level *levels;
    size_t depth, room;
    struct buf pending; /* names, each with its NUL: a stack */
    uint64_t started_ns;
    char *list; /* LIST_BYTES */
};

static void close_state(struct state *s)
{
    for (size_t i = 0; i < s->depth; i++)
        cleanup_fd(&s->levels[i].fd);
    free(s->levels);
    free(s->list);
    buf_close(&s->pending);
}

/* Sleeps until the entries so far fit the limit. */
static int keep_pace(const struct state *s, struct err *err)
{
    const struct measure_limits *limits = s->walk->limits;
    uint64_t due_ns, now_ns;

    for (;;) {
        struct timespec ts = {0};

        if (limits->stop != NULL && atomic_load(limits->stop))
            return err_set(err, ERR_CANCELED, "measuring %s was stopped", s->what);
        if (limits->entries_per_second == 0)
            return 0;
        due_ns = s->started_ns + s->walk->entries * NS_PER_SECOND / limits->entries_per_second;
        now_ns = clock_mono_ns();
        if (now_ns >= due_ns)
            return 0;
        ts.tv_nsec = (long)(due_ns - now_ns < SLEEP_NS ? due_ns - now_ns : SLEEP_NS);
        nanosleep(&ts, NULL);
    }
}

static int give(struct state *s, const struct stat *st, struct err *err)
{
    s->walk->entries++;
    if (s->walk->entry(s->walk->arg, st, err) != 0)
        return -1;
    if (s->walk->limits != NULL && s->walk->entries % PACE_ENTRIES == 0)
        return keep_pace(s, err);
    return 0;
}

static bool is_excluded(const struct state *s, const struct stat *st)
{
    return s->walk->exclude != NULL && inode_set_has(s->walk->exclude, st->st_dev, st->st_ino);
}

static int take_entry(struct state *s, int fd, const char *name, struct err *err)
{
    struct stat st;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) {
        if (errno != ENOENT)
            return err_errno(err, ERR_IO, errno, "stat an entry below %s", s->what);
        s->walk->vanished++;
        return 0;
    }
    if (st.st_dev != s->dev || is_excluded(s, &st))
        return 0;
    if (S_ISDIR(st.st_mode) && buf_add(&s->pending, name, strlen(name) + 1, err) != 0)
        return err_wrap(err, "directories below %s", s->what);
    return give(s, &st, err);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* All entries of the directory; its own directories become pending. */
static int list_level(struct state *s, int fd, struct err *err)
{
    ssize_t got;

    while ((got = getdents64(fd, s->list, LIST_BYTES)) > 0) {
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(s->list + at);

            if (!is_dots(entry->d_name) && take_entry(s, fd, entry->d_name, err) != 0)
                return -1;
            at += entry->d_reclen;
        }
    }
    if (got < 0 && errno == ENOENT) /* removed while it was open */
        s->walk->vanished++;
    else if (got < 0)
        return err_errno(err, ERR_IO, errno, "list a directory below %s", s->what);
    return 0;
}

static int make_room(struct state *s, struct err *err)
{
    size_t room = s->room == 0 ? 32 : s->room * 2;
    struct level *levels;

    if (s->depth < s->room)
        return 0;
    if (s->depth >= DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "%s: directories nested deeper than %d", s->what, DEPTH_MAX);
    levels = realloc(s->levels, room * sizeof(*levels));
    if (levels == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to walk %s", s->what);
    s->levels = levels;
    s->room = room;
    return 0;
}

/* Takes the open directory (the fd is then the level's) and lists it. */
static int enter(struct state *s, int *fd, const struct stat *st, struct err *err)
{
    struct level *level;

    if (make_room(s, err) != 0)
        return -1;
    level = &s->levels[s->depth++];
    *level = (struct level){steal_fd(fd), st->st_dev, st->st_ino, s->pending.len};
    return list_level(s, level->fd, err);
}

static int open_directory(int at, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(at, name, flags | O_NOATIME);

    if (fd < 0 && errno == EPERM) /* not the owner */
        fd = openat(at, name, flags);
    return fd;
}

/* The last pending name of the level is its next child. */
static int visit_child(struct state *s, struct level *level, struct err *err)
{
    const char *names = buf_str(&s->pending);
    size_t start = s->pending.len - 1;
    AUTO_FD int fd = -1;
    struct stat st;

    while (start > level->first && names[start - 1] != '\0')
        start--;
    fd = open_directory(level->fd, names + start);
    s->pending.len = start;
    if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        return err_errno(err, ERR_IO, errno, "open a directory below %s", s->what);
    if (fd < 0) {
        s->walk->vanished++;
        return 0;
    }
    if (fstat(fd, &st) != 0 || st.st_dev != s->dev) /* mounted on between stat and open */
        return 0;
    if (s->depth >= OPEN_MAX_DEPTH) {
        cleanup_fd(&level->fd);
        level->fd = -1;
    }
    return enter(s, &fd, &st, err);
}

/* Back to the parent, which must still be the one that we came from. */
static int leave(struct state *s, struct err *err)
{
    struct level *child = &s->levels[--s->depth];
    AUTO_FD int child_fd = child->fd;
    struct level *parent = s->depth > 0 ? child - 1 : NULL;
    struct stat st;

    check(s->pending.len == child->first);
    if (parent == NULL || parent->fd >= 0)
        return 0;
    parent->fd = openat(child_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent->fd < 0 || fstat(parent->fd, &st) != 0)
        return err_errno(err, ERR_MOVED, errno, "%s: a directory moved", s->what);
    if (st.st_dev != parent->dev || st.st_ino != parent->ino)
        return err_set(err, ERR_MOVED, "%s: a directory moved while it was walked", s->what);
    return 0;
}

static int walk_levels(struct state *s, int fd, const struct stat *st, struct err *err)
{
    AUTO_FD int own = open_directory(fd, ".");

    if (own < 0)
        return err_errno(err, ERR_IO, errno, "open %s", s->what);
    if (enter(s, &own, st, err) != 0)
        return -1;
    while (s->depth > 0) {
        struct level *level = &s->levels[s->depth - 1];
        int rc = s->pending.len > level->first ? visit_child(s, level, err) : leave(s, err);

        if (rc != 0)
            return -1;
    }
    return 0;
}

int walk_tree(struct walk *w, int fd, const char *what, struct err *err)
{
    AUTO(close_state) struct state s = {.walk = w, .what = what, .started_ns = clock_mono_ns()};
    struct stat st;

    w->entries = w->vanished = 0;
    buf_init(&s.pending, PENDING_BYTES);
    s.list = malloc(LIST_BYTES);
    if (s.list == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to walk %s", what);
    if (fstat(fd, &st) != 0)
        return err_errno(err, ERR_IO, errno, "stat %s", what);
    s.dev = st.st_dev;
    if (is_excluded(&s, &st))
        return 0;
    if (give(&s, &st, err) != 0)
        return -1;
    if (S_ISDIR(st.st_mode) && walk_levels(&s, fd, &st, err) != 0)
        return -1;
    return w->limits != NULL ? keep_pace(&s, err) : 0;
}
