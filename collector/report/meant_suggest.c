#include <stdio.h>
#include <string.h>

#include "collector/report/meant.h"
#include "collector/report/parts.h"
#include "common/cli_nearest.h"

#define SUGGESTED_MAX 3
#define SUGGESTED_TEXT 240 /* bytes of all of it: an error has room for no more */
#define LOCAL "localhost/" /* podman finds what is there without it */

/* Names in normal form, the best first. */
struct suggested {
    const char *names[SUGGESTED_MAX];
    size_t count;
};

/* The name's length without its tag. */
static size_t repository_len(const char *name)
{
    const char *slash = strrchr(name, '/'), *colon = strrchr(name, ':');

    return colon != NULL && (slash == NULL || colon > slash) ? (size_t)(colon - name)
                                                             : strlen(name);
}

/* Whether the text is the name without its first components; one without a tag, for any tag. */
static bool ends_with(const char *name, const char *text)
{
    size_t text_len = strlen(text), len = strlen(name);

    if (repository_len(text) == text_len)
        len = repository_len(name);
    return text_len > 0 && len > text_len && name[len - text_len - 1] == '/' &&
           strncmp(name + len - text_len, text, text_len) == 0;
}

static bool goes_before(const char *a, const char *b)
{
    bool a_local = strncmp(a, LOCAL, strlen(LOCAL)) == 0;
    bool b_local = strncmp(b, LOCAL, strlen(LOCAL)) == 0;

    return a_local != b_local ? a_local : strcmp(a, b) < 0;
}

static void suggest(struct suggested *s, const char *name)
{
    size_t at = s->count;

    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->names[i], name) == 0)
            return;
    while (at > 0 && goes_before(name, s->names[at - 1]))
        at--;
    if (at == SUGGESTED_MAX)
        return;
    s->count += s->count < SUGGESTED_MAX;
    memmove(&s->names[at + 1], &s->names[at], (s->count - at - 1) * sizeof(s->names[0]));
    s->names[at] = name;
}

/* Names in front of which something was left out, then the one that is spelled most alike. */
static int search(struct suggested *s, const struct census *c, struct err *err)
{
    const char *text = c->request->subject;
    struct cli_nearest nearest = {.word = text, .word_len = strlen(text)};

    for (size_t i = 0; i < c->fleet.image_count; i++) {
        const struct standing *at = &c->images[i];

        for (uint32_t n = 0; n < at->name_count; n++) {
            const char *name = c->fleet.names[at->names[n]].normal;
            const char *shown = part_shown(c, name, err);

            if (shown == NULL)
                return -1;
            if (ends_with(name, text))
                suggest(s, shown);
            else
                cli_nearest_offer(&nearest, shown);
        }
    }
    if (s->count == 0 && nearest.name != NULL)
        suggest(s, nearest.name);
    return 0;
}

const char *meant_suggest(const struct census *c, struct err *err)
{
    struct suggested s = {.count = 0};
    char text[SUGGESTED_TEXT];
    size_t len = 0;

    if (search(&s, c, err) != 0)
        return NULL;
    for (size_t i = 0; i < s.count; i++) {
        const char *before = len == 0 ? "; did you mean " : i + 1 < s.count ? ", " : " or ";
        int more = snprintf(text + len, sizeof(text) - len, "%s%s", before, s.names[i]);

        if (more < 0 || len + (size_t)more + 2 > sizeof(text))
            break;
        len += (size_t)more;
    }
    if (len == 0)
        return "";
    text[len++] = '?';
    return arena_text(c->arena, text, len, err);
}
