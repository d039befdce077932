/* oci_layout_images: what index.json leads to, with its names. */
#include <string.h>

#include "agent/engines/content_records.h"
#include "agent/engines/oci_layout/oci_layout.h"
#include "common/cleanup.h"
#include "common/imageref.h"

int oci_layout_repository(const char *name, char *out)
{
    size_t first = strcspn(name, "/");

    if (name[first] == '\0')
        return -1;
    if (memchr(name, '.', first) == NULL && memchr(name, ':', first) == NULL &&
        !(first == strlen("localhost") && strncmp(name, "localhost", first) == 0))
        return -1;
    return imageref_repository(name, out);
}

/* BuildKit gives the whole name in one annotation, and its tag once more in the other. */
static bool is_tag_of(const char *tag, const char *name)
{
    size_t tag_len = strlen(tag), len = strlen(name);

    return len > tag_len && name[len - tag_len - 1] == ':' &&
           strcmp(name + len - tag_len, tag) == 0;
}

static int put(struct oci_layout_pass *p, struct content_records *records,
               const struct content_found *found, const char *name, const struct digest *target,
               struct err *err)
{
    char repository[IMAGEREF_MAX + 1];
    const char *copy = NULL;

    if (name != NULL && oci_layout_repository(name, repository) == 0) {
        copy = pass_text(&p->pass, err, "%s", repository);
        if (copy == NULL)
            return -1;
    }
    for (size_t i = 0; i < found->image_count; i++) {
        if (content_records_put(records, &found->images[i], false, name, copy, target, err) != 0)
            return -1;
    }
    return 0;
}

static int put_names(struct oci_layout_pass *p, struct content_records *records,
                     const struct content_found *found, const struct image_index_entry *entry,
                     struct err *err)
{
    const char *whole = entry->image_name[0] != '\0' ? entry->image_name : NULL;
    const char *name = entry->ref_name[0] != '\0' ? entry->ref_name : NULL;

    if (whole != NULL && name != NULL && (strcmp(whole, name) == 0 || is_tag_of(name, whole)))
        name = NULL;
    if (whole != NULL && put(p, records, found, whole, &entry->to.digest, err) != 0)
        return -1;
    if (whole != NULL && name == NULL)
        return 0;
    return put(p, records, found, name, &entry->to.digest, err);
}

static int read_entry(struct oci_layout_pass *p, struct content_records *records, size_t position,
                      struct err *err)
{
    const struct image_index_entry *entry = &p->index.entries[position];
    struct content_found found;
    char subject[64], text[DIGEST_TEXT];

    snprintf(subject, sizeof(subject), "index.json entry %zu", position);
    if (entry->broken != NULL)
        return pass_problem(&p->pass, err, subject, "it %s", entry->broken);
    if (content_look_at(&p->look, &entry->to, &found, err) != 0)
        return -1;
    if (!found.here)
        return pass_problem(&p->pass, err, subject, "its blob %s is not here",
                            digest_text(&entry->to.digest, text));
    if (entry->attestation)
        return 0;
    return put_names(p, records, &found, entry, err);
}

int oci_layout_read_images(struct oci_layout_pass *p, struct err *err)
{
    AUTO(content_records_close) struct content_records records = {.pass = &p->pass};

    for (size_t i = 0; i < p->index.entry_count; i++) {
        if (read_entry(p, &records, i, err) != 0)
            return -1;
    }
    return content_records_finish(&records, err);
}
