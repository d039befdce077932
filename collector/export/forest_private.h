/*
 * forest_private: what the forms of a forest share. Private to collector/export/forest*.c.
 */
#ifndef COLLECTOR_EXPORT_FOREST_PRIVATE_H
#define COLLECTOR_EXPORT_FOREST_PRIVATE_H

#include "collector/export/forest.h"
#include "collector/report/tree.h"

#define FOREST_TEXT_MAX ((size_t)64 << 20) /* bytes of one line or label */

/* One form each, as export_forest() chooses among them. */
int forest_text(const struct answer *a, const struct forest_look *look,
                const struct export_target *target, struct err *err);
int forest_dot(const struct answer *a, const struct forest_look *look,
               const struct export_target *target, struct err *err);
int forest_short(const struct answer *a, const struct forest_look *look,
                 const struct export_target *target, struct err *err);

/* The cells of a row; where they are unknown: a flag is not set, a number is 0, a text is "". */
const struct sheet_cell *forest_cell(const struct answer *a, size_t row, enum tree_column column);
bool forest_flag(const struct answer *a, size_t row, enum tree_column column);
int64_t forest_number(const struct answer *a, size_t row, enum tree_column column);
const char *forest_words(const struct answer *a, size_t row, enum tree_column column);

/* A name of the row; where it means several builds, with the day that tells this one apart. */
const char *forest_name(const struct answer *a, size_t row, size_t name);

/* All that follow append.
 *
 * What the node is known by: its chain or, without layers, its image. */
int forest_add_id(struct buf *b, const struct answer *a, size_t row, const struct forest_look *look,
                  struct err *err);
/* Bytes in `column`; `unknown` tells how many layers are missing in them. */
int forest_add_size(struct buf *b, const struct answer *a, size_t row, enum tree_column column,
                    enum tree_column unknown, const struct forest_look *look, struct err *err);
/* The size that the look asks for. */
int forest_add_node_size(struct buf *b, const struct answer *a, size_t row,
                         const struct forest_look *look, struct err *err);
/* "… 37 layers, 12 images, 1.2 GiB" of a collapsed row. */
int forest_add_left_out(struct buf *b, const struct answer *a, size_t row,
                        const struct forest_look *look, struct err *err);
/* What made the layer, on one line, of `most` characters; nothing where it is not known. */
int forest_add_created_by(struct buf *b, const struct answer *a, size_t row,
                          const struct forest_look *look, size_t most, struct err *err);
/* "no layers, core build, base, violation": what there is to say of a node. */
int forest_add_marks(struct buf *b, const struct answer *a, size_t row, struct err *err);

#endif
