#include "agent/engines/storage/storage_conf.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/engines/engine.h"
#include "common/cleanup.h"

/* Where a text of the file goes. */
struct setting {
    const char *section, *key;
    size_t offset; /* of a const char * in struct storage_conf */
};

#define AT(field) offsetof(struct storage_conf, field)

static const struct setting settings[] = {
    {"storage", "graphroot", AT(graph_root)},
    {"storage", "runroot", AT(run_root)},
    {"storage", "driver", AT(driver)},
    {"storage", "imagestore", AT(image_store)},
    {"storage", "rootless_storage_path", AT(rootless_path)},
    {"crio", "root", AT(graph_root)},
    {"crio", "runroot", AT(run_root)},
    {"crio", "storage_driver", AT(driver)},
    {"crio", "imagestore", AT(image_store)},
};

#define KEY_MAX 64

struct reader {
    const char *at, *end;
    struct storage_conf *conf;
    struct arena *arena;
    char section[KEY_MAX];
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && is_blank(*r->at))
        r->at++;
}

static void skip_line(struct reader *r)
{
    while (r->at < r->end && *r->at != '\n')
        r->at++;
    if (r->at < r->end)
        r->at++;
}

/* Blanks, line ends and comments, as between the items of a list. */
static void skip_space(struct reader *r)
{
    while (r->at < r->end && (is_blank(*r->at) || *r->at == '\n' || *r->at == '#')) {
        if (*r->at == '#')
            skip_line(r);
        else
            r->at++;
    }
}

/* A string of one line that begins here, with what escapes paths need: \" and \\. NULL, with
 * nothing in *err, where none does. */
static const char *read_string(struct reader *r, struct err *err)
{
    char text[ENGINE_PATH_MAX];
    size_t len = 0;
    char quote = r->at < r->end ? *r->at : '\0';

    if (quote != '"' && quote != '\'')
        return NULL;
    for (r->at++; r->at < r->end && *r->at != quote && *r->at != '\n'; r->at++) {
        if (quote == '"' && *r->at == '\\' && r->at + 1 < r->end)
            r->at++;
        if (*r->at == '\0' || *r->at == '\n' || len + 1 >= sizeof(text))
            return NULL;
        text[len++] = *r->at;
    }
    if (r->at == r->end || *r->at != quote)
        return NULL;
    r->at++;
    return arena_text(r->arena, text, len, err);
}

static void read_section(struct reader *r)
{
    size_t len = 0;

    r->section[0] = '\0';
    for (r->at++; r->at < r->end && *r->at != ']' && *r->at != '\n'; r->at++) {
        if (is_blank(*r->at) || *r->at == '"')
            continue;
        if (*r->at == '[' || len + 1 >= sizeof(r->section)) /* a list of tables: none of ours */
            len = 0;
        else
            r->section[len++] = *r->at;
    }
    r->section[len] = '\0';
}

static void read_key(struct reader *r, char key[KEY_MAX])
{
    size_t len = 0;

    for (; r->at < r->end && *r->at != '=' && *r->at != '\n'; r->at++) {
        if (!is_blank(*r->at) && *r->at != '"' && len + 1 < KEY_MAX)
            key[len++] = *r->at;
    }
    key[len] = '\0';
}

static int read_stores(struct reader *r, struct err *err)
{
    struct storage_conf *conf = r->conf;
    const char **stores = arena_array(r->arena, STORAGE_CONF_STORES, sizeof(*stores), err);
    size_t count = 0;

    if (stores == NULL)
        return -1;
    for (r->at++, skip_space(r); r->at < r->end && *r->at != ']'; skip_space(r)) {
        struct err why = {0};
        const char *path = *r->at == ',' ? NULL : read_string(r, &why);

        if (why.kind != ERR_NONE)
            return err_set(err, why.kind, "%s", why.text);
        if (path != NULL && path[0] != '\0' && count < STORAGE_CONF_STORES)
            stores[count++] = path;
        else if (path == NULL && r->at < r->end)
            r->at++;
    }
    conf->stores = stores;
    conf->store_count = count;
    return 0;
}

static int read_text(struct reader *r, const char *key, struct err *err)
{
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        const struct setting *s = &settings[i];
        struct err why = {0};
        const char *text;

        if (strcmp(s->section, r->section) != 0 || strcmp(s->key, key) != 0)
            continue;
        text = read_string(r, &why);
        if (why.kind != ERR_NONE)
            return err_set(err, why.kind, "%s", why.text);
        if (text != NULL && text[0] != '\0')
            *(const char **)((char *)r->conf + s->offset) = text;
        break;
    }
    return 0;
}

static int read_member(struct reader *r, struct err *err)
{
    char key[KEY_MAX];
    int rc = 0;

    read_key(r, key);
    if (r->at < r->end && *r->at == '=') {
        r->at++;
        skip_blanks(r);
        if (r->at < r->end && *r->at == '[' && strcmp(r->section, "storage.options") == 0 &&
            strcmp(key, "additionalimagestores") == 0)
            rc = read_stores(r, err);
        else
            rc = read_text(r, key, err);
    }
    skip_line(r);
    return rc;
}

int storage_conf_parse(struct storage_conf *conf, const char *data, size_t len, struct arena *arena,
                       struct err *err)
{
    struct reader r = {.at = data, .end = data + len, .conf = conf, .arena = arena};

    for (skip_space(&r); r.at < r.end; skip_space(&r)) {
        if (*r.at == '[') {
            read_section(&r);
            skip_line(&r);
        } else if (read_member(&r, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* The text that stands for `name` of `len` bytes, or NULL. */
static const char *variable(const char *name, size_t len, const struct storage_user *user,
                            char number[16])
{
    if (len == 4 && strncmp(name, "HOME", len) == 0)
        return user->home;
    if (len == 4 && strncmp(name, "USER", len) == 0)
        return user->name;
    if (len != 3 || strncmp(name, "UID", len) != 0)
        return NULL;
    snprintf(number, 16, "%u", user->uid);
    return number;
}

const char *storage_conf_expand(const char *path, const struct storage_user *user,
                                struct arena *arena)
{
    AUTO(buf_close) struct buf text;
    char number[16];
    int rc = 0;

    buf_init(&text, ENGINE_PATH_MAX - 1);
    if (path[0] == '~' && (path[1] == '/' || path[1] == '\0')) {
        rc = buf_add_str(&text, user->home, NULL);
        path++;
    }
    while (*path != '\0' && rc == 0) {
        size_t len = strcspn(path, "$");

        rc = buf_add(&text, path, len, NULL);
        path += len;
        if (*path == '$' && rc == 0) {
            bool braces = path[1] == '{';
            const char *name = path + (braces ? 2 : 1);
            const char *value;

            len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
            value = variable(name, len, user, number);
            if (value == NULL || (braces && name[len] != '}'))
                return NULL;
            rc = buf_add_str(&text, value, NULL);
            path = name + len + (braces ? 1 : 0);
        }
    }
    if (rc != 0 || buf_str(&text)[0] != '/')
        return NULL;
    return arena_text(arena, buf_str(&text), text.len, NULL);
}
