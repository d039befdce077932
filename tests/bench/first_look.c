/*
 * first_look ROOT [SOCKET]: what the agent does when it sees a docker store for the first time:
 * reads all of it, cuts secrets, sums up, and with a socket asks whether the daemon answers. Its
 * caller takes the CPU time of this process and of the daemon.
 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/engines/docker.h"
#include "agent/scan_root.h"
#include "common/cleanup.h"

int main(int argc, char **argv)
{
    AUTO_FREE struct scan_job *job = calloc(1, sizeof(*job));
    struct engine_options options = {.host_root = "", .api_timeout_ms = 10000};

    if (argc < 2 || argc > 3 || job == NULL) {
        fprintf(stderr, "usage: first_look ROOT [SOCKET]\n");
        return 2;
    }
    options.use_api = argc == 3;
    job->options = &options;
    job->full = job->afresh = true;
    job->check = options.use_api;
    job->root.driver = &docker_driver;
    snprintf(job->root.path, sizeof(job->root.path), "%s", argv[1]);
    snprintf(job->root.socket, sizeof(job->root.socket), "%s", argc == 3 ? argv[2] : "");
    scan_root_work(job);
    if (job->failed != 0 || (job->check && (!job->checked || job->check_err.kind != ERR_NONE))) {
        fprintf(stderr, "first_look: %s%s\n", job->err.text, job->check_err.text);
        return 1;
    }
    printf("{\"images\": %zu}\n", job->reading->reading->content.image_count);
    inventory_reading_unref(&job->reading);
    return 0;
}
