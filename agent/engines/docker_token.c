/* docker_token: a few stats that differ whenever the store may have changed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/docker.h"
#include "common/check.h"
#include "common/cleanup.h"

#define NS_PER_SECOND 1000000000

/* Bytes of one stat: inode numbers come back (ext4 gives a freed one to the next file), so the
 * change time is what tells; inode and size are beside it for clocks that were set back. */
struct stamp {
    uint64_t ino;
    int64_t ctime_ns;
    int64_t size;
};

static struct stamp stamp_of(const struct stat *st, int64_t *youngest_ns)
{
    struct stamp s = {
        .ino = st->st_ino,
        .ctime_ns = (int64_t)st->st_ctim.tv_sec * NS_PER_SECOND + st->st_ctim.tv_nsec,
        .size = st->st_size,
    };

    if (s.ctime_ns > *youngest_ns)
        *youngest_ns = s.ctime_ns;
    return s;
}

static void put(struct engine_token *out, const void *data, size_t len)
{
    check(out->len + len <= sizeof(out->bytes));
    memcpy(out->bytes + out->len, data, len);
    out->len += len;
}

/* What is not there counts as all zeros: a store may be empty, or be about to become one. */
static int put_stat(struct engine_token *out, int fd, const char *path, int64_t *youngest_ns,
                    struct err *err)
{
    struct stamp s = {0};
    struct stat st;

    if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
        s = stamp_of(&st, youngest_ns);
    else if (errno != ENOENT)
        return err_errno(err, ERR_IO, errno, "stat %s", path);
    put(out, &s, sizeof(s));
    return 0;
}

static void add_container(struct setsum *sum, int fd, const char *name, int64_t *youngest_ns)
{
    char path[NAME_MAX + 32];
    uint8_t element[NAME_MAX + 1 + sizeof(struct stamp)] = {0};
    struct stamp s = {0};
    struct stat st;

    snprintf(path, sizeof(path), "%s/config.v2.json", name);
    if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
        s = stamp_of(&st, youngest_ns);
    memcpy(element, name, strlen(name));
    memcpy(element + NAME_MAX + 1, &s, sizeof(s));
    setsum_add(sum, element, sizeof(element));
}

/* A container's start and stop change only its own file, so each is looked at. */
static int put_containers(struct engine_token *out, const struct engine_root *root,
                          int64_t *youngest_ns, struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};
    struct setsum sum = {{0}};
    struct err why = {0};
    AUTO_FD int fd = docker_open_below(root, "containers", &why);
    uint8_t bytes[32];

    if (fd < 0 && why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, "%s", why.text);
    if (fd >= 0 && (put_stat(out, fd, ".", youngest_ns, err) != 0 ||
                    docker_list(root, fd, "containers", REC_CONTAINERS_MAX, &list, err) != 0))
        return -1;
    for (size_t i = 0; i < list.count; i++)
        add_container(&sum, fd, list.names[i], youngest_ns);
    setsum_bytes(&sum, bytes);
    put(out, bytes, sizeof(bytes));
    return 0;
}

int docker_token(const struct engine_root *root, struct engine_token *out, int64_t *youngest_ns,
                 struct err *err)
{
    static const char *const watched[] = {
        "repositories.json", "imagedb/content/sha256", "imagedb/metadata/sha256",
        "layerdb/sha256",    "layerdb/mounts",
    };
    AUTO_FD int fd = docker_open_metadata(root, "", err);

    *out = (struct engine_token){0};
    *youngest_ns = 0;
    if (fd < 0)
        return -1;
    for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
        if (put_stat(out, fd, watched[i], youngest_ns, err) != 0)
            return -1;
    }
    return put_containers(out, root, youngest_ns, err);
}
