#include "collector/store/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h> /* NAME_MAX */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector/store/schema.h"
#include "collector/store/store.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/log.h"

#define BACKUP_PAGES 1024 /* copied in one step, so that nobody waits long for the lock */
#define BACKUP_WAIT_MS 50
#define BACKUP_TRIES 200 /* times in a row that the source may be busy */

const char *const migrate_steps[] = {schema_001, schema_002, schema_003, schema_004, schema_005};
_Static_assert(sizeof(migrate_steps) / sizeof(migrate_steps[0]) == STORE_SCHEMA_VERSION,
               "one step for each schema version");

static void finalize(sqlite3_stmt **st)
{
    sqlite3_finalize(*st);
}

static void close_database(sqlite3 **db)
{
    sqlite3_close(*db);
}

/* What an operator does about each failure of SQLite. */
static const struct {
    int status;
    enum err_kind kind;
    const char *advice;
} failures[] = {
    {SQLITE_FULL, ERR_IO, "the disk is full: make room there, nothing acknowledged is lost"},
    {SQLITE_BUSY, ERR_BUSY, "another program holds it locked: end that program"},
    {SQLITE_LOCKED, ERR_BUSY, "another program holds it locked: end that program"},
    {SQLITE_READONLY, ERR_DENIED,
     "it cannot be written: check the owner and mode of the file and "
     "its folder, and whether the file system is mounted read-only"},
    {SQLITE_PERM, ERR_DENIED, "check the owner and mode of the file and its folder"},
    {SQLITE_AUTH, ERR_DENIED, "check the owner and mode of the file and its folder"},
    {SQLITE_CANTOPEN, ERR_DENIED, "check that its folder exists and can be read and written"},
    {SQLITE_CORRUPT, ERR_CORRUPT,
     "the file is damaged: run 'layercensus-collector check', or "
     "restore a backup"},
    {SQLITE_NOTADB, ERR_CORRUPT,
     "the file is not a database: name another one, or restore a "
     "backup"},
    {SQLITE_NOMEM, ERR_NO_MEMORY, "give the program more memory"},
    {SQLITE_TOOBIG, ERR_LIMIT, "a value is longer than the database takes"},
    {SQLITE_CONSTRAINT, ERR_CONFLICT, "the data contradict what is stored"},
    {SQLITE_INTERRUPT, ERR_CANCELED, "given up"},
    {SQLITE_IOERR, ERR_IO, "the disk or file system failed: see the kernel's log"},
};

int migrate_fail(sqlite3 *db, int status, const char *path, struct err *err, const char *doing)
{
    int system_error = db != NULL ? sqlite3_system_errno(db) : 0;
    const char *reason = db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(status);
    char system_text[128] = "";
    char detail[128] = "";

    if ((status & 0xFF) == SQLITE_IOERR && (system_error == ENOSPC || system_error == EDQUOT))
        status = SQLITE_FULL;
    if ((status & 0xFF) == SQLITE_IOERR && system_error != 0)
        snprintf(detail, sizeof(detail), " (%s)",
                 strerror_r(system_error, system_text, sizeof(system_text)));
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
        if (failures[i].status == (status & 0xFF))
            return err_set(err, failures[i].kind, "%s %s: %s%s; %s", doing, path, reason, detail,
                           failures[i].advice);
    return err_set(err, ERR_IO, "%s %s: %s", doing, path, reason);
}

static int run(sqlite3 *db, const char *path, const char *sql, struct err *err, const char *doing)
{
    int status = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return status == SQLITE_OK ? 0 : migrate_fail(db, status, path, err, doing);
}

static int read_number(sqlite3 *db, const char *path, const char *sql, int *out, struct err *err)
{
    AUTO(finalize) sqlite3_stmt *st = NULL;
    int status = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

    if (status == SQLITE_OK)
        status = sqlite3_step(st);
    if (status != SQLITE_ROW)
        return migrate_fail(db, status, path, err, "read");
    *out = sqlite3_column_int(st, 0);
    return 0;
}

/* ---- whose file, which version --------------------------------------------------------------- */

/* The version in the name of a backup of `base`, "<base>.v<version>-<time>.bak"; -1 another file.
 */
static int backup_version(const char *name, const char *base)
{
    size_t base_len = strlen(base), len = strlen(name);
    char *end;
    long version;

    if (len < base_len + sizeof(".v0-.bak") - 1 || strncmp(name, base, base_len) != 0 ||
        strncmp(name + base_len, ".v", 2) != 0 || strcmp(name + len - 4, ".bak") != 0)
        return -1;
    version = strtol(name + base_len + 2, &end, 10);
    return end > name + base_len + 2 && *end == '-' && version >= 0 && version < 9999 ? (int)version
                                                                                      : -1;
}

/* The newest backup beside `path` of a version that this program serves, "" where there is none.
 * Times in names sort as texts. */
static void find_backup(const char *path, int newest, char out[NAME_MAX + 1])
{
    AUTO_FREE char *for_folder = strdup(path);
    AUTO_FREE char *for_base = strdup(path);
    AUTO_DIR DIR *dir = NULL;
    const char *base;
    int best = -1;

    out[0] = '\0';
    if (for_folder == NULL || for_base == NULL)
        return;
    dir = opendir(dirname(for_folder));
    base = basename(for_base);
    if (dir == NULL)
        return;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        int version = backup_version(e->d_name, base);

        if (version < 0 || version > newest || version < best)
            continue;
        if (version > best || strcmp(e->d_name, out) > 0)
            snprintf(out, NAME_MAX + 1, "%s", e->d_name);
        best = version;
    }
}

static int refuse_newer(const char *path, int version, int newest, struct err *err)
{
    char backup[NAME_MAX + 1];

    find_backup(path, newest, backup);
    if (backup[0] == '\0')
        return err_set(err, ERR_VERSION,
                       "%s has schema %d, made by a newer program; this one serves up to %d: start "
                       "the newer program again (no backup of an older schema lies beside it)",
                       path, version, newest);
    return err_set(err, ERR_VERSION,
                   "%s has schema %d, made by a newer program; this one serves up to %d: start the "
                   "newer program again, or restore the backup %s that lies beside it",
                   path, version, newest, backup);
}

int migrate_version(sqlite3 *db, const char *path, int newest, int *version, struct err *err)
{
    int application = 0, tables = 0;

    if (read_number(db, path, "PRAGMA application_id", &application, err) != 0 ||
        read_number(db, path, "PRAGMA user_version", version, err) != 0 ||
        read_number(db, path, "SELECT count(*) FROM sqlite_schema", &tables, err) != 0)
        return -1;
    if (application == 0 && *version == 0 && tables == 0)
        return 0;
    if (application != MIGRATE_APPLICATION_ID)
        return err_set(err, ERR_CORRUPT,
                       "%s is a database, but not one of Layer Census (application id %#x): name "
                       "another file",
                       path, (unsigned)application);
    if (*version > newest)
        return refuse_newer(path, *version, newest, err);
    return 0;
}

/* ---- backup ---------------------------------------------------------------------------------- */

static int copy_pages(sqlite3 *from, sqlite3 *to, const char *target, struct err *err)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int tries = 0;
    int status;

    if (b == NULL)
        return migrate_fail(to, sqlite3_errcode(to), target, err, "back up to");
    do {
        status = sqlite3_backup_step(b, BACKUP_PAGES);
        if (status == SQLITE_BUSY || status == SQLITE_LOCKED) {
            sqlite3_sleep(BACKUP_WAIT_MS);
            tries++;
        } else {
            tries = 0;
        }
    } while (status == SQLITE_OK ||
             ((status == SQLITE_BUSY || status == SQLITE_LOCKED) && tries < BACKUP_TRIES));
    sqlite3_backup_finish(b);
    return status == SQLITE_DONE ? 0 : migrate_fail(to, status, target, err, "back up to");
}

static int sync_path(const char *path, int flags, struct err *err)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | flags);

    if (fd < 0 || fsync(fd) != 0)
        return err_errno(err, ERR_IO, errno, "make %s durable", path);
    return 0;
}

static int write_backup(sqlite3 *db, const char *part, struct err *err)
{
    AUTO(close_database) sqlite3 *to = NULL;
    int status = sqlite3_open_v2(part, &to, SQLITE_OPEN_READWRITE, NULL);

    if (status != SQLITE_OK)
        return migrate_fail(to, status, part, err, "open");
    /* One file and no -wal beside it: a backup is moved and copied as one. */
    if (copy_pages(db, to, part, err) != 0 ||
        run(to, part, "PRAGMA journal_mode = DELETE", err, "finish") != 0)
        return -1;
    return 0;
}

int migrate_backup(sqlite3 *db, const char *target, struct err *err)
{
    AUTO_FREE char *part = NULL;
    AUTO_FREE char *folder = strdup(target);
    AUTO_FD int fd = -1;
    int rc;

    if (folder == NULL || asprintf(&part, "%s.part", target) < 0)
        return err_set(err, ERR_NO_MEMORY, "back up to %s", target);
    if (access(target, F_OK) == 0)
        return err_set(err, ERR_CONFLICT, "%s exists: name another file for the backup", target);
    fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0 && errno == EEXIST)
        return err_set(err, ERR_CONFLICT,
                       "%s exists, left by a backup that did not end: remove it, then try again",
                       part);
    if (fd < 0)
        return err_errno(err, ERR_IO, errno, "back up to %s", part);
    rc = write_backup(db, part, err);
    if (rc == 0)
        rc = sync_path(part, 0, err);
    /* link(), not rename(): it does not replace a file that appeared meanwhile. */
    if (rc == 0 && link(part, target) != 0)
        rc =
            err_errno(err, errno == EEXIST ? ERR_CONFLICT : ERR_IO, errno, "back up to %s", target);
    unlink(part);
    return rc == 0 ? sync_path(dirname(folder), O_DIRECTORY, err) : -1;
}

static int backup_version_of(sqlite3 *db, const char *path, int version, struct err *err)
{
    AUTO_FREE char *target = NULL;
    char text[CLOCK_TEXT];
    char compact[CLOCK_TEXT];
    size_t len = 0;

    clock_text(clock_wall_ms(), text);
    for (const char *c = text; *c != '\0'; c++)
        if (*c != '-' && *c != ':' && *c != '.')
            compact[len++] = *c;
    compact[len] = '\0';
    if (asprintf(&target, "%s.v%d-%s.bak", path, version, compact) < 0)
        return err_set(err, ERR_NO_MEMORY, "back up %s", path);
    if (migrate_backup(db, target, err) != 0)
        return err_wrap(err, "backup before schema %d is changed", version);
    log_event(LOG_INFO, "database-backed-up", "file", path, "backup", target, NULL);
    return 0;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static int run_step(sqlite3 *db, const char *path, int version, const char *sql, struct err *err)
{
    char pragmas[128];

    snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             MIGRATE_APPLICATION_ID, version);
    if (run(db, path, "BEGIN IMMEDIATE", err, "migrate") != 0)
        return -1;
    if (run(db, path, sql, err, "migrate") == 0 && run(db, path, pragmas, err, "migrate") == 0 &&
        run(db, path, "COMMIT", err, "migrate") == 0)
        return 0;
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err_wrap(err, "schema %d", version);
}

int migrate_run(sqlite3 *db, const char *path, int version, const char *const *steps, size_t count,
                struct err *err)
{
    if (version > 0 && (size_t)version < count && backup_version_of(db, path, version, err) != 0)
        return -1;
    for (size_t i = (size_t)version; i < count; i++)
        if (run_step(db, path, (int)i + 1, steps[i], err) != 0)
            return -1;
    return 0;
}

/* ---- views ----------------------------------------------------------------------------------- */

/* Whether the database has the views of this text (by its digest in `meta`). */
static int views_fit(sqlite3 *db, const char *path, const char *hex, struct err *err)
{
    AUTO(finalize) sqlite3_stmt *st = NULL;
    int status = sqlite3_prepare_v2(
        db, "SELECT count(*) FROM meta WHERE key = 'views' AND value = ?", -1, &st, NULL);

    if (status == SQLITE_OK)
        status = sqlite3_bind_text(st, 1, hex, -1, SQLITE_STATIC);
    if (status == SQLITE_OK)
        status = sqlite3_step(st);
    if (status != SQLITE_ROW)
        return migrate_fail(db, status, path, err, "read");
    return sqlite3_column_int(st, 0);
}

static int note_views(sqlite3 *db, const char *path, const char *hex, struct err *err)
{
    AUTO(finalize) sqlite3_stmt *st = NULL;
    int status = sqlite3_prepare_v2(
        db, "INSERT OR REPLACE INTO meta (key, value) VALUES ('views', ?)", -1, &st, NULL);

    if (status == SQLITE_OK)
        status = sqlite3_bind_text(st, 1, hex, -1, SQLITE_STATIC);
    if (status == SQLITE_OK)
        status = sqlite3_step(st);
    return status == SQLITE_DONE ? 0 : migrate_fail(db, status, path, err, "write");
}

int migrate_views(sqlite3 *db, const char *path, const char *views, struct err *err)
{
    struct digest d = digest_of(views, strlen(views));
    char hex[DIGEST_HEX + 1];
    int fit = views_fit(db, path, digest_hex(&d, hex), err);

    if (fit != 0)
        return fit < 0 ? -1 : 0;
    if (run(db, path, "BEGIN IMMEDIATE", err, "make views in") != 0)
        return -1;
    if (run(db, path, views, err, "make views in") == 0 && note_views(db, path, hex, err) == 0 &&
        run(db, path, "COMMIT", err, "make views in") == 0)
        return 0;
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}
