/*
 * engine: the one interface between the agent and every container engine.
 *
 * An engine driver knows one kind of store on disk. The agent asks it to find its roots, to take
 * cheap tokens that tell whether anything changed, to read one root as a whole, and to hand out
 * documents by digest. All knowledge of paths and formats stays behind it.
 *
 * Reading is disk first: it works with the daemon stopped or hung and causes no work in it. The
 * engine's API, where its socket answers within its deadline, only finds roots and cross-checks;
 * where the disk cannot be read at all (an agent without the right, a daemon in another place) the
 * API is what is read, and the root says so (by_api).
 *
 * Drivers, and what one root is to each (docs/engines.md tells the rest):
 *   docker              one graph driver's store below one data root
 *   containerd          one (namespace, snapshotter) below one containerd root; docker's containerd
 *                       image store is one of these, with the data root of the docker that uses it
 *   containers-storage  one graph root and its driver: podman, buildah, CRI-O; of each user
 *   oci-layout          one directory that the configuration names; nothing in it is unpacked
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
#define ENGINE_WATCHES_MAX 4096

/* One place where an engine keeps images. */
struct engine_root {
    const struct engine_driver *driver;
    char path[ENGINE_PATH_MAX];   /* as the host names it: "/var/lib/docker" */
    char host[ENGINE_PATH_MAX];   /* prefix under which the host's root is seen: "" or "/host" */
    char storage[64];             /* graph driver or snapshotter, "" until read */
    char space[128];              /* containerd namespace, "" none */
    char socket[ENGINE_PATH_MAX]; /* API socket, "" none known */
    char run[ENGINE_PATH_MAX];    /* what the engine keeps while it runs (containerd's state
                                     directory, podman's run root), "" unknown or none */
    char docker[ENGINE_PATH_MAX]; /* data root of the docker whose containers use this store of
                                     containerd's, "" none */
    char engine[32];  /* who owns the store, as reported: "cri-o"; "" the driver's name */
    char version[64]; /* from the API, "" unknown */
    bool api_answers; /* at the last find or cross-check */
    bool by_api;      /* the disk cannot be read: the API is */
    bool orphaned;    /* its engine runs and uses another store instead */
    bool told;        /* its engine answered while it was found: orphaned, by_api and docker are
                         its word */
    bool sample;      /* marked as quickstart's sample store */
    uint32_t user;    /* who led to it, by his home, configuration or daemon; 0: the system or the
                         agent's own configuration. It is not always who owns the files. */
};

/* What users lead to is limited, so that nobody can push the system's stores out, or another
 * user's. Drivers are asked in two groups (see completes): users' shares in both together are half
 * of REC_STORES_MAX. */
#define ENGINE_USERS_ROOTS_MAX 64 /* of all users, in one struct engine_roots, */
#define ENGINE_USER_ROOTS_MAX 8   /* of one of them */

struct engine_roots { /* grows; at most REC_STORES_MAX */
    struct engine_root *items;
    size_t count;
    size_t left_out;        /* users' roots past their share; may count one twice */
    uint32_t left_out_user; /* the first one's user */
};

/* A list of the configuration's. */
struct engine_texts {
    char **items;
    size_t count;
};

/* What the configuration says about finding. */
struct engine_options {
    const char *host_root;         /* "" or "/host" */
    const char *docker_socket;     /* default /var/run/docker.sock; "" none */
    const char *containerd_socket; /* default /run/containerd/containerd.sock; "" none */
    /* Named by the operator: read besides what is found. */
    struct engine_texts docker_roots, containerd_roots, storage_roots, layouts;
    struct engine_texts only; /* names of drivers: no other is asked anything; empty: all */
    struct engine_texts skip; /* directories: no store there or below is read */
    bool find;                /* look in the well-known places and ask sockets */
    bool use_api;             /* cross-check through the API, read it where the disk cannot be */
    bool container_names;     /* report containers' names, namespaces and pods */
    int64_t api_timeout_ms;
};

/* Bytes that tell, when equal, that nothing changed. Compared with memcmp only. */
struct engine_token {
    uint8_t bytes[ENGINE_TOKEN_MAX];
    size_t len;
};

/* Paths of the host, without its prefix; a heap array of heap texts. */
struct engine_paths {
    char **items;
    size_t count;
};

/* One unpacked chain and where it lies on this host. */
struct engine_copy {
    struct digest chain, diff;
    const char *directory; /* of the layer's files, host path without prefix; NULL: cannot be seen
                              (read by API) */
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
    struct arena *layers;       /* but for what copies point to, and with some drivers names too;
                                   other readings may own it as well */
    struct rec_content content; /* sorted as record.h promises */
    struct rec_use use;         /* key filled; empty when the engine has no containers */
    struct rec_origins origins; /* key filled; what the images' repo digests do not tell already */
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
    const char *name;     /* "docker" */
    bool gives_manifests; /* document() has manifests and indexes too, not only configs */
    bool completes;       /* its find() completes what the driver before it found: they are asked
                             together, one after the other */
    /* Adds the roots that exist: configured ones and the system's before users'. A root that cannot
     * be looked at is not an error here: read() will say so. Nothing of a user's is an error. */
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
    /* Where inotify shows a change of the store soon: directories, and files that are written into.
     * What is not among them is found by the token at its interval. At most ENGINE_WATCHES_MAX.
     * NULL where there is nothing to watch. */
    int (*watches)(const struct engine_root *root, struct engine_paths *out, struct err *err);
    /* The original bytes of a document, verified against the digest (ERR_CORRUPT). */
    int (*document)(const struct engine_root *root, enum rec_document_kind kind,
                    const struct digest *digest, struct buf *out, struct err *err);
    /* The last two are NULL where no engine is behind the store; roots have no socket then. */
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

/* Asks every driver that the options allow, and leaves out what they forbid. A driver that fails
 * stops none of the others: -1 then, with the first one's error, and what was found is there.
 * `drivers` is ended by NULL. */
int engine_find(const struct engine_driver *const *drivers, const struct engine_options *options,
                struct engine_roots *roots, struct err *err);

/* Whether the options let this store be read. */
bool engine_allows(const struct engine_options *options, const struct engine_root *root);

/* Appends a copy of the path. ERR_NO_MEMORY. */
int engine_paths_add(struct engine_paths *paths, const char *path, struct err *err);
void engine_paths_free(struct engine_paths *paths); /* also zeroed */

/* Copies an absolute path without slashes at its end; ERR_USAGE for one that is not, or too long.
 */
int engine_path_set(char out[ENGINE_PATH_MAX], const char *path, struct err *err);

void engine_reading_close(struct engine_reading **r);
void engine_roots_free(struct engine_roots *roots);
/* Appends a copy of *root unless the same path, storage and space is there. A user's root past his
 * share is only counted. ERR_NO_MEMORY; ERR_LIMIT, never for a user's. */
int engine_roots_add(struct engine_roots *roots, const struct engine_root *root, struct err *err);

/* Whether `user` (a uid) may tell something of this root, as where its socket is: the system may of
 * all, a user where the root's directory is his own. */
bool engine_user_may_tell(uint32_t user, const struct engine_root *root);

/* The key of a store (record.h) from its metadata root: statfs f_fsid, inode, driver, space. */
int engine_store_key(struct rec_key *out, const struct engine_root *root, const char *metadata_dir,
                     struct err *err);

/* Opens a host path (absolute) below the root's host prefix; symlinks stay inside the prefix
 * (openat2 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS). Below a root that does not belong to uid 0 no
 * symlink is followed at all: its user could make us look anywhere; ERR_CORRUPT then. Returns an fd
 * or -1. */
int engine_open(const struct engine_root *root, const char *path, int flags, struct err *err);

/* Every driver of this build, ended by NULL (engines.c). In the order in which they are
 * asked for their stores. */
extern const struct engine_driver *const engine_drivers[];

#endif
