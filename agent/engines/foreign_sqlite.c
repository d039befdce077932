#include "agent/engines/foreign_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define ATTEMPTS 3
#define PAUSE_NS 50000000    /* between attempts */
#define MOVING_MS 20         /* a change this young may share its time with the next */
#define STEPS_EACH 1000      /* of SQLite's machine, between two looks at the limit */
#define STEPS_MAX 200000     /* such looks: some seconds */
#define VALUE_BYTES 1000000  /* one value, or one row */
#define COPY_BYTES (1 << 16) /* copied at once */
#define COPY_NAME "copy"

/* Of the database itself and of what SQLite keeps beside it. "-shm" is made anew from "-wal". */
static const char *const parts[] = {"", "-wal", "-journal"};
#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

struct foreign_sqlite {
    sqlite3 *sql;
    char dir[PATH_MAX]; /* of the copy; "" none was made */
    size_t looks;       /* of the question that is asked */
};

/* ---- the copy -------------------------------------------------------------------------------- */

struct part_stamp {
    ino_t inode;
    off_t size;
    struct timespec written, changed;
};

/* All zeros where the part is not there. */
static int stamp_parts(int dirfd, const char *name, struct part_stamp out[PART_COUNT],
                       struct err *err)
{
    memset(out, 0, PART_COUNT * sizeof(*out));
    for (size_t i = 0; i < PART_COUNT; i++) {
        char path[NAME_MAX + 16];
        struct stat st;

        snprintf(path, sizeof(path), "%s%s", name, parts[i]);
        if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            out[i].inode = st.st_ino;
            out[i].size = st.st_size;
            out[i].written = st.st_mtim;
            out[i].changed = st.st_ctim;
        } else if (errno != ENOENT || i == 0) {
            return err_errno(err, ERR_IO, errno, "stat %s", path);
        }
    }
    return 0;
}

/* Whether one of them was changed a moment ago. */
static bool is_moving(const struct part_stamp stamps[PART_COUNT])
{
    int64_t now_ms = clock_wall_ms();

    for (size_t i = 0; i < PART_COUNT; i++) {
        int64_t then_ms =
            (int64_t)stamps[i].changed.tv_sec * 1000 + stamps[i].changed.tv_nsec / 1000000;

        if (then_ms <= now_ms && now_ms - then_ms < MOVING_MS)
            return true;
    }
    return false;
}

static int write_all(int fd, const char *data, size_t len, struct err *err)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR)
            return err_errno(err, ERR_IO, errno, "copy a foreign database");
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int copy_bytes(int from, int to, size_t *left, const char *name, struct err *err)
{
    AUTO_FREE char *block = malloc(COPY_BYTES);
    ssize_t n;

    if (block == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to copy %s", name);
    while ((n = read(from, block, COPY_BYTES)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, ERR_IO, errno, "read %s", name);
        if ((size_t)n > *left)
            return err_set(err, ERR_LIMIT, "%s: larger than is read of such a file", name);
        *left -= (size_t)n;
        if (write_all(to, block, (size_t)n, err) != 0)
            return -1;
    }
    return 0;
}

static int copy_part(const struct foreign_sqlite *db, int dirfd, const char *name, size_t part,
                     size_t *left, struct err *err)
{
    char path[PATH_MAX + 64];
    AUTO_FD int from = -1;
    AUTO_FD int to = -1;
    struct stat st;

    snprintf(path, sizeof(path), "%s%s", name, parts[part]);
    from = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (from < 0 && errno == ENOENT && part > 0)
        return 0;
    if (from < 0 || fstat(from, &st) != 0)
        return err_errno(err, ERR_IO, errno, "open %s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_CORRUPT, "%s: no regular file", path);
    snprintf(path, sizeof(path), "%s/" COPY_NAME "%s", db->dir, parts[part]);
    to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0)
        return err_errno(err, ERR_IO, errno, "make %s", path);
    return copy_bytes(from, to, left, name, err);
}

static void remove_parts(const struct foreign_sqlite *db)
{
    static const char *const made[] = {"", "-wal", "-journal", "-shm"};

    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        char path[PATH_MAX + 64];

        snprintf(path, sizeof(path), "%s/" COPY_NAME "%s", db->dir, made[i]);
        unlink(path);
    }
}

/* One attempt; *same: nothing changed meanwhile. */
static int copy_once(const struct foreign_sqlite *db, int dirfd, const char *name, size_t max,
                     bool *same, struct err *err)
{
    struct part_stamp before[PART_COUNT], after[PART_COUNT];

    *same = false;
    if (stamp_parts(dirfd, name, before, err) != 0)
        return -1;
    if (is_moving(before))
        return 0;
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (copy_part(db, dirfd, name, i, &max, err) != 0)
            return -1;
    }
    if (stamp_parts(dirfd, name, after, err) != 0)
        return -1;
    *same = memcmp(before, after, sizeof(before)) == 0;
    return 0;
}

static int copy_database(const struct foreign_sqlite *db, int dirfd, const char *name, size_t max,
                         struct err *err)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};

    for (int i = 0; i < ATTEMPTS; i++) {
        bool same;

        if (i > 0)
            nanosleep(&pause, NULL);
        if (copy_once(db, dirfd, name, max, &same, err) != 0)
            return -1;
        if (same)
            return 0;
        remove_parts(db);
    }
    return err_set(err, ERR_MOVED, "%s changed during each of %d attempts to copy it", name,
                   ATTEMPTS);
}

/* The first of these that lets us. */
static int make_directory(struct foreign_sqlite *db, struct err *err)
{
    const char *places[] = {getenv("TMPDIR"), "/tmp", "/dev/shm", "/run"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (places[i] == NULL || snprintf(db->dir, sizeof(db->dir), "%s/layercensus-XXXXXX",
                                          places[i]) >= (int)sizeof(db->dir))
            continue;
        if (mkdtemp(db->dir) != NULL)
            return 0;
    }
    db->dir[0] = '\0';
    return err_set(err, ERR_IO, "no directory to copy a database to (TMPDIR, /tmp, /dev/shm)");
}

/* ---- the database ---------------------------------------------------------------------------- */

/* SQLite asks this every STEPS_EACH steps; not 0 ends the question. */
static int on_progress(void *arg)
{
    struct foreign_sqlite *db = arg;

    return ++db->looks > STEPS_MAX;
}

static int fail(const struct foreign_sqlite *db, struct err *err)
{
    switch (sqlite3_errcode(db->sql)) {
    case SQLITE_NOMEM:
        return err_set(err, ERR_NO_MEMORY, "no memory for a foreign database");
    case SQLITE_INTERRUPT:
    case SQLITE_TOOBIG:
        return err_set(err, ERR_LIMIT, "it takes longer than is allowed");
    case SQLITE_ERROR: /* of our own SELECTs only a missing table or column is one */
        return err_set(err, ERR_NOT_FOUND, "%s", sqlite3_errmsg(db->sql));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(err, ERR_CORRUPT, "%s", sqlite3_errmsg(db->sql));
    default:
        return err_set(err, ERR_IO, "%s", sqlite3_errmsg(db->sql));
    }
}

/* Writing, of the copy, is only SQLite's recovery. */
static int open_copy(struct foreign_sqlite *db, struct err *err)
{
    char path[PATH_MAX + 64];

    snprintf(path, sizeof(path), "%s/" COPY_NAME, db->dir);
    if (sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return db->sql != NULL ? fail(db, err) : err_set(err, ERR_NO_MEMORY, "no memory");
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_limit(db->sql, SQLITE_LIMIT_LENGTH, VALUE_BYTES);
    sqlite3_limit(db->sql, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_progress_handler(db->sql, STEPS_EACH, on_progress, db);
    if (sqlite3_exec(db->sql, "PRAGMA cell_size_check=ON; PRAGMA schema_version", NULL, NULL,
                     NULL) != SQLITE_OK)
        return fail(db, err);
    return 0;
}

int foreign_sqlite_open(struct foreign_sqlite **out, int dirfd, const char *name, size_t max,
                        struct err *err)
{
    AUTO(foreign_sqlite_close) struct foreign_sqlite *db = calloc(1, sizeof(*db));
    struct part_stamp stamps[PART_COUNT];

    check(strlen(name) <= NAME_MAX);
    if (db == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %s", name);
    if (stamp_parts(dirfd, name, stamps, err) != 0) /* before anything is made */
        return -1;
    if (make_directory(db, err) != 0 || copy_database(db, dirfd, name, max, err) != 0)
        return -1;
    if (open_copy(db, err) != 0)
        return err_wrap(err, "%s", name);
    *out = steal(&db);
    return 0;
}

void foreign_sqlite_close(struct foreign_sqlite **pp)
{
    struct foreign_sqlite *db = steal(pp);

    if (db == NULL)
        return;
    sqlite3_close(db->sql);
    if (db->dir[0] != '\0') {
        remove_parts(db);
        rmdir(db->dir);
    }
    free(db);
}

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

static int give_row(sqlite3_stmt *statement, foreign_sqlite_row *row, void *arg, struct err *err)
{
    const char *columns[FOREIGN_SQLITE_COLUMNS] = {NULL};
    int count = sqlite3_column_count(statement);

    check(count <= FOREIGN_SQLITE_COLUMNS);
    for (int i = 0; i < count; i++)
        columns[i] = (const char *)sqlite3_column_text(statement, i);
    return row(arg, columns, err);
}

int foreign_sqlite_ask(struct foreign_sqlite *db, const char *select, size_t max_rows,
                       foreign_sqlite_row *row, void *arg, struct err *err)
{
    AUTO(finalize) sqlite3_stmt *statement = NULL;
    size_t rows = 0;
    int rc;

    db->looks = 0;
    if (sqlite3_prepare_v2(db->sql, select, -1, &statement, NULL) != SQLITE_OK)
        return fail(db, err);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        if (++rows > max_rows)
            return err_set(err, ERR_LIMIT, "more than %zu rows", max_rows);
        if (give_row(statement, row, arg, err) != 0)
            return -1;
    }
    return rc == SQLITE_DONE ? 0 : fail(db, err);
}
