/*
 * difference DATABASE HOSTS IMAGES PER-HOST COUNT REPEATS: what one difference costs (one image
 * goes, one comes, with everything that is kept up to date), when COUNT of them, of hosts drawn by
 * lot, go to the collector's own writer as fast as it takes them, BATCH in a transaction. No
 * network. Wall time from the first submission to the last durable acknowledgement.
 *
 * Beside it: as many narrow rows (host, image, since), those that the differences bring, upserted
 * by one prepared statement, as many in a transaction, with the same settings, into a table that
 * holds what the hosts hold. One JSON object a repetition.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/floor.h"

enum { BATCH = 1000 }; /* the writer's own limit */

int main(int argc, char **argv)
{
    struct bench_size size;
    struct bench_rig rig;
    struct floor_rows rows;
    size_t count;

    if (argc != 7) {
        fprintf(stderr, "usage: difference DATABASE HOSTS IMAGES PER-HOST COUNT REPEATS\n");
        return 2;
    }
    size = (struct bench_size){bench_number(argv[2]), bench_number(argv[3]), bench_number(argv[4]),
                               BATCH};
    count = bench_number(argv[5]);
    bench_open(&rig, argv[1], &size, 0);
    bench_inventories(&rig);
    floor_rows_open(&rows, &rig, argv[1]);
    for (size_t n = bench_number(argv[6]); n > 0; n--) {
        struct bench_job *jobs = bench_differences(&rig, count);
        double exact = (double)bench_run(jobs, count);
        double upsert = (double)floor_rows_upsert(&rows, jobs, count, BATCH);

        printf("{\"difference_us\": %.3f, \"upsert_us\": %.3f}\n", exact / 1e3 / (double)count,
               upsert / 1e3 / (double)count);
        free(jobs);
        bench_forget(&rig);
    }
    floor_rows_close(&rows);
    bench_close(&rig);
    return 0;
}
