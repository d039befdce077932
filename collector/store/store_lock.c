#include "collector/store/store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/cleanup.h"

static int fail_open(const char *lock, int error_number, struct err *err)
{
    if (error_number == EROFS)
        return err_set(err, ERR_DENIED,
                       "open %s: the file system is mounted read-only: mount it for writing, or "
                       "keep the database elsewhere",
                       lock);
    if (error_number == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "open %s: its folder does not exist: make it first",
                       lock);
    err_errno(err, ERR_IO, error_number, "open %s", lock);
    if (err != NULL && err->kind == ERR_DENIED)
        err_set(err, ERR_DENIED, "open %s: no permission: check owner and mode of its folder",
                lock);
    return -1;
}

static int refuse(int fd, const char *path, struct err *err)
{
    char pid[16];
    ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);

    pid[len > 0 ? len : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    return err_set(
        err, ERR_CONFLICT,
        "%s is served by another collector (pid %s): stop that one, or name another file", path,
        pid[0] != '\0' ? pid : "unknown");
}

int store_lock(int *out, const char *path, struct err *err)
{
    AUTO_FREE char *real = realpath(path, NULL); /* NULL: it is not there yet */
    AUTO_FREE char *lock = NULL;
    AUTO_FD int fd = -1;

    if (asprintf(&lock, "%s.lock", real != NULL ? real : path) < 0)
        return err_set(err, ERR_NO_MEMORY, "lock %s", path);
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return fail_open(lock, errno, err);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? refuse(fd, path, err)
                                    : err_errno(err, ERR_IO, errno, "lock %s", lock);
    if (ftruncate(fd, 0) != 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
        return err_errno(err, ERR_IO, errno, "write %s", lock);
    *out = steal_fd(&fd);
    return 0;
}

int store_lock_file(int fd, const struct stat *st, const char *path, struct err *err)
{
    if (st->st_nlink > 1)
        return err_set(err, ERR_CONFLICT,
                       "%s has %lu names (hard links), and its write-ahead log belongs to one of "
                       "them: remove the others, or name a copy",
                       path, (unsigned long)st->st_nlink);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return err_errno(err, ERR_IO, errno, "lock %s", path);
    return err_set(err, ERR_CONFLICT,
                   "%s is served by another collector under another name (a mount of the file; "
                   "fuser shows its process): stop that one, or name another file",
                   path);
}
