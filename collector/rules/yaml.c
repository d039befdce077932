#include "collector/rules/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "collector/census/fleet.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/cli_nearest.h"

#define QUOTED_MAX 60 /* bytes of a file's text that an error repeats */

struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    struct yaml *yaml;
    struct arena *arena;
    size_t nodes;
    int depth;
};

static void reader_close(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    yaml_parser_delete(&r->parser);
}

/* ---- complaints ------------------------------------------------------------------------------ */

static int fail_at(const struct yaml *y, int line, int column, struct err *err, const char *text)
{
    return err_set(err, ERR_USAGE, "%s:%d:%d: %s", y->path, line, column, text);
}

int yaml_fail(const struct yaml *y, const struct yaml_node *at, struct err *err, const char *fmt,
              ...)
{
    char text[ERR_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return fail_at(y, at != NULL ? at->line : 1, at != NULL ? at->column : 1, err, text);
}

static int fail_event(const struct reader *r, struct err *err, const char *text)
{
    const yaml_mark_t *mark = &r->event.start_mark;

    return fail_at(r->yaml, (int)mark->line + 1, (int)mark->column + 1, err, text);
}

/* Where libyaml met bytes that are no characters it only knows the offset. */
static int fail_bytes(const struct reader *r, const char *data, size_t len, struct err *err)
{
    size_t at = r->parser.problem_offset < len ? r->parser.problem_offset : len;
    int line = 1, column = 1;

    for (size_t i = 0; i < at; i++) {
        column = data[i] == '\n' ? 1 : column + 1;
        line += data[i] == '\n';
    }
    return fail_at(r->yaml, line, column, err, "a byte that is no text in UTF-8");
}

#define AN_ALIAS                                                                                   \
    "an alias (*): write the value itself, or put it into quotes if it is a pattern that begins "  \
    "with *"

/* What libyaml tells of its own grammar where the one who wrote the file made a usual mistake; NULL
 * for all others. The place is then where that began. */
static const char *usual_mistake(const yaml_parser_t *p)
{
    const char *context = p->context != NULL ? p->context : "";

    if (strcmp(context, "while scanning an alias") == 0)
        return AN_ALIAS;
    if (strcmp(context, "while scanning a quoted scalar") == 0 && p->problem != NULL &&
        strcmp(p->problem, "found unexpected end of stream") == 0)
        return "a quote that nothing closes";
    return NULL;
}

static int fail_parser(const struct reader *r, const char *data, size_t len, struct err *err)
{
    const yaml_parser_t *p = &r->parser;
    const yaml_mark_t *mark = &p->problem_mark;
    const char *usual;
    char text[ERR_TEXT_MAX];

    if (p->error == YAML_MEMORY_ERROR)
        return err_set(err, ERR_NO_MEMORY, "%s: no memory to read it", r->yaml->path);
    if (p->error == YAML_READER_ERROR)
        return fail_bytes(r, data, len, err);
    if (p->error == YAML_SCANNER_ERROR && mark->index < len && data[mark->index] == '\t')
        return fail_at(r->yaml, (int)mark->line + 1, (int)mark->column + 1, err,
                       "a tab: indent with blanks");
    usual = usual_mistake(p);
    if (usual != NULL)
        return fail_at(r->yaml, (int)p->context_mark.line + 1, (int)p->context_mark.column + 1, err,
                       usual);
    snprintf(text, sizeof(text), "no YAML: %s%s%s",
             p->problem != NULL ? p->problem : "not understood", p->context != NULL ? ", " : "",
             p->context != NULL ? p->context : "");
    return fail_at(r->yaml, (int)mark->line + 1, (int)mark->column + 1, err, text);
}

/* ---- events to a tree ------------------------------------------------------------------------ */

static int next(struct reader *r, struct err *err)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = yaml_parser_parse(&r->parser, &r->event) != 0;
    if (r->has_event)
        return 0;
    return fail_parser(r, (const char *)r->parser.input.string.start,
                       (size_t)(r->parser.input.string.end - r->parser.input.string.start), err);
}

/* What makes a file say something else than what stands there. */
static int refuse_tricks(const struct reader *r, struct err *err)
{
    const yaml_event_t *e = &r->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;

    switch (e->type) {
    case YAML_SCALAR_EVENT:
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
        break;
    case YAML_ALIAS_EVENT:
        return fail_event(r, err, AN_ALIAS);
    default:
        break;
    }
    if (anchor != NULL)
        return fail_event(r, err, "an anchor (&), which is not read here: write values out");
    if (tag != NULL)
        return fail_event(r, err, "a tag (!), which is not read here: all values are texts");
    return 0;
}

static int set_text(struct reader *r, struct yaml_node *out, struct err *err)
{
    const char *text = (const char *)r->event.data.scalar.value;
    size_t len = r->event.data.scalar.length;

    if (rec_text_fault(text, len, true) != len)
        return fail_event(r, err, "a control character in a text");
    out->kind = YAML_TEXT;
    out->quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    out->text = arena_text(r->arena, text, len, err);
    return out->text != NULL ? 0 : -1;
}

static int build(struct reader *r, struct yaml_node *out, struct err *err);

static int check_key(const struct reader *r, const struct yaml_node *key, struct err *err)
{
    if (key->kind != YAML_TEXT)
        return yaml_fail(r->yaml, key, err, "expected a word as a key");
    if (!key->quoted && strcmp(key->text, "<<") == 0)
        return yaml_fail(r->yaml, key, err,
                         "a merge key (<<), which is not read here: write values out");
    return 0;
}

/* Items, or keys and values, up to the end of the list or map that has begun. */
static int build_items(struct reader *r, struct yaml_node *out, struct err *err)
{
    const bool is_map = out->kind == YAML_MAP;
    const yaml_event_type_t end = is_map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    size_t cap = 0;

    if (++r->depth > YAML_DEPTH_MAX)
        return yaml_fail(r->yaml, out, err, "lists and maps within each other: over %d deep",
                         YAML_DEPTH_MAX);
    while (next(r, err) == 0) {
        struct yaml_node *items;

        if (r->event.type == end) {
            out->count /= is_map ? 2 : 1;
            r->depth--;
            return 0;
        }
        items = fleet_room(r->arena, out->items, out->count, &cap, sizeof(*items), err);
        if (items == NULL)
            return -1;
        out->items = items;
        if (build(r, &items[out->count], err) != 0)
            return -1;
        if (is_map && out->count % 2 == 0 && check_key(r, &items[out->count], err) != 0)
            return -1;
        out->count++;
    }
    return -1;
}

/* The node that begins with the current event. */
static int build(struct reader *r, struct yaml_node *out, struct err *err)
{
    *out = (struct yaml_node){.line = (int)r->event.start_mark.line + 1,
                              .column = (int)r->event.start_mark.column + 1};
    if (refuse_tricks(r, err) != 0)
        return -1;
    if (++r->nodes > YAML_NODES_MAX)
        return err_set(err, ERR_LIMIT, "%s:%d:%d: over %d values in one file", r->yaml->path,
                       out->line, out->column, YAML_NODES_MAX);
    if (r->event.type == YAML_SCALAR_EVENT)
        return set_text(r, out, err);
    out->kind = r->event.type == YAML_MAPPING_START_EVENT ? YAML_MAP : YAML_LIST;
    return build_items(r, out, err);
}

/* The only document, and the end of the stream behind it. */
static int build_document(struct reader *r, struct err *err)
{
    if (next(r, err) != 0 || next(r, err) != 0) /* the stream's start */
        return -1;
    if (r->event.type == YAML_STREAM_END_EVENT)
        return 0;
    if (r->event.data.document_start.tag_directives.start !=
        r->event.data.document_start.tag_directives.end)
        return fail_event(r, err, "a %TAG directive, which is not read here");
    r->yaml->root = arena_alloc(r->arena, sizeof(*r->yaml->root), err);
    if (r->yaml->root == NULL || next(r, err) != 0 || build(r, r->yaml->root, err) != 0)
        return -1;
    if (next(r, err) != 0 || next(r, err) != 0) /* the document's end */
        return -1;
    if (r->event.type != YAML_STREAM_END_EVENT)
        return fail_event(r, err, "a second document: expected the end of the file");
    return 0;
}

int yaml_parse(struct yaml *out, const char *path, const char *data, size_t len,
               struct arena *arena, struct err *err)
{
    AUTO(reader_close) struct reader r = {.yaml = out, .arena = arena};

    *out = (struct yaml){.path = path};
    if (yaml_parser_initialize(&r.parser) == 0)
        return err_set(err, ERR_NO_MEMORY, "%s: no memory to read it", path);
    if (len > YAML_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s: %zu bytes, over the limit of %d", path, len,
                       YAML_BYTES_MAX);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)data, len);
    return build_document(&r, err);
}

char *yaml_follow(const char *path, struct err *err)
{
    char *real = realpath(path, NULL);
    int why = errno;
    struct stat st;

    if (real != NULL)
        return real;
    if (why == ENOENT && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        err_set(err, ERR_IO, "%s: a link that leads to nothing", path);
    else
        err_errno(err, ERR_IO, why, "read %s", path);
    return NULL;
}

/* Links are followed: configuration is often laid out with them. */
int yaml_read(struct yaml *out, const char *path, struct arena *arena, struct err *err)
{
    AUTO_FREE char *real = yaml_follow(path, err);
    AUTO(buf_close) struct buf data;

    buf_init(&data, YAML_BYTES_MAX);
    if (real == NULL)
        return -1;
    if (buf_read_file_at(&data, AT_FDCWD, real, err) != 0)
        return -1;
    return yaml_parse(out, path, buf_str(&data), data.len, arena, err);
}

/* ---- what readers of a tree ask -------------------------------------------------------------- */

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->items[2 * i].text, key) == 0)
            return &map->items[2 * i + 1];
    return NULL;
}

static int fail_unknown(const struct yaml *y, const struct yaml_node *key, const char *const *known,
                        struct err *err)
{
    struct cli_nearest near = {.word = key->text, .word_len = strlen(key->text)};
    char words[ERR_TEXT_MAX / 2];
    size_t at = 0;

    words[0] = '\0';
    for (size_t i = 0; known[i] != NULL; i++) {
        cli_nearest_offer(&near, known[i]);
        if (at < sizeof(words))
            at += (size_t)snprintf(words + at, sizeof(words) - at, "%s%s", i > 0 ? ", " : "",
                                   known[i]);
    }
    if (near.name != NULL)
        return yaml_fail(y, key, err, "\"%.*s\" is not known here; did you mean \"%s\"?",
                         QUOTED_MAX, key->text, near.name);
    return yaml_fail(y, key, err, "\"%.*s\" is not known here; expected one of %s", QUOTED_MAX,
                     key->text, words);
}

static bool is_known(const char *key, const char *const *known)
{
    for (size_t i = 0; known[i] != NULL; i++)
        if (strcmp(known[i], key) == 0)
            return true;
    return false;
}

static int by_text(const void *a, const void *b)
{
    const struct yaml_node *x = *(const struct yaml_node *const *)a;
    const struct yaml_node *y = *(const struct yaml_node *const *)b;
    int order = strcmp(x->text, y->text);

    return order != 0 ? order : x->line != y->line ? x->line - y->line : x->column - y->column;
}

static int refuse_twins(const struct yaml *y, const struct yaml_node *map, struct err *err)
{
    AUTO_FREE const struct yaml_node **keys = calloc(map->count + 1, sizeof(struct yaml_node *));

    if (keys == NULL)
        return err_set(err, ERR_NO_MEMORY, "%s: no memory to read it", y->path);
    for (size_t i = 0; i < map->count; i++)
        keys[i] = &map->items[2 * i];
    qsort(keys, map->count, sizeof(struct yaml_node *), by_text);
    for (size_t i = 1; i < map->count; i++)
        if (strcmp(keys[i - 1]->text, keys[i]->text) == 0)
            return yaml_fail(y, keys[i], err, "\"%.*s\" stands here twice, first in line %d",
                             QUOTED_MAX, keys[i]->text, keys[i - 1]->line);
    return 0;
}

int yaml_only(const struct yaml *y, const struct yaml_node *map, const char *const *known,
              struct err *err)
{
    for (size_t i = 0; known != NULL && i < map->count; i++)
        if (!is_known(map->items[2 * i].text, known))
            return fail_unknown(y, &map->items[2 * i], known, err);
    return refuse_twins(y, map, err);
}

int yaml_expect(const struct yaml *y, const struct yaml_node *node, enum yaml_kind kind,
                const char *what, struct err *err)
{
    static const char *const found[] = {
        [YAML_TEXT] = "a text", [YAML_LIST] = "a list", [YAML_MAP] = "a map (key: value)"};

    if (node != NULL && node->kind == kind)
        return 0;
    if (node == NULL || (node->kind == YAML_TEXT && node->text[0] == '\0' && !node->quoted))
        return yaml_fail(y, node, err, "expected %s, found nothing", what);
    return yaml_fail(y, node, err, "expected %s, found %s", what, found[node->kind]);
}
