/*
 * pass: one reading of one store under way, as every driver does it: what was found broken, which
 * chains are missing or not explained, the store's own description; and the repetition until the
 * store stood still meanwhile.
 *
 * A driver's own pass embeds this one as its first member. All that goes into the reading is
 * memory of the reading's arena.
 *
 * Private to agent/engines. Threads: those of the driver that reads.
 */
#ifndef AGENT_ENGINES_PASS_H
#define AGENT_ENGINES_PASS_H

#include "agent/engines/engine.h"

enum {
    PASS_ARENA_BYTES = 512 << 20, /* of one reading */
    PASS_MOVING_NS = 20000000,    /* a change this young may share its ctime with the next */
    PASS_PARTIAL_S = 3600,        /* a download untouched for so long is no longer under way */
};

struct pass {
    struct engine_root *root;
    const struct engine_options *options; /* never NULL */
    const struct engine_reading *last;    /* of the same root; NULL: read all */
    struct engine_reading *reading;       /* being filled */
    struct arena *arena;                  /* of this reading, alone unless the driver says else */
    struct buf file;                      /* scratch: one file at a time, JSON_BYTES_MAX at most */
    bool final; /* no attempt follows: what is half written by now is told as it is */

    struct rec_exception *exceptions; /* of both kinds, in any order; grows */
    size_t exception_count, exception_room;
    struct rec_problem problems[REC_PROBLEMS_MAX];
    size_t problem_count, problems_more;
    size_t vanished;  /* what was to be there and was not: removed meanwhile, or lost */
    size_t unsettled; /* what is broken and so young that somebody may be at it: pass_unsettled() */
};

/* Names a broken entry. -1 only when that itself fails. */
int pass_problem(struct pass *p, struct err *err, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* What reading one entry ended with: 0 where the others go on (the entry is named as a problem, and
 * counted as vanished where it was not there), -1 where the pass cannot go on (no memory, no right,
 * a disk that fails). */
int pass_entry_failed(struct pass *p, const char *subject, const struct err *why, struct err *err);

/* Something that may be half written is broken, as *err says with ERR_CORRUPT: it is read again, by
 * making it ERR_MOVED. In the last attempt it stays what it is, an entry's fault that hides no
 * other, and the store is said to move. Gives -1. */
int pass_unsettled(struct pass *p, struct err *err);

/* How much was found to be wrong so far: a step that adds nothing to it saw nothing broken. */
size_t pass_remarks(const struct pass *p);

/* Text in the reading's arena; NULL with *err where it has ENGINE_PATH_MAX bytes or more. */
const char *pass_text(struct pass *p, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same in another arena that the reading owns. */
const char *pass_text_in(struct pass *p, struct arena *arena, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Notes a chain that an image needs and that is not here, or that no image needs. The same chain
 * may be noted twice. ERR_LIMIT past REC_EXCEPTIONS_MAX. */
int pass_exception(struct pass *p, enum rec_exception_kind kind, const struct digest *chain,
                   const struct digest *diff, struct err *err);

/* The store's attributes as its root tells them; what the disk tells (key, owner, file system) is
 * left alone: for a store that is read by API. */
int pass_name(struct pass *p, struct err *err);
/* All attributes: those, and of `metadata`, a directory of the host that is the store's for as long
 * as it lives, the key, the owner and the file system. */
int pass_describe(struct pass *p, const char *metadata, struct err *err);

/* How a driver reads. */
struct pass_source {
    size_t size;  /* of its own pass, which begins with a struct pass */
    bool patient; /* a first reading, for which no older one can stand, waits a second for whoever
                     writes: its ERR_MOVED means that a file is half written */
    /* The token; *youngest_ns is the latest change time in it (Unix nanoseconds), 0 where the token
     * is no time (a counter cannot be the same after a change). */
    int (*token)(const struct engine_root *root, struct engine_token *out, int64_t *youngest_ns,
                 struct err *err);
    /* Fills p->reading. Problems and exceptions go into it afterwards, by pass_read(). */
    int (*run)(struct pass *p, struct err *err);
    void (*close)(struct pass *p); /* what run() left that is no arena's; NULL: nothing */
};

/* engine_driver.read: up to three attempts (a patient source: more), until the token was the same
 * before and after and nothing vanished and nothing young is broken; then the state is OK, CORRUPT
 * (problems), ORPHANED (root->orphaned, no problems) or MOVING. */
int pass_read(const struct pass_source *source, struct engine_root *root,
              const struct engine_options *options, const struct engine_reading *last,
              struct engine_reading **out, struct err *err);

/* ---- stamps of files, for tokens ------------------------------------------------------------- */

/* Adds (inode, ctime, size) of `path` below `fd` to the token, zeros where it is not there, and
 * moves *youngest_ns on. Symlinks are not followed. */
int pass_token_stat(struct engine_token *out, int fd, const char *path, int64_t *youngest_ns,
                    struct err *err);
void pass_token_put(struct engine_token *out, const void *data, size_t len);
/* Adds the number of the present step of the monotonic clock: for a store of which nothing but its
 * API is seen, so that each look at it costs nothing and it is read once a step. */
void pass_token_step(struct engine_token *out, uint64_t step_ms);

#endif
