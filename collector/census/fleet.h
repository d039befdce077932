/*
 * fleet: what the database says about the fleet at one instant, as plain arrays. The store fills it
 * (collector/store/read_fleet.h), everything in this folder computes over it.
 *
 * References between the arrays are indices; FLEET_NONE where there is none. All texts and arrays
 * lie in one arena, which the reader of the fleet owns. Times are Unix seconds, 0 where there is
 * none; sizes are bytes, FLEET_UNKNOWN where nobody has told.
 *
 * Threads: plain data.
 */
#ifndef COLLECTOR_CENSUS_FLEET_H
#define COLLECTOR_CENSUS_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/digest.h"
#include "common/record.h"

#define FLEET_NONE UINT32_MAX
#define FLEET_UNKNOWN ((int64_t)-1)

struct fleet_run { /* neighbours in one of the arrays */
    uint32_t first, count;
};

struct fleet_host {
    int64_t id;
    const char *name, *cluster;
    struct rec_pair *labels;
    size_t label_count;
    bool ephemeral;
    bool selected; /* has the labels that were asked for */
    bool present;  /* selected, neither retired nor ended: in the present sums */
    int64_t first_s, last_s, retired_s, ended_s;
    const char *address, *agent_version, *os, *kernel, *arch; /* of its newest incarnation */
    int64_t generation;                                       /* the same one's last report */
    struct fleet_run stores;                                  /* also those that are gone */
};

struct fleet_store { /* sorted by host, owner, engine */
    int64_t id;
    uint32_t host;
    const char *engine, *version, *driver, *space, *root, *fs_type, *error;
    uint32_t owner;
    enum rec_store_state state;
    bool sample;
    bool present;                          /* of a present host, and not gone */
    uint32_t problem_count, problems_more; /* all, and those that the host only counted */
    int64_t look_s, state_s, gone_s;
    struct fleet_run presences, exceptions, measured, containers, spaces;
};

enum fleet_fact_state {
    FACT_UNKNOWN = 0,
    FACT_REPORTED = 1,
    FACT_CONFIRMED = 2,
    FACT_DISPUTED = 3,
};

struct fleet_layer {
    int64_t id;
    struct digest diff;
    enum fleet_fact_state state;
    uint32_t said_by; /* reported: the host that says that it has an os-release, or no file;
                         FLEET_NONE */
    bool of_user;     /* nobody told it from a store of root's, only from such of other users */
    int64_t content_bytes, nominal_bytes, files, directories;
    const char *os_release; /* text of the file, "" none, NULL not known */
    uint32_t base_layers; /* that it says lie below it (EVIDENCE_CONTENT_MANIFEST); 0 not said, and
                             one host's word alone while the state is not FACT_CONFIRMED */
};

struct fleet_chain {
    int64_t id;
    struct digest digest;
    uint32_t parent, layer;
    uint32_t depth; /* 0: not known */
};

enum fleet_parsed { PARSED_NOT = 0, PARSED_READ = 1, PARSED_NO_IMAGE = 2, PARSED_DISPUTED = 3 };
enum fleet_document {
    DOCUMENT_ABSENT = 0,
    DOCUMENT_PROVEN = 1,
    DOCUMENT_UNCONFIRMED = 2,
    DOCUMENT_CONFIRMED = 3,
    DOCUMENT_DISPUTED = 4,
};

struct fleet_image {
    int64_t id;
    struct digest digest;
    enum rec_identity identity;
    enum fleet_parsed parsed;
    enum fleet_document document; /* the config's */
    uint32_t said_by;             /* the host that the config is from; FLEET_NONE */
    int64_t created_s; /* as the config says; 0 absent, not a time, or the epoch itself */
    int64_t first_s;   /* when the fleet first heard of it */
    const char *os, *arch, *variant, *created, *author;
    const uint32_t *chains; /* by position, the lowest first; empty where the config is not known */
    uint32_t chain_count;
    struct fleet_run evidence;
};

/* Where an image says something about the base that it was built on. */
enum fleet_evidence_source {
    EVIDENCE_ANNOTATION = 1, /* org.opencontainers.image.base.{name,digest} of a manifest of it */
    EVIDENCE_LABEL = 2,      /* the same as labels of its config */
    EVIDENCE_FROM = 3,       /* a history comment "FROM <reference>" (buildah, podman build) */
    EVIDENCE_S2I = 4,        /* io.openshift.s2i.build.image: the builder, which is the base too */
    EVIDENCE_BUILDPACKS = 5, /* io.buildpacks.lifecycle.metadata: runImage, with its top layer */
    EVIDENCE_BUILDINFO = 6,  /* moby.buildkit.buildinfo.v1 of configs before BuildKit 0.12 */
    EVIDENCE_PROVENANCE = 7, /* SLSA provenance in an attestation manifest */
    EVIDENCE_CONTENT_MANIFEST = 8, /* root/buildinfo/content_manifests of a layer (Red Hat) */
    EVIDENCE_HISTORY = 9,          /* a history step that usually ends an image; names nothing */
};

enum fleet_evidence_role {
    EVIDENCE_OF_BASE = 1,
    EVIDENCE_OF_BUILDER = 2, /* what made the image: a builder image, or "buildpack@version" */
    /* Names nothing. Images that end above the uppermost base that the same source names, and not
     * above `layers`, may be steps of the image's own making. */
    EVIDENCE_OF_STEPS = 3,
};

struct fleet_evidence { /* runs of one image, by source, then seq */
    uint32_t image;
    enum fleet_evidence_source source;
    enum fleet_evidence_role role;
    const char *reference; /* an image's name in normal form, without digest; "" none given */
    struct digest digest;  /* manifest or index that it names; zero: none given */
    struct digest top;     /* diffID of the base's uppermost layer; zero: none given */
    int64_t layers;        /* how many of the lowest layers are the base's; FLEET_UNKNOWN */
    struct fleet_run said; /* of what manifests say: who lists the image with one that says so, in
                              evidence_said */
};

struct fleet_name {
    int64_t id;
    const char *text;   /* as a host says it: "debian:12" */
    const char *normal; /* "docker.io/library/debian:12"; the text where it is no image's name */
};

struct fleet_presence { /* runs of one store, sorted by image */
    uint32_t store, image;
    uint32_t parent; /* image */
    bool unpacked;
    int64_t from_s;
    struct fleet_run names; /* in place_names, a run for all hosts that list it so */
};

struct fleet_repo_digest { /* distinct over the fleet */
    uint32_t image, repository;
    struct digest digest;
    enum rec_document_kind kind; /* manifest or index; 0 where the document is not here */
    bool present;                /* somewhere now */
};

/* The first store of its kind that listed an image with just these names and digests. */
struct fleet_first {
    uint32_t store; /* FLEET_NONE: none ever did */
    int64_t at_s;
};

/* An image as hosts list it, now or at any time before: the names and repo digests that it had
 * together in a store. */
struct fleet_said {
    uint32_t image;
    struct fleet_run names;   /* in place_names */
    struct fleet_run digests; /* in said_digests */
    int64_t stores;           /* present ones that list it so now */
    struct fleet_first root;  /* of stores that root owns */
    struct fleet_first user;  /* of stores that another user owns, and can write as he likes */
};

struct fleet_said_digest {
    uint32_t repository; /* name */
    struct digest digest;
    bool proved;    /* it is of a manifest that is here, and of this image */
    bool disproved; /* the same, and of another image */
};

struct fleet_past_name { /* a name that an image ever had somewhere, also those that it has now */
    uint32_t image, name;
};

struct fleet_exception {
    uint32_t store, chain, layer;
    enum rec_exception_kind kind;
};

struct fleet_measured {
    uint32_t store, chain;
    int64_t allocated_bytes;
    bool missing;
};

struct fleet_container {
    uint32_t store, image;
    enum rec_run_state state;
    const char *id, *name, *kube_namespace, *kube_pod;
    int64_t since_s;
};

struct fleet_space {
    uint32_t store;
    enum rec_space_class klass;
    const char *kind;
    int64_t bytes, count;
    bool upper_bound;
};

struct fleet {
    int64_t now_s;
    struct fleet_host *hosts;
    struct fleet_store *stores;
    struct fleet_layer *layers;
    struct fleet_chain *chains;
    struct fleet_image *images;
    struct fleet_name *names;
    struct fleet_presence *presences; /* now, in present stores */
    uint32_t *place_names;            /* names of presences, also of such as are over */
    struct fleet_repo_digest *repo_digests;
    struct fleet_past_name *past_names;
    struct fleet_exception *exceptions; /* these four: of present stores */
    struct fleet_measured *measured;
    struct fleet_container *containers;
    struct fleet_space *spaces;
    struct fleet_evidence *evidence;
    uint32_t *evidence_said; /* indices of said */
    struct fleet_said *said;
    struct fleet_said_digest *said_digests;
    size_t host_count, store_count, layer_count, chain_count, image_count, name_count;
    size_t presence_count, place_name_count, repo_digest_count, past_name_count;
    size_t exception_count, measured_count, container_count, space_count;
    size_t evidence_count, evidence_said_count, said_count, said_digest_count;
};

#define FLEET_FIRST_ROOM ((size_t)64) /* items of a list that was empty; then it doubles */

/* Room for one more item behind `count` in an arena's list of `*cap`: the list, moved where it had
 * to grow. NULL on failure, the old list untouched. */
void *fleet_room(struct arena *a, void *list, size_t count, size_t *cap, size_t size,
                 struct err *err);

/* Sets the text, which is not copied, and its normal form, which lies in `arena` where it differs.
 */
int fleet_name_set(struct fleet_name *n, const char *text, struct arena *arena, struct err *err);

/* The value of a host's label, NULL where it has none. */
const char *fleet_label(const struct fleet_host *host, const char *key);

/* The nominal bytes of a layer index, FLEET_UNKNOWN for FLEET_NONE and what nobody has told. */
static inline int64_t fleet_nominal(const struct fleet *f, uint32_t layer)
{
    return layer == FLEET_NONE ? FLEET_UNKNOWN : f->layers[layer].nominal_bytes;
}

/* Whether the layer holds nothing at all: it is said to, or is one of the well-known empty tars. A
 * layer of which nothing is known counts as not empty. */
bool fleet_layer_empty(const struct fleet *f, uint32_t layer);

/* Whether it is one of these tars: nobody's word is needed for that. */
bool fleet_layer_empty_tar(const struct fleet *f, uint32_t layer);

/* The image's presence in this store, or NULL. */
struct fleet_presence *fleet_presence_in(const struct fleet *f, const struct fleet_store *s,
                                         uint32_t image);

/* Whether the store's content may differ from what was last read. */
bool fleet_store_unsure(enum rec_store_state state);

#endif
