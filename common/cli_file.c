#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/cli_private.h"

#define FILE_BYTES_MAX (1u << 20) /* of one configuration file */
#define LINE_BYTES_MAX 4096       /* of one line */
#define DROP_INS_MAX 256          /* files in one FILE.d */
#define WHERE_MAX (PATH_MAX + 128)

/* One file being read by inih, which asks for lines and hands back keys and values. */
struct reader {
    struct cli_parser *p;
    const char *path;
    FILE *file;
    size_t bytes;
    int line;
    bool failed; /* *err says why */
    struct err *err;
};

/* Its options are process-wide variables; they are set here, at start-up, and nowhere else. */
static void set_up_inih(void)
{
    ini_allow_multiline = false;
    ini_allow_inline_comments = false;
    ini_allow_no_value = false;
    ini_start_comment_prefixes = "#";
    ini_stop_on_first_error = true;
    ini_use_stack = false;
    ini_allow_realloc = false;
    ini_initial_alloc = LINE_BYTES_MAX;
    ini_max_line = LINE_BYTES_MAX;
}

static void fail_line(struct reader *r, const char *why)
{
    if (!r->failed)
        err_set(r->err, ERR_USAGE, "%s:%d: %s", r->path, r->line, why);
    r->failed = true;
}

/* What inih would misread silently: long lines as two, sections as part of the names. */
static const char *what_is_wrong(struct reader *r, const char *line, size_t len, size_t room)
{
    const char *first = line + strspn(line, " \t");

    if (len == room && line[len - 1] != '\n')
        return "the line is too long";
    if (memchr(line, '\0', len) != NULL)
        return "expected text, found a zero byte";
    if (*first == '[')
        return "sections are not used here: expected name = value";
    if (r->bytes > FILE_BYTES_MAX)
        return "the file is too long";
    return NULL;
}

/* ini_reader: as fgets(). */
static char *read_line(char *line, int size, void *arg)
{
    struct reader *r = arg;
    size_t room = (size_t)size - 1;
    size_t len = 0;
    int c = 0;
    const char *wrong;

    if (r->failed)
        return NULL;
    while (len < room && c != '\n' && (c = getc(r->file)) != EOF)
        line[len++] = (char)c;
    line[len] = '\0';
    if (len == 0)
        return NULL;
    r->line++;
    r->bytes += len;
    wrong = what_is_wrong(r, line, len, room);
    if (wrong == NULL)
        return line;
    fail_line(r, wrong);
    return NULL;
}

static void fail_unknown_key(struct reader *r, const char *name)
{
    struct cli_nearest n = {.word = name, .word_len = strlen(name)};
    const struct cli_option *o;

    for (size_t t = 0; cli_table(r->p, t, &o); t++)
        for (; o != NULL && o->name != NULL; o++)
            if (!o->flag_only)
                cli_nearest_offer(&n, o->name);
    err_set(r->err, ERR_USAGE, "%s:%d: unknown name \"%s\": %s%s%s", r->path, r->line, name,
            n.name != NULL ? "did you mean \"" : "see --help for the names of options",
            n.name != NULL ? n.name : "", n.name != NULL ? "\"?" : "");
    r->failed = true;
}

/* ini_handler: 1 to go on. A file serves all commands: names of any of them are known and their
 * values are checked, whichever command runs. */
static int on_value(void *arg, const char *section, const char *name, const char *value)
{
    struct reader *r = arg;
    const struct cli_option *o = cli_find(r->p, SIZE_MAX, name, strlen(name));
    char where[WHERE_MAX];

    (void)section;
    if (r->failed)
        return 0;
    if (o == NULL) {
        fail_unknown_key(r, name);
        return 0;
    }
    snprintf(where, sizeof(where), "%s:%d: %s", r->path, r->line, name);
    if (o->flag_only)
        err_set(r->err, ERR_USAGE, "%s: only allowed on the command line", where);
    else if (o->type != CLI_LIST && cli_is_set_here(r->p, o))
        err_set(r->err, ERR_USAGE, "%s: given twice in one file", where);
    else if (cli_set(r->p, o, where, value, r->err) == 0)
        return 1;
    r->failed = true;
    return 0;
}

static int read_one(struct cli_parser *p, const char *path, bool required, struct err *err)
{
    AUTO_FILE FILE *file = fopen(path, "re");
    struct reader r = {.p = p, .path = path, .file = file, .err = err};
    int rc;

    if (file == NULL && errno == ENOENT && !required)
        return 0;
    if (file == NULL)
        return err_errno(err, ERR_IO, errno, "configuration file %s", path);
    p->source++;
    set_up_inih();
    rc = ini_parse_stream(read_line, &r, on_value, &r);
    if (!r.failed && ferror(file))
        return err_errno(err, ERR_IO, errno, "read configuration file %s", path);
    if (!r.failed && rc == -2)
        return err_set(err, ERR_NO_MEMORY, "no memory to read %s", path);
    if (!r.failed && rc != 0)
        fail_line(&r, "expected name = value");
    return r.failed ? -1 : 0;
}

static int is_drop_in(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

/* By bytes: alphasort() would order by the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_named(struct cli_parser *p, const char *dir, struct dirent **entries, int count,
                      struct err *err)
{
    char path[PATH_MAX];

    if (count > DROP_INS_MAX)
        return err_set(err, ERR_USAGE, "%s: %d files, at most %d are read", dir, count,
                       DROP_INS_MAX);
    for (int i = 0; i < count; i++) {
        int len = snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);

        if (len >= (int)sizeof(path))
            return err_set(err, ERR_USAGE, "%.200s...: the path is too long", dir);
        if (read_one(p, path, true, err) != 0)
            return -1;
    }
    return 0;
}

static int read_drop_ins(struct cli_parser *p, const char *file, struct err *err)
{
    char dir[PATH_MAX];
    struct dirent **entries;
    int count, rc;

    if (snprintf(dir, sizeof(dir), "%s.d", file) >= (int)sizeof(dir))
        return err_set(err, ERR_USAGE, "%.200s...: the path is too long", file);
    count = scandir(dir, &entries, is_drop_in, by_name);
    if (count < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (count < 0)
        return err_errno(err, ERR_IO, errno, "configuration directory %s", dir);
    rc = read_named(p, dir, entries, count, err);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return rc;
}

int cli_file_read(struct cli_parser *p, const char *path, bool required, struct err *err)
{
    if (read_one(p, path, required, err) != 0)
        return -1;
    return read_drop_ins(p, path, err);
}
