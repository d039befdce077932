/*
 * look IMAGES LAYERS ROUNDS: what the agent's look at an unchanged docker store costs, warm.
 *
 * A store of IMAGES images of LAYERS layers each, half of them shared, made in a temporary
 * directory. One JSON object a round (looking.h): the floors are imagedb's configs, a flat
 * directory, and all metadata, with a directory for each layer.
 */
#include <stdio.h>

#include "tests/bench/looking.h"
#include "tests/bench/rig.h"
#include "tests/support/docker_store.h"

enum { LAYERS_MAX = 64, HISTORY = 10 };

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

int main(int argc, char **argv)
{
    static const char *const metadata[] = {"imagedb/content/sha256", "imagedb/metadata", "layerdb"};
    char paths[3][PATH_MAX], root[PATH_MAX], name[PATH_MAX], driver[] = "docker";
    const char *tree[] = {paths[0], paths[1], paths[2], NULL};
    struct tempdir dir;
    struct docker_store store;
    struct looking look;
    size_t layers;

    if (argc != 4 || (layers = bench_number(argv[2])) > LAYERS_MAX) {
        fprintf(stderr, "usage: look IMAGES LAYERS ROUNDS\n");
        return 2;
    }
    tempdir_open(&dir);
    docker_store_open(&store, &dir, "docker", "overlay2");
    make_store(&store, bench_number(argv[1]), layers);
    for (size_t i = 0; i < 3; i++)
        tempdir_path(&dir, docker_store_metadata(&store, metadata[i], name), paths[i]);
    looking_open(&look, driver, tempdir_path(&dir, "docker", root));
    for (size_t i = bench_number(argv[3]); i > 0; i--)
        looking_round(&look, tree);
    docker_store_close(&store);
    tempdir_close(&dir);
    return 0;
}
