#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/options.h"
#include "agent/scan_print.h"
#include "common/cleanup.h"
#include "common/log.h"

/* libuv's pool has 4 threads by default. Stores that hang may hold SCAN_OUTSTANDING_MAX (6) of
 * them, and sockets that hang one for each of 4 drivers: this leaves some for names (DNS) and
 * documents. */
#define POOL_THREADS "14"

static int check_config(const struct options *o, bool run, struct err *err)
{
    if (run && agent_check(o, err) != 0)
        return -1;
    puts("the configuration is fine");
    return 0;
}

static int run_command(struct options *o, const struct cli_result *result, struct err *err)
{
    /* --check-config needs no command */
    bool run = result->command != NULL && strcmp(result->command->name, OPTIONS_RUN) == 0;

    if (options_check(o, run, err) != 0)
        return -1;
    log_setup(STDERR_FILENO, (enum log_level)o->log_level, (enum log_form)o->log_form);
    if (result->check_config)
        return check_config(o, run, err);
    return run ? agent_run(o, err) : scan_print(o, stdout, err);
}

int main(int argc, char **argv)
{
    AUTO(options_free) struct options options = {0};
    struct cli_result result = {0};
    struct err err = {0};
    int rc = cli_parse(&options_program, argc, argv, &options, &result, &err);

    if (rc == 0 && result.done)
        return EXIT_SUCCESS;
    setenv("UV_THREADPOOL_SIZE", POOL_THREADS, 0);
    mallopt(M_ARENA_MAX, 1); /* the threads seldom allocate at once, and each heap keeps its own */
    if (rc == 0)
        rc = run_command(&options, &result, &err);
    if (rc == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "layercensus-agent: %s\n", err.text);
    return err_exit_status(err.kind);
}
