#include "tests/fleet/jsonl.h"

#include <errno.h>
#include <stdio.h>

json_t *jsonl_load(const char *path, struct err *err)
{
    AUTO_FILE FILE *file = fopen(path, "r");
    AUTO_JSON json_t *lines = json_array();
    AUTO_FREE char *text = NULL;
    size_t room = 0;
    ssize_t len;

    if (lines == NULL) {
        err_set(err, ERR_NO_MEMORY, "%s: no memory for its lines", path);
        return NULL;
    }
    if (file == NULL) {
        err_errno(err, ERR_IO, errno, "open %s", path);
        return NULL;
    }
    while ((len = getline(&text, &room, file)) > 0) {
        json_t *line = json_parse(text, (size_t)len, err);

        if (line == NULL) {
            err_wrap(err, "%s, line %zu", path, json_array_size(lines) + 1);
            return NULL;
        }
        if (json_array_append_new(lines, line) != 0) {
            err_set(err, ERR_NO_MEMORY, "%s: no memory for its lines", path);
            return NULL;
        }
    }
    if (ferror(file)) {
        err_errno(err, ERR_IO, errno, "read %s", path);
        return NULL;
    }
    return steal(&lines);
}
