/*
 * file_stamp: which file it is and when it changed last, for what rests on a file that its engine
 * replaces and never writes into.
 *
 * Threads: any; a stat each.
 */
#ifndef AGENT_ENGINES_FILE_STAMP_H
#define AGENT_ENGINES_FILE_STAMP_H

#include <stdbool.h>
#include <stdint.h>

struct stat;

/* All zeros, which equals no stamp, where the file is not there, or changed so lately that another
 * change could have the same time. */
struct file_stamp {
    uint64_t device, inode;
    int64_t size, mtime_ns, ctime_ns;
};

/* Of a file that was looked at when the clock (clock_wall_ms()) had shown `now_ms`. */
struct file_stamp file_stamp_of(const struct stat *st, int64_t now_ms);
/* Of `path` below `fd`, or of `fd` itself with "". Symlinks are not followed. */
struct file_stamp file_stamp_at(int fd, const char *path);
bool file_stamp_eq(const struct file_stamp *a, const struct file_stamp *b);

#endif
