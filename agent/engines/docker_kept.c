#include "agent/engines/docker_kept.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/engines/docker.h"
#include "common/clock.h"

#define NS_PER_MS 1000000
#define NS_PER_SECOND 1000000000

static int64_t ns_of(const struct timespec *t)
{
    return (int64_t)t->tv_sec * NS_PER_SECOND + t->tv_nsec;
}

struct docker_stamp docker_stamp_at(int fd, const char *path)
{
    struct docker_stamp stamp = {0};
    struct stat st;

    if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 ||
        ns_of(&st.st_ctim) > clock_wall_ms() * NS_PER_MS - DOCKER_MOVING_NS)
        return stamp;
    stamp.device = st.st_dev;
    stamp.inode = st.st_ino;
    stamp.size = st.st_size;
    stamp.mtime_ns = ns_of(&st.st_mtim);
    stamp.ctime_ns = ns_of(&st.st_ctim);
    return stamp;
}

bool docker_stamp_eq(const struct docker_stamp *a, const struct docker_stamp *b)
{
    return a->inode != 0 && a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

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
