#include "collector/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/store/apply_evidence.h"
#include "collector/store/checkpoint.h"
#include "collector/store/counts.h"
#include "collector/store/migrate.h"
#include "collector/store/remember.h"
#include "collector/store/schema.h"
#include "collector/store/store_lock.h"
#include "collector/store/store_private.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define LOG_FRAMES_MAX 16384 /* of 4 KiB: what "journal_size_limit" keeps of the file */
#define BUSY_MS 5000         /* readers and checkpoints hold locks for far shorter */

enum {
    META_GET_ID,
    META_ADD,
    TX_BEGIN,
    TX_BEGIN_READ,
    TX_COMMIT,
    TX_ROLLBACK,
    MARK,
    MARK_UNDO,
    MARK_KEEP,
};

static const char *const sql[] = {
    [META_GET_ID] = "SELECT value FROM meta WHERE key = 'collector_id'",
    [META_ADD] = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
    [TX_BEGIN] = "BEGIN IMMEDIATE",
    [TX_BEGIN_READ] = "BEGIN",
    [TX_COMMIT] = "COMMIT",
    [TX_ROLLBACK] = "ROLLBACK",
    [MARK] = "SAVEPOINT job",
    [MARK_UNDO] = "ROLLBACK TO job",
    [MARK_KEEP] = "RELEASE job",
};
const struct store_sql store_sql_store = STORE_SQL(sql);

static int execute(struct store *s, int index, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_store, index);

    return stmt_run(&st, err);
}

static int pragma(struct store *s, const char *text, struct err *err)
{
    int status = sqlite3_exec(s->db, text, NULL, NULL, NULL);

    return status == SQLITE_OK ? 0 : store_fail(s, status, err, "set up");
}

/* ---- opening --------------------------------------------------------------------------------- */

static int open_plain(struct store **out, const char *path, bool writes, struct err *err)
{
    AUTO(store_close) struct store *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_set(err, ERR_NO_MEMORY, "open %s", path);
    s->lock_fd = s->file_fd = -1;
    s->writes = writes;
    buf_init(&s->scratch, STORE_SCRATCH_MAX);
    s->path = strdup(path);
    if (s->path == NULL)
        return err_set(err, ERR_NO_MEMORY, "open %s", path);
    *out = steal(&s);
    return 0;
}

/* Statistics of memory that nobody reads would take a lock for each allocation. */
static void set_up_library(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int connect(struct store *s, const char *name, int flags, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int status;

    pthread_once(&once, set_up_library);
    status = sqlite3_open_v2(name, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

    if (status != SQLITE_OK)
        return store_fail(s, status, err, "open");
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return 0;
}

/* Makes the file with our mode before SQLite would make it with its own; -wal and -shm take theirs
 * from it. The descriptor keeps our lock, and is closed after SQLite's: to close it earlier would
 * drop SQLite's own locks. */
static int make_file(int *out, const char *path, struct err *err)
{
    AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
    struct stat st;

    if (fd < 0 && (errno == EACCES || errno == EPERM || errno == EROFS))
        return err_set(
            err, ERR_DENIED,
            "open %s: not writable: check the owner and mode of the file and its folder, "
            "and whether the file system is mounted read-only",
            path);
    if (fd < 0)
        return err_errno(err, ERR_IO, errno, "open %s", path);
    if (fstat(fd, &st) != 0)
        return err_errno(err, ERR_IO, errno, "open %s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_CORRUPT, "%s is not a regular file: name another one", path);
    if (store_lock_file(fd, &st, path, err) != 0)
        return -1;
    *out = steal_fd(&fd);
    return 0;
}

static int need_wal(struct store *s, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int status = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode = WAL", -1, &st, NULL);
    bool wal = false;

    if (status == SQLITE_OK)
        status = sqlite3_step(st);
    if (status == SQLITE_ROW)
        wal = strcmp((const char *)sqlite3_column_text(st, 0), "wal") == 0;
    sqlite3_finalize(st);
    if (status != SQLITE_ROW)
        return store_fail(s, status, err, "set up");
    if (!wal)
        return err_set(err, ERR_IO,
                       "%s: no write-ahead log is possible here: the file system does not share "
                       "memory (a network file system?); keep the database on a local disk",
                       s->path);
    return 0;
}

static int on_commit_logged(void *store, sqlite3 *db, const char *name, int frames)
{
    struct store *s = store;

    (void)db;
    (void)name;
    s->log_frames = frames;
    return SQLITE_OK;
}

static int set_up_writer(struct store *s, struct err *err)
{
    if (need_wal(s, err) != 0)
        return -1;
    /* Every commit is durable before it is acknowledged; checkpoints have a thread of their own. */
    return pragma(s,
                  "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                  "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536;"
                  "PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864",
                  err);
}

static int add_collector_id(struct store *s, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_store, META_ADD);
    struct rec_id id;

    if (getrandom(id.bytes, sizeof(id.bytes), 0) != (ssize_t)sizeof(id.bytes))
        return err_errno(err, ERR_IO, errno, "make the collector's ID");
    stmt_text(&st, "collector_id");
    stmt_blob(&st, id.bytes, sizeof(id.bytes));
    return stmt_run(&st, err);
}

static int bring_up_to_date(struct store *s, struct err *err)
{
    int version;

    if (migrate_version(s->db, s->path, STORE_SCHEMA_VERSION, &version, err) != 0)
        return -1;
    if (set_up_writer(s, err) != 0)
        return -1;
    if (migrate_run(s->db, s->path, version, migrate_steps, STORE_SCHEMA_VERSION, err) != 0)
        return -1;
    if (migrate_views(s->db, s->path, schema_views, err) != 0)
        return -1;
    sqlite3_wal_hook(s->db, on_commit_logged, s);
    return 0;
}

/* Reads the file into memory, and writes what its counters lack. */
static int remember(struct store *s, struct err *err)
{
    bool repaired;

    if (remember_file(s, &repaired, err) != 0)
        return -1;
    if (!repaired)
        return 0;
    return store_begin(s, err) == 0 ? store_commit(s, err) : -1;
}

int store_open_writer(struct store **out, const char *path, struct err *err)
{
    AUTO(store_close) struct store *s = NULL;

    if (open_plain(&s, path, true, err) != 0 || store_lock(&s->lock_fd, path, err) != 0 ||
        make_file(&s->file_fd, path, err) != 0)
        return -1;
    if (connect(s, path, SQLITE_OPEN_READWRITE, err) != 0 || bring_up_to_date(s, err) != 0 ||
        statements_open(s, err) != 0 || add_collector_id(s, err) != 0 ||
        tally_open(&s->tally, err) != 0 || remember(s, err) != 0 ||
        apply_evidence_again(s, err) != 0)
        return -1;
    *out = steal(&s);
    return 0;
}

/* Without a writer there is no -shm, and who may not write the folder cannot make one. Where there
 * is no -wal either, nothing changes the file: it can be read as it lies. */
static int connect_unchanging(struct store *s, struct err *err)
{
    AUTO_FREE char *uri = calloc(1, 3 * strlen(s->path) + sizeof("file:?immutable=1"));
    AUTO_FREE char *wal = NULL;
    char *at;

    if (uri == NULL || asprintf(&wal, "%s-wal", s->path) < 0)
        return err_set(err, ERR_NO_MEMORY, "open %s", s->path);
    if (access(wal, F_OK) == 0)
        return store_fail(s, SQLITE_CANTOPEN, err, "open");
    sqlite3_close(steal(&s->db));
    at = stpcpy(uri, "file:");
    for (const char *c = s->path; *c != '\0'; c++)
        at += strchr("%?#", *c) != NULL ? snprintf(at, 4, "%%%02X", (unsigned char)*c)
                                        : snprintf(at, 2, "%c", *c);
    stpcpy(at, "?immutable=1");
    return connect(s, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
}

static bool readable(struct store *s)
{
    int status = sqlite3_exec(s->db, "PRAGMA schema_version", NULL, NULL, NULL) & 0xFF;

    return status != SQLITE_CANTOPEN && status != SQLITE_READONLY;
}

static int need_version(struct store *s, struct err *err)
{
    int version;

    if (migrate_version(s->db, s->path, STORE_SCHEMA_VERSION, &version, err) != 0)
        return -1;
    if (version == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "%s is empty: start 'layercensus-collector serve' with it once", s->path);
    if (version != STORE_SCHEMA_VERSION)
        return err_set(err, ERR_VERSION,
                       "%s has schema %d, this program reads %d: start the collector of this "
                       "version once, which brings the file up to date and keeps a backup",
                       s->path, version, STORE_SCHEMA_VERSION);
    return 0;
}

int store_open_reader(struct store **out, const char *path, struct err *err)
{
    AUTO(store_close) struct store *s = NULL;

    if (access(path, F_OK) != 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND,
                       "there is no database %s: name the collector's, or start "
                       "'layercensus-collector serve' to make one",
                       path);
    if (access(path, R_OK) != 0)
        return err_errno(err, ERR_IO, errno, "read %s", path);
    if (open_plain(&s, path, false, err) != 0 || connect(s, path, SQLITE_OPEN_READONLY, err) != 0)
        return -1;
    if (!readable(s) && connect_unchanging(s, err) != 0)
        return -1;
    if (need_version(s, err) != 0 ||
        pragma(s, "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY", err) != 0 ||
        statements_open(s, err) != 0)
        return -1;
    *out = steal(&s);
    return 0;
}

int store_open_checkpointer(struct store **out, const char *path, struct err *err)
{
    AUTO(store_close) struct store *s = NULL;

    if (open_plain(&s, path, false, err) != 0 || connect(s, path, SQLITE_OPEN_READWRITE, err) != 0)
        return -1;
    if (pragma(s, "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0", err) != 0)
        return -1;
    *out = steal(&s);
    return 0;
}

void store_close(struct store **s)
{
    struct store *old = *s;

    if (old == NULL)
        return;
    *s = NULL;
    store_rollback(old);
    mirror_close(&old->mirror);
    tally_close(&old->tally);
    buf_close(&old->scratch);
    statements_close(old);
    if (old->writes && old->db != NULL)
        sqlite3_wal_checkpoint_v2(old->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_close(old->db);
    if (old->file_fd >= 0)
        close(old->file_fd);
    if (old->lock_fd >= 0)
        close(old->lock_fd);
    free(old->path);
    free(old);
}

const char *store_path(const struct store *s)
{
    return s->path;
}

int store_collector_id(struct store *s, struct rec_id *out, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_store, META_GET_ID);
    int more = stmt_row(&st, err);

    if (more == 0)
        return err_set(err, ERR_CORRUPT, "%s has no collector ID: restore a backup", s->path);
    return more < 0 ? -1 : stmt_get_id(&st, 0, out->bytes, err);
}

/* ---- transactions ---------------------------------------------------------------------------- */

int store_begin(struct store *s, struct err *err)
{
    bool repaired;

    check(!s->in_transaction);
    s->lost.kind = ERR_NONE;
    if (s->writes && s->mirror == NULL && remember_file(s, &repaired, err) != 0)
        return -1;
    if (execute(s, s->writes ? TX_BEGIN : TX_BEGIN_READ, err) != 0)
        return -1;
    s->in_transaction = true;
    if (s->writes)
        s->begun = mirror_mark(s->mirror);
    return 0;
}

/* Whether the transaction still stands; *err says why SQLite took it back. */
static int still_there(struct store *s, struct err *err)
{
    check(s->in_transaction);
    if (s->lost.kind == ERR_NONE)
        return 0;
    if (err != NULL)
        *err = s->lost;
    return -1;
}

int store_commit(struct store *s, struct err *err)
{
    if (still_there(s, err) != 0 || (s->writes && tally_put(s->tally, s->mirror, err) != 0)) {
        store_rollback(s);
        return -1;
    }
    if ((s->writes && counts_write(s, err) != 0) || execute(s, TX_COMMIT, err) != 0) {
        /* What of it is in the file is not known: memory is read again from there. */
        mirror_close(&s->mirror);
        store_rollback(s);
        return -1;
    }
    s->in_transaction = false;
    if (s->mirror != NULL)
        mirror_keep(s->mirror);
    return 0;
}

void store_rollback(struct store *s)
{
    if (!s->in_transaction)
        return;
    if (!sqlite3_get_autocommit(s->db))
        execute(s, TX_ROLLBACK, NULL);
    s->in_transaction = false;
    if (s->mirror == NULL)
        return;
    mirror_back(s->mirror, &s->begun);
    tally_forget(s->tally);
}

int store_mark(struct store *s, struct err *err)
{
    if (still_there(s, err) != 0 || execute(s, MARK, err) != 0)
        return -1;
    s->marked = mirror_mark(s->mirror);
    return 0;
}

int store_mark_keep(struct store *s, struct err *err)
{
    if (still_there(s, err) != 0 || tally_put(s->tally, s->mirror, err) != 0)
        return -1;
    return execute(s, MARK_KEEP, err);
}

void store_mark_undo(struct store *s)
{
    struct err why;

    if (still_there(s, NULL) != 0)
        return;
    mirror_back(s->mirror, &s->marked);
    tally_forget(s->tally);
    /* What cannot be undone must not be committed. */
    if (execute(s, MARK_UNDO, &why) != 0 || execute(s, MARK_KEEP, &why) != 0)
        s->lost = why;
}

/* ---- the file -------------------------------------------------------------------------------- */

bool store_log_is_long(const struct store *s)
{
    return s->log_frames > LOG_FRAMES_MAX;
}

void store_interrupt(struct store *s)
{
    sqlite3_interrupt(s->db);
}

int store_checkpoint(struct store *s, int *left, struct err *err)
{
    int frames = 0, copied = 0;
    int status =
        sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);

    /* Busy: another checkpoint runs, or a reader holds old frames. The next one gets them. */
    if (status != SQLITE_OK && (status & 0xFF) != SQLITE_BUSY)
        return store_fail(s, status, err, "checkpoint");
    *left = frames > copied ? frames - copied : 0;
    return 0;
}

int store_backup(struct store *s, const char *target, struct err *err)
{
    return migrate_backup(s->db, target, err);
}
