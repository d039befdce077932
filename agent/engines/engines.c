#include "agent/engines/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "agent/engines/containerd/containerd.h"
#include "agent/engines/docker/docker.h"
#include "agent/engines/oci_layout/oci_layout.h"
#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"
#include "common/log.h"

#define OPEN_TRIES 16 /* RESOLVE_IN_ROOT answers EAGAIN while somebody renames beside the path */

/* containerd first: docker tells which of its stores are docker's. */
const struct engine_driver *const engine_drivers[] = {&containerd_driver, &docker_driver,
                                                      &storage_driver, &oci_layout_driver, NULL};

int engine_paths_add(struct engine_paths *paths, const char *path, struct err *err)
{
    char **items = realloc(paths->items, (paths->count + 1) * sizeof(*items));

    if (items == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to watch %s", path);
    paths->items = items;
    items[paths->count] = strdup(path);
    if (items[paths->count] == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to watch %s", path);
    paths->count++;
    return 0;
}

void engine_paths_free(struct engine_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free(paths->items[i]);
    free(paths->items);
    *paths = (struct engine_paths){0};
}

static bool is_asked(const struct engine_options *options, const struct engine_driver *driver)
{
    for (size_t i = 0; i < options->only.count; i++) {
        if (strcmp(options->only.items[i], driver->name) == 0)
            return true;
    }
    return options->only.count == 0;
}

static bool is_below(const char *path, const char *directory)
{
    size_t len = strlen(directory);

    while (len > 0 && directory[len - 1] == '/')
        len--;
    return strncmp(path, directory, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool is_skipped(const struct engine_options *options, const struct engine_root *root)
{
    for (size_t i = 0; i < options->skip.count; i++) {
        if (is_below(root->path, options->skip.items[i]))
            return true;
    }
    return false;
}

bool engine_allows(const struct engine_options *options, const struct engine_root *root)
{
    return is_asked(options, root->driver) && !is_skipped(options, root);
}

static void drop_skipped(const struct engine_options *options, struct engine_roots *roots)
{
    size_t kept = 0;

    for (size_t i = 0; i < roots->count; i++) {
        if (!is_skipped(options, &roots->items[i]))
            roots->items[kept++] = roots->items[i];
    }
    roots->count = kept;
}

/* The one line about all of them. */
static void log_left_out(const struct engine_roots *roots)
{
    char user[16], count[24];

    if (roots->left_out == 0)
        return;
    snprintf(user, sizeof(user), "%u", roots->left_out_user);
    snprintf(count, sizeof(count), "%zu", roots->left_out);
    log_event(LOG_WARN, "users-stores-left-out", "user", user, "count", count, "why",
              "more stores than one user, or all users together, may have here", NULL);
}

int engine_find(const struct engine_driver *const *drivers, const struct engine_options *options,
                struct engine_roots *roots, struct err *err)
{
    struct err why = {0};
    int rc = 0;

    for (; *drivers != NULL; drivers++) {
        if (!is_asked(options, *drivers) || (*drivers)->find(options, roots, &why) == 0)
            continue;
        if (rc == 0)
            err_set(err, why.kind, "find %s: %s", (*drivers)->name, why.text);
        rc = -1;
    }
    drop_skipped(options, roots);
    log_left_out(roots);
    return rc;
}

int engine_path_set(char out[ENGINE_PATH_MAX], const char *path, struct err *err)
{
    size_t len = strlen(path);

    if (path[0] != '/' || len >= ENGINE_PATH_MAX)
        return err_set(err, ERR_USAGE, "'%.100s' is no absolute path", path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    memcpy(out, path, len);
    out[len] = '\0';
    return 0;
}

void engine_reading_close(struct engine_reading **r)
{
    struct engine_reading *reading = *r;

    *r = NULL;
    if (reading == NULL)
        return;
    arena_close(&reading->arena);
    arena_close(&reading->layers);
    free(reading);
}

void engine_roots_free(struct engine_roots *roots)
{
    free(roots->items);
    *roots = (struct engine_roots){0};
}

static bool same_root(const struct engine_root *a, const struct engine_root *b)
{
    return a->driver == b->driver && strcmp(a->path, b->path) == 0 &&
           strcmp(a->storage, b->storage) == 0 && strcmp(a->space, b->space) == 0;
}

/* Whether the share of this root's user, or of all users, is used up. */
static bool is_past_share(const struct engine_roots *roots, const struct engine_root *root)
{
    size_t users = 0, own = 0;

    for (size_t i = 0; i < roots->count; i++) {
        users += roots->items[i].user != 0;
        own += roots->items[i].user == root->user;
    }
    return users >= ENGINE_USERS_ROOTS_MAX || own >= ENGINE_USER_ROOTS_MAX ||
           roots->count >= REC_STORES_MAX;
}

int engine_roots_add(struct engine_roots *roots, const struct engine_root *root, struct err *err)
{
    struct engine_root *items;

    for (size_t i = 0; i < roots->count; i++) {
        if (same_root(&roots->items[i], root))
            return 0;
    }
    if (root->user != 0 && is_past_share(roots, root)) {
        if (roots->left_out++ == 0)
            roots->left_out_user = root->user;
        return 0;
    }
    if (roots->count >= REC_STORES_MAX)
        return err_set(err, ERR_LIMIT, "%s: more than %d stores on this host", root->path,
                       REC_STORES_MAX);
    items = realloc(roots->items, (roots->count + 1) * sizeof(*items));
    if (items == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for store %s", root->path);
    items[roots->count++] = *root;
    roots->items = items;
    return 0;
}

static int open_at(int base, const char *path, int flags, uint64_t resolve)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .resolve = resolve | RESOLVE_NO_MAGICLINKS,
    };
    long fd = -1;

    for (int i = 0; i < OPEN_TRIES; i++) {
        fd = syscall(SYS_openat2, base, path, &how, sizeof(how));
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    return (int)fd;
}

/* What of a path lies below the root's own; NULL where none of it does. */
static const char *part_below(const struct engine_root *root, const char *path)
{
    size_t len = strlen(root->path);

    if (len == 0 || strncmp(path, root->path, len) != 0 || path[len] != '/')
        return NULL;
    path += len;
    while (*path == '/')
        path++;
    return *path != '\0' ? path : NULL;
}

/* Below its root, a store that is not the system's own is its user's: whatever symlinks he put
 * there, they lead nowhere. In a store of root's they are an administrator's (a graph driver's
 * directory on another disk). */
static int open_below(int base, const struct engine_root *root, const char *path, int flags)
{
    const char *below = part_below(root, path);
    AUTO_FD int dir = -1;
    struct stat st;
    int fd;

    if (below != NULL)
        dir = open_at(base, root->path, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
    if (dir < 0 && below != NULL)
        return -1;
    if (below == NULL || fstat(dir, &st) != 0 || st.st_uid == 0)
        return open_at(base, path, flags, RESOLVE_IN_ROOT);
    fd = open_at(dir, below, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    if (fd < 0 && errno == EXDEV)
        errno = ELOOP;
    return fd;
}

int engine_open(const struct engine_root *root, const char *path, int flags, struct err *err)
{
    bool prefixed = root->host[0] != '\0';
    AUTO_FD int base = open(prefixed ? root->host : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd;

    if (base < 0)
        return err_errno(err, ERR_IO, errno, "open %s", prefixed ? root->host : "/");
    fd = open_below(base, root, path, flags);
    if (fd < 0 && errno == ENOSYS && !prefixed)
        fd = open(path, flags | O_CLOEXEC);
    else if (fd < 0 && errno == ENOSYS)
        return err_set(err, ERR_VERSION,
                       "%s%s: this kernel has no openat2() (Linux 5.6), without which symlinks "
                       "would leave the host's root",
                       root->host, path);
    if (fd < 0)
        return err_errno(err, errno == ENOTDIR || errno == ELOOP ? ERR_CORRUPT : ERR_IO, errno,
                         "open %s%s", root->host, path);
    return fd;
}

bool engine_user_may_tell(uint32_t user, const struct engine_root *root)
{
    AUTO_FD int fd = -1;
    struct stat st;

    if (user == 0)
        return true;
    fd = engine_open(root, root->path, O_PATH | O_DIRECTORY, NULL);
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == user;
}

/* Everything goes in with its length or a fixed size, so that no two inputs look alike. */
static void add_key_text(uint8_t *bytes, size_t *len, const char *text)
{
    size_t text_len = strlen(text) + 1;

    memcpy(bytes + *len, text, text_len);
    *len += text_len;
}

static void add_key_number(uint8_t *bytes, size_t *len, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        bytes[(*len)++] = (uint8_t)(number >> (8 * i));
}

int engine_store_key(struct rec_key *out, const struct engine_root *root, const char *metadata_dir,
                     struct err *err)
{
    AUTO_FD int fd = engine_open(root, metadata_dir, O_PATH | O_DIRECTORY, err);
    uint8_t bytes[2 * 8 + sizeof(root->storage) + sizeof(root->space)];
    struct digest digest;
    struct statfs fs;
    struct stat st;
    uint64_t fsid;
    size_t len = 0;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
        return err_errno(err, ERR_IO, errno, "stat %s%s", root->host, metadata_dir);
    memcpy(&fsid, &fs.f_fsid, sizeof(fsid));
    add_key_number(bytes, &len, fsid);
    add_key_number(bytes, &len, st.st_ino);
    add_key_text(bytes, &len, root->storage);
    add_key_text(bytes, &len, root->space);
    digest = digest_of(bytes, len);
    memcpy(out->bytes, digest.bytes, sizeof(out->bytes));
    return 0;
}
