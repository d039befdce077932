/*
 * catalogue_change: what the command `catalogue` does to a catalogue in memory, within the callback
 * of catalogue_edit().
 *
 * Ownership: lists grow in the arena. Threads: pure.
 */
#ifndef COLLECTOR_RULES_CATALOGUE_CHANGE_H
#define COLLECTOR_RULES_CATALOGUE_CHANGE_H

#include "collector/census/catalogue.h"
#include "common/arena.h"
#include "common/error.h"
#include "common/imageref.h"

enum catalogue_outcome {
    CATALOGUE_ADDED,
    CATALOGUE_CHANGED,   /* it was there, and says something else now */
    CATALOGUE_UNCHANGED, /* it was there */
};

/* Makes room for so many bases more. ERR_LIMIT past CATALOGUE_BASES_MAX. */
int catalogue_reserve(struct catalogue *c, size_t more, struct arena *arena, struct err *err);

/* What the operator says of the base himself; an empty text then takes away what was there. */
struct catalogue_said {
    bool family, version;
};

/* Adds a base, for which there is room. One with the same name, platform and chain is replaced, but
 * keeps family and version where the new one has none and it is not said, and the time when it was
 * added. */
enum catalogue_outcome catalogue_put(struct catalogue *c, const struct catalogue_base *base,
                                     const struct catalogue_said *said);

/* How many versions (chains) of this name and platform there are. */
size_t catalogue_versions(const struct catalogue *c, const struct catalogue_base *base);

/* What `catalogue remove` names: a name (without a tag: all of that repository), or a chain
 * ("sha256:..." or the beginning of one). ERR_USAGE. */
struct catalogue_pick {
    struct imageref name;
    char hex[DIGEST_HEX + 1]; /* of a chain; "" it is a name */
};
int catalogue_pick(struct catalogue_pick *out, const char *text, struct err *err);
bool catalogue_picks(const struct catalogue_pick *pick, const struct catalogue_base *base);

/* Takes the base at `index` out. */
void catalogue_take(struct catalogue *c, size_t index);

/* Trust in repositories (a pattern in normal form), and in stores; the second take it back. *found
 * says whether it was there before. */
int catalogue_trust_registry(struct catalogue *c, const char *pattern, bool *found,
                             struct arena *arena, struct err *err);
int catalogue_trust_store(struct catalogue *c, const struct catalogue_namer *namer, bool *found,
                          struct arena *arena, struct err *err);
bool catalogue_distrust_registry(struct catalogue *c, const char *pattern);
bool catalogue_distrust_store(struct catalogue *c, const struct catalogue_namer *namer);

#endif
