/*
 * lineage DATABASE HOSTS IMAGES PER-HOST REPEATS: how long it takes to decide for every image which
 * base it stands on: reading what is distinct in the fleet (read_counted()), then names
 * (naming_compute()) and lines (lineage_compute()). The database is made first, with IMAGES images
 * whose documents are all known.
 *
 * Beside it: the same images, chains and names read row by row with plain SQL, which is the least
 * that any answer about all of them can cost. One JSON object a repetition.
 */
#include <stdio.h>
#include <time.h>

#include "collector/census/lineage.h"
#include "collector/store/read_fleet.h"
#include "common/arena.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "tests/bench/floor.h"

#define ARENA_BYTES ((size_t)16 << 30)
#define FRESH_S 180
#define NS_PER_S 1e9

struct lap {
    uint64_t read_ns, lineage_ns;
    size_t images, chains;
};

static struct lap decide(struct store *store)
{
    static const struct catalogue empty;
    const struct read_options options = {
        .now_s = (int64_t)time(NULL), .fresh_within_s = FRESH_S, .past = true};
    AUTO(arena_close) struct arena *arena = NULL;
    struct reading *reading;
    struct counted counted;
    struct lineage lineage;
    struct naming naming;
    struct fleet fleet;
    struct lap lap;
    uint64_t begun;
    struct err err;

    bench_must(arena_open(&arena, ARENA_BYTES, &err), &err, "memory");
    bench_must(store_begin(store, &err), &err, "begin");
    begun = uv_hrtime();
    bench_must(read_counted(store, &fleet, &counted, &options, &reading, arena, &err), &err,
               "read");
    lap.read_ns = uv_hrtime() - begun;
    begun = uv_hrtime();
    bench_must(naming_compute(&naming, &fleet, &empty, NULL, 0, arena, &err), &err, "naming");
    bench_must(lineage_compute(&lineage, &fleet, &empty, &naming, 0, arena, &err), &err, "lineage");
    lap.lineage_ns = uv_hrtime() - begun;
    lap.images = fleet.image_count;
    lap.chains = fleet.chain_count;
    store_rollback(store);
    return lap;
}

static double plain_seconds(const char *path)
{
    uint64_t begun = uv_hrtime();
    sqlite3 *db;

    check(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    floor_sql(db, "SELECT image_id, position, chain_id FROM image_chain");
    floor_sql(db, "SELECT id, digest FROM image");
    floor_sql(db, "SELECT id, digest, layer_id FROM chain");
    floor_sql(db, "SELECT listing_id, name_id FROM listing_name");
    sqlite3_close(db);
    return (double)(uv_hrtime() - begun) / NS_PER_S;
}

int main(int argc, char **argv)
{
    struct bench_size size;
    struct bench_rig rig;
    struct store *store;
    struct err err;

    if (argc != 6) {
        fprintf(stderr, "usage: lineage DATABASE HOSTS IMAGES PER-HOST REPEATS\n");
        return 2;
    }
    size = (struct bench_size){.hosts = bench_number(argv[2]),
                               .images = bench_number(argv[3]),
                               .per_host = bench_number(argv[4])};
    bench_open(&rig, argv[1], &size, 0);
    bench_inventories(&rig);
    bench_close(&rig);
    bench_must(store_open_reader(&store, argv[1], &err), &err, argv[1]);
    for (size_t i = bench_number(argv[5]); i > 0; i--) {
        struct lap lap = decide(store);

        printf("{\"images\": %zu, \"chains\": %zu, \"read_seconds\": %.6f, "
               "\"lineage_seconds\": %.6f, \"plain_seconds\": %.6f}\n",
               lap.images, lap.chains, (double)lap.read_ns / NS_PER_S,
               (double)lap.lineage_ns / NS_PER_S, plain_seconds(argv[1]));
    }
    store_close(&store);
    return 0;
}
