/* What happened: how often each document was asked for, and how the streams fared. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/fleet/fleet.h"

int json_write(json_t *root, const char *path, struct err *err)
{
    bool to_stdout = strcmp(path, "-") == 0;
    AUTO_FILE FILE *own = to_stdout ? NULL : fopen(path, "w");
    FILE *file = to_stdout ? stdout : own;

    if (root == NULL)
        return err_set(err, ERR_NO_MEMORY, "%s: no memory for its JSON", path);
    if (file == NULL)
        return err_errno(err, ERR_IO, errno, "open %s", path);
    if (json_dumpf(root, file, JSON_INDENT(1)) != 0 || fputc('\n', file) == EOF ||
        fflush(file) != 0)
        return err_errno(err, ERR_IO, errno, "write %s", path);
    return 0;
}

static json_t *documents(const struct fleet *f, json_t **summary)
{
    json_t *rows = json_array();
    json_int_t asked = 0, distinct = 0, most = 0, given = 0, declined = 0;
    char text[DIGEST_TEXT];

    for (size_t i = 0; i < f->catalogue->image_count; i++) {
        const struct cat_image *image = &f->catalogue->images[i];

        if (image->asked == 0)
            continue;
        distinct++;
        asked += image->asked;
        given += image->given;
        declined += image->declined;
        most = image->asked > most ? image->asked : most;
        json_array_append_new(rows, json_pack("{s:s, s:i, s:i, s:i}", "digest",
                                              digest_text(&image->id, text), "asked",
                                              (int)image->asked, "given", (int)image->given,
                                              "declined", (int)image->declined));
    }
    *summary = json_pack("{s:I, s:I, s:I, s:I, s:I}", "distinct", distinct, "asked", asked,
                         "asked_most", most, "given", given, "declined", declined);
    return rows;
}

static json_t *layers(const struct fleet *f)
{
    json_int_t asked = 0, distinct = 0, most = 0, given = 0;

    for (size_t i = 0; i < f->catalogue->layer_count; i++) {
        const struct cat_layer *layer = &f->catalogue->layers[i];

        distinct += layer->asked > 0;
        asked += layer->asked;
        given += layer->given;
        most = layer->asked > most ? layer->asked : most;
    }
    return json_pack("{s:I, s:I, s:I, s:I}", "distinct", distinct, "asked", asked, "asked_most",
                     most, "given", given);
}

static json_t *rejections(const struct fleet_stats *s)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "unknown",
                     (json_int_t)s->rejections[REC_REJECT_UNKNOWN], "conflict",
                     (json_int_t)s->rejections[REC_REJECT_CONFLICT], "wrong_digest",
                     (json_int_t)s->rejections[REC_REJECT_WRONG_DIGEST], "mismatch",
                     (json_int_t)s->rejections[REC_REJECT_MISMATCH], "inventory",
                     (json_int_t)s->rejections[REC_REJECT_INVENTORY], "certificate",
                     (json_int_t)s->rejections[REC_REJECT_CERTIFICATE], "clock",
                     (json_int_t)s->rejections[REC_REJECT_CLOCK], "last", s->last_rejection);
}

static json_t *streams(const struct fleet_stats *s)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "connections",
                     (json_int_t)s->connections, "welcomes", (json_int_t)s->welcomes, "ends",
                     (json_int_t)s->ends, "sent_messages", (json_int_t)s->sent_messages,
                     "sent_bytes", (json_int_t)s->sent_bytes, "received_messages",
                     (json_int_t)s->received_messages, "unknown", (json_int_t)s->unknown,
                     "last_end", s->last_end);
}

/* Names of the hosts that played a part, for the test to look for in the collector's log. */
static json_t *roles(const struct fleet *f)
{
    static const char *const names[] = {
        [ROLE_LIAR] = "liars", [ROLE_MUTE] = "mutes", [ROLE_DIES] = "dead"};
    json_t *root = json_pack("{s:[], s:[], s:[], s:[]}", "liars", "mutes", "dead", "mismatches");

    for (size_t i = 0; i < f->count; i++) {
        const struct speaker *s = &f->speakers[i];

        if (s->role != ROLE_HONEST)
            json_array_append_new(json_object_get(root, names[s->role]), json_string(s->name));
        if (s->mismatch)
            json_array_append_new(json_object_get(root, "mismatches"), json_string(s->name));
    }
    return root;
}

int report_write(const struct fleet *f, const char *path, struct err *err)
{
    const struct fleet_stats *s = &f->stats;
    AUTO_JSON json_t *root = NULL;
    json_t *summary, *rows = documents(f, &summary);
    json_int_t settled = 0, gone = 0;

    for (size_t i = 0; i < f->count; i++) {
        settled += f->speakers[i].state == SPEAKER_SETTLED;
        gone += f->speakers[i].state == SPEAKER_GONE;
    }
    root = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "hosts", (json_int_t)f->count, "settled", settled, "gone", gone, "inventories",
                     (json_int_t)s->inventories, "differences", (json_int_t)s->differences,
                     "acknowledgements", (json_int_t)s->acknowledgements, "resyncs",
                     (json_int_t)s->resyncs, "heartbeats", (json_int_t)s->heartbeats, "streams",
                     streams(s), "rejections", rejections(s), "documents", summary, "layers",
                     layers(f), "roles", roles(f), "per_document", rows);
    return json_write(root, path, err);
}
