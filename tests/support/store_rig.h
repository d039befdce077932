/*
 * store_rig: a database in a directory of its own, and the reports of made-up hosts for it.
 *
 * Functions that return nothing fail the test where something goes wrong.
 */
#ifndef TESTS_SUPPORT_STORE_RIG_H
#define TESTS_SUPPORT_STORE_RIG_H

#include <limits.h>

#include "collector/store/apply.h"
#include "tests/support/tempdir.h"

struct sqlite3;

struct store_rig {
    struct tempdir dir;
    char path[PATH_MAX];
    struct store *store;
    struct arena *arena; /* records live here, until the test ends */
    struct sqlite3 *sql; /* a connection beside it, to look and to damage */
    bool damaged;        /* the test planted damage: rig_close() does not check */
};

/* A new database, with nobody in it. */
void rig_open(struct store_rig *r);

/* Checks the database (store_check finds nothing) and removes it. */
void rig_close(struct store_rig *r);

/* The only value of a query, and a statement run beside the store. */
int64_t rig_number(struct store_rig *r, const char *sql);
const char *rig_text(struct store_rig *r, const char *sql);
void rig_execute(struct store_rig *r, const char *sql);

/* How many findings store_check() has; each is printed where `print`. `words` (or NULL) must be in
 * one of them. */
uint64_t rig_check(struct store_rig *r, const char *words);

/* Runs one apply function in a transaction of its own: committed on 0, else rolled back. */
#define RIG_APPLY(r, call) (rig_begin(r), rig_end((r), (call)))
void rig_begin(struct store_rig *r);
int rig_end(struct store_rig *r, int rc);

/* ---- made-up records ------------------------------------------------------------------------- */

/* The same kind and number give the same digest. */
struct digest rig_digest(char kind, unsigned number);
struct rec_key rig_key(unsigned number);

/* Machine `number` says hello under a name, from address "10.0.0.<number>". silence is 100 s. */
int rig_try_hello(struct store_rig *r, unsigned machine, const char *name, int64_t now_s,
                  struct apply_identity *out, struct err *err);
/* As above, and it succeeds: its incarnation. */
int64_t rig_hello(struct store_rig *r, unsigned machine, const char *name, int64_t now_s);

/* A store with nothing in it; its images are added in any order, rig_sort() ends it. */
struct rec_content *rig_content(struct store_rig *r, unsigned key);
struct rec_image *rig_image(struct store_rig *r, struct rec_content *c, const struct digest *id,
                            bool unpacked);
void rig_name(struct store_rig *r, struct rec_image *image, const char *name);
void rig_repo_digest(struct store_rig *r, struct rec_image *image, const char *repository,
                     unsigned digest);
void rig_exception(struct store_rig *r, struct rec_content *c, enum rec_exception_kind kind,
                   const struct digest *chain, const struct digest *diff);
void rig_sort(struct rec_content *c);

/* Reports the whole inventory as its digests say. */
int rig_try_inventory(struct store_rig *r, int64_t incarnation, uint64_t generation,
                      const struct rec_content *const *contents, size_t count, int64_t at_s,
                      int64_t now_s, struct err *err);
/* One store, and it succeeds; observed now. */
void rig_inventory(struct store_rig *r, int64_t incarnation, uint64_t generation,
                   const struct rec_content *c, int64_t now_s);

/* A config of layers rig_digest('L', layers[i]); its digest is the image's. */
const char *rig_config(struct store_rig *r, const unsigned *layers, size_t count,
                       struct digest *id);
enum apply_verdict rig_document(struct store_rig *r, int64_t incarnation, const struct digest *id,
                                const char *text, uint32_t rules, int64_t now_s);
/* The chain of the first `count` layers. */
struct digest rig_chain(const unsigned *layers, size_t count);

#endif
