#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/rules/catalogue_file.h"
#include "collector/rules/yaml.h"
#include "collector/rules/yaml_write.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define INDENT "    "
#define NEW_FILE_MODE 0640 /* whatever the umask: the collector reads what an operator wrote */

/* ---- as text --------------------------------------------------------------------------------- */

static int write_time(struct buf *b, const char *key, int64_t time_s, struct err *err)
{
    char text[CLOCK_TEXT];

    return time_s == 0 ? 0 : yaml_write_pair(b, INDENT, key, clock_text(time_s * 1000, text), err);
}

static int write_digest(struct buf *b, const char *before, const struct digest *d, struct err *err)
{
    return buf_add_str(b, before, err) == 0 && yaml_write_digest(b, d, err) == 0
               ? buf_add_str(b, "\n", err)
               : -1;
}

static int write_base(struct buf *b, const struct catalogue_base *base, struct err *err)
{
    static const struct digest none;

    if (yaml_write_pair(b, "  - ", "name", base->name, err) != 0 ||
        yaml_write_pair(b, INDENT, "platform", base->platform, err) != 0 ||
        yaml_write_pair(b, INDENT, "family", base->family, err) != 0 ||
        yaml_write_pair(b, INDENT, "version", base->version, err) != 0 ||
        yaml_write_pair(b, INDENT, "source", base->source, err) != 0 ||
        write_time(b, "created", base->created_s, err) != 0 ||
        write_time(b, "added", base->added_s, err) != 0)
        return -1;
    if (!digest_eq(&base->digest, &none) &&
        write_digest(b, INDENT "digest: ", &base->digest, err) != 0)
        return -1;
    if (write_digest(b, INDENT "chain: ", &base->chain, err) != 0 ||
        buf_add_str(b, INDENT "layers:\n", err) != 0)
        return -1;
    for (size_t i = 0; i < base->layers; i++)
        if (write_digest(b, INDENT "  - ", &base->diffs[i], err) != 0)
            return -1;
    return 0;
}

static int write_registries(struct buf *b, const struct catalogue *c, struct err *err)
{
    if (c->registry_count > 0 && buf_add_str(b, "  registries:\n", err) != 0)
        return -1;
    for (size_t i = 0; i < c->registry_count; i++)
        if (buf_add_str(b, INDENT "- ", err) != 0 ||
            yaml_write_text(b, c->registries[i], err) != 0 || buf_add_str(b, "\n", err) != 0)
            return -1;
    return 0;
}

static int write_trust(struct buf *b, const struct catalogue *c, struct err *err)
{
    if (c->registry_count + c->namer_count == 0)
        return 0;
    if (buf_add_str(b, "\ntrust:\n", err) != 0 || write_registries(b, c, err) != 0)
        return -1;
    if (c->namer_count > 0 && buf_add_str(b, "  stores:\n", err) != 0)
        return -1;
    for (size_t i = 0; i < c->namer_count; i++)
        if (yaml_write_pair(b, INDENT "- ", "host", c->namers[i].host, err) != 0 ||
            yaml_write_pair(b, INDENT "  ", "root", c->namers[i].root, err) != 0)
            return -1;
    return 0;
}

static int write_all(struct buf *b, const struct catalogue *c, struct err *err)
{
    if (c->base_count > 0 && buf_add_str(b, "bases:\n", err) != 0)
        return -1;
    for (size_t i = 0; i < c->base_count; i++)
        if (write_base(b, &c->bases[i], err) != 0)
            return -1;
    if (c->family_count > 0 && buf_add_str(b, "\nfamilies:\n", err) != 0)
        return -1;
    for (size_t i = 0; i < c->family_count; i++)
        if (yaml_write_pair(b, "  ", c->families[i].pattern, c->families[i].family, err) != 0)
            return -1;
    return write_trust(b, c, err);
}

/* ---- as a file ------------------------------------------------------------------------------- */

/* The comment that the file begins with: lines of '#' and empty ones up to the first other line. */
static int add_head(struct buf *out, const struct buf *old, struct err *err)
{
    const char *text = buf_str(old);
    size_t head = 0;

    for (size_t at = 0; at < old->len && (text[at] == '#' || text[at] == '\n');) {
        const char *end = memchr(text + at, '\n', old->len - at);

        at = end != NULL ? (size_t)(end + 1 - text) : old->len;
        head = at;
    }
    if (buf_add(out, text, head, err) != 0)
        return -1;
    return head > 0 && text[head - 1] != '\n' ? buf_add_str(out, "\n", err) : 0;
}

static int write_fd(int fd, const struct buf *b)
{
    for (size_t done = 0; done < b->len;) {
        ssize_t n = write(fd, b->data + done, b->len - done);

        if (n < 0 && errno != EINTR)
            return -1;
        done += n > 0 ? (size_t)n : 0;
    }
    return fsync(fd);
}

/* The folder that the file lies in; free it. NULL where there is no memory. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;

    return slash != NULL ? strndup(path, len > 0 ? len : 1) : strdup(".");
}

/* The looks of a new file. Who may not give it to the folder's group keeps it in his own. */
static int new_looks(int fd, const char *path)
{
    AUTO_FREE char *folder = folder_of(path);
    struct stat st;

    if (folder == NULL || stat(folder, &st) != 0)
        return -1;
    if (fchown(fd, (uid_t)-1, st.st_gid) != 0 && errno != EPERM)
        return -1;
    return fchmod(fd, NEW_FILE_MODE);
}

/* Mode and, where this user may, owner and group of the file that it replaces. */
static int keep_looks(int fd, const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return errno == ENOENT ? new_looks(fd, path) : -1;
    if (fchown(fd, st.st_uid, st.st_gid) != 0 &&
        (errno != EPERM || (fchown(fd, (uid_t)-1, st.st_gid) != 0 && errno != EPERM)))
        return -1;
    return fchmod(fd, st.st_mode & 07777);
}

static int sync_folder(const char *path)
{
    AUTO_FREE char *folder = folder_of(path);
    AUTO_FD int fd = folder != NULL ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    return fd >= 0 ? fsync(fd) : -1;
}

static int replace(const char *path, const struct buf *b, struct err *err)
{
    AUTO_FREE char *aside = NULL;
    AUTO_FD int fd = -1;
    int why;

    if (asprintf(&aside, "%s.new", path) < 0) {
        aside = NULL;
        return err_set(err, ERR_NO_MEMORY, "no memory for a file's name");
    }
    fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, NEW_FILE_MODE);
    if (fd < 0)
        return err_errno(err, ERR_IO, errno, "write %s", aside);
    if (keep_looks(fd, path) == 0 && write_fd(fd, b) == 0 && rename(aside, path) == 0 &&
        sync_folder(path) == 0)
        return 0;
    why = errno;
    unlink(aside);
    return err_errno(err, ERR_IO, why, "write %s", path);
}

static int write_locked(const struct catalogue *c, const char *path, const struct buf *old,
                        struct err *err)
{
    AUTO(buf_close) struct buf text;

    buf_init(&text, YAML_BYTES_MAX);
    if (add_head(&text, old, err) != 0 || write_all(&text, c, err) != 0)
        return err_wrap(err, "write %s", path);
    return replace(path, &text, err);
}

/* The file that links lead to, so that they stay; "PATH" itself where there is none yet. */
static char *follow(const char *path, struct err *err)
{
    struct err why = {.kind = ERR_NONE};
    char *real = yaml_follow(path, &why);

    if (real == NULL && why.kind == ERR_NOT_FOUND)
        real = strdup(path);
    else if (real == NULL)
        err_set(err, why.kind, "%s", why.text);
    return real;
}

/* Waits: who holds it is done in an instant. Who may only read the file can lock it, so that all of
 * the group can. */
static int lock(int *fd, const char *path, struct err *err)
{
    AUTO_FREE char *name = NULL;
    struct stat st;
    int rc;

    if (asprintf(&name, "%s.lock", path) < 0) {
        name = NULL;
        return err_set(err, ERR_NO_MEMORY, "no memory for a file's name");
    }
    *fd = open(name, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, NEW_FILE_MODE);
    if (*fd < 0)
        return err_errno(err, ERR_IO, errno, "open %s", name);
    if (fstat(*fd, &st) != 0 || (st.st_uid == geteuid() && new_looks(*fd, path) != 0))
        return err_errno(err, ERR_IO, errno, "make %s", name);
    do
        rc = flock(*fd, LOCK_EX);
    while (rc != 0 && errno == EINTR);
    return rc == 0 ? 0 : err_errno(err, ERR_IO, errno, "lock %s", name);
}

/* A file that is not there is an empty one. */
static int read_old(struct buf *old, const char *path, struct err *err)
{
    struct err why = {.kind = ERR_NONE};

    if (buf_read_file_at(old, AT_FDCWD, path, &why) == 0 || why.kind == ERR_NOT_FOUND)
        return 0;
    return err_set(err, why.kind, "%s", why.text);
}

int catalogue_edit(const char *path,
                   int (*change)(struct catalogue *c, void *data, struct arena *arena,
                                 struct err *err),
                   void *data, struct arena *arena, struct err *err)
{
    AUTO_FREE char *real = follow(path, err);
    AUTO(buf_close) struct buf old;
    AUTO_FD int held = -1;
    struct catalogue c;

    buf_init(&old, YAML_BYTES_MAX);
    if (real == NULL || lock(&held, real, err) != 0 || read_old(&old, real, err) != 0 ||
        catalogue_parse(&c, real, buf_str(&old), old.len, arena, err) != 0 ||
        change(&c, data, arena, err) != 0)
        return -1;
    return write_locked(&c, real, &old, err);
}
