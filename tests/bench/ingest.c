/*
 * ingest DATABASE HOSTS IMAGES PER-HOST HOSTS-A-TRANSACTION: how long the writer takes for the
 * whole inventories of so many hosts whose documents are all known. No network and no protocol: the
 * records are in memory, the jobs are apply_inventory() through the collector's own writer, and the
 * clock runs from the first submission to the last durable acknowledgement. Leaves the database.
 */
#include <stdio.h>

#include "tests/bench/rig.h"

int main(int argc, char **argv)
{
    struct bench_size size;
    struct bench_rig rig;
    uint64_t ns;

    if (argc != 6) {
        fprintf(stderr, "usage: ingest DATABASE HOSTS IMAGES PER-HOST HOSTS-A-TRANSACTION\n");
        return 2;
    }
    size = (struct bench_size){bench_number(argv[2]), bench_number(argv[3]), bench_number(argv[4]),
                               bench_number(argv[5])};
    bench_open(&rig, argv[1], &size, 0);
    ns = bench_inventories(&rig);
    bench_close(&rig);
    printf("{\"seconds\": %.6f}\n", (double)ns / 1e9);
    return 0;
}
