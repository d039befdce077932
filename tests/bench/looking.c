#include "tests/bench/looking.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "tests/bench/rig.h"

enum { TOKENS = 100 };

void looking_open(struct looking *l, char *driver, char *path)
{
    AUTO(engine_roots_free) struct engine_roots roots = {0};
    struct engine_texts here;
    struct err err = {.kind = ERR_NONE};

    *l = (struct looking){.name = driver, .path = path, .options = {.host_root = ""}};
    here = (struct engine_texts){.items = &l->path, .count = 1};
    l->options.only = (struct engine_texts){.items = &l->name, .count = 1};
    l->options.docker_roots = l->options.containerd_roots = here;
    l->options.storage_roots = l->options.layouts = here;
    bench_must(engine_find(engine_drivers, &l->options, &roots, &err), &err, "find the store");
    if (roots.count != 1) {
        fprintf(stderr, "%s: %zu stores of %s, and not one\n", path, roots.count, driver);
        exit(1);
    }
    l->root = roots.items[0];
}

static double cpu_us(void)
{
    struct timespec t;

    check(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Entries below an open directory, which is closed. */
static size_t stat_all(int fd)
{
    DIR *dir = fdopendir(fd);
    struct dirent *e;
    struct stat st;
    size_t count = 0;

    check(dir != NULL);
    while ((e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        check(fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
        count++;
        if (S_ISDIR(st.st_mode))
            count += stat_all(
                openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    }
    closedir(dir);
    return count;
}

/* CPU time of asking for all below one directory; *files grows by what is there. */
static double floor_of(const char *directory, size_t *files)
{
    double start = cpu_us();
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        perror(directory);
        exit(1);
    }
    *files += stat_all(fd);
    return cpu_us() - start;
}

/* CPU time of one read(). */
static double reading_of(const struct looking *l, const struct engine_reading *last,
                         struct engine_reading **out)
{
    struct engine_root root = l->root;
    struct err err = {.kind = ERR_NONE};
    double start = cpu_us();

    bench_must(root.driver->read(&root, &l->options, last, out, &err), &err, "read the store");
    return cpu_us() - start;
}

static double token_of(const struct looking *l)
{
    struct engine_token token = {.len = 0};
    struct err err = {.kind = ERR_NONE};
    double start = cpu_us();

    for (int i = 0; i < TOKENS; i++)
        bench_must(l->root.driver->token(&l->root, &token, &err), &err, "take a token");
    return (cpu_us() - start) / TOKENS;
}

void looking_round(const struct looking *l, const char *const *tree)
{
    AUTO(engine_reading_close) struct engine_reading *first = NULL;
    AUTO(engine_reading_close) struct engine_reading *again = NULL;
    size_t files = 0, flat_files = 0;
    double all = 0, flat, full, warm;

    for (const char *const *directory = tree; *directory != NULL; directory++)
        all += floor_of(*directory, &files);
    flat = floor_of(tree[0], &flat_files);
    full = reading_of(l, NULL, &first);
    warm = reading_of(l, first, &again);
    printf("{\"images\": %zu, \"files\": %zu, \"flat_files\": %zu, \"tree_us\": %.2f, "
           "\"flat_us\": %.2f, \"full_us\": %.2f, \"read_us\": %.2f, \"token_us\": %.3f}\n",
           again->content.image_count, files, flat_files, all, flat, full, warm, token_of(l));
}
