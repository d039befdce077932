#include "agent/engines/docker/docker_kept.h"

#include <stdlib.h>

#include "agent/engines/docker/docker.h"

static int compare_images(const void *a, const void *b)
{
    return digest_cmp(&((const struct docker_kept_image *)a)->id,
                      &((const struct docker_kept_image *)b)->id);
}

const struct docker_kept_image *docker_kept_image(const struct docker_kept *kept,
                                                  const struct digest *id)
{
    struct docker_kept_image key = {.id = *id};

    if (kept == NULL || kept->image_count == 0)
        return NULL;
    return bsearch(&key, kept->images, kept->image_count, sizeof(key), compare_images);
}

const struct docker_layer *docker_kept_layer(const struct docker_kept *kept,
                                             const struct digest *chain)
{
    if (kept == NULL)
        return NULL;
    return docker_layer_in(kept->layers, kept->layer_count, chain);
}
