/* containerd_keys: a snapshotter's own file, which tells where each snapshot lies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engines/containerd/containerd_db.h"

#define BEING_UNPACKED "extract-" /* keys of snapshots that become a layer */

static int compare_keys(const void *a, const void *b)
{
    const struct containerd_key *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* 0 stays where the entry is broken: its directory is then nobody's. */
static void read_key(struct containerd_key *out, const struct bolt_bucket *in)
{
    struct bolt_bytes id, kind;

    if (bolt_get(&id, in, "id", NULL) != 0 || bolt_get(&kind, in, "kind", NULL) != 0 ||
        kind.len != 1 || kind.data[0] < CONTAINERD_VIEW || kind.data[0] > CONTAINERD_COMMITTED ||
        !bolt_uvarint(id, &out->id) || out->id == 0) {
        out->id = 0;
        return;
    }
    out->kind = (enum containerd_kind)kind.data[0];
}

static int walk_keys(struct containerd_keys *out, struct containerd_state *state,
                     const struct bolt_bucket *in, struct err *err)
{
    struct bolt_cursor cursor;
    struct bolt_entry entry;
    int rc;

    bolt_walk(&cursor, in);
    while ((rc = bolt_next(&cursor, &entry, err)) == 1) {
        struct containerd_key *key;

        if (!entry.is_bucket)
            continue;
        key = containerd_add(state, &out->items, out->count, sizeof(*key), CONTAINERD_SNAPSHOTS_MAX,
                             err);
        if (key == NULL)
            return -1;
        key->name = containerd_text(state, entry.key.data, entry.key.len, err);
        if (key->name == NULL)
            return -1;
        read_key(key, &entry.bucket);
        out->count++;
    }
    return rc;
}

int containerd_db_keys(struct containerd_keys *out, struct containerd_state *state, struct bolt *db,
                       struct err *err)
{
    static const char *const path[] = {"v1", "snapshots", NULL};
    struct bolt_bucket root, snapshots;
    struct err why = {0};

    *out = (struct containerd_keys){0};
    if (bolt_root(&root, db, err) != 0)
        return -1;
    if (bolt_path(&snapshots, &root, path, &why) != 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
    if (walk_keys(out, state, &snapshots, err) != 0)
        return -1;
    if (out->count > 0)
        qsort(out->items, out->count, sizeof(*out->items), compare_keys);
    return 0;
}

static int join(struct containerd_state *state, struct containerd_namespace *ns,
                struct containerd_snapshot *snapshot, const struct containerd_keys *keys,
                struct err *err)
{
    const struct containerd_key wanted = {.name = snapshot->name};
    const struct containerd_key *key = NULL;
    char subject[320];

    if (keys->count > 0)
        key = bsearch(&wanted, keys->items, keys->count, sizeof(wanted), compare_keys);
    if (key != NULL && key->kind != 0) {
        snapshot->kind = key->kind;
        snapshot->id = key->id;
        return 0;
    }
    if (key == NULL && strncmp(snapshot->key, BEING_UNPACKED, strlen(BEING_UNPACKED)) == 0)
        return 0;
    ns->unjoined += key == NULL;
    snprintf(subject, sizeof(subject), "snapshot %.256s", snapshot->key);
    return containerd_state_problem(state, ns, err, subject, "%s",
                                    key == NULL ? "its snapshotter does not know it"
                                                : "its snapshotter's entry is broken");
}

int containerd_db_join(struct containerd_state *state, const char *snapshotter,
                       const struct containerd_keys *keys, struct err *err)
{
    for (size_t i = 0; i < state->namespace_count; i++) {
        struct containerd_namespace *ns = &state->namespaces[i];
        const struct containerd_snapshotter *s = containerd_snapshotter_of(ns, snapshotter);

        for (size_t j = 0; s != NULL && j < s->count; j++) {
            if (join(state, ns, &s->snapshots[j], keys, err) != 0)
                return -1;
        }
    }
    return 0;
}
