/*
 * answers DATABASE REPEATS: how long a report's answer takes a reader that has the database open:
 * report_run() for the totals, the bases and the hundred dearest duplicates, without printing.
 * Stops early, after one at least, where one report has taken BUDGET_S; "runs" says how many there
 * were.
 *
 * Beside it: one row by its key from the same file, by a prepared statement, which is the least
 * that any answer from this file can cost. One JSON object a report.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "collector/report/report.h"
#include "common/arena.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "tests/bench/floor.h"

#define ARENA_BYTES ((size_t)16 << 30)
#define BUDGET_S 10
#define FRESH_S 180
#define LOOKUPS 2000

static void answer(const struct report *report, struct store *store)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct report_request request = {
        .by = BY_LAYER, .limit = 100, .fresh_within_s = FRESH_S, .now_s = (int64_t)time(NULL)};
    struct answer a;
    struct err err;

    bench_must(arena_open(&arena, ARENA_BYTES, &err), &err, "memory");
    bench_must(report_run(&a, report, &request, store, arena, &err), &err, report->name);
}

static double p99_us(uint64_t *ns, size_t count)
{
    return (double)bench_quantile(ns, count, 0.99) / 1e3;
}

static double lookups_us(const char *path)
{
    uint64_t ns[LOOKUPS];
    sqlite3 *db;
    sqlite3_stmt *st;

    check(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    check(sqlite3_prepare_v2(db, "SELECT name FROM host WHERE id = ?", -1, &st, NULL) == SQLITE_OK);
    for (int i = 0; i < LOOKUPS; i++) {
        uint64_t begun = uv_hrtime();

        sqlite3_bind_int64(st, 1, 1 + i);
        check(sqlite3_step(st) != SQLITE_ERROR && sqlite3_reset(st) == SQLITE_OK);
        ns[i] = uv_hrtime() - begun;
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    return p99_us(ns, LOOKUPS);
}

static void measure(const struct report *report, struct store *store, const char *path,
                    size_t repeats)
{
    AUTO_FREE uint64_t *ns = calloc(repeats, sizeof(*ns));
    uint64_t all = 0;
    size_t runs = 0;

    check(ns != NULL);
    while (runs < repeats && (runs == 0 || all < BUDGET_S * 1000000000ULL)) {
        uint64_t begun = uv_hrtime();

        answer(report, store);
        ns[runs] = uv_hrtime() - begun;
        all += ns[runs++];
    }
    printf("{\"report\": \"%s\", \"runs\": %zu, \"p50_us\": %.2f, \"p99_us\": %.2f, "
           "\"lookup_p99_us\": %.2f}\n",
           report->name, runs, (double)bench_quantile(ns, runs, 0.5) / 1e3, p99_us(ns, runs),
           lookups_us(path));
}

int main(int argc, char **argv)
{
    const struct report *reports[] = {&report_summary, &report_bases, &report_duplicates};
    struct store *store;
    struct err err;

    if (argc != 3) {
        fprintf(stderr, "usage: answers DATABASE REPEATS\n");
        return 2;
    }
    bench_must(store_open_reader(&store, argv[1], &err), &err, argv[1]);
    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
        measure(reports[i], store, argv[1], bench_number(argv[2]));
    store_close(&store);
    return 0;
}
