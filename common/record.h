/*
 * record: the plain records that agent and collector exchange, after validation and free of
 * protobuf. The agent's drivers fill them, common/wire carries them, the collector's store keeps
 * them. docs/protocol.md says what each means on the wire.
 *
 * Ownership: every pointer in a record points into one arena, its message's or its inventory's.
 * Threads: plain data.
 */
#ifndef COMMON_RECORD_H
#define COMMON_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/digest.h"

/* ---- limits of what a peer may say; past one the stream ends with RESOURCE_EXHAUSTED ------------
 */
enum {
    REC_STORES_MAX = 256,          /* stores of one host */
    REC_IMAGES_MAX = 50000,        /* images of one store */
    REC_NAMES_MAX = 1000,          /* names, and repo digests, of one image */
    REC_NAME_BYTES = 512,          /* one name */
    REC_TEXT_BYTES = 1024,         /* one error text, root path, version, label value */
    REC_LABELS_MAX = 64,           /* labels of a host */
    REC_CONTAINERS_MAX = 20000,    /* containers of one store */
    REC_EXCEPTIONS_MAX = 100000,   /* chains of one store that no image explains */
    REC_BATCH_MAX = 4096,          /* items in one want, measurement or declined message */
    REC_COPIES_MAX = 200000,       /* measured copies of one store */
    REC_SPACES_MAX = 32,           /* kinds of space of one store */
    REC_ORIGINS_MAX = 100000,      /* origins of one store */
    REC_DOCUMENT_BYTES = 16 << 20, /* one document */
    REC_CHUNK_BYTES = 256 << 10,   /* one piece of a document */
    REC_OS_RELEASE_BYTES = 8192,   /* os-release of a layer */
    REC_BASE_LAYERS_MAX = 1024,    /* layers of an image that another one is built on */
    REC_MESSAGE_BYTES = 4 << 20,   /* one gRPC message */
    REC_CAPABILITIES_MAX = 64,
    REC_PROBLEMS_MAX = 100, /* corrupt entries named for one store; more are counted */
};

/* One size or count: beyond any layer, host or store, and so small that what one host claims does
 * not make the sums of the fleet overflow. */
#define REC_BYTES_MAX (1ULL << 46)
#define REC_GENERATION_MAX (1ULL << 62)    /* fits SQLite's integers */
#define REC_AGE_MAX_MS 3155760000000LL     /* 100 years: ages beyond are cut to it, both ways */
#define REC_CLOCK_MAX_MS 253402300799999LL /* the end of the year 9999 */

/* The place of the first byte of `text` that is not allowed in a record: no UTF-8, or a control
 * character (`lines`: newline, carriage return and tab are allowed). `len` where all is well. */
size_t rec_text_fault(const char *text, size_t len, bool lines);

/* A copy that is allowed: what is not is replaced by U+FFFD, and it ends at `max` bytes at most.
 * For texts that an agent finds on a disk; the other side refuses what was not cleaned. */
const char *rec_text_clean(struct arena *a, const char *text, size_t len, size_t max, bool lines,
                           struct err *err);

/* ---- identity -------------------------------------------------------------------------------- */

struct rec_id { /* 16 random bytes: an incarnation, a collector */
    uint8_t bytes[16];
};

/* A store on its host: the first 16 bytes of the SHA-256 of file system, inode of the metadata
 * root, driver and namespace (agent/engines computes it). */
struct rec_key {
    uint8_t bytes[16];
};

struct rec_pair {
    const char *key, *value;
};

enum rec_lifetime { REC_LIFETIME_LASTING = 1, REC_LIFETIME_EPHEMERAL = 2 };

/* What one side can do beyond the first version. Unknown numbers are ignored and counted. */
enum rec_capability {
    REC_CAP_DOCUMENTS = 1,     /* gives / wants documents */
    REC_CAP_MEASURE = 2,       /* measures layers and copies */
    REC_CAP_USE = 3,           /* reports use */
    REC_CAP_PREDICTION = 4,    /* leaves out copies that are as predicted */
    REC_CAP_CONTENT_POOLS = 5, /* reports blob files kept beside snapshots */
    REC_CAP_FINGERPRINT = 6,   /* fingerprints of a layer's files */
    REC_CAP_ORIGINS = 7,       /* reports / keeps where layers come from */
    REC_CAP_ATTESTATIONS = 8,  /* gives attestations, without what a build was given */
};

struct rec_hello {
    const char *agent_version; /* "0.1.0" */
    const char *host_name;     /* what the host calls itself; a certificate may overrule */
    const char *cluster;       /* "" none */
    struct rec_pair *labels;
    size_t label_count;
    struct rec_id incarnation;
    struct digest fingerprint; /* of the machine: machine-id and DMI UUID, hashed */
    enum rec_lifetime lifetime;
    const char *os, *kernel, *arch;
    int64_t clock_ms;    /* the agent's wall clock while sending */
    uint64_t generation; /* last one it knows acknowledged; 0 none */
    uint32_t *capabilities;
    size_t capability_count;
};

/* ---- inventory ------------------------------------------------------------------------------- */

enum rec_store_state {
    REC_STORE_OK = 1,
    REC_STORE_DAEMON_DOWN = 2, /* content read from disk; the engine does not answer */
    REC_STORE_UNREADABLE = 3,  /* content is the last good one */
    REC_STORE_CORRUPT = 4,     /* some entries are broken; the others are here */
    REC_STORE_MOVING = 5,      /* it changed under every attempt to read it */
    REC_STORE_ORPHANED = 6,    /* no engine uses it any more */
};

/* "ok", "daemon-down", ...: the same words in every output; "unknown" for other numbers. */
const char *rec_store_state_name(enum rec_store_state state);

struct rec_problem {
    const char *subject; /* "image sha256:...", "layerdb entry ..." */
    const char *text;
};

struct rec_store {
    struct rec_key key;
    const char *engine;  /* "docker", "containerd", "podman", ... the engine that owns it */
    const char *version; /* "" unknown */
    const char *driver;  /* graph driver or snapshotter: "overlay2" */
    const char *space;   /* containerd namespace; "" none */
    const char *root;    /* as the host names it */
    uint32_t owner;      /* uid of the store's owner */
    const char *fs_type; /* "ext4" */
    uint32_t block_size; /* of the file system, bytes */
    enum rec_store_state state;
    const char *error; /* why not OK; "" */
    bool sample;       /* made by quickstart to show something */
    bool manifests;    /* it can give the manifests and indexes of its images */
    struct rec_problem *problems;
    size_t problem_count, problems_more; /* named, and only counted */
};

enum rec_identity {
    REC_BY_CONFIG = 1,   /* id is the digest of the image config: an image */
    REC_BY_MANIFEST = 2, /* config not here, or none: id is the manifest's digest */
};

struct rec_repo_digest {
    const char *repository; /* "docker.io/library/debian" */
    struct digest digest;   /* manifest or index */
};

struct rec_image {
    struct digest id;
    enum rec_identity identity;
    bool unpacked; /* its chains are on disk */
    bool has_parent;
    struct digest parent; /* image it was built on step by step (classic builder), by ID */
    const char **names;   /* as the engine stores them, sorted, unique */
    size_t name_count;
    struct rec_repo_digest *repo_digests; /* sorted, unique */
    size_t repo_digest_count;
};

enum rec_exception_kind {
    REC_CHAIN_EXTRA = 1,   /* unpacked here, but no image of the store needs it */
    REC_CHAIN_MISSING = 2, /* an unpacked image needs it, and it is not here */
};

struct rec_exception {
    enum rec_exception_kind kind;
    struct digest chain, diff;
};

/* One store's whole content. */
struct rec_content {
    struct rec_store store;
    struct rec_image *images; /* sorted by id, unique */
    size_t image_count;
    struct rec_exception *exceptions; /* sorted by (chain), unique */
    size_t exception_count;
};

/* Adds (or subtracts) the elements of one image, or of one exception, to the store's digest.
 * The elements (docs/protocol.md, "Store digest"), each hashed on its own:
 *   'I' id identity(1) unpacked(1) has_parent(1) [parent]
 *   'N' id name-bytes          'D' id manifest-digest repository-bytes
 *   'X' kind(1) chain diff
 * A name or repository longer than REC_NAME_BYTES is a bug of the caller. */
void rec_image_sum(struct setsum *sum, const struct rec_image *image, bool add);
void rec_exception_sum(struct setsum *sum, const struct rec_exception *exception, bool add);
/* The whole content's digest. Attributes of the store (state, versions) are outside of it. */
struct setsum rec_content_sum(const struct rec_content *content);
/* The elements singly, for a reader that holds rows and not records. */
void rec_sum_identity(struct setsum *sum, const struct digest *id, enum rec_identity identity,
                      bool unpacked, const struct digest *parent, bool add);
void rec_sum_name(struct setsum *sum, const struct digest *id, const char *name, bool add);
void rec_sum_repo_digest(struct setsum *sum, const struct digest *id, const struct digest *manifest,
                         const char *repository, bool add);

/* Whether two records say the same (all fields but pointers' values). */
bool rec_image_eq(const struct rec_image *a, const struct rec_image *b);
bool rec_store_eq(const struct rec_store *a, const struct rec_store *b);
bool rec_key_eq(const struct rec_key *a, const struct rec_key *b);

/* The orders of sorted lists, for qsort and bsearch. */
int rec_image_cmp(const void *a, const void *b);       /* by id */
int rec_name_cmp(const void *a, const void *b);        /* const char *, by bytes */
int rec_repo_digest_cmp(const void *a, const void *b); /* by repository, then digest */
int rec_exception_cmp(const void *a, const void *b);   /* by chain */
int rec_origin_cmp(const void *a, const void *b);      /* by diff, then repository */

/* A piece of a whole inventory: begin(generation) part... end. A store may come in several parts,
 * its attributes equal in each. */
struct rec_inventory_begin {
    uint64_t generation;
    uint32_t store_count;
    int64_t age_ms; /* since it was observed */
};

struct rec_store_sum {
    struct rec_key key;
    struct setsum sum;
};

struct rec_inventory_end {
    uint64_t generation;
    struct rec_store_sum *sums; /* one for each store, any order */
    size_t sum_count;
};

struct rec_store_change {
    struct rec_store store;    /* attributes as they are now */
    struct rec_image *changed; /* added or altered: the whole new record */
    size_t changed_count;
    struct digest *removed;
    size_t removed_count;
    bool exceptions_given; /* the list below replaces the old one */
    struct rec_exception *exceptions;
    size_t exception_count;
    struct setsum sum; /* the store's digest afterwards */
};

struct rec_difference {
    uint64_t base, generation; /* base is the generation it starts from */
    int64_t age_ms;
    struct rec_store_change *stores; /* also new stores */
    size_t store_count;
    struct rec_key *gone; /* stores that were removed from the host */
    size_t gone_count;
};

/* ---- use ------------------------------------------------------------------------------------- */

enum rec_run_state { REC_RUNNING = 1, REC_STOPPED = 2, REC_RUN_UNKNOWN = 3 };

struct rec_container {
    struct digest image;
    const char *id;                        /* the engine's container ID */
    const char *name;                      /* "" unknown or switched off */
    const char *kube_namespace, *kube_pod; /* where labels tell; "" none, or switched off */
    enum rec_run_state state;
    int64_t since_age_ms; /* how long in that state; -1 unknown */
};

/* "running", "stopped", "unknown". */
const char *rec_run_state_name(enum rec_run_state state);

/* All containers of one store now: replaces what was said before. */
struct rec_use {
    struct rec_key key;
    int64_t age_ms;
    struct rec_container *containers;
    size_t container_count;
};

/* ---- origins --------------------------------------------------------------------------------- */

/* A repository that is known to hold the layer, in some compression. */
struct rec_origin {
    const char *repository; /* with its registry: "docker.io/library/debian" */
    struct digest diff;
};

/* Of one store now: replaces what was said before. Left out is what the store's repo digests say
 * already: that a repository holds the layers of the images that it holds. */
struct rec_origins {
    struct rec_key key;
    bool continued;             /* on the wire: adds to what was said before, instead */
    struct rec_origin *origins; /* sorted by diff, then repository; unique */
    size_t origin_count;
};

/* ---- documents and measurements ----------------------------------------------------------------
 */

enum rec_document_kind {
    REC_DOC_CONFIG = 1,
    REC_DOC_MANIFEST = 2,
    REC_DOC_INDEX = 3,
    REC_DOC_ATTESTATION = 4,
};

/* The newest version of the rules of redaction (docs/protocol.md): the one that this version's
 * agent cuts by, and its collector knows of. */
#define REC_REDACTION_RULES 2

/* One piece of a document; pieces come in order, offset by offset, one document at a time. */
struct rec_document {
    enum rec_document_kind kind;
    struct digest digest; /* of the original bytes */
    uint32_t total, offset;
    const uint8_t *data;
    uint32_t len;
    uint32_t rules; /* version of the redaction rules where something was cut; 0: unchanged */
    uint32_t cuts;  /* how many values were cut */
};

/* Facts of a layer's content, equal on every host. */
struct rec_layer_facts {
    struct digest diff;
    uint64_t content_bytes; /* apparent bytes of regular files, hard links once */
    uint64_t nominal_bytes; /* design, section 2 */
    uint64_t files;         /* regular files, hard links once */
    uint64_t directories;   /* with the root */
    const char *os_release; /* text of etc/os-release or usr/lib/os-release, "" none */
    uint32_t base_layers;   /* how many layers it says are below it (content manifests); 0 none */
    bool of_user;           /* measured in a store that a user other than root owns */
};

/* One copy, measured. */
struct rec_copy_facts {
    struct digest chain;
    uint64_t allocated_bytes; /* blocks * 512, hard links once, as du -s -B1 */
    bool missing;             /* the metadata names a directory that is not there */
};

struct rec_copies {
    struct rec_key key;
    struct rec_copy_facts *copies;
    size_t copy_count;
};

enum rec_space_class {
    REC_SPACE_COPIES = 1,  /* all copies together, as measured */
    REC_SPACE_BLOBS = 2,   /* blob files, by kind "kept" | "only" */
    REC_SPACE_ORPHANS = 3, /* nothing explains it: "build-cache", "leftover", "partial" */
    REC_SPACE_OUTSIDE = 4, /* outside the ledger: "container-writable", "engine-metadata" */
    REC_SPACE_TOTAL = 5,   /* the roots walked as a whole, "roots" */
};

struct rec_space {
    enum rec_space_class klass;
    const char *kind;
    uint64_t bytes;   /* allocated */
    uint64_t count;   /* directories or files */
    bool upper_bound; /* sharing could not be seen */
};

/* The bytes of one store by kind: replaces what was said before. */
struct rec_spaces {
    struct rec_key key;
    int64_t age_ms;
    uint64_t copies_total, copies_measured;
    struct rec_space *spaces;
    size_t space_count;
};

/* ---- the collector's words ----------------------------------------------------------------------
 */

struct rec_welcome {
    const char *collector_version;
    struct rec_id collector;    /* changes when the database is another one */
    const char *host_name;      /* the name it files this host under */
    uint64_t generation;        /* what it holds of this incarnation, durable; 0 nothing */
    struct rec_store_sum *sums; /* of the stores it holds */
    size_t sum_count;
    uint32_t heartbeat_ms; /* how often to speak while nothing changes */
    uint32_t *capabilities;
    size_t capability_count;
};

struct rec_wanted {
    enum rec_document_kind kind;
    struct digest digest;
};

struct rec_measure_wanted {
    struct digest diff;
    struct digest chain; /* one place where it lies */
};

enum rec_reject_code {
    REC_REJECT_UNKNOWN = 0,      /* a code of a newer collector */
    REC_REJECT_CONFLICT = 1,     /* another live machine reports with this identity or name */
    REC_REJECT_WRONG_DIGEST = 2, /* a document's bytes do not have its digest */
    REC_REJECT_MISMATCH = 3,     /* two hosts give different facts for one digest */
    REC_REJECT_INVENTORY = 4,    /* the inventory contradicts itself or its digest */
    REC_REJECT_CERTIFICATE = 5,  /* the certificate does not speak for this host */
    REC_REJECT_CLOCK = 6,        /* ages out of range; placed by the collector's clock */
};

struct rec_rejection {
    enum rec_reject_code code;
    uint64_t generation; /* 0 where it is not about one */
    const char *subject; /* digest or store as text */
    const char *text;
};

struct rec_declined {
    enum rec_document_kind kind; /* 0: layer facts */
    struct digest digest;
    const char *reason;
};

#endif
