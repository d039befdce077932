/*
 * tree: the columns of the rows of `tree`, for those who draw them.
 *
 * One row is a node; a parent comes before its children, a branch after the other, so that `depth`
 * alone tells who stands on whom. A row that is collapsed stands for all branches of its parent
 * that were left out, and comes last among them.
 *
 * Threads: plain data.
 */
#ifndef COLLECTOR_REPORT_TREE_H
#define COLLECTOR_REPORT_TREE_H

enum tree_column {
    TREE_NODE,   /* its number in this answer, from 1 */
    TREE_PARENT, /* the parent's; unknown: a root */
    TREE_DEPTH,
    TREE_CHAIN, /* unknown: no layers, or collapsed */
    TREE_PARENT_CHAIN,
    TREE_DIFF, /* of its uppermost layer */
    TREE_NAMES,
    TREE_KNOWN_AS, /* what the chain is called, where no image here ends with a name, or with a day
                    */
    TREE_IMAGE_IDS,
    TREE_LAYERS, /* that this row is */
    TREE_LAYERS_UNKNOWN,
    TREE_NOMINAL, /* of these layers; unknown where it is of all of them */
    TREE_LINE_LAYERS,
    TREE_LINE_UNKNOWN,
    TREE_CUMULATIVE, /* of the whole line */
    TREE_BRANCH_LAYERS,
    TREE_BRANCH_UNKNOWN,
    TREE_BRANCH, /* of the row and all above it */
    TREE_IMAGES_BELOW,
    TREE_CHILDREN,
    TREE_HOSTS,
    TREE_COPIES, /* of all layers that this row is, as the bytes are */
    TREE_STORED,
    TREE_CORE,
    TREE_BASE,
    TREE_POLICY,
    TREE_CREATED_BY,
    TREE_SUBJECT,
    TREE_COLLAPSED,
    TREE_COLUMNS
};

#endif
