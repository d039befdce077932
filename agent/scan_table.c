#include "agent/scan_table.h"

#include <inttypes.h>
#include <string.h>

#include "common/size.h"

#define ID_SHOWN 12
#define NAME_WIDTH 44
#define PREFIX_LEN 7 /* "sha256:" */

static const char *or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

/* Builders that want the same bytes from the same source write the year 1: no date at all. */
static const char *created_text(const char *created)
{
    return created == NULL || strncmp(created, "0001-01-01", 10) == 0 ? "-" : created;
}

/* Short form of a digest. */
static const char *short_id(const char *digest, char out[ID_SHOWN + 1])
{
    snprintf(out, ID_SHOWN + 1, "%s",
             digest != NULL && strlen(digest) > PREFIX_LEN ? digest + PREFIX_LEN : "-");
    return out;
}

/* Allocated bytes of all of its layers; false where one was not measured. */
static bool image_bytes(const json_t *image, json_int_t *bytes)
{
    size_t i;
    const json_t *layer;

    *bytes = 0;
    if (json_arr(image, "layers") == NULL)
        return false;
    json_array_foreach (json_arr(image, "layers"), i, layer) {
        json_int_t one = json_int(layer, "allocated_bytes", -1);

        if (one < 0)
            return false;
        *bytes += one;
    }
    return true;
}

/* "2 running, 1 stopped" of the containers of one image. */
static void use_text(const json_t *store, const char *id, char *out, size_t size)
{
    static const char *const states[] = {"running", "stopped", "unknown"};
    size_t len = 0;

    snprintf(out, size, "-");
    for (size_t k = 0; k < 3; k++) {
        size_t i, count = 0;
        const json_t *c;

        json_array_foreach (json_arr(store, "containers"), i, c)
            count += strcmp(or_dash(json_str(c, "image")), id) == 0 &&
                     strcmp(or_dash(json_str(c, "state")), states[k]) == 0;
        if (count > 0 && len < size)
            len += (size_t)snprintf(out + len, size - len, "%s%zu %s", len > 0 ? ", " : "", count,
                                    states[k]);
    }
}

static void print_repo_digests(const json_t *image, FILE *out)
{
    size_t i;
    const json_t *d;

    json_array_foreach (json_arr(image, "repo_digests"), i, d)
        fprintf(out, "  %-*s  %s@%s\n", ID_SHOWN, "", or_dash(json_str(d, "repository")),
                or_dash(json_str(d, "digest")));
}

static void print_image(const json_t *store, const json_t *image, FILE *out)
{
    char id[ID_SHOWN + 1], use[64], size[SIZE_TEXT];
    const json_t *names = json_arr(image, "names");
    const char *created = json_str(image, "created");
    json_int_t bytes;
    bool measured = image_bytes(image, &bytes);

    use_text(store, or_dash(json_str(image, "id")), use, sizeof(use));
    fprintf(out, "  %-*s  %-*s  %6zu  %10s  %-10.10s  %s\n", ID_SHOWN,
            short_id(json_str(image, "id"), id), NAME_WIDTH,
            json_array_size(names) > 0 ? json_string_value(json_array_get(names, 0)) : "<unnamed>",
            json_array_size(json_arr(image, "layers")), measured ? size_text(bytes, size) : "-",
            created_text(created), use);
    for (size_t i = 1; i < json_array_size(names); i++)
        fprintf(out, "  %-*s  %s\n", ID_SHOWN, "", json_string_value(json_array_get(names, i)));
    print_repo_digests(image, out);
}

/* "namespace/pod", where the container is of one. */
static void print_containers(const json_t *store, FILE *out)
{
    const json_t *containers = json_arr(store, "containers");
    size_t i;
    const json_t *c;

    if (json_array_size(containers) > 0)
        fprintf(out, "  %-*s  %-*s  %-8s  %s\n", ID_SHOWN, "CONTAINER", NAME_WIDTH, "NAME", "STATE",
                "POD");
    json_array_foreach (containers, i, c) {
        const char *space = json_str(c, "kube_namespace"), *pod = json_str(c, "kube_pod");

        fprintf(out, "  %-*.*s  %-*s  %-8s  %s%s%s\n", ID_SHOWN, ID_SHOWN,
                or_dash(json_str(c, "id")), NAME_WIDTH, or_dash(json_str(c, "name")),
                or_dash(json_str(c, "state")), space != NULL ? space : "", space != NULL ? "/" : "",
                or_dash(pod));
    }
}

/* What stands in the store besides, in numbers. */
static void print_counts(const json_t *store, FILE *out)
{
    if (json_arr(store, "images") == NULL)
        return;
    fprintf(out, "  %" JSON_INTEGER_FORMAT " chains unpacked, %zu origins of layers known\n",
            json_int(store, "copies", 0), json_array_size(json_arr(store, "origins")));
}

static void print_remarks(const json_t *store, const char *key, const char *title, FILE *out)
{
    size_t i;
    const json_t *item;

    json_array_foreach (json_arr(store, key), i, item)
        fprintf(out, "  %s: %s: %s\n", title, or_dash(json_str(item, "subject")),
                or_dash(json_str(item, "text")));
}

static void print_spaces(const json_t *store, FILE *out)
{
    size_t i;
    const json_t *s;
    char size[SIZE_TEXT];

    json_array_foreach (json_arr(store, "spaces"), i, s)
        fprintf(out, "  %-8s %-24s %10s in %" JSON_INTEGER_FORMAT "%s\n",
                or_dash(json_str(s, "class")), or_dash(json_str(s, "kind")),
                size_text(json_int(s, "bytes", 0), size), json_int(s, "count", 0),
                json_flag(s, "upper_bound", 0) ? " (at most)" : "");
}

static void print_head(const json_t *store, FILE *out)
{
    const char *space = json_str(store, "space"), *error = json_str(store, "error");
    json_int_t owner = json_int(store, "owner", 0);

    fprintf(out, "\n%s %s  %s  ", or_dash(json_str(store, "engine")),
            or_dash(json_str(store, "version")), or_dash(json_str(store, "driver")));
    if (space != NULL)
        fprintf(out, "namespace %s  ", space);
    fputs(or_dash(json_str(store, "root")), out);
    if (owner != 0)
        fprintf(out, "  of uid %" JSON_INTEGER_FORMAT, owner);
    fprintf(out, "%s%s  %s%s%s\n", json_flag(store, "sample", 0) ? "  (sample)" : "",
            strcmp(or_dash(json_str(store, "read_from")), "api") == 0 ? "  (by its API)" : "",
            or_dash(json_str(store, "state")), error != NULL ? ": " : "",
            error != NULL ? error : "");
}

static void print_store(const json_t *store, FILE *out)
{
    size_t i;
    const json_t *image;

    print_head(store, out);
    if (json_array_size(json_arr(store, "images")) > 0)
        fprintf(out, "  %-*s  %-*s  %6s  %10s  %-10s  %s\n", ID_SHOWN, "IMAGE", NAME_WIDTH, "NAMES",
                "LAYERS", "ALLOCATED", "CREATED", "IN USE");
    else if (json_arr(store, "images") != NULL)
        fputs("  no images\n", out);
    json_array_foreach (json_arr(store, "images"), i, image)
        print_image(store, image, out);
    print_containers(store, out);
    print_counts(store, out);
    print_spaces(store, out);
    print_remarks(store, "problems", "problem", out);
    print_remarks(store, "findings", "disk and API disagree", out);
}

void scan_table_print(const json_t *report, FILE *out)
{
    const json_t *host = json_obj(report, "host");
    size_t i;
    const json_t *store;

    fprintf(out, "%s  %s  %s  %s\n", or_dash(json_str(host, "name")), or_dash(json_str(host, "os")),
            or_dash(json_str(host, "kernel")), or_dash(json_str(host, "arch")));
    json_array_foreach (json_arr(report, "stores"), i, store)
        print_store(store, out);
}
