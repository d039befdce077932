#include "agent/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#include "agent/content_manifest.h"
#include "agent/walk.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/utf8.h"

#define BLOCK_BYTES 512u    /* the unit of st_blocks, whatever the file system */
#define NOMINAL_BYTES 4096u /* design, section 2 */

struct counter {
    struct measure_result result;
    struct inode_set seen;
};

static bool is_first_link(struct inode_set *seen, const struct stat *st, bool *first,
                          struct err *err)
{
    *first = true;
    if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
        return true;
    return inode_set_add(seen, st->st_dev, st->st_ino, first, err) == 0;
}

static void count_file(struct measure_result *r, const struct stat *st)
{
    uint64_t size = (uint64_t)st->st_size;

    r->files++;
    r->content_bytes += size;
    r->nominal_bytes += (size + NOMINAL_BYTES - 1) / NOMINAL_BYTES * NOMINAL_BYTES;
    if ((uint64_t)st->st_blocks * BLOCK_BYTES < size)
        r->sparse_files++;
}

static int count_entry(void *arg, const struct stat *st, struct err *err)
{
    struct counter *c = arg;
    struct measure_result *r = &c->result;
    bool first;

    if (!is_first_link(&c->seen, st, &first, err))
        return -1;
    if (!first) {
        r->hard_links++;
        return 0;
    }
    r->allocated_bytes += (uint64_t)st->st_blocks * BLOCK_BYTES;
    if (S_ISDIR(st->st_mode)) {
        r->directories++;
        r->nominal_bytes += NOMINAL_BYTES;
    } else if (S_ISREG(st->st_mode)) {
        count_file(r, st);
    } else {
        r->others++;
    }
    return 0;
}

/* ---- os-release -------------------------------------------------------------------------------
 */

/* etc/os-release is often a relative link to usr/lib: it is followed, within the layer only. */
static int open_beneath(int dir, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };

    return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

static bool is_text(const char *text, size_t len)
{
    size_t step;

    for (size_t i = 0; i < len; i += step) {
        step = utf8_sequence(text + i, len - i);
        if (step == 0 || text[i] == '\0')
            return false;
    }
    return true;
}

/* NULL where there is none, or none that can be sent. */
static char *read_os_release(int dir, const char *path)
{
    char text[REC_OS_RELEASE_BYTES + 1];
    AUTO_FD int fd = open_beneath(dir, path);
    struct stat st;
    ssize_t got;

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return NULL;
    do
        got = read(fd, text, sizeof(text));
    while (got < 0 && errno == EINTR);
    if (got <= 0 || got > REC_OS_RELEASE_BYTES || !is_text(text, (size_t)got))
        return NULL;
    return strndup(text, (size_t)got);
}

/* ---- public ---------------------------------------------------------------------------------- */

static void close_counter(struct counter *c)
{
    measure_result_free(&c->result);
    inode_set_close(&c->seen);
}

int measure_directory(const struct engine_root *root, const char *path,
                      const struct measure_limits *limits, struct measure_result *out,
                      struct err *err)
{
    AUTO(close_counter) struct counter c = {0};
    struct walk w = {.limits = limits, .entry = count_entry, .arg = &c};
    AUTO_FD int fd = engine_open(root, path, O_PATH | O_DIRECTORY, err);

    if (fd < 0 || walk_tree(&w, fd, path, err) != 0)
        return -1;
    if (w.vanished > 0)
        return err_set(err, ERR_MOVED, "%s: %ju entries vanished while it was measured", path,
                       (uintmax_t)w.vanished);
    c.result.os_release = read_os_release(fd, "etc/os-release");
    if (c.result.os_release == NULL)
        c.result.os_release = read_os_release(fd, "usr/lib/os-release");
    c.result.base_layers = content_manifest_layers(fd);
    *out = c.result;
    c.result = (struct measure_result){0};
    return 0;
}

/* 0 also where the path is not there, vanishes, or is a user's symlink out of his store. */
static int add_allocated(struct walk *w, const struct engine_root *root, const char *path,
                         struct err *err)
{
    struct err why = {0};
    AUTO_FD int fd = engine_open(root, path, O_PATH, &why);

    w->entries = 0;
    if (fd >= 0 && walk_tree(w, fd, path, &why) == 0)
        return 0;
    if (why.kind == ERR_NOT_FOUND || why.kind == ERR_MOVED || why.kind == ERR_CORRUPT)
        return 0;
    return err_set(err, why.kind, "%s", why.text);
}

int measure_others(const struct engine_root *root, const char *const *paths, size_t count,
                   const struct inode_set *exclude, const struct measure_limits *limits,
                   uint64_t *bytes, uint64_t *entries, struct err *err)
{
    AUTO(close_counter) struct counter c = {0};
    struct walk w = {.limits = limits, .exclude = exclude, .entry = count_entry, .arg = &c};
    uint64_t total = 0;

    for (size_t i = 0; i < count; i++) {
        if (add_allocated(&w, root, paths[i], err) != 0)
            return -1;
        total += w.entries;
    }
    *bytes = c.result.allocated_bytes;
    *entries = total;
    return 0;
}

int measure_allocated(const struct engine_root *root, const char *const *paths, size_t count,
                      const struct measure_limits *limits, uint64_t *bytes, uint64_t *entries,
                      struct err *err)
{
    return measure_others(root, paths, count, NULL, limits, bytes, entries, err);
}

void measure_result_free(struct measure_result *r)
{
    free(r->os_release);
    r->os_release = NULL;
}
