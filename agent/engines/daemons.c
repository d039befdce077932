#include "agent/engines/daemons.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engines/dirlist.h"
#include "common/cleanup.h"

#define COMMAND_BYTES (64u << 10)
#define STATUS_BYTES (64u << 10)
#define PROCESSES_MAX 1000000

/* ---- finding them ---------------------------------------------------------------------------- */

static bool is_named(int proc, const char *pid, const char *comm)
{
    AUTO(buf_close) struct buf name;
    char path[64];
    size_t len = strlen(comm);

    buf_init(&name, 64);
    snprintf(path, sizeof(path), "%s/comm", pid);
    return buf_read_file_at(&name, proc, path, NULL) == 0 && name.len == len + 1 &&
           memcmp(buf_str(&name), comm, len) == 0;
}

/* Who started it, where root runs it: the real uid of proc(5), /proc/<pid>/status. Somebody may
 * call a program that is setuid to root by a daemon's name. 0 where it does not say. */
static uint32_t starter_of(const struct daemon *d)
{
    AUTO(buf_close) struct buf status;
    const char *line;
    char path[64];

    buf_init(&status, STATUS_BYTES);
    snprintf(path, sizeof(path), "%s/status", d->pid);
    if (buf_read_file_at(&status, d->proc_fd, path, NULL) != 0)
        return 0;
    line = strstr(buf_str(&status), "\nUid:");
    return line != NULL ? (uint32_t)strtoul(line + strlen("\nUid:"), NULL, 10) : 0;
}

/* Whether it has this name and is one of these. The directory belongs to the effective user, also
 * where the process may not be traced. */
static bool is_wanted(struct daemon *d, const char *comm, enum daemons_whose whose)
{
    struct stat st;

    if (fstatat(d->proc_fd, d->pid, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        (st.st_uid != 0 && whose == DAEMONS_OF_ROOT) || !is_named(d->proc_fd, d->pid, comm))
        return false;
    d->user = st.st_uid != 0 ? st.st_uid : starter_of(d);
    return (d->user == 0) == (whose == DAEMONS_OF_ROOT);
}

/* The link names it as we see it; the host's names begin behind the host's prefix. */
static void cut_host(struct daemon *d)
{
    size_t len = strlen(d->like->host);

    if (len > 0 && strncmp(d->chroot, d->like->host, len) == 0 &&
        (d->chroot[len] == '/' || d->chroot[len] == '\0'))
        memmove(d->chroot, d->chroot + len, strlen(d->chroot + len) + 1);
}

static bool read_chroot(struct daemon *d)
{
    char link[64];
    ssize_t len;

    snprintf(link, sizeof(link), "%s/root", d->pid);
    len = readlinkat(d->proc_fd, link, d->chroot, sizeof(d->chroot) - 1);
    if (len <= 0)
        return false;
    d->chroot[len == 1 ? 0 : len] = '\0';
    cut_host(d);
    return true;
}

/* A process that ends meanwhile is none. */
static int look_at(struct daemon *d, daemon_fn *fn, void *arg, struct err *err)
{
    AUTO(buf_close) struct buf command;
    char path[64];

    buf_init(&command, COMMAND_BYTES);
    snprintf(path, sizeof(path), "%s/cmdline", d->pid);
    if (buf_read_file_at(&command, d->proc_fd, path, NULL) != 0 || command.len == 0 ||
        !read_chroot(d))
        return 0;
    d->command = &command;
    return fn(arg, d, err);
}

/* Users whose daemons were looked at, one for each daemon. */
struct seen_users {
    uint32_t items[DAEMONS_OF_ALL_USERS];
    size_t count;
};

/* Whether it is one too many; counts it. */
static bool is_past_share(struct seen_users *seen, uint32_t user)
{
    size_t own = 0;

    if (user == 0)
        return false;
    for (size_t i = 0; i < seen->count; i++)
        own += seen->items[i] == user;
    if (own == DAEMONS_OF_ONE_USER || seen->count == DAEMONS_OF_ALL_USERS)
        return true;
    seen->items[seen->count++] = user;
    return false;
}

int daemons_each(const struct engine_root *like, const char *comm, enum daemons_whose whose,
                 daemon_fn *fn, void *arg, struct err *err)
{
    AUTO(dirlist_close) struct dirlist entries = {0};
    struct seen_users seen = {.count = 0};
    AUTO_FD int proc = engine_open(like, "/proc", O_RDONLY | O_DIRECTORY, NULL);

    if (proc < 0 || dirlist_read(&entries, proc, PROCESSES_MAX, "/proc", NULL) != 0)
        return 0;
    for (size_t i = 0; i < entries.count; i++) {
        struct daemon d = {.like = like, .proc_fd = proc, .pid = entries.names[i]};

        if (!isdigit((unsigned char)d.pid[0]) || strlen(d.pid) > 20 ||
            !is_wanted(&d, comm, whose) || is_past_share(&seen, d.user))
            continue;
        if (look_at(&d, fn, arg, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- what they were told --------------------------------------------------------------------- */

/* The value where `arg` is one of these options; NULL where it is another one. */
static const char *value_of(const char *arg, const char *next, const char *const *names)
{
    for (; *names != NULL; names++) {
        size_t len = strlen(*names);

        if (strncmp(arg, *names, len) != 0)
            continue;
        if (arg[len] == '=')
            return arg + len + 1;
        if (arg[len] == '\0')
            return next;
    }
    return NULL;
}

static const char *next_of(const struct daemon *d, const char *arg)
{
    const char *next = arg + strlen(arg) + 1;

    return next < buf_str(d->command) + d->command->len ? next : NULL;
}

const char *daemon_option(const struct daemon *d, const char *const *names)
{
    const char *last = NULL;

    for (const char *arg = buf_str(d->command); arg != NULL; arg = next_of(d, arg)) {
        const char *value = value_of(arg, next_of(d, arg), names);

        if (value != NULL)
            last = value;
    }
    return last;
}

const char *daemon_option_with(const struct daemon *d, const char *const *names, const char *prefix)
{
    for (const char *arg = buf_str(d->command); arg != NULL; arg = next_of(d, arg)) {
        const char *value = value_of(arg, next_of(d, arg), names);

        if (value != NULL && strncmp(value, prefix, strlen(prefix)) == 0)
            return value + strlen(prefix);
    }
    return NULL;
}

/* ---- where their paths lie ------------------------------------------------------------------- */

bool daemon_path(const struct daemon *d, const char *path, char out[ENGINE_PATH_MAX])
{
    return path[0] == '/' &&
           snprintf(out, ENGINE_PATH_MAX, "%s%s", d->chroot, path) < ENGINE_PATH_MAX;
}

bool daemon_stat(const struct daemon *d, const char *path, struct stat *out)
{
    char theirs[ENGINE_PATH_MAX + 64];

    return path[0] == '/' &&
           snprintf(theirs, sizeof(theirs), "%s/root%s", d->pid, path) < (int)sizeof(theirs) &&
           fstatat(d->proc_fd, theirs, out, 0) == 0;
}

static bool is_there(const struct daemon *d, const char *path, const struct stat *theirs)
{
    AUTO_FD int fd = engine_open(d->like, path, O_PATH, NULL);
    struct stat ours;

    return fd >= 0 && fstat(fd, &ours) == 0 && ours.st_dev == theirs->st_dev &&
           ours.st_ino == theirs->st_ino;
}

bool daemon_place(const struct daemon *d, const char *path, char out[ENGINE_PATH_MAX])
{
    struct stat theirs;

    if (!daemon_stat(d, path, &theirs))
        return false;
    if (engine_path_set(out, path, NULL) == 0 && is_there(d, out, &theirs))
        return true;
    return daemon_path(d, path, out) && is_there(d, out, &theirs);
}

bool daemon_owns(const struct daemon *d, const char *host_path)
{
    AUTO_FD int fd = -1;
    struct stat st;

    if (d->user == 0)
        return true;
    fd = engine_open(d->like, host_path, O_PATH, NULL);
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == d->user;
}
