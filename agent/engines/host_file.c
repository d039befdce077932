#include "agent/engines/host_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define CHUNK 4096

/* His, or there for everybody. What the kernel makes up (below /proc, tracefs), where reading may
 * do something too, is empty by its size. */
static bool may_name(uint32_t user, const struct stat *st)
{
    return user == 0 || st->st_uid == user || ((st->st_mode & S_IROTH) != 0 && st->st_size > 0);
}

/* The file that is held is the one that is opened, whatever its path leads to by now. */
static int open_held(int held, const char *path, struct err *err)
{
    char link[64];
    int fd;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", held);
    fd = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd >= 0 ? fd : err_errno(err, ERR_IO, errno, "open %s", path);
}

static int read_all(struct buf *out, int fd, const char *path, struct err *err)
{
    ssize_t n = 1;

    for (buf_reset(out); n > 0; buf_commit(out, (size_t)n)) {
        uint8_t *into = buf_reserve(out, CHUNK, err);

        if (into == NULL)
            return -1;
        n = read(fd, into, CHUNK);
        if (n < 0)
            return err_errno(err, ERR_IO, errno, "read %s", path);
    }
    return 0;
}

int host_file_read(struct buf *out, const struct engine_root *like, const char *path, uint32_t user,
                   struct err *err)
{
    AUTO_FD int held = engine_open(like, path, O_PATH, err);
    AUTO_FD int fd = -1;
    struct stat st;

    if (held < 0)
        return -1;
    if (fstat(held, &st) != 0)
        return err_errno(err, ERR_IO, errno, "stat %s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_CORRUPT, "%s: no regular file", path);
    if (!may_name(user, &st))
        return err_set(err, ERR_DENIED, "%s: not a file of user %u's", path, user);
    fd = open_held(held, path, err);
    return fd < 0 ? -1 : read_all(out, fd, path, err);
}
