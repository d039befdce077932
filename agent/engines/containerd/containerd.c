#include "agent/engines/containerd/containerd.h"

#include <fcntl.h>
#include <string.h>

#include "agent/engines/containerd/containerd_api.h"
#include "agent/engines/containerd/containerd_pass.h"
#include "agent/engines/dirlist.h"
#include "agent/engines/docker/docker_use.h"
#include "agent/engines/process.h"
#include "common/cleanup.h"

#define DOCUMENT_TIMEOUT_MS 10000
#define API_STEP_MS 60000

/* ---- noticing -------------------------------------------------------------------------------- */

/* A task that ends stays until somebody removes it, and no file tells: so each is looked at. */
static int add_running(const struct engine_root *root, int tasks, struct engine_token *out,
                       struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};
    AUTO(process_view_close) struct process_view view = {.proc_fd = -1};
    struct setsum sum = {{0}};
    uint8_t bytes[32];
    int64_t started_ms;

    if (dirlist_read(&list, tasks, REC_CONTAINERS_MAX, root->run, err) != 0)
        return -1;
    process_view_open(&view, root);
    for (size_t i = 0; i < list.count; i++) {
        if (containerd_task_runs(tasks, list.names[i], &view, &started_ms))
            setsum_add(&sum, list.names[i], strlen(list.names[i]));
    }
    setsum_bytes(&sum, bytes);
    pass_token_put(out, bytes, sizeof(bytes));
    return 0;
}

/* Containers come and go in the state directory: meta.db tells of those that are made and removed,
 * not of those that start and end. */
static int add_tasks(const struct engine_root *root, struct engine_token *out, int64_t *youngest_ns,
                     struct err *err)
{
    char path[ENGINE_PATH_MAX + sizeof(CONTAINERD_TASKS) + sizeof(root->space)];
    AUTO_FD int tasks = -1;

    if (root->run[0] == '\0')
        return 0;
    snprintf(path, sizeof(path), "%s/" CONTAINERD_TASKS "/%s", root->run, root->space);
    tasks = engine_open(root, path, O_RDONLY | O_DIRECTORY, NULL);
    if (tasks < 0)
        return 0;
    return pass_token_stat(out, tasks, ".", youngest_ns, err) == 0
               ? add_running(root, tasks, out, err)
               : -1;
}

/* By API there is no number to read, but often the time of the file that holds it; else one list a
 * step, which costs the daemon some 10 ms. */
static int add_unread(const struct engine_root *root, struct engine_token *out,
                      int64_t *youngest_ns, struct err *err)
{
    char path[ENGINE_PATH_MAX + 64];
    AUTO_FD int fd = -1;

    snprintf(path, sizeof(path), "%s/" CONTAINERD_METADATA, root->path);
    fd = engine_open(root, path, O_PATH | O_DIRECTORY, NULL);
    if (fd >= 0)
        return pass_token_stat(out, fd, "meta.db", youngest_ns, err);
    pass_token_step(out, API_STEP_MS);
    return 0;
}

/* Both files: a layer is committed to its snapshotter's first, and then to meta.db. */
static int add_versions(const struct engine_root *root, struct engine_token *out, struct err *err)
{
    struct containerd_versions versions;

    if (containerd_state_versions(&versions, root, root->storage, err) != 0)
        return -1;
    pass_token_put(out, &versions, sizeof(versions));
    return 0;
}

int containerd_token(const struct engine_root *root, struct engine_token *out, int64_t *youngest_ns,
                     struct err *err)
{
    *out = (struct engine_token){.len = 0};
    *youngest_ns = 0;
    if ((root->by_api ? add_unread(root, out, youngest_ns, err) : add_versions(root, out, err)) !=
            0 ||
        add_tasks(root, out, youngest_ns, err) != 0)
        return -1;
    if (root->docker[0] == '\0')
        return 0;
    return docker_use_token(root, root->docker, out, youngest_ns, err);
}

static int token(const struct engine_root *root, struct engine_token *out, struct err *err)
{
    int64_t youngest_ns;

    return containerd_token(root, out, &youngest_ns, err);
}

/* meta.db is written into. A namespace's directory of tasks is there from its first container on:
 * until then the one above tells. */
int containerd_watches(const struct engine_root *root, struct engine_paths *out, struct err *err)
{
    char path[ENGINE_PATH_MAX + 256];
    AUTO_FD int tasks = -1;

    snprintf(path, sizeof(path), "%s/" CONTAINERD_METADATA "/meta.db", root->path);
    if (engine_paths_add(out, path, err) != 0)
        return -1;
    if (root->run[0] != '\0') {
        snprintf(path, sizeof(path), "%s/" CONTAINERD_TASKS "/%s", root->run, root->space);
        tasks = engine_open(root, path, O_PATH | O_DIRECTORY, NULL);
        if (tasks < 0)
            *strrchr(path, '/') = '\0';
        if (engine_paths_add(out, path, err) != 0)
            return -1;
    }
    return root->docker[0] != '\0' ? docker_use_watches(root, root->docker, out, err) : 0;
}

/* ---- documents ------------------------------------------------------------------------------- */

static int document_by_api(const struct engine_root *root, const struct digest *digest,
                           struct buf *out, struct err *err)
{
    const struct engine_options options = {.containerd_socket = root->socket,
                                           .api_timeout_ms = DOCUMENT_TIMEOUT_MS};
    char text[DIGEST_TEXT];
    struct digest found;

    if (containerd_api_document(root, &options, digest, out, err) != 0)
        return err_wrap(err, "document %s", digest_text(digest, text));
    found = digest_of(out->data, out->len);
    if (digest_eq(&found, digest))
        return 0;
    buf_reset(out);
    return err_set(err, ERR_CORRUPT, "document %s does not have that digest",
                   digest_text(digest, text));
}

/* Documents of every kind are blobs. */
static int document(const struct engine_root *root, enum rec_document_kind kind,
                    const struct digest *digest, struct buf *out, struct err *err)
{
    char text[DIGEST_TEXT];
    AUTO_FD int fd = -1;

    (void)kind;
    if (root->by_api)
        return document_by_api(root, digest, out, err);
    fd = containerd_open_below(root, CONTAINERD_CONTENT "/blobs/sha256", err);
    if (fd < 0 || content_blob_verified(fd, digest, out, err) != 0)
        return err_wrap(err, "document %s", digest_text(digest, text));
    return 0;
}

const struct engine_driver containerd_driver = {
    .name = "containerd",
    .gives_manifests = true,
    .find = containerd_find,
    .token = token,
    .read = containerd_read,
    .watches = containerd_watches,
    .document = document,
    .answers = containerd_api_answers,
    .cross_check = containerd_cross_check,
};
