#include "tests/support/tempdir.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_DIRECTORIES 16 /* that nftw() may hold at once */

void tempdir_open(struct tempdir *t)
{
    const char *parent = getenv("TMPDIR");
    int len = snprintf(t->path, sizeof(t->path), "%s/layercensus-test-XXXXXX",
                       parent != NULL ? parent : "/tmp");

    if (len >= (int)sizeof(t->path) || mkdtemp(t->path) == NULL)
        err(1, "make a temporary directory %s", t->path);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    if (remove(path) != 0)
        warn("remove %s", path);
    return 0;
}

void tempdir_close(struct tempdir *t)
{
    if (t->path[0] == '\0')
        return;
    nftw(t->path, remove_one, OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS);
    t->path[0] = '\0';
}

char *tempdir_path(const struct tempdir *t, const char *name, char out[PATH_MAX])
{
    if (snprintf(out, PATH_MAX, "%s/%s", t->path, name) >= PATH_MAX)
        errx(1, "path too long: %s", name);
    return out;
}

/* Makes each directory in front of a slash of `path`, behind its first `from` bytes. */
static void make_parents(char *path, size_t from)
{
    for (char *slash = strchr(path + from, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            err(1, "mkdir %s", path);
        *slash = '/';
    }
}

void tempdir_write(const struct tempdir *t, const char *name, const void *data, size_t len)
{
    char path[PATH_MAX];
    FILE *file;

    make_parents(tempdir_path(t, name, path), strlen(t->path) + 1);
    file = fopen(path, "we");
    if (file == NULL || fwrite(data, 1, len, file) != len || fclose(file) != 0)
        err(1, "write %s", path);
}

void tempdir_write_text(const struct tempdir *t, const char *name, const char *text)
{
    tempdir_write(t, name, text, strlen(text));
}

void tempdir_mkdir(const struct tempdir *t, const char *name)
{
    char path[PATH_MAX];

    make_parents(tempdir_path(t, name, path), strlen(t->path) + 1);
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        err(1, "mkdir %s", path);
}
