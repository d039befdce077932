/*
 * look IMAGES LAYERS ROUNDS: what the agent's look at an unchanged docker store costs, warm.
 *
 * A store of IMAGES images of LAYERS layers each, half of them shared, made in a temporary
 * directory. In each round, one after the other: readdir and fstatat of everything in
 * image/<driver> (the floor: the files that a look could look at); the driver's read() with nothing
 * to rest on, which is what the agent does first and at its jittered interval; the same with the
 * last reading, which is what it does when the token changed; its token(), which is what it does
 * each time. CPU time of this thread, one JSON object a round.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/engines/docker.h"
#include "common/check.h"
#include "tests/bench/rig.h"
#include "tests/support/docker_store.h"

enum { LAYERS_MAX = 64, TOKENS = 100, HISTORY = 10 };

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
        if (e->d_name[0] == '.')
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

static void make_store(struct docker_store *store, size_t images, size_t layers)
{
    struct digest diffs[LAYERS_MAX];
    char text[64];

    for (size_t i = 0; i < images; i++) {
        for (size_t j = 0; j < layers; j++) {
            bool shared = j < layers / 2;

            snprintf(text, sizeof(text), "layer %zu of %zu", j, shared ? i % 20 : 1000 + i);
            diffs[j] = docker_store_diff(text);
        }
        docker_store_image(store, diffs, layers, HISTORY);
    }
}

static void round_of(const struct docker_store *store, const char *metadata, const char *configs)
{
    struct engine_root root = docker_store_root(store);
    struct engine_options options = {.use_api = false};
    struct engine_reading *first = NULL, *again = NULL;
    struct engine_token token;
    struct err err;
    double start = cpu_us(), tree, flat, full, warm, tokens;
    size_t files = stat_all(open(metadata, O_RDONLY | O_DIRECTORY | O_CLOEXEC)), images;

    tree = cpu_us() - start;
    start = cpu_us();
    stat_all(open(configs, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    flat = cpu_us() - start;
    start = cpu_us();
    bench_must(docker_driver.read(&root, &options, NULL, &first, &err), &err, "read the store");
    full = cpu_us() - start;
    start = cpu_us();
    bench_must(docker_driver.read(&root, &options, first, &again, &err), &err, "read it again");
    warm = cpu_us() - start;
    images = again->content.image_count;
    engine_reading_close(&first);
    engine_reading_close(&again);
    start = cpu_us();
    for (int i = 0; i < TOKENS; i++)
        bench_must(docker_driver.token(&root, &token, &err), &err, "token");
    tokens = (cpu_us() - start) / TOKENS;
    printf("{\"images\": %zu, \"files\": %zu, \"tree_us\": %.2f, \"flat_us\": %.2f, \"full_us\": "
           "%.2f, \"read_us\": %.2f, \"token_us\": %.3f}\n",
           images, files, tree, flat, full, warm, tokens);
}

int main(int argc, char **argv)
{
    struct tempdir dir;
    struct docker_store store;
    char name[PATH_MAX], metadata[PATH_MAX], configs[PATH_MAX];
    size_t layers;

    if (argc != 4 || (layers = bench_number(argv[2])) > LAYERS_MAX) {
        fprintf(stderr, "usage: look IMAGES LAYERS ROUNDS\n");
        return 2;
    }
    tempdir_open(&dir);
    docker_store_open(&store, &dir, "docker", "overlay2");
    make_store(&store, bench_number(argv[1]), layers);
    tempdir_path(&dir, docker_store_metadata(&store, "", name), metadata);
    tempdir_path(&dir, docker_store_metadata(&store, "imagedb/content/sha256", name), configs);
    for (size_t i = bench_number(argv[3]); i > 0; i--)
        round_of(&store, metadata, configs);
    docker_store_close(&store);
    tempdir_close(&dir);
    return 0;
}
