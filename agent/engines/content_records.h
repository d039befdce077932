/*
 * content_records: the images of a content store as records. Several names lead to one image, and
 * one name through an index to several: what is put in one by one comes out merged and sorted.
 *
 * Private to agent/engines. Threads: those of the driver that reads.
 */
#ifndef AGENT_ENGINES_CONTENT_RECORDS_H
#define AGENT_ENGINES_CONTENT_RECORDS_H

#include "agent/engines/content_images.h"

struct content_row; /* private */

struct content_records {
    struct pass *pass;
    struct content_row *rows; /* heap, grows */
    size_t count, room;
};

/* Releases what content_records_put() took; also a zeroed struct. */
void content_records_close(struct content_records *r);

/* The image is here, whether all of its chains are on disk (`unpacked`), and:
 *   name        leads to it: as the engine stores it, in the pass's arena; NULL none
 *   repository  is known to hold it: "docker.io/library/debian", in the arena; NULL none
 *   target      is what the name points to: the repository holds that (an index, as a rule) and the
 *               image's manifest
 * Of one image put several times, it is unpacked if it is in any. A name that is no valid text or
 * too long is a problem, and left out. ERR_LIMIT past CONTENT_ROWS_MAX. */
enum {
    CONTENT_ROWS_MAX = 500000,
};
int content_records_put(struct content_records *r, const struct content_image *image, bool unpacked,
                        const char *name, const char *repository, const struct digest *target,
                        struct err *err);

/* Fills the pass's reading with the images, at most REC_IMAGES_MAX (ERR_LIMIT) and at most
 * REC_NAMES_MAX names and repo digests each (a problem tells of more). */
int content_records_finish(struct content_records *r, struct err *err);

#endif
