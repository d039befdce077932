/*
 * catalogue_file: the operator's catalogue, a YAML file that the command `catalogue` changes and
 * people may edit. docs/lineage.md describes it. Comments at its head stay, others are lost when
 * the command writes it.
 *
 * Threads: pure but for files.
 */
#ifndef COLLECTOR_RULES_CATALOGUE_FILE_H
#define COLLECTOR_RULES_CATALOGUE_FILE_H

#include "collector/census/catalogue.h"
#include "common/arena.h"
#include "common/error.h"

enum {
    CATALOGUE_BASES_MAX = 100000,
    CATALOGUE_LAYERS_MAX = 1024, /* of one base */
    CATALOGUE_PATTERNS_MAX = 10000,
};

/* A file that is not there is an empty catalogue, unless `must_exist`. ERR_USAGE with file, line,
 * column and what was expected. */
int catalogue_read(struct catalogue *out, const char *path, bool must_exist, struct arena *arena,
                   struct err *err);
int catalogue_parse(struct catalogue *out, const char *path, const char *data, size_t len,
                    struct arena *arena, struct err *err);

/* What `catalogue add --from FILE` reads: another catalogue, or a list of bases or of names that
 * the fleet knows. */
struct catalogue_source {
    struct catalogue catalogue;
    const char **names;
    size_t name_count;
};
int catalogue_read_source(struct catalogue_source *out, const char *path, struct arena *arena,
                          struct err *err);

/* Reads, changes and writes under one lock, so that no other command's change is lost. It is
 * written whole beside the old file and renamed; mode, owner, group and the comment at its head
 * stay. A new file is, as the database, for its owner and the folder's group. `change` may replace
 * the lists by others in the arena; it returns 0, or -1 and nothing is written. */
int catalogue_edit(const char *path,
                   int (*change)(struct catalogue *c, void *data, struct arena *arena,
                                 struct err *err),
                   void *data, struct arena *arena, struct err *err);

/* "DIR/catalogue.yaml" beside the database; in `arena`, NULL on failure. */
const char *catalogue_beside(const char *db, struct arena *arena, struct err *err);

#endif
