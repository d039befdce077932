/*
 * fast_clock: a library to preload, under which clock_gettime(CLOCK_REALTIME), by which our
 * programs place things in time, runs FAST_CLOCK_FACTOR times as fast since the Unix time
 * FAST_CLOCK_BEGIN (seconds). Processes with the same two agree about the time.
 *
 * All else keeps its pace: monotonic clocks, and so timers and deadlines, and time(), by which
 * OpenSSL lets sessions and certificates get old: connections do not live fast.
 *
 * Threads: any; the environment is read once, before there is a second one.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_S 1000000000LL

typedef int clock_gettime_fn(clockid_t id, struct timespec *ts);

static clock_gettime_fn *real_clock_gettime;
static int64_t begin_ns;
static int64_t factor = 1;

__attribute__((constructor)) static void start(void)
{
    const char *begin = getenv("FAST_CLOCK_BEGIN"), *times = getenv("FAST_CLOCK_FACTOR");

    real_clock_gettime = (clock_gettime_fn *)dlsym(RTLD_NEXT, "clock_gettime");
    if (begin == NULL || times == NULL)
        return;
    begin_ns = strtoll(begin, NULL, 10) * NS_PER_S;
    factor = strtoll(times, NULL, 10);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    int64_t now_ns;

    if (real_clock_gettime == NULL) /* another library's constructor asks before ours ran */
        start();
    if (real_clock_gettime(id, ts) != 0)
        return -1;
    if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)
        return 0;
    now_ns = ts->tv_sec * NS_PER_S + ts->tv_nsec;
    if (now_ns > begin_ns)
        now_ns = begin_ns + (now_ns - begin_ns) * factor;
    *ts = (struct timespec){now_ns / NS_PER_S, now_ns % NS_PER_S};
    return 0;
}
