/*
 * first_look DRIVER ROOT [SOCKET]: what the agent does when it sees a store for the first time:
 * reads all of it, cuts secrets, sums up, and with a socket asks whether the daemon answers. Its
 * caller takes the CPU time of this process and of the daemon.
 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/scan_root.h"
#include "common/cleanup.h"
#include "tests/bench/looking.h"

int main(int argc, char **argv)
{
    AUTO_FREE struct scan_job *job = calloc(1, sizeof(*job));
    struct looking look;

    if (argc < 3 || argc > 4 || job == NULL) {
        fprintf(stderr, "usage: first_look DRIVER ROOT [SOCKET]\n");
        return 2;
    }
    looking_open(&look, argv[1], argv[2]);
    look.options.api_timeout_ms = 10000;
    look.options.use_api = job->check = argc == 4;
    snprintf(look.root.socket, sizeof(look.root.socket), "%s", argc == 4 ? argv[3] : "");
    job->options = &look.options;
    job->root = look.root;
    job->full = job->afresh = true;
    scan_root_work(job);
    if (job->failed != 0 || (job->check && (!job->checked || job->check_err.kind != ERR_NONE))) {
        fprintf(stderr, "first_look: %s%s\n", job->err.text, job->check_err.text);
        return 1;
    }
    printf("{\"images\": %zu}\n", job->reading->reading->content.image_count);
    inventory_reading_unref(&job->reading);
    return 0;
}
