/* Reading a store again: what is taken from the last reading must be what all of it, read afresh,
 * would have said. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/engines/docker/docker.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "tests/fleet/random.h"
#include "tests/support/docker_store.h"

enum { DIFFS = 6, STEPS = 40, LATER_US = 50000 /* more than DOCKER_MOVING_NS */ };

struct fixture {
    struct tempdir dir;
    struct docker_store store;
    struct engine_root root;
    struct engine_options options;
    struct engine_reading *last;
    uint64_t random;
    unsigned made; /* for names that are new */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    docker_store_open(&f->store, &f->dir, "docker", "overlay2");
    f->root = docker_store_root(&f->store);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    engine_reading_close(&f->last);
    docker_store_close(&f->store);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

/* ---- a reading as text ----------------------------------------------------------------------- */

static void say(struct buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct buf *out, const char *fmt, ...)
{
    char line[4096];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    check(buf_add_str(out, line, NULL) == 0);
}

static void say_image(struct buf *out, const struct rec_image *image)
{
    char id[DIGEST_TEXT], parent[DIGEST_TEXT] = "-";

    if (image->has_parent)
        digest_text(&image->parent, parent);
    say(out, "image %s parent %s unpacked %d\n", digest_text(&image->id, id), parent,
        image->unpacked);
    for (size_t i = 0; i < image->name_count; i++)
        say(out, "  %s\n", image->names[i]);
    for (size_t i = 0; i < image->repo_digest_count; i++)
        say(out, "  %s@%s\n", image->repo_digests[i].repository,
            digest_text(&image->repo_digests[i].digest, id));
}

static void say_content(struct buf *out, const struct rec_content *content)
{
    char chain[DIGEST_TEXT], diff[DIGEST_TEXT];

    say(out, "store %d %s\n", content->store.state, content->store.error);
    for (size_t i = 0; i < content->store.problem_count; i++)
        say(out, "problem %s: %s\n", content->store.problems[i].subject,
            content->store.problems[i].text);
    for (size_t i = 0; i < content->image_count; i++)
        say_image(out, &content->images[i]);
    for (size_t i = 0; i < content->exception_count; i++)
        say(out, "exception %d %s %s\n", content->exceptions[i].kind,
            digest_text(&content->exceptions[i].chain, chain),
            digest_text(&content->exceptions[i].diff, diff));
}

static void say_reading(struct buf *out, const struct engine_reading *r)
{
    char chain[DIGEST_TEXT], diff[DIGEST_TEXT];

    say_content(out, &r->content);
    for (size_t i = 0; i < r->use.container_count; i++)
        say(out, "container %s %d\n", r->use.containers[i].id, r->use.containers[i].state);
    for (size_t i = 0; i < r->copy_count; i++)
        say(out, "copy %s %s %s %s %d %d\n", digest_text(&r->copies[i].chain, chain),
            digest_text(&r->copies[i].diff, diff), r->copies[i].entry, r->copies[i].directory,
            r->copies[i].needed, r->copies[i].whole_tree);
    for (size_t i = 0; i < r->space_count; i++)
        say(out, "space %d %s %s\n", r->spaces[i].klass, r->spaces[i].kind, r->spaces[i].path);
    for (size_t i = 0; i < r->space_root_count; i++)
        say(out, "space root %s\n", r->space_roots[i]);
}

/* Reads the store both ways, and keeps the one that rests on the last. */
static void assert_same_again(struct fixture *f)
{
    AUTO(engine_reading_close) struct engine_reading *afresh = NULL;
    AUTO(engine_reading_close) struct engine_reading *again = NULL;
    AUTO(buf_close) struct buf a;
    AUTO(buf_close) struct buf b;
    struct err err;

    assert_ok(docker_driver.read(&f->root, &f->options, f->last, &again, &err));
    assert_ok(docker_driver.read(&f->root, &f->options, NULL, &afresh, &err));
    buf_init(&a, 1 << 20);
    buf_init(&b, 1 << 20);
    say_reading(&a, again);
    say_reading(&b, afresh);
    assert_string_equal(buf_str(&a), buf_str(&b));
    engine_reading_close(&f->last);
    f->last = steal(&again);
}

/* ---- changes --------------------------------------------------------------------------------- */

static struct digest some_diff(struct fixture *f)
{
    char text[32];

    snprintf(text, sizeof(text), "layer %u", random_below(&f->random, DIFFS));
    return docker_store_diff(text);
}

static void add_image(struct fixture *f)
{
    struct digest diffs[3], image, parent = some_diff(f);

    for (size_t i = 0; i < 3; i++)
        diffs[i] = some_diff(f);
    image = docker_store_image(&f->store, diffs, random_below(&f->random, 4), f->made++);
    if (random_below(&f->random, 2) == 0)
        docker_store_parent(&f->store, &image, &parent);
}

/* The name, in a directory of the store, of any entry; false where there is none. */
static bool some_entry(struct fixture *f, const char *dir, char out[PATH_MAX])
{
    AUTO(dirlist_close) struct dirlist list = {0};
    AUTO_FD int fd = docker_open_below(&f->root, dir, NULL);
    char below[PATH_MAX];

    check(fd >= 0 && dirlist_read(&list, fd, 1000, dir, NULL) == 0);
    if (list.count == 0)
        return false;
    snprintf(below, sizeof(below), "%.500s/%.500s", dir,
             list.names[random_below(&f->random, (uint32_t)list.count)]);
    docker_store_below(&f->store, below, out);
    return true;
}

static void move(const struct fixture *f, const char *from, const char *to)
{
    char a[PATH_MAX], b[PATH_MAX];

    check(rename(tempdir_path(&f->dir, from, a), tempdir_path(&f->dir, to, b)) == 0);
}

/* Away from the store, for good. */
static void lose(struct fixture *f, const char *dir)
{
    char name[PATH_MAX], lost[64];

    if (!some_entry(f, dir, name))
        return;
    snprintf(lost, sizeof(lost), "lost-%u", f->made++);
    move(f, name, lost);
}

static void lose_config(struct fixture *f)
{
    lose(f, "image/overlay2/imagedb/content/sha256");
}

static void lose_layer(struct fixture *f)
{
    lose(f, "image/overlay2/layerdb/sha256");
}

static void lose_parent(struct fixture *f)
{
    lose(f, "image/overlay2/imagedb/metadata/sha256");
}

/* Of an image that has other metadata already: no directory above the file changes. */
static void set_parent(struct fixture *f)
{
    char name[PATH_MAX], file[PATH_MAX + 16], text[DIGEST_TEXT];
    struct digest parent = some_diff(f);

    if (!some_entry(f, "image/overlay2/imagedb/metadata/sha256", name))
        return;
    snprintf(file, sizeof(file), "%s/parent", name);
    tempdir_write_text(&f->dir, file, digest_text(&parent, text));
}

static void lose_directory(struct fixture *f)
{
    lose(f, "overlay2");
}

static void lose_container(struct fixture *f)
{
    lose(f, "containers");
}

static void break_config(struct fixture *f)
{
    char name[PATH_MAX];

    if (some_entry(f, "image/overlay2/imagedb/content/sha256", name))
        tempdir_write_text(&f->dir, name, "{}");
}

/* As when a layer was removed and is made again: another directory under the same name. */
static void replace_layer(struct fixture *f)
{
    char name[PATH_MAX], file[PATH_MAX + 16], lost[64];

    if (!some_entry(f, "image/overlay2/layerdb/sha256", name))
        return;
    snprintf(lost, sizeof(lost), "lost-%u", f->made++);
    move(f, name, lost);
    snprintf(file, sizeof(file), "%s/diff", name);
    tempdir_write_text(&f->dir, file, "sha256:broken");
}

static void name_image(struct fixture *f)
{
    const struct rec_content *content = &f->last->content;
    char name[64];

    if (content->image_count == 0)
        return;
    snprintf(name, sizeof(name), "inv/%u:1", f->made++);
    docker_store_name(
        &f->store, "r", name,
        &content->images[random_below(&f->random, (uint32_t)content->image_count)].id);
}

static void add_container(struct fixture *f)
{
    struct digest image = some_diff(f);

    docker_store_container(&f->store, (char)('a' + random_below(&f->random, 6)), &image,
                           "{\"Running\":false}");
}

static void add_leftover(struct fixture *f)
{
    char name[64], path[PATH_MAX];

    snprintf(name, sizeof(name), "overlay2/%025u", f->made++);
    tempdir_mkdir(&f->dir, docker_store_below(&f->store, name, path));
}

static void add_partial(struct fixture *f)
{
    char name[64], path[PATH_MAX];

    snprintf(name, sizeof(name), "tmp/GetImageBlob%u", f->made++);
    tempdir_write_text(&f->dir, docker_store_below(&f->store, name, path), "half");
}

static void begin_builds(struct fixture *f)
{
    char path[PATH_MAX];

    tempdir_mkdir(&f->dir, docker_store_below(&f->store, "buildkit", path));
}

static void nothing(struct fixture *f)
{
    (void)f;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void after_any_change_it_is_as_if_read_afresh(void **state)
{
    static void (*const changes[])(struct fixture * f) = {
        add_image,     add_image,      add_image,    name_image,   name_image,    lose_config,
        lose_layer,    lose_parent,    set_parent,   break_config, replace_layer, lose_directory,
        add_container, lose_container, add_leftover, add_partial,  nothing,       begin_builds,
    };
    struct fixture *f = *state;

    f->random = 11;
    for (int i = 0; i < 8; i++)
        add_image(f);
    assert_same_again(f);
    for (int i = 0; i < STEPS; i++) {
        changes[random_below(&f->random, unit_count(changes))](f);
        if (random_below(&f->random, 3) > 0) /* also while stamps are too young to be kept */
            usleep(LATER_US);
        assert_same_again(f);
    }
}

static struct digest one_layer(struct fixture *f, char *diff_file)
{
    struct digest diff = docker_store_diff("a");
    char hex[DIGEST_HEX + 1], below[256];

    docker_store_image(&f->store, &diff, 1, 1);
    snprintf(below, sizeof(below), "layerdb/sha256/%s/diff", digest_hex(&diff, hex));
    docker_store_metadata(&f->store, below, diff_file);
    return diff;
}

/* The one change that is not seen: Docker makes none of this kind. */
static void a_layer_written_into_is_seen_by_reading_afresh_only(void **state)
{
    struct fixture *f = *state;
    AUTO(engine_reading_close) struct engine_reading *again = NULL;
    AUTO(engine_reading_close) struct engine_reading *afresh = NULL;
    char file[PATH_MAX];
    struct err err;

    one_layer(f, file);
    usleep(LATER_US);
    assert_ok(docker_driver.read(&f->root, &f->options, NULL, &f->last, &err));
    tempdir_write_text(&f->dir, file, "sha256:broken");
    assert_ok(docker_driver.read(&f->root, &f->options, f->last, &again, &err));
    assert_int_equal(again->copy_count, 1);
    assert_int_equal(again->content.store.problem_count, 0);
    assert_ok(docker_driver.read(&f->root, &f->options, NULL, &afresh, &err));
    assert_int_equal(afresh->copy_count, 0);
    assert_int_equal(afresh->content.store.state, REC_STORE_CORRUPT);
}

/* A change in the same tick of the clock could have the same times. */
static void what_changed_just_now_is_not_kept(void **state)
{
    struct fixture *f = *state;
    struct file_stamp now, later;
    AUTO_FD int fd = -1;

    tempdir_write_text(&f->dir, "docker/file", "1");
    fd = docker_open_below(&f->root, "", NULL);
    now = file_stamp_at(fd, "file");
    usleep(LATER_US);
    later = file_stamp_at(fd, "file");
    assert_true(file_stamp_eq(&later, &later));
    assert_false(file_stamp_eq(&now, &now) && !file_stamp_eq(&now, &later));
    tempdir_write_text(&f->dir, "docker/file", "2");
    now = file_stamp_at(fd, "file");
    assert_false(file_stamp_eq(&later, &now));
    assert_false(file_stamp_eq(&now, &later));
    now = file_stamp_at(fd, "not there");
    assert_false(file_stamp_eq(&now, &now));
}

static void another_store_at_the_same_place_is_read_afresh(void **state)
{
    struct fixture *f = *state;
    char file[PATH_MAX];
    struct err err;

    one_layer(f, file);
    usleep(LATER_US);
    assert_ok(docker_driver.read(&f->root, &f->options, NULL, &f->last, &err));
    move(f, "docker", "gone");
    docker_store_close(&f->store);
    docker_store_open(&f->store, &f->dir, "docker", "overlay2");
    assert_same_again(f);
    assert_int_equal(f->last->content.image_count, 0);
}

#define with_store(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(after_any_change_it_is_as_if_read_afresh),
        with_store(a_layer_written_into_is_seen_by_reading_afresh_only),
        with_store(what_changed_just_now_is_not_kept),
        with_store(another_store_at_the_same_place_is_read_afresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
