/*
 * store_lock: one collector writes a database, by whatever name it is opened. There are two locks
 * (flock): "FILE.lock" is there before FILE is, and holds where FILE is replaced by another one;
 * FILE itself is the same file behind every mount.
 *
 * Threads: start and stop only.
 */
#ifndef COLLECTOR_STORE_STORE_LOCK_H
#define COLLECTOR_STORE_STORE_LOCK_H

#include <sys/stat.h>

#include "common/error.h"

/* Locks "FILE.lock", beside the file that a symbolic link leads to, and writes our pid into it;
 * *fd is the caller's to close, which frees it. The lock file stays: to remove it would race with
 * who opens it. ERR_CONFLICT names the holder's pid, ERR_DENIED and ERR_NOT_FOUND the folder. */
int store_lock(int *fd, const char *path, struct err *err);

/* Locks the database itself, open at `fd` and described by `st`, as long as it is open. SQLite's
 * own locks are of another kind (fcntl), but to close `fd` drops those of this process: its
 * connections to the file are closed before. ERR_CONFLICT too where it has hard links: SQLite would
 * look for what was acknowledged last beside each name in turn. */
int store_lock_file(int fd, const struct stat *st, const char *path, struct err *err);

#endif
