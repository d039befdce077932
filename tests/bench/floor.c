#include "tests/bench/floor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/cleanup.h"

void floor_sync(const char *database, uint64_t *ns, size_t count)
{
    char path[4096], block[4096];
    AUTO_FD int fd = -1;

    memset(block, 'x', sizeof(block));
    snprintf(path, sizeof(path), "%s.sync", database);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(fd >= 0);
    for (size_t i = 0; i < count; i++) {
        uint64_t begun = uv_hrtime();

        check(write(fd, block, sizeof(block)) == sizeof(block) && fdatasync(fd) == 0);
        ns[i] = uv_hrtime() - begun;
    }
    unlink(path);
}

void floor_sql(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return;
    fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
    exit(1);
}

static void put(struct floor_rows *f, const struct bench_host *host, uint32_t image)
{
    check(sqlite3_bind_int64(f->upsert, 1, host->number) == SQLITE_OK &&
          sqlite3_bind_int64(f->upsert, 2, image) == SQLITE_OK);
    check(sqlite3_step(f->upsert) == SQLITE_DONE && sqlite3_reset(f->upsert) == SQLITE_OK);
}

void floor_rows_open(struct floor_rows *f, const struct bench_rig *r, const char *database)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s.bare", database);
    check(sqlite3_open(path, &f->db) == SQLITE_OK);
    floor_sql(f->db, FLOOR_PRAGMAS "CREATE TABLE host_image (host_id INTEGER NOT NULL, image_id "
                                   "INTEGER NOT NULL, since_s INTEGER NOT NULL, "
                                   "PRIMARY KEY (host_id, image_id)) STRICT, WITHOUT ROWID");
    check(sqlite3_prepare_v2(f->db,
                             "INSERT INTO host_image VALUES (?, ?, 1) "
                             "ON CONFLICT DO UPDATE SET since_s = since_s + 1",
                             -1, &f->upsert, NULL) == SQLITE_OK);
    floor_sql(f->db, "BEGIN");
    for (size_t i = 0; i < r->size.hosts; i++)
        for (size_t j = 0; j < r->size.per_host; j++)
            put(f, &r->hosts[i], r->hosts[i].images[j]);
    floor_sql(f->db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
}

uint64_t floor_rows_upsert(struct floor_rows *f, const struct bench_job *jobs, size_t count,
                           size_t batch)
{
    uint64_t begun = uv_hrtime();

    for (size_t i = 0; i < count; i++) {
        if (i % batch == 0)
            floor_sql(f->db, "BEGIN IMMEDIATE");
        put(f, jobs[i].host, jobs[i].come);
        if (i % batch == batch - 1 || i == count - 1)
            floor_sql(f->db, "COMMIT");
    }
    return uv_hrtime() - begun;
}

void floor_rows_close(struct floor_rows *f)
{
    sqlite3_finalize(f->upsert);
    sqlite3_close(f->db);
}
