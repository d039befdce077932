#include "agent/content_manifest.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/engines/dirlist.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "common/record.h"

#define DIRECTORY "root/buildinfo/content_manifests"
#define NAMES_MAX 4096 /* in that directory; with more it says nothing */

static int open_directory(int layer)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };

    return (int)syscall(SYS_openat2, layer, DIRECTORY, &how, sizeof(how));
}

/* What one file tells; 0 nothing. */
static uint32_t read_file(int dir, const char *name, struct buf *text)
{
    AUTO_JSON json_t *document = NULL;
    long long layers;

    if (buf_read_file_at(text, dir, name, NULL) != 0)
        return 0;
    document = json_parse(buf_str(text), text->len, NULL);
    layers = json_int(document, "image_layer_index", -1);
    if (layers < 0)
        layers = json_int(json_obj(document, "metadata"), "image_layer_index", -1);
    return layers > 0 && layers <= REC_BASE_LAYERS_MAX ? (uint32_t)layers : 0;
}

static bool is_json(const char *name)
{
    size_t len = strlen(name);

    return len > 5 && strcmp(name + len - 5, ".json") == 0;
}

uint32_t content_manifest_layers(int layer)
{
    AUTO_FD int dir = open_directory(layer);
    AUTO(dirlist_close) struct dirlist list = {0};
    AUTO(buf_close) struct buf text;
    uint32_t found = 0;
    size_t files = 0;

    buf_init(&text, CONTENT_MANIFEST_BYTES_MAX);
    if (dir < 0 || dirlist_read(&list, dir, NAMES_MAX, DIRECTORY, NULL) != 0)
        return 0;
    for (size_t i = 0; i < list.count && files < CONTENT_MANIFEST_FILES_MAX; i++) {
        uint32_t told;

        if (!is_json(list.names[i]))
            continue;
        files++;
        told = read_file(dir, list.names[i], &text);
        if (told != 0 && found != 0 && told != found)
            return 0;
        found = told != 0 ? told : found;
    }
    return found;
}
