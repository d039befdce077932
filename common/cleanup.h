/*
 * cleanup: scope-bound release of locals (GNU C attribute cleanup).
 *
 *     AUTO(buf_close) struct buf b = ...;      calls buf_close(&b) at scope end
 *     AUTO_FREE char *s = strdup(x);           frees s
 *     *out = steal(&s);                        hands it on; the scope end sees NULL
 */
#ifndef COMMON_CLEANUP_H
#define COMMON_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AUTO(fn) __attribute__((cleanup(fn)))
#define AUTO_FREE AUTO(cleanup_free)
#define AUTO_FD AUTO(cleanup_fd)
#define AUTO_FILE AUTO(cleanup_file)
#define AUTO_DIR AUTO(cleanup_dir)

#define steal(pp)                                                                                  \
    ({                                                                                             \
        __typeof__(pp) steal_pp_ = (pp);                                                           \
        __typeof__(*(pp)) steal_v_ = *steal_pp_;                                                   \
        *steal_pp_ = NULL;                                                                         \
        steal_v_;                                                                                  \
    })

static inline void cleanup_free(void *pp)
{
    free(*(void **)pp);
}

static inline void cleanup_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline int steal_fd(int *fd)
{
    int v = *fd;

    *fd = -1;
    return v;
}

static inline void cleanup_file(FILE **f)
{
    if (*f != NULL)
        fclose(*f);
}

static inline void cleanup_dir(DIR **d)
{
    if (*d != NULL)
        closedir(*d);
}

#endif
