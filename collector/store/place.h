/*
 * place: the rows of one host that reports go to: its incarnation and its stores, and the second
 * at which an observation is placed.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_PLACE_H
#define COLLECTOR_STORE_PLACE_H

#include "collector/store/statements.h"

struct place_host {
    int64_t incarnation_id, host_id;
    uint64_t generation; /* last durable one */
    int64_t observed_s;  /* when that was observed */
    int64_t last_s;      /* last sign of life */
};

/* ERR_NOT_FOUND: there is no such incarnation. ERR_CONFLICT: another one took its host over. */
int place_host(struct store *s, int64_t incarnation_id, struct place_host *out, struct err *err);

/* The second of an observation `age_ms` old: not after now, and not before the host's last one
 * (which wins where our own clock was set back). */
int64_t place_time(const struct place_host *host, int64_t age_ms, int64_t now_ms);

/* Notes a durable report. That its host lives is written with the other signs of life
 * (apply_lives). */
int place_advance(struct store *s, const struct place_host *host, uint64_t generation, int64_t at_s,
                  int64_t now_s, struct err *err);

/* Whether the host is in the present sums from now on: neither retired nor ended. */
int place_count_host(struct store *s, int64_t host_id, bool counted, struct err *err);

struct place_store {
    int64_t id;
    bool present;
    enum rec_store_state state;
    int64_t look_s; /* last good look */
    struct setsum sum;
};

/* 1 found (also one that is gone), 0 not, -1. */
int place_store(struct store *s, int64_t incarnation_id, const struct rec_key *key,
                struct place_store *out, struct err *err);

/* How many stores of it are present. */
int place_count(struct store *s, int64_t incarnation_id, size_t *out, struct err *err);

/* The id of a store that is present; ERR_NOT_FOUND. For messages about a store's details. */
int place_present(struct store *s, int64_t incarnation_id, const struct rec_key *key, int64_t *id,
                  struct err *err);

/* Writes the attributes as they are at `at_s`; makes the store, or brings a gone one back, empty.
 * *out is the store as it was before, or as made (look_s at_s, sum zero). */
int place_put(struct store *s, int64_t incarnation_id, const struct rec_store *r, int64_t at_s,
              struct place_store *out, struct err *err);

/* Whether a store in this state was really looked at. */
bool place_is_look(enum rec_store_state state);

/* Writes the digest and, where `look_s` is not 0, the last good look. */
int place_set_sum(struct store *s, int64_t store_id, const struct setsum *sum, int64_t look_s,
                  struct err *err);

/* "store 0123abcd...", for texts about a store. */
#define PLACE_KEY_TEXT 40
const char *place_key_text(const struct rec_key *key, char out[PLACE_KEY_TEXT]);

#endif
