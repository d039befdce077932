#include "agent/engines/file_stamp.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/engines/pass.h"
#include "common/clock.h"

#define NS_PER_MS 1000000
#define NS_PER_SECOND 1000000000

static int64_t ns_of(const struct timespec *t)
{
    return (int64_t)t->tv_sec * NS_PER_SECOND + t->tv_nsec;
}

struct file_stamp file_stamp_of(const struct stat *st, int64_t now_ms)
{
    struct file_stamp stamp = {0};

    if (ns_of(&st->st_ctim) > now_ms * NS_PER_MS - PASS_MOVING_NS)
        return stamp;
    stamp.device = st->st_dev;
    stamp.inode = st->st_ino;
    stamp.size = st->st_size;
    stamp.mtime_ns = ns_of(&st->st_mtim);
    stamp.ctime_ns = ns_of(&st->st_ctim);
    return stamp;
}

struct file_stamp file_stamp_at(int fd, const char *path)
{
    int64_t now_ms = clock_wall_ms();
    struct stat st;

    if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0)
        return (struct file_stamp){0};
    return file_stamp_of(&st, now_ms);
}

bool file_stamp_eq(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->inode != 0 && a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}
