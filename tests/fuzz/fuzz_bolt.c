/* Any bytes as a bolt file: all of it is walked, and each key that is walked is looked up. */
#include <string.h>

#include "agent/engines/bolt.h"
#include "common/check.h"
#include "common/cleanup.h"

enum { DEPTH_MAX = 8, KEY_MAX = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const struct bolt_bucket *bucket, const struct bolt_entry *entry)
{
    char name[KEY_MAX];
    struct bolt_bucket found;
    struct bolt_bytes value;

    if (entry->key.len >= sizeof(name))
        return;
    memcpy(name, entry->key.data, entry->key.len);
    name[entry->key.len] = '\0';
    if (bolt_get(&value, bucket, name, NULL) == 0 && value.len > 0)
        check(value.data != NULL);
    bolt_bucket(&found, bucket, name, NULL);
}

static void walk(const struct bolt_bucket *bucket, int depth)
{
    struct bolt_cursor cursor;
    struct bolt_entry entry;
    struct err err = {.kind = ERR_NONE};
    int rc;

    bolt_walk(&cursor, bucket);
    while ((rc = bolt_next(&cursor, &entry, &err)) == 1) {
        look_up(bucket, &entry);
        if (entry.is_bucket && depth < DEPTH_MAX)
            walk(&entry.bucket, depth + 1);
    }
    check(rc == 0 || err.kind == ERR_CORRUPT || err.kind == ERR_LIMIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(bolt_close) struct bolt *db = NULL;
    struct bolt_bucket root;

    if (bolt_open_bytes(&db, data, size, NULL) == 0 && bolt_root(&root, db, NULL) == 0)
        walk(&root, 0);
    return 0;
}
