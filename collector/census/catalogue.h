/*
 * catalogue: what the operator says about names: which chains are which base images, how families
 * are called, and whom he trusts to name. collector/rules/catalogue_file.h reads it from a file.
 *
 * Ownership: everything lies in the arena of whoever read it. Threads: plain data.
 */
#ifndef COLLECTOR_CENSUS_CATALOGUE_H
#define COLLECTOR_CENSUS_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"

struct catalogue_base {   /* one platform of one version */
    const char *name;     /* normal form with its tag: "docker.io/library/debian:12" */
    struct digest chain;  /* chainID of all its layers */
    struct digest *diffs; /* of its layers, the lowest first */
    size_t layers;
    const char *platform; /* "linux/amd64"; "" not known */
    const char *family;   /* "" as os-release and repository say */
    const char *version;  /* "" as os-release says */
    struct digest digest; /* manifest or index; zero: not known */
    int64_t created_s;    /* 0 not known */
    const char *source;   /* where it was added from: "fleet", "oci:/path", "file" */
    int64_t added_s;
};

struct catalogue_family {
    const char *pattern; /* of repositories: "docker.io/library/debian", "*" is any text */
    const char *family;
};

/* Hosts, and stores on them, whose names count as if the operator had given them. */
struct catalogue_namer {
    const char *host; /* pattern of host names */
    const char *root; /* pattern of the stores' roots; "" any store that root owns */
};

struct catalogue {
    struct catalogue_base *bases;
    struct catalogue_family *families;
    const char **registries; /* patterns of "registry/repository" that are trusted when pulled by
                                digest: "docker.io/library/?*", "registry.example.com/?*" */
    struct catalogue_namer *namers;
    size_t base_count, family_count, registry_count, namer_count;
};

/* Whether a text has the pattern: '*' is any text, '?' any one character (byte), all else itself.
 * In time of at most the product of both lengths, whatever the pattern. */
bool catalogue_matches(const char *pattern, const char *text);

/* The same for a name in normal form, or "registry/repository": what stands before the pattern's
 * first slash is of the registry alone, so its wildcards match no slash; else anybody's repository
 * elsewhere could look as if it were of that registry. A pattern without a slash, or with nothing
 * but '*' before the first one, is of the whole name. */
bool catalogue_matches_name(const char *pattern, const char *name);

/* Whether root's stores there, or this one, are trusted to name. A store that another user owns is
 * only by a pattern that names its root. */
bool catalogue_trusts_store(const struct catalogue *c, const char *host, const char *root,
                            uint32_t owner);

/* Whether what was pulled by digest from this "registry/repository" is trusted. */
bool catalogue_trusts_repository(const struct catalogue *c, const char *repository);

/* The family that the operator gives to a repository, NULL where he does not. */
const char *catalogue_family_of(const struct catalogue *c, const char *repository);

#endif
