/* What is too much for the decoder and for the encoder: counts, lengths, numbers, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/wire.h"

static void encoded_is_refused(const struct wire_agent_msg *m, const char *text)
{
    AUTO(buf_close) struct buf bytes;
    struct wire_agent_msg *out = NULL;
    struct err err = {.kind = ERR_NONE};

    buf_init(&bytes, 8 << 20);
    assert_int_equal(wire_agent_encode(m, &bytes, &err), 0);
    assert_int_equal(wire_agent_decode(&out, bytes.data, bytes.len, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, text);
}

static struct rec_store plain_store(void)
{
    return (struct rec_store){.engine = "docker",
                              .version = "",
                              .driver = "",
                              .space = "",
                              .root = "",
                              .fs_type = "",
                              .error = "",
                              .state = REC_STORE_OK};
}

static void more_images_than_the_limit_are_refused(void **state)
{
    size_t count = REC_IMAGES_MAX + 1;
    AUTO_FREE struct rec_image *images = calloc(count, sizeof(*images));
    struct wire_agent_msg m = {
        .kind = WIRE_INVENTORY_PART,
        .part = {.store = plain_store(), .images = images, .image_count = count}};

    (void)state;
    for (size_t i = 0; i < count; i++) {
        memcpy(images[i].id.bytes, &i, sizeof(i));
        images[i].identity = REC_BY_CONFIG;
    }
    encoded_is_refused(&m, "images: 50001 is over the limit of 50000");
}

static void as_many_images_as_the_limit_fit_into_the_memory(void **state)
{
    size_t count = REC_IMAGES_MAX;
    AUTO_FREE struct rec_image *images = calloc(count, sizeof(*images));
    struct wire_agent_msg m = {
        .kind = WIRE_INVENTORY_PART,
        .part = {.store = plain_store(), .images = images, .image_count = count}};
    AUTO(wire_agent_msg_close) struct wire_agent_msg *out = NULL;
    AUTO(buf_close) struct buf bytes;
    struct err err = {.kind = ERR_NONE};

    (void)state;
    for (size_t i = 0; i < count; i++) {
        memcpy(images[i].id.bytes, &i, sizeof(i));
        images[i].identity = REC_BY_CONFIG;
        images[i].unpacked = true;
    }
    buf_init(&bytes, 8 << 20);
    assert_int_equal(wire_agent_encode(&m, &bytes, NULL), 0);
    if (wire_agent_decode(&out, bytes.data, bytes.len, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(out->part.image_count, count);
}

static void a_longer_pod_than_the_limit_is_refused(void **state)
{
    char name[REC_NAME_BYTES + 2] = "";
    struct rec_container c = {.id = "a", .name = "", .kube_namespace = "", .kube_pod = name};
    struct wire_agent_msg use = {.kind = WIRE_USE, .use = {.containers = &c, .container_count = 1}};

    (void)state;
    memset(name, 'a', sizeof(name) - 1);
    encoded_is_refused(&use, "kube_pod");
    c.kube_pod = "";
    c.kube_namespace = name;
    encoded_is_refused(&use, "kube_namespace");
}

static void longer_texts_than_the_limit_are_refused(void **state)
{
    char name[REC_NAME_BYTES + 2];
    const char *names[] = {name};
    struct rec_image image_record = {.identity = REC_BY_CONFIG, .names = names, .name_count = 1};
    struct wire_agent_msg m = {
        .kind = WIRE_INVENTORY_PART,
        .part = {.store = plain_store(), .images = &image_record, .image_count = 1}};

    (void)state;
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    encoded_is_refused(&m, "names[0]: name: 513 bytes are over the limit of 512");
}

static void more_items_than_a_batch_are_refused(void **state)
{
    AUTO_FREE struct rec_declined *items = calloc(REC_BATCH_MAX + 1, sizeof(*items));
    struct wire_agent_msg m = {.kind = WIRE_DECLINED, .declined = {items, REC_BATCH_MAX + 1}};

    (void)state;
    encoded_is_refused(&m, "declined: items: 4097");
}

static void more_stores_than_the_limit_are_refused(void **state)
{
    struct wire_agent_msg m = {.kind = WIRE_INVENTORY_BEGIN, .begin = {1, REC_STORES_MAX + 1, 0}};

    (void)state;
    encoded_is_refused(&m, "store_count: 257");
}

static void numbers_that_sums_could_not_hold_are_refused(void **state)
{
    struct rec_layer_facts fact = {.content_bytes = REC_BYTES_MAX + 1, .os_release = ""};
    struct wire_agent_msg m = {.kind = WIRE_LAYER_FACTS, .layer_facts = {&fact, 1}};
    struct wire_agent_msg h = {.kind = WIRE_HEARTBEAT, .heartbeat = {REC_GENERATION_MAX + 1, 0}};

    (void)state;
    encoded_is_refused(&m, "content_bytes");
    encoded_is_refused(&h, "generation");
}

static void a_document_over_its_limit_is_refused(void **state)
{
    uint8_t byte = 1;
    struct wire_agent_msg m = {
        .kind = WIRE_DOCUMENT,
        .document = {REC_DOC_CONFIG, {{1}}, REC_DOCUMENT_BYTES + 1, 0, &byte, 1, 0, 0}};

    (void)state;
    encoded_is_refused(&m, "document: total");
}

static void a_message_over_the_limit_is_neither_made_nor_read(void **state)
{
    size_t len = REC_MESSAGE_BYTES + 1;
    AUTO_FREE uint8_t *bytes = calloc(1, len);
    char *text = malloc(len);
    struct rec_store s = plain_store();
    struct wire_agent_msg m = {.kind = WIRE_INVENTORY_PART, .part = {.store = s}};
    struct wire_agent_msg *got = NULL;
    AUTO(buf_close) struct buf out;
    struct err err = {.kind = ERR_NONE};

    (void)state;
    buf_init(&out, 8 << 20);
    assert_int_equal(wire_agent_decode(&got, bytes, len, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    memset(text, 'a', len - 1);
    text[len - 1] = '\0';
    m.part.store.error = text;
    assert_int_equal(wire_agent_encode(&m, &out, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_int_equal(out.len, 0);
    free(text);
}

/* Two bytes on the wire for each empty image would be 60 times as much unpacked. */
static void a_small_message_cannot_blow_up(void **state)
{
    size_t count = 1000000, len = 0;
    AUTO_FREE uint8_t *bytes = malloc(2 * count + 16);
    struct wire_agent_msg *out = NULL;
    struct err err = {.kind = ERR_NONE};
    size_t body = 2 * count;

    (void)state;
    bytes[len++] = 3 << 3 | 2; /* inventory_part */
    for (; body >= 0x80; body >>= 7)
        bytes[len++] = (uint8_t)(body | 0x80);
    bytes[len++] = (uint8_t)body;
    for (size_t i = 0; i < count; i++) {
        bytes[len++] = 2 << 3 | 2; /* images */
        bytes[len++] = 0;
    }
    assert_int_equal(wire_agent_decode(&out, bytes, len, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_images_than_the_limit_are_refused),
        cmocka_unit_test(as_many_images_as_the_limit_fit_into_the_memory),
        cmocka_unit_test(a_longer_pod_than_the_limit_is_refused),
        cmocka_unit_test(longer_texts_than_the_limit_are_refused),
        cmocka_unit_test(more_items_than_a_batch_are_refused),
        cmocka_unit_test(more_stores_than_the_limit_are_refused),
        cmocka_unit_test(numbers_that_sums_could_not_hold_are_refused),
        cmocka_unit_test(a_document_over_its_limit_is_refused),
        cmocka_unit_test(a_message_over_the_limit_is_neither_made_nor_read),
        cmocka_unit_test(a_small_message_cannot_blow_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
