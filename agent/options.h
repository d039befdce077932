/*
 * options: what can be configured about the agent, from one table (common/cli).
 *
 * Threads: start-up only; read-only afterwards.
 */
#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

#include "common/cli.h"
#include "common/record.h"
#include "common/uvx.h"

#include "agent/engines/engine.h"

enum options_output { OPTIONS_TABLE, OPTIONS_JSON };

struct options {
    /* the collector and the way to it */
    char *collector;
    char *cert, *key, *ca, *server_name;
    bool plaintext;
    int64_t reconnect_min_ms, reconnect_max_ms;

    /* this host */
    char *host_name, *cluster;
    struct cli_list labels; /* "K=V" */
    char *state_dir;
    int lifetime; /* index: 0 lasting, 1 ephemeral */
    bool sample;

    /* engines */
    struct cli_list engines; /* names of drivers */
    struct cli_list skip;
    char *docker_socket, *containerd_socket;
    struct cli_list docker_roots, containerd_roots, storage_roots, layouts;
    char *host_root;
    bool find, api, container_names;
    int64_t api_timeout_ms;

    /* looking and measuring */
    int64_t look_ms, scan_ms, absent_ms;
    bool measure;
    int64_t measure_rate;

    /* logging */
    int log_level, log_form;

    /* scan */
    struct cli_list roots;
    int output;

    /* made by options_check(); not in the table */
    struct uvx_address address;
    struct rec_pair *label_pairs; /* into labels, sorted by key */
    size_t label_count;
};

extern const struct cli_program options_program;

/* Names of the commands, for main. */
#define OPTIONS_RUN "run"
#define OPTIONS_SCAN "scan"

/* What the table cannot say: options that need or exclude one another, forms of addresses, labels
 * and paths. `run`: the daemon's options must be complete. ERR_USAGE says what to give. */
int options_check(struct options *o, bool run, struct err *err);

void options_free(struct options *o);

/* The part that engines read; pointers go to *o. */
struct engine_options options_engine(const struct options *o);

#endif
