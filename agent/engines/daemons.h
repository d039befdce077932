/*
 * daemons: the engines' daemons that run on the host, with what their command lines say and where
 * their paths lie for us.
 *
 * A daemon may run in a chroot: its paths are below what /proc/<pid>/root points to. In another
 * mount namespace the host may have something else at a path; then it has no path for us.
 *
 * A process is told by its name alone, which anybody can give to his own. So whose it is counts:
 * a user's is believed of nothing but what belongs to him.
 *
 * Private to agent/engines. Threads: any; blocks on /proc.
 */
#ifndef AGENT_ENGINES_DAEMONS_H
#define AGENT_ENGINES_DAEMONS_H

#include <sys/stat.h>

#include "agent/engines/engine.h"

/* One running daemon; valid during the call that gets it. */
struct daemon {
    const struct engine_root *like; /* host prefix */
    int proc_fd;                    /* of /proc */
    const char *pid;
    uint32_t user;                /* 0: root runs it, and root started it */
    const struct buf *command;    /* /proc/<pid>/cmdline */
    char chroot[ENGINE_PATH_MAX]; /* what its paths begin with for us, "" nothing */
};

typedef int daemon_fn(void *arg, const struct daemon *daemon, struct err *err);

enum daemons_whose { DAEMONS_OF_ROOT, DAEMONS_OF_USERS };

enum {
    DAEMONS_OF_ONE_USER = 4, /* each may cost its caller a deadline: more are passed over */
    DAEMONS_OF_ALL_USERS = 32,
};

/* Calls fn for each process of these whose name (comm) this is, until one returns -1. `like` gives
 * the host prefix, below which /proc lies. Without any /proc nobody is there. */
int daemons_each(const struct engine_root *like, const char *comm, enum daemons_whose whose,
                 daemon_fn *fn, void *arg, struct err *err);

/* The last value of an option that has one of these names (ended by NULL), as "--name=value" or
 * "--name" "value"; NULL where it was not given. Points into the command line. */
const char *daemon_option(const struct daemon *d, const char *const *names);
/* The first value that begins with `prefix`, without it. */
const char *daemon_option_with(const struct daemon *d, const char *const *names,
                               const char *prefix);

/* The daemon's absolute path as the host would name it; false where it is none or too long. */
bool daemon_path(const struct daemon *d, const char *path, char out[ENGINE_PATH_MAX]);
/* The same of something that must be there, and be the same thing for it and for us: under its own
 * name where that is mounted inside and outside alike, else below its chroot. */
bool daemon_place(const struct daemon *d, const char *path, char out[ENGINE_PATH_MAX]);
/* Whether what the host has at this path is for this daemon to speak of: always for root's, else
 * where it is there and belongs to its user. */
bool daemon_owns(const struct daemon *d, const char *host_path);
/* What the daemon finds at its path; false where that cannot be seen. */
bool daemon_stat(const struct daemon *d, const char *path, struct stat *out);

#endif
