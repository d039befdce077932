/* storage_libpod: where podman's run root is, from podman's own database: libpod/bolt_state.db of
 * podman 4, db.sql of podman 5. It stands over the configuration, and tells of stores that no
 * configuration does (`podman --root`). A database that speaks of another graph root was copied
 * here, and says nothing. */
#include <fcntl.h>
#include <string.h>

#include "agent/engines/bolt.h"
#include "agent/engines/foreign_sqlite.h"
#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"

#define DATABASE_BYTES (64 << 20)

/* What a database says. */
struct places {
    char graph[ENGINE_PATH_MAX], run[ENGINE_PATH_MAX];
};

static void take(char out[ENGINE_PATH_MAX], const void *text, size_t len)
{
    if (len >= ENGINE_PATH_MAX || memchr(text, '\0', len) != NULL)
        len = 0;
    memcpy(out, text, len);
    out[len] = '\0';
}

static int open_place(const struct engine_root *root, const char *below)
{
    char path[ENGINE_PATH_MAX];

    if (snprintf(path, sizeof(path), "%s%s", root->path, below) >= (int)sizeof(path))
        return -1;
    return engine_open(root, path, O_RDONLY | O_DIRECTORY, NULL);
}

static bool read_bolt(const struct engine_root *root, struct places *out)
{
    AUTO(bolt_close) struct bolt *db = NULL;
    AUTO_FD int fd = open_place(root, "/libpod");
    struct bolt_bucket top, config;
    struct bolt_bytes graph, run;

    if (fd < 0 || bolt_open(&db, fd, "bolt_state.db", DATABASE_BYTES, NULL) != 0 ||
        bolt_root(&top, db, NULL) != 0 || bolt_bucket(&config, &top, "runtime-config", NULL) != 0 ||
        bolt_get(&graph, &config, "graph-root", NULL) != 0 ||
        bolt_get(&run, &config, "run-root", NULL) != 0)
        return false;
    take(out->graph, graph.data, graph.len);
    take(out->run, run.data, run.len);
    return true;
}

static int on_row(void *arg, const char *const *columns, struct err *err)
{
    struct places *out = arg;

    (void)err;
    if (columns[0] != NULL && columns[1] != NULL) {
        take(out->graph, columns[0], strlen(columns[0]));
        take(out->run, columns[1], strlen(columns[1]));
    }
    return 0;
}

static bool read_sqlite(const struct engine_root *root, struct places *out)
{
    static const char *const columns[] = {"GraphRoot", "RunRoot", NULL};
    AUTO(foreign_sqlite_close) struct foreign_sqlite *db = NULL;
    AUTO_FD int fd = open_place(root, "");

    return fd >= 0 && foreign_sqlite_open(&db, fd, "db.sql", DATABASE_BYTES, NULL) == 0 &&
           foreign_sqlite_ask(db, "DBConfig", columns, 1, on_row, out, NULL) == 0;
}

void storage_libpod_run_root(struct engine_root *root)
{
    struct places found = {.graph = ""};

    if (!read_sqlite(root, &found) && !read_bolt(root, &found))
        return;
    if (strcmp(found.graph, root->path) == 0 && found.run[0] == '/')
        memcpy(root->run, found.run, sizeof(root->run));
}
