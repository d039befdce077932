/*
 * history DATABASE HOSTS IMAGES PER-HOST DAYS: what history costs on disk. Each host reports its
 * inventory; then, on each of DAYS simulated days, as many differences come as there are hosts,
 * each of a host drawn by lot, in which one image leaves and another one comes. Tells the bytes of
 * the closed file before and after.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "common/check.h"
#include "tests/bench/rig.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static long long bytes_of(const char *path)
{
    struct stat st;

    check(stat(path, &st) == 0);
    return (long long)st.st_size;
}

/* The file after so many days, closed, so that it holds all that its log did. */
static long long play(const char *path, const struct bench_size *size, int64_t days, int64_t now_ms)
{
    struct bench_rig rig;

    bench_open(&rig, path, size, now_ms);
    bench_inventories(&rig);
    for (int64_t day = 0; day < days; day++) {
        struct bench_job *jobs = bench_differences(&rig, size->hosts);

        rig.now_ms += DAY_MS;
        bench_run(jobs, size->hosts);
        free(jobs);
        bench_forget(&rig);
    }
    bench_close(&rig);
    return bytes_of(path);
}

int main(int argc, char **argv)
{
    struct bench_size size;
    int64_t days, begin;
    char still[4096];
    long long before, after;

    if (argc != 6) {
        fprintf(stderr, "usage: history DATABASE HOSTS IMAGES PER-HOST DAYS\n");
        return 2;
    }
    size =
        (struct bench_size){bench_number(argv[2]), bench_number(argv[3]), bench_number(argv[4]), 0};
    days = (int64_t)bench_number(argv[5]);
    begin = (int64_t)time(NULL) * 1000 - (days + 1) * DAY_MS;
    snprintf(still, sizeof(still), "%s.still", argv[1]);
    before = play(still, &size, 0, begin);
    after = play(argv[1], &size, days, begin);
    printf("{\"before\": %lld, \"after\": %lld, \"bytes_a_host_and_day\": %.2f}\n", before, after,
           (double)(after - before) / (double)size.hosts / (double)days);
    return 0;
}
