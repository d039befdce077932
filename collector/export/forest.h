/*
 * forest: the rows of `tree` (collector/report/tree.h) as people know them from dockviz: a tree of
 * text, a graph for graphviz, or the tags of each repository.
 *
 * Text, one line a node:
 *
 *     └─2ae39d0ee1b5 Virtual Size: 109 MiB Tags: debian:12 [core build] Hosts: 3 Copies: 4 ...
 *
 * fits a terminal: where a line is too long, first what made the layer goes, then hosts, copies and
 * bytes, then the names are cut. Lines that lie deeper than a third of the terminal begin with "…".
 * A size that some layer's unknown size is missing in is marked "≥"; one of which nothing is known
 * is
 * "?".
 *
 * dot: boxes, those with names coloured, and `area` (megabytes of the node's own layers) for
 * patchwork. It is read by graphviz without a warning whatever the names are.
 *
 * Notes and the coverage follow: beneath the text, as comments of the graph, aside of the short
 * form.
 *
 * Threads: pure but for the streams given.
 */
#ifndef COLLECTOR_EXPORT_FOREST_H
#define COLLECTOR_EXPORT_FOREST_H

#include "collector/export/export.h"

enum forest_form { FOREST_TEXT, FOREST_DOT, FOREST_SHORT };

struct forest_look {
    bool incremental;   /* sizes of a node's own layers; else of its whole line */
    bool whole_digests; /* else 12 digits, and what made a layer is cut */
    bool plain_bytes;   /* else in binary units */
    bool colours;       /* of the policy, by ANSI sequences; text only */
};

/* The answer's rows are in the order that the report gave them. ERR_IO where a stream refuses,
 * ERR_NO_MEMORY. */
int export_forest(const struct answer *a, enum forest_form form, const struct forest_look *look,
                  const struct export_target *target, struct err *err);

#endif
