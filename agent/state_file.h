/*
 * state_file: writes a file of the state directory so that after a crash it is the old one or the
 * new one, never half of it; and keeps the directory to one agent.
 *
 * Threads: any; blocks on disk.
 */
#ifndef AGENT_STATE_FILE_H
#define AGENT_STATE_FILE_H

#include "common/buf.h"

/* Writes `name` (without slashes) in the open directory, mode 0600: aside as NAME.new, synced,
 * renamed. The directory itself is the caller's to sync. Errors name the file only. */
int state_file_write(int dir, const char *name, const struct buf *content, struct err *err);

/* Makes the directory where it is missing, and locks it until *fd is closed or the process ends,
 * however it does. ERR_CONFLICT: another agent has it. */
int state_file_lock(int *fd, const char *state_dir, struct err *err);

#endif
