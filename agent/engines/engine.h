/*
 * engine: the one interface between the agent and every container engine.
 *
 * An engine driver knows one kind of store on disk. The agent asks it to find its roots, to take
 * cheap tokens that tell whether anything changed, to read one root as a whole, and to hand out
 * documents by digest. All knowledge of paths and formats stays behind it.
 *
 * Reading is disk first: it works with the daemon stopped or hung and causes no work in it. The
 * engine's API, where its socket answers within its deadline, only finds roots and cross-checks.
 *
 * How the others fit without a change here:
 *   containerd          one root for each (namespace, snapshotter): `space` and `driver`; token =
 *                       txid of meta.db; a chain's directory from the snapshotter's metadata.db;
 *                       document() reads content blobs; kept blobs are blob entries of the
 *                       reading; images of a foreign platform are `unpacked = false`.
 *   containers-storage  one root for each graph root (and user: `owner`); token = the 64-byte lock
 *                       tokens; engine IDs are mapped to chainIDs from the config by position;
 *                       its drivers vfs and btrfs, as docker's, make copies `whole_tree`.
 *   OCI layout          one root for each directory named in the configuration; token =
 * index.json's stat; nothing is unpacked, all bytes are blobs.
 *
 * Threads: find/read/cross_check/document block on disk and run off the loop, one call at a time
 * for each root; different roots may run at the same time.
 */
#ifndef AGENT_ENGINES_ENGINE_H
#define AGENT_ENGINES_ENGINE_H

#include <sys/types.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/list.h"
#include "common/record.h"

#define ENGINE_PATH_MAX 4096
#define ENGINE_TOKEN_MAX 256

/* One place where an engine keeps images. */
struct engine_root {
    const struct engine_driver *driver;
    char path[ENGINE_PATH_MAX];   /* as the host names it: "/var/lib/docker" */
    char host[ENGINE_PATH_MAX];   /* prefix under which the host's root is seen: "" or "/host" */
    char storage[64];             /* graph driver or snapshotter, "" until read */
    char space[128];              /* containerd namespace, "" none */
    char socket[ENGINE_PATH_MAX]; /* API socket, "" none known */
    char version[64];             /* from the API, "" unknown */
    bool api_answers;             /* at the last find or cross-check */
    bool sample;                  /* marked as quickstart's sample store */
};

struct engine_roots { /* grows; at most REC_STORES_MAX */
    struct engine_root *items;
    size_t count;
};

/* What the configuration says about finding. */
struct engine_options {
    const char *host_root;     /* "" or "/host" */
    const char *docker_socket; /* default /var/run/docker.sock; "" none */
    char **docker_roots;       /* named by the operator: read besides what is found */
    size_t docker_root_count;
    bool find;            /* look in the well-known places and ask sockets */
    bool use_api;         /* cross-check through the API */
    bool container_names; /* report containers' names */
    int64_t api_timeout_ms;
};

/* Bytes that tell, when equal, that nothing changed. Compared with memcmp only. */
struct engine_token {
    uint8_t bytes[ENGINE_TOKEN_MAX];
    size_t len;
};

/* One unpacked chain and where it lies on this host. */
struct engine_copy {
    struct digest chain, diff;
    const char *directory; /* of the layer's files, host path without prefix */
    const char *entry;     /* the store's directory around it (for the space account), or NULL */
    bool needed;           /* some unpacked image of the store needs it; else an exception */
    bool whole_tree; /* the directory holds the lower layers' files too (vfs, btrfs): what is in it
                        cannot be told from the layer's own, only allocated bytes mean something.
                        False for the first layer of a chain, whose tree is the layer. */
};

/* A directory or file in the store that is not a copy. */
struct engine_space_entry {
    enum rec_space_class klass;
    const char *kind;
    const char *path; /* host path without prefix */
};

/* One root as it is at one moment. */
struct engine_reading {
    struct arena *arena;        /* owns everything below, */
    struct arena *layers;       /* but for what copies point to; other readings may own it too */
    struct rec_content content; /* sorted as record.h promises */
    struct rec_use use;         /* key filled; empty when the engine has no containers */
    struct engine_copy *copies; /* sorted by chain */
    size_t copy_count;
    struct engine_space_entry *spaces;
    size_t space_count;
    const char **space_roots; /* directories that together are "the store" (du of them = total) */
    size_t space_root_count;
    struct engine_token token; /* taken before and equal after reading, unless state is MOVING */
    const void *kept; /* the driver's own: what its next read() may rest on; NULL: nothing */
};

/* Something that the API and the disk say differently. */
struct engine_finding {
    char subject[160];
    char text[320];
};

struct engine_findings {
    struct engine_finding items[64];
    size_t count, more;
};

struct engine_driver {
    const char *name; /* "docker" */
    /* Adds the roots that exist. A root that cannot be looked at is not an error here: read()
     * will say so. */
    int (*find)(const struct engine_options *options, struct engine_roots *roots, struct err *err);
    /* A few stats: microseconds. ERR_NOT_FOUND when the store has vanished. */
    int (*token)(const struct engine_root *root, struct engine_token *out, struct err *err);
    /* Reads it, retrying while it moves. What `last`, a former reading of this root, had and what
     * by its files' times stands unchanged, is taken from there; the result is the same as without
     * it as long as files are replaced and not written into. NULL: all is read, whatever the times
     * say. `last` is only borrowed. On -1 nothing could be read (ERR_DENIED, ERR_NOT_FOUND,
     * ERR_CORRUPT of the store as such): the caller keeps the last good content and marks it.
     * Single broken entries are problems of the reading, never an error. */
    int (*read)(struct engine_root *root, const struct engine_options *options,
                const struct engine_reading *last, struct engine_reading **out, struct err *err);
    /* The original bytes of a document, verified against the digest (ERR_CORRUPT). */
    int (*document)(const struct engine_root *root, enum rec_document_kind kind,
                    const struct digest *digest, struct buf *out, struct err *err);
    /* Whether the daemon answers, at the least cost to it. ERR_UNAVAILABLE or ERR_TIMEOUT where it
     * does not. */
    int (*answers)(const struct engine_root *root, const struct engine_options *options,
                   struct err *err);
    /* Compares names and use with what the API says; a difference is a finding. ERR_UNAVAILABLE
     * or ERR_TIMEOUT when the daemon does not answer. */
    int (*cross_check)(struct engine_root *root, const struct engine_options *options,
                       const struct engine_reading *reading, struct engine_findings *findings,
                       struct err *err);
};

void engine_reading_close(struct engine_reading **r);
void engine_roots_free(struct engine_roots *roots);
/* Appends a copy of *root unless the same path, storage and space is there. */
int engine_roots_add(struct engine_roots *roots, const struct engine_root *root, struct err *err);

/* The key of a store (record.h) from its metadata root: statfs f_fsid, inode, driver, space. */
int engine_store_key(struct rec_key *out, const struct engine_root *root, const char *metadata_dir,
                     struct err *err);

/* Opens a host path (absolute) below the root's host prefix; symlinks stay inside the prefix
 * (openat2 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS). Returns an fd or -1. */
int engine_open(const struct engine_root *root, const char *path, int flags, struct err *err);

/* Every driver of this build, ended by NULL (engines.c). */
extern const struct engine_driver *const engine_drivers[];

#endif
