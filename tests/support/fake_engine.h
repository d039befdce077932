/*
 * fake_engine: an engine driver whose stores are what the test says. Images are named by a word;
 * their config is a small JSON document made from it, and "secret-..." holds a token to be cut.
 *
 * Threads: any; a store can be made to hang in the middle of a look.
 */
#ifndef TESTS_SUPPORT_FAKE_ENGINE_H
#define TESTS_SUPPORT_FAKE_ENGINE_H

#include "agent/inventory.h"

extern const struct engine_driver fake_driver;
extern const struct engine_driver *const fake_drivers[];

/* Forgets every store. First thing in a setup, last in a teardown. */
void fake_engine_reset(void);

/* A store at `path` with images of these words (blank-separated), unpacked, tagged "word:1". Makes
 * it where it is not there; changes its token. */
void fake_engine_put(const char *path, const char *words);
/* Its first image gets a container in this state, with this name. */
void fake_engine_run(const char *path, enum rec_run_state state, const char *name);
/* So many layers are known to come from one repository. */
#define FAKE_REPOSITORY "registry.example.com/base"
void fake_engine_origins(const char *path, unsigned count);
/* It says that it can give manifests, and has one of each image, of one layer. */
void fake_engine_give_manifests(const char *path);
/* Looks fail from now on with this kind; ERR_NONE: they succeed. */
void fake_engine_fail(const char *path, enum err_kind kind);
/* Readings are torn from now on (REC_STORE_MOVING), or whole again. Changes its token. */
void fake_engine_move(const char *path, bool moving);
/* Looks block until it is called again with false. */
void fake_engine_hang(const char *path, bool hang);
/* Whether one does right now. */
bool fake_engine_hangs(const char *path);
/* The API answers or does not. */
void fake_engine_daemon(const char *path, bool up);
/* Two paths of one `place` are one store. */
void fake_engine_place(const char *path, const char *place);

/* The next finding with the daemon up says that its engine uses another store. */
void fake_engine_orphan(const char *path, bool orphaned);
/* Findings say that it is of this namespace. */
void fake_engine_space(const char *path, const char *space);
/* What the kernel is asked to watch for it: real paths, blank-separated; "" nothing. */
void fake_engine_watch(const char *path, const char *paths);

/* How often, since the reset, the store was looked at, read, its API asked for anything, and asked
 * what it has. */
unsigned fake_engine_looks(const char *path);
unsigned fake_engine_reads(const char *path);
unsigned fake_engine_checks(const char *path);
unsigned fake_engine_comparisons(const char *path);

/* What the words and paths stand for in the inventory. */
struct digest fake_engine_image(const char *word);
char *fake_engine_config(const char *word);   /* heap */
char *fake_engine_manifest(const char *word); /* heap; "secret-..." has a note to be cut */
struct rec_key fake_engine_key(const char *path);

/* An inventory of the stores at these paths (blank-separated) as they are now; one reference. */
struct inventory *fake_engine_inventory(const char *paths);

#endif
