/*
 * options: what layercensus-collector can be told, from one table (common/cli.h), and what must
 * hold between options before the collector starts.
 *
 * Threads: start-up only.
 */
#ifndef COLLECTOR_SERVER_OPTIONS_H
#define COLLECTOR_SERVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli.h"
#include "common/uvx.h"

struct options {
    char *db;
    struct cli_list listen;  /* "host:port" or "unix:/path" */
    struct cli_list sockets; /* paths of unix sockets */
    char *cert, *key, *ca;
    bool plaintext;
    bool trust_host_names;
    int64_t heartbeat_ms;
    int64_t silence_ms;
    int64_t lease_ms;
    int64_t measure_lease_ms;
    int64_t retire_after_ms;
    int64_t ephemeral_after_ms;
    int64_t connections_max;
    int64_t message_max; /* bytes */
    int64_t queue_max;   /* bytes of reports that wait for the database */
    int64_t memory_max;  /* bytes of unfinished reports, all hosts together */
    char *catalogue;     /* NULL: catalogue.yaml beside the database, where there is one */
    char *policy;        /* NULL: none */
    int64_t survey_interval_ms;
    bool thorough; /* of check */
    int log_level; /* enum log_level */
    int log_form;  /* enum log_form */
};

enum { OPTIONS_ADDRESSES_MAX = 64 };
#define OPTIONS_PORT "7443"

/* The program's table; commands included. */
extern const struct cli_program options_program;

/* Whether the options fit together: addresses can be parsed, plaintext stays on this machine or is
 * allowed, hosts are known by certificate or believed, silence exceeds the heartbeat.
 * ERR_USAGE says which option and what to do. */
int options_check(const struct options *options, struct err *err);

/* All addresses of --listen and --unix. ERR_USAGE for a bad or for too many of them. */
int options_addresses(const struct options *options, struct uvx_address *out, size_t *count,
                      struct err *err);

#endif
