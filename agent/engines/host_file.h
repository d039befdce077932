/*
 * host_file: reads a small file of the host that somebody names, such as a user his configuration.
 *
 * Only a regular file is ever opened: opening a device may already do something (a watchdog
 * starts), so what a path leads to is looked at before. Of what a user names, that is read which he
 * could read himself.
 *
 * Private to agent/engines. Threads: any; blocks on disk.
 */
#ifndef AGENT_ENGINES_HOST_FILE_H
#define AGENT_ENGINES_HOST_FILE_H

#include "agent/engines/engine.h"

/* Replaces what is in `out` by the file at this path of the host; symlinks are followed as
 * engine_open() does. `user` (a uid) named it: then it must be his, or readable by everybody; 0:
 * the system did. ERR_NOT_FOUND; ERR_CORRUPT where it is no regular file; ERR_DENIED; ERR_LIMIT of
 * the buffer; ERR_IO. */
int host_file_read(struct buf *out, const struct engine_root *like, const char *path, uint32_t user,
                   struct err *err);

#endif
