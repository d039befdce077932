#include "collector/store/labels.h"

#include "common/json.h"

char *labels_text(const struct rec_pair *labels, size_t count, struct err *err)
{
    AUTO_JSON json_t *object = json_object();
    char *text;

    for (size_t i = 0; object != NULL && i < count; i++) {
        if (json_object_set_new(object, labels[i].key, json_string(labels[i].value)) != 0) {
            err_set(err, ERR_NO_MEMORY, "labels of a host");
            return NULL;
        }
    }
    text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL)
        err_set(err, ERR_NO_MEMORY, "labels of a host");
    return text;
}
