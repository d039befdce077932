/*
 * bench_connections [--connections N]: what an idle agent costs a collector in memory.
 *
 * A child process opens N connections over mutual TLS and HTTP/2, each with one open call, and the
 * parent, our server, looks at its own proportional memory (PSS) in /proc at N/5 of them and at N.
 * Then all of them are cut off and come back with their sessions. Prints bytes a connection, in
 * user space: what the kernel holds for sockets is not in it, nor what the collector keeps of a
 * host's content.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/bench/peers.h"

#define CONNECTIONS 5000

static size_t pss_kb(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    char line[200];
    size_t kb = 0;

    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "Pss: %zu kB", &kb) == 1)
            break;
    if (f != NULL)
        fclose(f);
    return kb;
}

/* Memory and allocated bytes when `count` agents are there and idle. */
struct level {
    size_t count, pss_kb, heap;
};

static struct level look(struct peers_server *s, size_t count)
{
    struct level l = {.count = count};

    peers_wait(s, count);
    l.pss_kb = pss_kb();
    l.heap = mallinfo2().uordblks;
    return l;
}

static void print(const char *name, const struct level *a, const struct level *b)
{
    double n = (double)(b->count - a->count);

    printf("\"%s\": {\"pss_bytes\": %.0f, \"heap_bytes\": %.0f}, ", name,
           1024.0 * ((double)b->pss_kb - (double)a->pss_kb) / n,
           ((double)b->heap - (double)a->heap) / n);
}

int main(int argc, char **argv)
{
    size_t n = peers_count(argc, argv, CONNECTIONS);
    struct level none, first, all, again_first, again;
    struct peers_server server;

    peers_open(&server, n);
    none = look(&server, 0);
    peers_say(&server, n / 5);
    first = look(&server, n / 5);
    peers_say(&server, n);
    all = look(&server, n);
    peers_say(&server, 0);
    look(&server, 0);
    malloc_trim(0); /* else what the first ones left would hide what the next ones need */
    peers_say(&server, n / 5);
    again_first = look(&server, n / 5);
    peers_say(&server, n);
    again = look(&server, n);
    printf("{\"bench\": \"connections\", \"connections\": %zu, ", n);
    print("full_handshake", &first, &all);
    print("resumed", &again_first, &again);
    printf("\"resumed_connections\": %zu, \"empty_pss_bytes\": %zu, \"pss_bytes\": %zu}\n",
           server.resumed, none.pss_kb * 1024, all.pss_kb * 1024);
    peers_close(&server);
    return 0;
}
