/*
 * fleet_maker: a struct fleet made by hand, for tests of census.
 *
 * Layers and images have names of a test's own; chains follow from layers. Everything is made host
 * by host, store by store, in the order that the fleet wants. Ends the program where memory ends.
 */
#ifndef TESTS_SUPPORT_FLEET_MAKER_H
#define TESTS_SUPPORT_FLEET_MAKER_H

#include "collector/census/fleet.h"

#define MAKER_MAX 64 /* of each thing */

struct fleet_maker {
    struct arena *arena;
    struct fleet fleet;
    struct fleet_host hosts[MAKER_MAX];
    struct fleet_store stores[MAKER_MAX];
    struct fleet_layer layers[MAKER_MAX];
    struct fleet_chain chains[MAKER_MAX];
    struct fleet_image images[MAKER_MAX];
    struct fleet_name names[MAKER_MAX];
    struct fleet_presence presences[MAKER_MAX];
    uint32_t place_names[MAKER_MAX];
    struct fleet_exception exceptions[MAKER_MAX];
    struct fleet_measured measured[MAKER_MAX];
    struct fleet_container containers[MAKER_MAX];
    struct fleet_space spaces[MAKER_MAX];
    struct fleet_repo_digest repo_digests[MAKER_MAX];
};

/* An empty fleet, and its end. */
void maker_open(struct fleet_maker *m);
void maker_close(struct fleet_maker *m);

/* A host that is present and fresh; a store of it that is well. Both return their index. */
uint32_t maker_host(struct fleet_maker *m, const char *name);
uint32_t maker_store(struct fleet_maker *m, uint32_t host, const char *engine, uint32_t owner);

/* nominal FLEET_UNKNOWN: nobody has told its sizes. */
uint32_t maker_layer(struct fleet_maker *m, const char *name, int64_t nominal);

/* The chain of these layers, the lowest first, ended by FLEET_NONE. */
uint32_t maker_chain(struct fleet_maker *m, const uint32_t *layers);
#define CHAIN(m, ...) maker_chain((m), (const uint32_t[]){__VA_ARGS__, FLEET_NONE})

/* An image of these layers, ended by FLEET_NONE. */
uint32_t maker_image(struct fleet_maker *m, const uint32_t *layers);
#define IMAGE(m, ...) maker_image((m), (const uint32_t[]){__VA_ARGS__, FLEET_NONE})

/* Puts an image into the store made last. name NULL: it has none there. Images of one store come in
 * the order that they were made in. */
struct fleet_presence *maker_put(struct fleet_maker *m, uint32_t store, uint32_t image,
                                 const char *name);
void maker_measure(struct fleet_maker *m, uint32_t store, uint32_t chain, int64_t allocated);
void maker_except(struct fleet_maker *m, uint32_t store, uint32_t chain, uint32_t layer,
                  enum rec_exception_kind kind);
void maker_space(struct fleet_maker *m, uint32_t store, enum rec_space_class klass,
                 const char *kind, int64_t bytes);
void maker_run(struct fleet_maker *m, uint32_t store, uint32_t image, enum rec_run_state state);
uint32_t maker_name(struct fleet_maker *m, const char *text);

#endif
