/*
 * store_lock: the file "FILE.lock", held by the one collector that writes FILE.
 *
 * Threads: start and stop only.
 */
#ifndef COLLECTOR_STORE_STORE_LOCK_H
#define COLLECTOR_STORE_STORE_LOCK_H

#include "common/error.h"

/* Takes the lock (flock) and writes our pid into it; *fd is the caller's to close, which frees it.
 * The file stays: to remove it would race with who opens it. ERR_CONFLICT names the holder's pid,
 * ERR_DENIED and ERR_NOT_FOUND the folder. */
int store_lock(int *fd, const char *path, struct err *err);

#endif
