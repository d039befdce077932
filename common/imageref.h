/*
 * imageref: names of images, "[registry/]repository[:tag][@sha256:...]", by the grammar of the
 * distribution project's reference package (familiar names are normalised: "debian:12" is
 * docker.io/library/debian:12; a first component is a registry if it holds '.' or ':' or is
 * "localhost").
 *
 * Threads: pure.
 */
#ifndef COMMON_IMAGEREF_H
#define COMMON_IMAGEREF_H

#include <stdbool.h>

#include "common/digest.h"

#define IMAGEREF_MAX 512 /* longest name accepted, bytes without the NUL */

struct imageref {
    char registry[256];   /* "docker.io" where none was given */
    char repository[256]; /* with "library/" where docker.io implies it */
    char tag[129];        /* "" where none was given */
    bool has_digest;
    struct digest digest;
};

/* Parses and normalises. ERR_CORRUPT with what is wrong with it and where. */
int imageref_parse(struct imageref *out, const char *text, struct err *err);

/* The normal form ("docker.io/library/debian:12"), into a caller's buffer of IMAGEREF_MAX + 1. */
char *imageref_text(const struct imageref *r, char *out);

/* "registry/repository" of a name in normal form, without tag and digest, into a buffer of
 * IMAGEREF_MAX + 1; -1 where the name breaks the grammar or that form is longer. */
int imageref_repository(const char *name, char *out);

/* Whether registry and repository are the same. */
bool imageref_same_repository(const struct imageref *a, const struct imageref *b);

/* The familiar form that people type ("debian:12"). */
char *imageref_familiar(const struct imageref *r, char *out);

/* The familiar form of a name in normal form, into a buffer of IMAGEREF_MAX + 1, or the name itself
 * where that is the same or it is none. */
const char *imageref_shown(const char *name, char *out);

#endif
