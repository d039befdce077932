#include "tests/support/bolt_maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHILDREN_MAX 100000
#define FILE_MAX ((size_t)64 << 20)
#define PAGE_HEADER 16
#define ELEMENT 16
#define META_OFFSET 16
#define META_CHECKSUM 56

enum { FLAG_BRANCH = 1, FLAG_LEAF = 2, FLAG_META = 4, FLAG_FREE_LIST = 0x10 };

struct bolt_made {
    char *name;
    bool is_bucket;
    uint8_t *value; /* of a bucket: filled while writing */
    size_t len;
    struct bolt_made **children; /* sorted by name */
    size_t count;
};

/* One element of a page to be written. */
struct element {
    const char *name;
    const struct bolt_made *made; /* of a leaf */
    uint64_t page;                /* of a branch */
};

static void *need(void *p)
{
    if (p == NULL) {
        fputs("bolt_maker: no memory\n", stderr);
        abort();
    }
    return p;
}

static void must(int rc)
{
    if (rc != 0) {
        fputs("bolt_maker: the file is too large\n", stderr);
        abort();
    }
}

static void close_made(struct bolt_made *made)
{
    for (size_t i = 0; i < made->count; i++)
        close_made(made->children[i]);
    free(made->children);
    free(made->value);
    free(made->name);
    free(made);
}

struct bolt_made *bolt_made_open(void)
{
    struct bolt_made *root = need(calloc(1, sizeof(*root)));

    root->is_bucket = true;
    return root;
}

void bolt_made_close(struct bolt_made **root)
{
    if (*root != NULL)
        close_made(*root);
    *root = NULL;
}

static size_t place_of(const struct bolt_made *in, const char *name)
{
    size_t at = 0;

    while (at < in->count && strcmp(in->children[at]->name, name) < 0)
        at++;
    return at;
}

static struct bolt_made *child_of(struct bolt_made *in, const char *name)
{
    size_t at = place_of(in, name);
    struct bolt_made *made;

    if (at < in->count && strcmp(in->children[at]->name, name) == 0)
        return in->children[at];
    in->children = need(reallocarray(in->children, in->count + 1, sizeof(*in->children)));
    memmove(in->children + at + 1, in->children + at, (in->count - at) * sizeof(*in->children));
    made = need(calloc(1, sizeof(*made)));
    made->name = need(strdup(name));
    in->children[at] = made;
    in->count++;
    return made;
}

struct bolt_made *bolt_made_bucket(struct bolt_made *in, const char *name)
{
    struct bolt_made *made = child_of(in, name);

    made->is_bucket = true;
    return made;
}

static void set_value(struct bolt_made *made, const void *value, size_t len)
{
    uint8_t *copy = need(malloc(len + 1));

    if (len > 0)
        memcpy(copy, value, len);
    free(made->value);
    made->value = copy;
    made->len = len;
}

void bolt_made_put(struct bolt_made *in, const char *name, const void *value, size_t len)
{
    set_value(child_of(in, name), value, len);
}

void bolt_made_put_text(struct bolt_made *in, const char *name, const char *text)
{
    bolt_made_put(in, name, text, strlen(text));
}

bool bolt_made_has(const struct bolt_made *in, const char *name)
{
    size_t at = place_of(in, name);

    return at < in->count && strcmp(in->children[at]->name, name) == 0;
}

void bolt_made_remove(struct bolt_made *in, const char *name)
{
    size_t at = place_of(in, name);

    if (!bolt_made_has(in, name)) {
        fprintf(stderr, "bolt_maker: nothing is called %s\n", name);
        abort();
    }
    close_made(in->children[at]);
    in->count--;
    memmove(in->children + at, in->children + at + 1, (in->count - at) * sizeof(*in->children));
}

/* ---- pages ----------------------------------------------------------------------------------- */

static void put(uint8_t *at, uint64_t number, size_t bytes)
{
    memcpy(at, &number, bytes); /* in the byte order of the machine, on which the low bytes are */
}

static size_t page_bytes(const struct element *elements, size_t count)
{
    size_t size = PAGE_HEADER + count * ELEMENT;

    for (size_t i = 0; i < count; i++)
        size += strlen(elements[i].name) + (elements[i].made != NULL ? elements[i].made->len : 0);
    return size;
}

static void fill_page(uint8_t *page, const struct element *elements, size_t count)
{
    uint8_t *data = page + PAGE_HEADER + count * ELEMENT;

    put(page + 8, elements[0].made != NULL ? FLAG_LEAF : FLAG_BRANCH, 2);
    put(page + 10, count, 2);
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = page + PAGE_HEADER + i * ELEMENT;
        const struct bolt_made *made = elements[i].made;
        size_t name_len = strlen(elements[i].name);

        put(at + (made != NULL ? 4 : 0), (uint64_t)(data - at), 4);
        put(at + (made != NULL ? 8 : 4), name_len, 4);
        if (made != NULL) {
            put(at, made->is_bucket, 4);
            put(at + 12, made->len, 4);
            memcpy(data + name_len, made->value, made->len);
        } else {
            put(at + 8, elements[i].page, 8);
        }
        memcpy(data, elements[i].name, name_len);
        data += name_len + (made != NULL ? made->len : 0);
    }
}

/* Room for a page of `size` bytes at the end; its number. */
static uint64_t add_page(struct buf *out, const struct bolt_form *form, size_t size)
{
    uint64_t id = out->len / form->page_size;
    size_t pages = (size + form->page_size - 1) / form->page_size;
    struct err err;
    uint8_t *page = buf_reserve(out, pages * form->page_size, &err);

    must(page != NULL ? 0 : -1);
    memset(page, 0, pages * form->page_size);
    put(page, id, 8);
    put(page + 12, pages - 1, 4);
    buf_commit(out, pages * form->page_size);
    return id;
}

static uint64_t write_tree(const struct bolt_form *form, struct buf *out, struct element *elements,
                           size_t count)
{
    size_t groups = 0;

    for (size_t at = 0; at < count || groups == 0;) {
        size_t n = count - at < form->page_elements ? count - at : form->page_elements;
        size_t size = n > 0 ? page_bytes(elements + at, n) : PAGE_HEADER;
        uint64_t id = add_page(out, form, size);

        if (n > 0)
            fill_page(out->data + id * form->page_size, elements + at, n);
        else
            put(out->data + id * form->page_size + 8, FLAG_LEAF, 2);
        if (n > 0)
            elements[groups] = (struct element){.name = elements[at].name, .page = id};
        else
            return id;
        groups++;
        at += n;
    }
    return groups == 1 ? elements[0].page : write_tree(form, out, elements, groups);
}

static struct element *elements_of(const struct bolt_made *bucket)
{
    struct element *elements = need(calloc(bucket->count + 1, sizeof(*elements)));

    for (size_t i = 0; i < bucket->count; i++)
        elements[i] =
            (struct element){.name = bucket->children[i]->name, .made = bucket->children[i]};
    return elements;
}

static bool has_buckets(const struct bolt_made *bucket)
{
    for (size_t i = 0; i < bucket->count; i++) {
        if (bucket->children[i]->is_bucket)
            return true;
    }
    return false;
}

/* Fills the bucket's value: bbolt keeps it inside where it is small and has no buckets itself. */
static void write_bucket(struct bolt_made *bucket, const struct bolt_form *form, struct buf *out,
                         bool may_inline)
{
    struct element *elements;
    uint8_t value[16 + UINT16_MAX] = {0};
    size_t size;

    for (size_t i = 0; i < bucket->count; i++) {
        if (bucket->children[i]->is_bucket)
            write_bucket(bucket->children[i], form, out, true);
    }
    elements = elements_of(bucket);
    size = page_bytes(elements, bucket->count);
    if (may_inline && !has_buckets(bucket) && size <= form->page_size / 4) {
        put(value + 16 + 8, FLAG_LEAF, 2);
        if (bucket->count > 0)
            fill_page(value + 16, elements, bucket->count);
        set_value(bucket, value, 16 + size);
    } else {
        put(value, write_tree(form, out, elements, bucket->count), 8);
        set_value(bucket, value, 16);
    }
    free(elements);
}

/* ---- the file -------------------------------------------------------------------------------- */

void bolt_made_sign(struct buf *file, uint32_t page_size, unsigned meta)
{
    uint8_t *at = file->data + (size_t)meta * page_size + META_OFFSET;
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < META_CHECKSUM; i++)
        hash = (hash ^ at[i]) * 1099511628211u;
    put(at + META_CHECKSUM, hash, 8);
}

static void write_meta(const struct bolt_made *root, const struct bolt_form *form, struct buf *out,
                       unsigned number, uint64_t txid)
{
    uint8_t *page = out->data + (size_t)number * form->page_size;
    uint8_t *meta = page + META_OFFSET;

    put(page, number, 8);
    put(page + 8, FLAG_META, 2);
    put(meta, 0xED0CDAED, 4);
    put(meta + 4, 2, 4);
    put(meta + 8, form->page_size, 4);
    memcpy(meta + 16, root->value, 8);             /* the root bucket's page */
    put(meta + 32, 2, 8);                          /* the free list's */
    put(meta + 40, out->len / form->page_size, 8); /* pages in use */
    put(meta + 48, txid, 8);
    bolt_made_sign(out, form->page_size, number);
}

void bolt_made_write(struct bolt_made *root, const struct bolt_form *form, struct buf *out)
{
    buf_close(out);
    buf_init(out, FILE_MAX);
    for (int i = 0; i < 3; i++)
        add_page(out, form, form->page_size);
    put(out->data + (size_t)2 * form->page_size + 8, FLAG_FREE_LIST, 2);
    write_bucket(root, form, out, false);
    write_meta(root, form, out, form->txid % 2, form->txid);
    write_meta(root, form, out, (form->txid + 1) % 2, form->txid > 0 ? form->txid - 1 : 0);
}
