/*
 * storage_conf: what storage.conf (containers-storage.conf(5)) and crio.conf (crio.conf(5)) say
 * about where stores lie. Both are TOML; read is the little of it that such files use, and what is
 * not understood is passed over, as one wrong line must not hide a store.
 *
 * Threads: pure.
 */
#ifndef AGENT_ENGINES_STORAGE_STORAGE_CONF_H
#define AGENT_ENGINES_STORAGE_STORAGE_CONF_H

#include <stddef.h>

#include "common/arena.h"
#include "common/error.h"

enum {
    STORAGE_CONF_BYTES = 256 << 10, /* of one file */
    STORAGE_CONF_STORES = 64,       /* additional image stores; more are left out */
};

/* Texts as they stand in the file, of the arena; NULL where it does not say. */
struct storage_conf {
    const char *graph_root;    /* [storage] graphroot; [crio] root */
    const char *run_root;      /* [storage], [crio] runroot */
    const char *driver;        /* [storage] driver; [crio] storage_driver */
    const char *image_store;   /* [storage], [crio] imagestore */
    const char *rootless_path; /* [storage] rootless_storage_path */
    const char **stores;       /* [storage.options] additionalimagestores */
    size_t store_count;
};

/* Sets what the file says, and leaves the rest of *conf as it is: files are read one over the
 * other. ERR_NO_MEMORY and ERR_LIMIT of the arena alone. */
int storage_conf_parse(struct storage_conf *conf, const char *data, size_t len, struct arena *arena,
                       struct err *err);

/* A path of such a file with $HOME, $USER, $UID and a leading ~ put in; NULL (without an error in
 * *err) where it is not absolute afterwards, or names anything else. */
struct storage_user {
    const char *name, *home;
    unsigned uid;
};
const char *storage_conf_expand(const char *path, const struct storage_user *user,
                                struct arena *arena);

#endif
