#include "agent/engines/foreign_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/engines/file_stamp.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define ATTEMPTS 3
#define PAUSE_NS 50000000 /* between attempts */

/* The header: https://www.sqlite.org/fileformat.html, 1.3. */
#define MAGIC "SQLite format 3" /* with its NUL */
#define HEADER_BYTES 100
#define PAGE_SIZE_AT 16 /* two bytes, big-endian; 1 stands for PAGE_SIZE_MAX */
#define PAGE_SIZE_MAX 65536
#define WRITE_VERSION_AT 18
#define READ_VERSION_AT 19
enum { VERSION_ROLLBACK = 1, VERSION_WAL = 2 };

#define STEPS_EACH 100    /* of SQLite's machine, between two looks at the limits */
#define LOOKS_SCHEMA 100  /* such looks while the schema is parsed: some 1200 tables and indexes */
#define LOOKS_ASK 1000000 /* such looks during a question */
#define CPU_NS 5000000000LL /* of opening, and of each question */
#define HIDDEN_COLUMN 6     /* of what PRAGMA table_xinfo gives; 0 only for plain columns */
#define SELECT_BYTES 512

struct foreign_sqlite {
    sqlite3 *sql;
    uint8_t *image; /* of the file; SQLite reads it as long as `sql` is open */
    size_t size;
    const char *table;  /* the one that may be read, NULL none; borrowed during a question */
    size_t looks;       /* that are left */
    int64_t cpu_end_ns; /* of the thread's own time */
};

/* ---- the file -------------------------------------------------------------------------------- */

static int open_file(int *out, struct stat *st, int dirfd, const char *name, struct err *err)
{
    AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0 && errno == ELOOP)
        return err_set(err, ERR_CORRUPT, "%s: a symlink", name);
    if (fd < 0 || fstat(fd, st) != 0)
        return err_errno(err, ERR_IO, errno, "open %s", name);
    if (!S_ISREG(st->st_mode))
        return err_set(err, ERR_CORRUPT, "%s: no regular file", name);
    *out = steal_fd(&fd);
    return 0;
}

static int read_image(struct foreign_sqlite *db, int fd, size_t size, const char *name,
                      struct err *err)
{
    free(db->image);
    db->size = 0;
    db->image = malloc(size > 0 ? size : 1);
    if (db->image == NULL)
        return err_set(err, ERR_NO_MEMORY, "%s: %zu bytes", name, size);
    while (db->size < size) {
        ssize_t n = pread(fd, db->image + db->size, size - db->size, (off_t)db->size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, ERR_IO, errno, "read %s", name);
        if (n == 0)
            break;
        db->size += (size_t)n;
    }
    return 0;
}

/* Whether something that is not empty, of whatever type, stands there. */
static int has_companion(bool *out, int dirfd, const char *name, const char *suffix,
                         struct err *err)
{
    char path[NAME_MAX + 16];
    struct stat st;

    snprintf(path, sizeof(path), "%s%s", name, suffix);
    *out = false;
    if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
        *out = st.st_size > 0;
    else if (errno != ENOENT && errno != ENAMETOOLONG)
        return err_errno(err, ERR_IO, errno, "stat %s", path);
    return 0;
}

static int refuse_companions(int dirfd, const char *name, struct err *err)
{
    bool has_log, has_journal;

    if (has_companion(&has_log, dirfd, name, "-wal", err) != 0 ||
        has_companion(&has_journal, dirfd, name, "-journal", err) != 0)
        return -1;
    if (has_log)
        return err_set(err, ERR_VERSION, "%s: it has a write-ahead log, which is not read", name);
    if (has_journal)
        return err_set(err, ERR_MOVED, "%s: a transaction is under way, or broke off", name);
    return 0;
}

/* One attempt. The order matters: a transaction that the bytes were read from the midst of either
 * has its journal still, or wrote before the journal went, and so before the second stamp. */
static int load_once(struct foreign_sqlite *db, int dirfd, const char *name, size_t max,
                     struct err *err)
{
    int64_t now_ms = clock_wall_ms();
    struct file_stamp before, after;
    AUTO_FD int fd = -1;
    struct stat st;

    if (open_file(&fd, &st, dirfd, name, err) != 0)
        return -1;
    if ((uint64_t)st.st_size > max)
        return err_set(err, ERR_LIMIT, "%s: %lld bytes; at most %zu are read", name,
                       (long long)st.st_size, max);
    before = file_stamp_of(&st, now_ms);
    if (read_image(db, fd, (size_t)st.st_size, name, err) != 0 ||
        refuse_companions(dirfd, name, err) != 0)
        return -1;
    after = file_stamp_at(dirfd, name);
    if (!file_stamp_eq(&before, &after))
        return err_set(err, ERR_MOVED, "%s: changed under %d attempts to read it", name, ATTEMPTS);
    return 0;
}

static int load(struct foreign_sqlite *db, int dirfd, const char *name, size_t max, struct err *err)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    struct err why = {0};

    for (int i = 0; i < ATTEMPTS; i++) {
        if (i > 0)
            nanosleep(&pause, NULL);
        if (load_once(db, dirfd, name, max, &why) == 0)
            return 0;
        if (why.kind != ERR_MOVED)
            break;
    }
    return err_set(err, why.kind, "%s", why.text);
}

/* No bytes are a database without tables. A file that ends within a page lost the rest of it, which
 * SQLite would take for zeros. */
static int check_header(const struct foreign_sqlite *db, struct err *err)
{
    size_t page;

    if (db->size == 0)
        return 0;
    if (db->size < HEADER_BYTES || memcmp(db->image, MAGIC, sizeof(MAGIC)) != 0)
        return err_set(err, ERR_CORRUPT, "it is no SQLite database");
    page = (size_t)db->image[PAGE_SIZE_AT] << 8 | db->image[PAGE_SIZE_AT + 1];
    if (page == 1)
        page = PAGE_SIZE_MAX;
    if (page == 0 || db->size % page != 0)
        return err_set(err, ERR_CORRUPT, "it ends within a page");
    return 0;
}

/* SQLite wants a log beside a file that says it has one, and memory has none. Here it is empty. */
static void forget_the_log(struct foreign_sqlite *db)
{
    if (db->size == 0)
        return;
    if (db->image[WRITE_VERSION_AT] == VERSION_WAL)
        db->image[WRITE_VERSION_AT] = VERSION_ROLLBACK;
    if (db->image[READ_VERSION_AT] == VERSION_WAL)
        db->image[READ_VERSION_AT] = VERSION_ROLLBACK;
}

/* ---- the limits ------------------------------------------------------------------------------ */

static int64_t cpu_ns(void)
{
    struct timespec now;

    check(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void begin(struct foreign_sqlite *db, size_t looks)
{
    db->looks = looks;
    db->cpu_end_ns = cpu_ns() + CPU_NS;
}

/* SQLite asks this every STEPS_EACH steps; not 0 ends what it does. */
static int on_progress(void *arg)
{
    struct foreign_sqlite *db = arg;

    if (db->looks == 0 || cpu_ns() > db->cpu_end_ns)
        return 1;
    db->looks--;
    return 0;
}

/* What a statement may do: read the table that is asked for, and list its columns. The expressions
 * of generated columns do not come here, since SQLite resolves them with the schema. */
static int on_action(void *arg, int action, const char *first, const char *second,
                     const char *database, const char *inner)
{
    const struct foreign_sqlite *db = arg;
    bool allowed = false;

    (void)second;
    (void)database;
    if (action == SQLITE_SELECT)
        allowed = true;
    else if (action == SQLITE_READ)
        allowed = db->table != NULL && strcmp(first, db->table) == 0 && inner == NULL;
    else if (action == SQLITE_PRAGMA)
        allowed = strcmp(first, "table_xinfo") == 0;
    return allowed ? SQLITE_OK : SQLITE_DENY;
}

static void restrict_connection(struct foreign_sqlite *db)
{
    static const struct {
        int id, most;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, 1 << 16}, /* a value, and a row */
        {SQLITE_LIMIT_SQL_LENGTH, 1 << 14}, {SQLITE_LIMIT_COLUMN, 64},
        {SQLITE_LIMIT_EXPR_DEPTH, 50},      {SQLITE_LIMIT_COMPOUND_SELECT, 4},
        {SQLITE_LIMIT_VDBE_OP, 10000},      {SQLITE_LIMIT_FUNCTION_ARG, 8},
        {SQLITE_LIMIT_ATTACHED, 0},         {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 0},  {SQLITE_LIMIT_TRIGGER_DEPTH, 0},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        sqlite3_limit(db->sql, limits[i].id, limits[i].most);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_progress_handler(db->sql, STEPS_EACH, on_progress, db);
}

/* ---- the database ---------------------------------------------------------------------------- */

/* There is no disk here, and the SQL is ours: what else fails is the file's fault. */
static int fail(const struct foreign_sqlite *db, struct err *err)
{
    switch (sqlite3_errcode(db->sql)) {
    case SQLITE_NOMEM:
        return err_set(err, ERR_NO_MEMORY, "no memory for a foreign database");
    case SQLITE_INTERRUPT:
    case SQLITE_TOOBIG:
        return err_set(err, ERR_LIMIT, "it is larger or takes longer than is allowed");
    default:
        return err_set(err, ERR_CORRUPT, "%s", sqlite3_errmsg(db->sql));
    }
}

/* The schema is parsed here, under a limit of its own, so that no question has to. */
static int open_image(struct foreign_sqlite *db, struct err *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

    begin(db, LOOKS_SCHEMA);
    forget_the_log(db);
    if (sqlite3_open_v2(":memory:", &db->sql, flags, NULL) != SQLITE_OK)
        return db->sql != NULL ? fail(db, err) : err_set(err, ERR_NO_MEMORY, "no memory");
    restrict_connection(db);
    if (sqlite3_deserialize(db->sql, "main", db->image, (sqlite3_int64)db->size,
                            (sqlite3_int64)db->size, SQLITE_DESERIALIZE_READONLY) != SQLITE_OK ||
        sqlite3_exec(db->sql, "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY", NULL, NULL,
                     NULL) != SQLITE_OK ||
        sqlite3_table_column_metadata(db->sql, "main", "sqlite_master", NULL, NULL, NULL, NULL,
                                      NULL, NULL) != SQLITE_OK)
        return fail(db, err);
    sqlite3_set_authorizer(db->sql, on_action, db);
    return 0;
}

int foreign_sqlite_open(struct foreign_sqlite **out, int dirfd, const char *name, size_t max,
                        struct err *err)
{
    AUTO(foreign_sqlite_close) struct foreign_sqlite *db = calloc(1, sizeof(*db));

    check(strlen(name) <= NAME_MAX);
    if (db == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %s", name);
    if (load(db, dirfd, name, max, err) != 0)
        return -1;
    if (check_header(db, err) != 0 || open_image(db, err) != 0)
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
    free(db->image);
    free(db);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

/* SQLite tells columns of parsed tables alone here: neither a view nor a virtual table has any
 * before a statement names it. */
static int find_columns(const struct foreign_sqlite *db, const char *table,
                        const char *const *columns, struct err *err)
{
    for (size_t i = 0; columns[i] != NULL; i++) {
        int rc = sqlite3_table_column_metadata(db->sql, "main", table, columns[i], NULL, NULL, NULL,
                                               NULL, NULL);

        if (rc == SQLITE_ERROR)
            return err_set(err, ERR_NOT_FOUND, "%s", sqlite3_errmsg(db->sql));
        if (rc != SQLITE_OK)
            return fail(db, err);
    }
    return 0;
}

/* Only of a table that find_columns() found: of a view this would compile what it is made of. */
static int refuse_computed(const struct foreign_sqlite *db, const char *table, struct err *err)
{
    AUTO(finalize) sqlite3_stmt *statement = NULL;
    char text[SELECT_BYTES];
    int rc;

    check(snprintf(text, sizeof(text), "PRAGMA main.table_xinfo(%s)", table) < (int)sizeof(text));
    if (sqlite3_prepare_v2(db->sql, text, -1, &statement, NULL) != SQLITE_OK)
        return fail(db, err);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        if (sqlite3_column_int(statement, HIDDEN_COLUMN) != 0)
            return err_set(err, ERR_CORRUPT, "%s has columns that are computed", table);
    }
    return rc == SQLITE_DONE ? 0 : fail(db, err);
}

static void write_select(char out[SELECT_BYTES], const char *table, const char *const *columns)
{
    size_t len = 0;

    for (size_t i = 0; columns[i] != NULL; i++) {
        check(i < FOREIGN_SQLITE_COLUMNS);
        len += (size_t)snprintf(out + len, SELECT_BYTES - len, "%s %s", i == 0 ? "SELECT" : ",",
                                columns[i]);
        check(len < SELECT_BYTES);
    }
    len += (size_t)snprintf(out + len, SELECT_BYTES - len, " FROM main.%s", table);
    check(len < SELECT_BYTES);
}

static int give_row(sqlite3_stmt *statement, foreign_sqlite_row *row, void *arg, struct err *err)
{
    const char *columns[FOREIGN_SQLITE_COLUMNS] = {NULL};
    int count = sqlite3_column_count(statement);

    for (int i = 0; i < count; i++)
        columns[i] = (const char *)sqlite3_column_text(statement, i);
    return row(arg, columns, err);
}

static int give_rows(const struct foreign_sqlite *db, const char *select, size_t max_rows,
                     foreign_sqlite_row *row, void *arg, struct err *err)
{
    AUTO(finalize) sqlite3_stmt *statement = NULL;
    size_t rows = 0;
    int rc;

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

int foreign_sqlite_ask(struct foreign_sqlite *db, const char *table, const char *const *columns,
                       size_t max_rows, foreign_sqlite_row *row, void *arg, struct err *err)
{
    char select[SELECT_BYTES];
    int rc;

    check(columns[0] != NULL);
    write_select(select, table, columns);
    begin(db, LOOKS_ASK);
    if (find_columns(db, table, columns, err) != 0 || refuse_computed(db, table, err) != 0)
        return -1;
    db->table = table;
    rc = give_rows(db, select, max_rows, row, arg, err);
    db->table = NULL;
    return rc;
}
