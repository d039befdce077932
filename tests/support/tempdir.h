/*
 * tempdir: a directory of its own for a test, gone afterwards with all it holds.
 *
 * Every function here ends the program with a message where the machine refuses: a test cannot go
 * on then.
 */
#ifndef TESTS_SUPPORT_TEMPDIR_H
#define TESTS_SUPPORT_TEMPDIR_H

#include <limits.h>
#include <stddef.h>

struct tempdir {
    char path[256];
};

/* Makes an empty directory below TMPDIR (else /tmp), mode 0700. */
void tempdir_open(struct tempdir *t);

/* Removes it with its content, which it does not follow out of it. Twice is allowed. */
void tempdir_close(struct tempdir *t);

/* The absolute path of `name` in it. Returns out. */
char *tempdir_path(const struct tempdir *t, const char *name, char out[PATH_MAX]);

/* Writes a file, and the directories that lead to it. */
void tempdir_write(const struct tempdir *t, const char *name, const void *data, size_t len);
void tempdir_write_text(const struct tempdir *t, const char *name, const char *text);

/* Makes a directory, and those that lead to it. */
void tempdir_mkdir(const struct tempdir *t, const char *name);

#endif
