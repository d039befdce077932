#include "agent/engines/dirlist.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/cleanup.h"

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The array has room for a power of two of names, or none. */
static int add_name(struct dirlist *list, const char *name)
{
    char *copy;

    if ((list->count & (list->count - 1)) == 0) {
        size_t room = list->count == 0 ? 1 : list->count * 2;
        char **names = realloc(list->names, room * sizeof(*names));

        if (names == NULL)
            return -1;
        list->names = names;
    }
    copy = strdup(name);
    if (copy == NULL)
        return -1;
    list->names[list->count++] = copy;
    return 0;
}

static int read_names(struct dirlist *list, DIR *dir, size_t max, const char *what, struct err *err)
{
    const struct dirent *entry;

    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (list->count >= max)
            return err_set(err, ERR_LIMIT, "%s: more than %zu entries", what, max);
        if (add_name(list, entry->d_name) != 0)
            return err_set(err, ERR_NO_MEMORY, "no memory for the names in %s", what);
    }
    if (errno != 0)
        return err_errno(err, ERR_IO, errno, "read directory %s", what);
    return 0;
}

int dirlist_read(struct dirlist *out, int fd, size_t max, const char *what, struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};
    AUTO_FD int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_DIR DIR *dir = own < 0 ? NULL : fdopendir(own);

    if (dir == NULL)
        return err_errno(err, ERR_IO, errno, "open directory %s", what);
    own = -1; /* the DIR has it */
    if (read_names(&list, dir, max, what, err) != 0)
        return -1;
    if (list.count > 0)
        qsort(list.names, list.count, sizeof(*list.names), compare_names);
    *out = list;
    list = (struct dirlist){0};
    return 0;
}

void dirlist_close(struct dirlist *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (struct dirlist){0};
}
