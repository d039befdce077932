#include "agent/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/cleanup.h"

static int write_all(int fd, const struct buf *b)
{
    for (size_t done = 0; done < b->len;) {
        ssize_t n = write(fd, b->data + done, b->len - done);

        if (n < 0 && errno != EINTR)
            return -1;
        done += n > 0 ? (size_t)n : 0;
    }
    return fsync(fd);
}

int state_file_write(int dir, const char *name, const struct buf *content, struct err *err)
{
    AUTO_FREE char *aside = NULL;
    AUTO_FD int fd = -1;

    if (asprintf(&aside, "%s.new", name) < 0) {
        aside = NULL;
        return err_set(err, ERR_NO_MEMORY, "no memory for a file's name");
    }
    fd = openat(dir, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || write_all(fd, content) != 0 || renameat(dir, aside, dir, name) != 0)
        return err_errno(err, ERR_IO, errno, "write %s", name);
    return 0;
}

int state_file_lock(int *fd, const char *state_dir, struct err *err)
{
    AUTO_FD int dir = -1;

    if (mkdir(state_dir, 0700) != 0 && errno != EEXIST)
        return err_errno(err, ERR_IO, errno, "make --state-dir %s", state_dir);
    dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_errno(err, ERR_IO, errno, "open --state-dir %s", state_dir);
    if (flock(dir, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return err_set(err, ERR_CONFLICT,
                       "--state-dir %s: another agent runs with it; two with one identity would "
                       "push each other off the collector",
                       state_dir);
    *fd = steal_fd(&dir); /* also where the file system knows no locks */
    return 0;
}
