#include "agent/host.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "agent/state_file.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "common/utf8.h"

#define SMALL_FILE_MAX 4096
#define NAME_MOST 253 /* of a host: what DNS takes */
#define IDENTITY "identity"
#define IDENTITY_HEAD "layercensus identity 1\n"

enum { MARK_MACHINE_ID, MARK_PRODUCT_UUID, MARKS };

/* What the machine says of itself; a hash, so that the state file gives nothing away. */
struct marks {
    bool known[MARKS];
    struct digest hash[MARKS];
};

static const char *const mark_names[MARKS] = {"machine-id", "product-uuid"};
static const char *const mark_paths[MARKS] = {"/etc/machine-id", "/sys/class/dmi/id/product_uuid"};

/* ---- small files of the host ----------------------------------------------------------------- */

/* The first line of PREFIX/path without blanks around it; "" where it cannot be read. */
static void read_line(const char *prefix, const char *path, char *out, size_t size)
{
    AUTO_FREE char *full = NULL;
    AUTO(buf_close) struct buf b;
    size_t len;

    buf_init(&b, SMALL_FILE_MAX);
    out[0] = '\0';
    if (asprintf(&full, "%s%s", prefix, path) < 0) {
        full = NULL;
        return;
    }
    if (buf_read_file_at(&b, AT_FDCWD, full, NULL) != 0)
        return;
    len = strcspn(buf_str(&b), "\n");
    while (len > 0 && isspace(b.data[len - 1]))
        len--;
    if (len < size) {
        memcpy(out, buf_str(&b), len);
        out[len] = '\0';
    }
}

/* PRETTY_NAME="..." of os-release(5). */
static bool read_pretty_name(const char *prefix, const char *path, char *out, size_t size)
{
    static const char key[] = "PRETTY_NAME=";
    AUTO_FREE char *full = NULL;
    AUTO(buf_close) struct buf b;
    const char *at;
    size_t len;

    buf_init(&b, SMALL_FILE_MAX);
    if (asprintf(&full, "%s%s", prefix, path) < 0) {
        full = NULL;
        return false;
    }
    if (buf_read_file_at(&b, AT_FDCWD, full, NULL) != 0)
        return false;
    for (at = buf_str(&b); strncmp(at, key, strlen(key)) != 0; at++)
        if ((at = strchr(at, '\n')) == NULL)
            return false;
    at += strlen(key);
    at += *at == '"';
    len = strcspn(at, "\"\n");
    if (len == 0 || len >= size)
        return false;
    memcpy(out, at, len);
    out[len] = '\0';
    return true;
}

/* ---- description ----------------------------------------------------------------------------- */

/* Machine names of uname(2) as the OCI image specification (and Go) calls them. */
static const char *oci_arch(const char *machine)
{
    static const struct {
        const char *machine, *arch;
    } names[] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"},
        {"armv6l", "arm"},   {"i686", "386"},      {"i586", "386"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].machine, machine) == 0)
            return names[i].arch;
    return machine;
}

/* Host names are letters, digits, '-', '.' and '_'; anything else breaks somebody's tool. */
static int check_name(const char *name, struct err *err)
{
    size_t len = strlen(name);

    if (len == 0 || len > NAME_MOST)
        return err_set(err, ERR_USAGE, "host name \"%.60s%s\": %zu characters, expected 1 to %d",
                       name, len > 60 ? "..." : "", len, NAME_MOST);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && strchr("-._", name[i]) == NULL)
            return err_set(err, ERR_USAGE,
                           "host name \"%.60s\": expected letters, digits, '-', '.' and '_'", name);
    return 0;
}

static void read_marks(const char *prefix, struct marks *out)
{
    *out = (struct marks){.known = {false}};
    for (int i = 0; i < MARKS; i++) {
        char line[256];

        read_line(prefix, mark_paths[i], line, sizeof(line));
        if (line[0] == '\0' && i == MARK_PRODUCT_UUID) /* of the kernel: the same anywhere */
            read_line("", mark_paths[i], line, sizeof(line));
        out->known[i] = line[0] != '\0' && strcmp(line, "uninitialized") != 0;
        if (out->known[i])
            out->hash[i] = digest_of(line, strlen(line));
    }
}

static void put_fingerprint(struct host *host, const struct marks *marks)
{
    uint8_t all[MARKS * DIGEST_BYTES] = {0};

    host->marked = false;
    for (int i = 0; i < MARKS; i++) {
        if (!marks->known[i])
            continue;
        memcpy(all + i * DIGEST_BYTES, marks->hash[i].bytes, DIGEST_BYTES);
        host->marked = true;
    }
    host->fingerprint = digest_of(all, sizeof(all));
}

int host_describe(struct host *out, const char *host_root, const char *name, struct err *err)
{
    struct host host = {.os = "linux"};
    struct utsname uts;
    struct marks marks;

    if (uname(&uts) != 0)
        return err_errno(err, ERR_IO, errno, "uname");
    if (name == NULL)
        read_line(host_root, "/etc/hostname", host.name, sizeof(host.name));
    if (name == NULL && (host.name[0] == '\0' || host_root[0] == '\0'))
        snprintf(host.name, sizeof(host.name), "%s", uts.nodename);
    if (check_name(name != NULL ? name : host.name, err) != 0)
        return err_wrap(err,
                        name != NULL ? "--host-name" : "this host's own name; give --host-name");
    if (name != NULL)
        snprintf(host.name, sizeof(host.name), "%s", name);
    snprintf(host.kernel, sizeof(host.kernel), "%s", uts.release);
    snprintf(host.arch, sizeof(host.arch), "%s", oci_arch(uts.machine));
    if (!read_pretty_name(host_root, "/etc/os-release", host.os, sizeof(host.os)))
        read_pretty_name(host_root, "/usr/lib/os-release", host.os, sizeof(host.os));
    read_marks(host_root, &marks);
    put_fingerprint(&host, &marks);
    *out = host;
    return 0;
}

/* ---- incarnation ----------------------------------------------------------------------------- */

static bool take_text(const char **at, const char *text)
{
    size_t len = strlen(text);

    if (strncmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

static bool take_hex(const char **at, uint8_t *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned value;

        if (!isxdigit((unsigned char)(*at)[0]) || !isxdigit((unsigned char)(*at)[1]) ||
            sscanf(*at, "%2x", &value) != 1)
            return false;
        out[i] = (uint8_t)value;
        *at += 2;
    }
    return true;
}

static bool parse_identity(const char *text, struct rec_id *id, struct marks *marks)
{
    const char *at = text;

    *marks = (struct marks){.known = {false}};
    if (!take_text(&at, IDENTITY_HEAD) || !take_text(&at, "incarnation ") ||
        !take_hex(&at, id->bytes, sizeof(id->bytes)) || !take_text(&at, "\n"))
        return false;
    for (int i = 0; i < MARKS; i++) {
        if (!take_text(&at, mark_names[i]) || !take_text(&at, " "))
            return false;
        marks->known[i] = !take_text(&at, "-");
        if (marks->known[i] && !take_hex(&at, marks->hash[i].bytes, DIGEST_BYTES))
            return false;
        if (!take_text(&at, "\n"))
            return false;
    }
    return *at == '\0';
}

static int print_identity(struct buf *out, const struct rec_id *id, const struct marks *marks,
                          struct err *err)
{
    if (buf_printf(out, err, IDENTITY_HEAD "incarnation ") != 0)
        return -1;
    for (size_t i = 0; i < sizeof(id->bytes); i++)
        if (buf_printf(out, err, "%02x", id->bytes[i]) != 0)
            return -1;
    for (int i = 0; i < MARKS; i++) {
        char hex[DIGEST_HEX + 1] = "-";

        if (marks->known[i])
            digest_hex(&marks->hash[i], hex);
        if (buf_printf(out, err, "\n%s %s", mark_names[i], hex) != 0)
            return -1;
    }
    return buf_add_str(out, "\n", err);
}

/* Every mark known on both sides is equal. Takes over those that are only known from before. */
static bool same_machine(struct marks *now, const struct marks *before)
{
    for (int i = 0; i < MARKS; i++) {
        if (now->known[i] && before->known[i] && !digest_eq(&now->hash[i], &before->hash[i]))
            return false;
        if (!now->known[i] && before->known[i]) {
            now->known[i] = true;
            now->hash[i] = before->hash[i];
        }
    }
    return true;
}

static int new_incarnation(struct host *host, const char *why, struct err *err)
{
    struct rec_id *id = &host->incarnation;

    if (getrandom(id->bytes, sizeof(id->bytes), 0) != (ssize_t)sizeof(id->bytes))
        return err_errno(err, ERR_IO, errno, "no random bytes for a new incarnation");
    log_event(LOG_INFO, "new-incarnation", "why", why, NULL);
    return 0;
}

/* What the file says, into host->incarnation and *marks; a new incarnation where there is none or
 * it is another machine's. */
static int load_identity(struct host *host, int dir, const char *state_dir, struct marks *marks,
                         struct buf *text, struct err *err)
{
    struct err why = {0};
    struct marks before;

    if (buf_read_file_at(text, dir, IDENTITY, &why) != 0) {
        if (why.kind == ERR_NOT_FOUND)
            return new_incarnation(host, "first start", err);
        return err_set(err, why.kind, "%s/%s", state_dir, why.text);
    }
    if (strlen(buf_str(text)) != text->len ||
        !parse_identity(buf_str(text), &host->incarnation, &before))
        return err_set(err, ERR_CORRUPT,
                       "%s/" IDENTITY " is not an identity of this program: restore it, or remove "
                       "it and this host begins a new incarnation",
                       state_dir);
    if (!same_machine(marks, &before))
        return new_incarnation(host, "the machine's own marks changed: this is a copy of another",
                               err);
    return 0;
}

int host_incarnate(struct host *host, const char *host_root, const char *state_dir, struct err *err)
{
    AUTO(buf_close) struct buf old;
    AUTO(buf_close) struct buf text;
    AUTO_FD int dir = -1;
    struct marks marks;

    buf_init(&old, SMALL_FILE_MAX);
    buf_init(&text, SMALL_FILE_MAX);
    if (mkdir(state_dir, 0700) != 0 && errno != EEXIST)
        return err_errno(err, ERR_IO, errno, "make --state-dir %s", state_dir);
    dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_errno(err, ERR_IO, errno, "open --state-dir %s", state_dir);
    read_marks(host_root, &marks);
    if (load_identity(host, dir, state_dir, &marks, &old, err) != 0 ||
        print_identity(&text, &host->incarnation, &marks, err) != 0)
        return -1;
    put_fingerprint(host, &marks);
    if (old.len == text.len && memcmp(old.data, text.data, text.len) == 0)
        return 0;
    if (state_file_write(dir, IDENTITY, &text, err) != 0)
        return err_wrap(err, "--state-dir %s", state_dir);
    return fsync(dir) == 0 ? 0 : err_errno(err, ERR_IO, errno, "sync --state-dir %s", state_dir);
}
