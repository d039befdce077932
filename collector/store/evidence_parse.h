/*
 * evidence_parse: what an image says about the base that it was built on, read from its config and
 * its manifest (census/fleet.h names the sources). Whatever it says is a claim: census/lineage
 * holds it against the layers.
 *
 * A reference is an image's name in normal form without digest; a name with neither tag nor digest
 * means ":latest", as it does to every builder. "scratch" is no base, and an image ID is no name.
 * What cannot be used (an ill-formed name, JSON that was cut) gives no row.
 *
 * `layers` is set where the image itself says how many of its lowest layers are the base's, 1 and
 * more: by history only where it has a step for each layer, no more and no fewer.
 *
 * - label: labels org.opencontainers.image.base.name and .digest (OCI image spec, annotations.md);
 *   of a manifest the annotations of these names
 * - from: buildah and podman append "FROM <reference>" to the comment of the first step on a base,
 *   once for each ancestor. With --layers they keep an image for each step, and write its bare ID
 *   where the next step goes on from it: that declares nothing, but tells up to where the layers
 *   above the uppermost base are steps of the image's own making (one row, behind the bases')
 * - s2i: label io.openshift.s2i.build.image; the builder is the base too, so two rows
 * - buildpacks: label io.buildpacks.lifecycle.metadata (spec, platform.md); the run image, then the
 *   buildpacks, which io.buildpacks.build.metadata names where it does not
 * - buildinfo: moby.buildkit.buildinfo.v1 of the config, base64 of JSON: the images of all stages.
 *   The base where it is one image; several are candidates, of which at most one is it
 * - provenance: SLSA provenance about an image's manifest: the images among its materials (v0.2) or
 *   resolved dependencies (v1), package URLs of type docker as BuildKit writes them; of all stages,
 *   candidates as well
 * - history: where a step CMD or ENTRYPOINT is followed by another layer, an image may end
 *
 * Ownership: texts point into the arena. Threads: pure.
 */
#ifndef COLLECTOR_STORE_EVIDENCE_PARSE_H
#define COLLECTOR_STORE_EVIDENCE_PARSE_H

#include "collector/census/fleet.h"
#include "collector/store/config_parse.h"
#include "collector/store/manifest_parse.h"

/* The version of these rules: where a database was read by others, it is read again. */
#define EVIDENCE_RULES 1

/* Of more, the uppermost steps and the first entries of lists count. */
enum {
    EVIDENCE_FROM_MAX = 12,
    EVIDENCE_BUILDPACKS_MAX = 20,
    EVIDENCE_SOURCES_MAX = 12,
    EVIDENCE_HISTORY_MAX = 16,
    EVIDENCE_MATERIALS_MAX = 32,        /* of one statement */
    EVIDENCE_SUBJECTS_MAX = 64,         /* of one statement */
    EVIDENCE_STATEMENT_BYTES = 1 << 20, /* of a longer one nothing is read */
    EVIDENCE_ARENA_BYTES = 1 << 20,     /* enough for all of them, and for the buildinfo */
    EVIDENCE_ROWS_MAX = 65, /* all of one image: these, 1 label, 1 of steps, 2 of s2i and 1
                               run image */
};

struct evidence_rows { /* by source, then in the order of what they were read from */
    struct fleet_evidence items[EVIDENCE_ROWS_MAX]; /* `image` is FLEET_NONE */
    size_t count;
};

/* What a config says. Fails only without memory. */
int evidence_of_config(struct evidence_rows *out, const struct config *c, struct arena *arena,
                       struct err *err);

/* What a manifest's annotations say. Fails only without memory. */
int evidence_of_manifest(struct evidence_rows *out, const struct manifest *m, struct arena *arena,
                         struct err *err);

struct evidence_statement {
    struct digest subjects[EVIDENCE_SUBJECTS_MAX]; /* manifests that it is about; unique */
    size_t subject_count;                          /* 0: it is about whatever it is attached to */
    struct evidence_rows materials;                /* of EVIDENCE_PROVENANCE; unique */
};

/* What a statement (in-toto's) says, where it is SLSA provenance, else nothing. Fails only without
 * memory. */
int evidence_of_statement(struct evidence_statement *out, const uint8_t *data, size_t len,
                          struct arena *arena, struct err *err);

/* The place of row `i` among those of its source, from 0. */
int64_t evidence_seq(const struct evidence_rows *rows, size_t i);

#endif
