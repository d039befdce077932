#include "tests/support/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>

#include "agent/redact.h"
#include "common/cleanup.h"
#include "common/json.h"

#define M REDACT_MARK
#define HEX32 "0123456789abcdef0123456789abcdef"
#define HEX40 "0123456789abcdef0123456789abcdef01234567"
#define HEX64 HEX32 HEX32

struct text_case {
    const char *in, *out; /* out NULL: nothing is cut */
};

static void check_texts(const struct text_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *want = cases[i].out != NULL ? cases[i].out : cases[i].in;
        uint32_t cuts = 0;
        AUTO_FREE char *got = redact_text(cases[i].in, &cuts);

        assert_non_null(got);
        if (strcmp(got, want) != 0)
            print_error("in:   %s\ngot:  %s\nwant: %s\n", cases[i].in, got, want);
        assert_string_equal(got, want);
        assert_int_equal(cuts > 0, cases[i].out != NULL);
    }
}

#define CHECK_TEXTS(cases) check_texts(cases, sizeof(cases) / sizeof((cases)[0]))

static void every_build_argument_is_cut(void **state)
{
    static const struct text_case cases[] = {
        {"|1 PLAIN=hello /bin/sh -c echo hi", "|1 PLAIN=" M " /bin/sh -c echo hi"},
        {"|2 A=b C=d /bin/sh -c make", "|2 A=" M " C=" M " /bin/sh -c make"},
        {"RUN |1 A=b /bin/sh -c make # buildkit", "RUN |1 A=" M " /bin/sh -c make # buildkit"},
        {"|1 A=two words /bin/bash -o pipefail -c ls", "|1 A=" M " /bin/bash -o pipefail -c ls"},
        {"|1 A=x B=still-a /bin/sh -c ls", "|1 A=" M " /bin/sh -c ls"},
        {"|2 A=x B=y C=z /bin/sh -c ls", "|2 A=" M " /bin/sh -c ls"},
        {"|1 A=/some/path here /bin/bash -ec ls", "|1 A=" M " /bin/bash -ec ls"},
        {"|1 A=b npm install", "|1 A=" M},
        {"|1 A=b", "|1 A=" M},
        {"ARG VERSION=1.2.3", "ARG VERSION=" M},
        {"ARG A=1 B=2 # buildkit", "ARG A=" M " # buildkit"},
        {"/bin/sh -c #(nop)  ARG HTTP=x y", "/bin/sh -c #(nop)  ARG HTTP=" M},
        {"|0 /bin/sh -c make", NULL},
        {"ARG VERSION", NULL},
        {"/bin/sh -c #(nop)  ARG RELEASE", NULL},
        {"cat a |1 b", NULL},
    };

    (void)state;
    CHECK_TEXTS(cases);
}

static void values_of_secret_names_are_cut(void **state)
{
    static const struct text_case cases[] = {
        {"ENV API_TOKEN=abc", "ENV API_TOKEN=" M},
        {"ENV DB_PASSWORD=two words PATH=/bin", "ENV DB_PASSWORD=" M " PATH=/bin"},
        {"ENV API_TOKEN=a b # buildkit", "ENV API_TOKEN=" M " # buildkit"},
        {"/bin/sh -c #(nop)  ENV SECRET_KEY=x1", "/bin/sh -c #(nop)  ENV SECRET_KEY=" M},
        {"/bin/sh -c #(nop)  LABEL my.auth.token=x y", "/bin/sh -c #(nop)  LABEL my.auth.token=" M},
        {"export PGPASSWORD=hunter2 && psql", "export PGPASSWORD=" M " && psql"},
        {"PASSWORD='a b c' run", "PASSWORD='" M "' run"},
        {"PASSWORD=\"a b c\"; run", "PASSWORD=\"" M "\"; run"},
        {"sh -c \"TOKEN=abc\"", "sh -c \"TOKEN=" M "\""},
        {"TOKEN=ab\"cd ef\"gh next", "TOKEN=" M " next"},
        {"x --password hunter2 y", "x --password " M " y"},
        {"x --password=hunter2 y", "x --password=" M " y"},
        {"x --api-key 'k 1' y", "x --api-key '" M "' y"},
        {"keytool -storepass changeit -v", "keytool -storepass " M " -v"},
        {"{\"password\": \"hunter2\", \"a\": 1}", "{\"password\": \"" M "\", \"a\": 1}"},
        {"{\\\"token\\\":\\\"hunter2\\\",\\\"a\\\":1}",
         "{\\\"token\\\":\\\"" M "\\\",\\\"a\\\":1}"},
        {"curl -H 'Authorization: Basic dXNlcjpw' u", "curl -H 'Authorization: " M "' u"},
        {"curl -H \"X-Api-Key: k1\" u", "curl -H \"X-Api-Key: " M "\" u"},
        {"curl -H \"PRIVATE-TOKEN: abc\" u", "curl -H \"PRIVATE-TOKEN: " M "\" u"},
        {"//registry.example.org/:_authToken=abc", "//registry.example.org/:_authToken=" M},
        {"GET /x?access_token=abc&b=c", "GET /x?access_token=" M "&b=c"},
        {"IDENTIFIED PASSWORD 'x y'", "IDENTIFIED PASSWORD '" M "'"},
        {"clientSecret=abc", "clientSecret=" M},
        {"${TOKEN:-abc}", "${TOKEN:-" M "}"},
        {"AWS_SECRET_ACCESS_KEY=abc/def+g", "AWS_SECRET_ACCESS_KEY=" M},
        {"https://x/?X-Amz-Signature=abc", "https://x/?X-Amz-Signature=" M},
    };

    (void)state;
    CHECK_TEXTS(cases);
}

static void commands_that_take_passwords_are_known(void **state)
{
    static const struct text_case cases[] = {
        {"mysql -u root -phunter2 db", "mysql -u root -p" M " db"},
        {"mysql -p'hunter 2' db", "mysql -p'" M "' db"},
        {"mysqldump -uroot -p\"x\" db", "mysqldump -uroot -p\"" M "\" db"},
        {"sshpass -p hunter2 ssh h", "sshpass -p " M " ssh h"},
        {"docker login -u me -p hunter2 reg", "docker login -u me -p " M " reg"},
        {"curl -u me:hunter2 https://h", "curl -u me:" M " https://h"},
        {"curl --user 'me:hunter 2' https://h", "curl --user 'me:" M "' https://h"},
        {"redis-cli -a hunter2 ping", "redis-cli -a " M " ping"},
        {"echo 'root:hunter2' | chpasswd", "echo 'root:" M "' | chpasswd"},
        {"echo root:hunter2 | chpasswd", "echo root:" M " | chpasswd"},
        {"CREATE USER 'a'@'%' IDENTIFIED BY 'hunter 2';",
         "CREATE USER 'a'@'%' IDENTIFIED BY '" M "';"},
        {"mysqladmin -u root password hunter2", "mysqladmin -u root password " M},
        {"az login -u me -p hunter2 -t x", "az login -u me -p " M " -t x"},
        {"helm registry login -p hunter2 reg", "helm registry login -p " M " reg"},
        {"echo hunter2 | docker login -u me --password-stdin reg",
         "echo " M " | docker login -u me --password-stdin reg"},
        {"composer config http-basic.repo.x me hunter2", "composer config http-basic.repo.x me " M},
        {"htpasswd -bc /etc/htpasswd me hunter2", "htpasswd -bc /etc/htpasswd me " M},
        {"cargo login hunter2", "cargo login " M},
        {"aws configure set aws_secret_access_key hunter2",
         "aws configure set aws_secret_access_key " M},
        {"npm config set //reg/:_authToken hunter2", "npm config set //reg/:_authToken " M},
        {"machine h login me password hunter2", "machine h login me password " M},
        {"<<EOF\nmachine h\nlogin me\npassword hunter2\nEOF",
         "<<EOF\nmachine h\nlogin me\npassword " M "\nEOF"},
        {"<password>hunter2</password>", "<password>" M "</password>"},
        {"curl -H 'X-Auth-Token:hunter2' u", "curl -H 'X-Auth-Token:" M "' u"},
        {"CMD [\"app\" \"--password\" \"hunter 2\"]", "CMD [\"app\" \"--password\" \"" M "\"]"},
        {"echo $PASSWORD | docker login --password-stdin reg", NULL},
        {"vault login -method=aws", NULL},
        {"apt-get install -y passwd unzip mariadb-client && rm -rf /x", NULL},
        {"groupadd -r mongodb && useradd -r -g mongodb mongodb; mkdir -p /data/db", NULL},
        {"mkdir -p /a/b && cp -pr a b", NULL},
        {"apt-get install -y mysql-client && mkdir -p /x", NULL},
        {"docker run -p 80:80 nginx", NULL},
        {"curl -u me https://h", NULL},
    };

    (void)state;
    CHECK_TEXTS(cases);
}

static void tokens_are_known_by_their_form(void **state)
{
    static const struct text_case cases[] = {
        {"x AKIAIOSFODNN7EXAMPLE y", "x " M " y"},
        {"x ghp_0123456789abcdefghijABCDEFGHIJ012345 y", "x " M " y"},
        {"github_pat_11ABCDEFG0abcdefghijkl_mnop", M},
        {"glpat-abcDEF123456_7890xyz", M},
        {"xoxb-123456789012-abcdefABCDEF", M},
        {"npm_0123456789abcdefghijABCDEFGHIJ012345", M},
        {"sk-proj-0123456789abcdefghij", M},
        {"AIzaSyA0123456789abcdefghijklmnopqrstuv", M},
        {"a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_DEF-1 b", "a " M " b"},
        {"-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nrest", M "\nrest"},
        {"echo '-----BEGIN OPENSSH PRIVATE KEY-----\\nabc", "echo '" M},
        {"Bearer abcdef12345", "Bearer " M},
        {"https://me:pw@host/x", "https://" M "@host/x"},
        {"git clone https://ghtoken@github.com/a/b", "git clone https://" M "@github.com/a/b"},
        {"postgres://u:p%40@db:5432/x?y=z", "postgres://" M "@db:5432/x?y=z"},
        {"postgres://u:p/q@db:5432/x", "postgres://" M "@db:5432/x"},
        {"amqp://u:p#q@mq/", "amqp://" M "@mq/"},
        {"https://hooks.slack.com/services/T0000/B0000/abcdef", "https://" M},
        {"http://host:8080/x@y http://$H:$P/x@y http://[::1]:80/x@y", NULL},
        {"k " HEX32 "0", "k " M},
        {"PLAIN=" HEX40, "PLAIN=" M},
        {"TOKEN_URL=https://me:pw@host/", "TOKEN_URL=https://" M "@host/"},
        {"DATADOG=" HEX32, "DATADOG=" M},
        {"x dGhpcyBpcyBhIHNlY3JldCBBbmQgMTIzNDU2Nzg5 y", "x " M " y"},
        {"-----BEGIN CERTIFICATE-----", NULL},
        {"ssh://git@github.com/a/b", NULL},
        {"https://host/a@b", NULL},
        {"https://${USER}@host/x", NULL},
        {"pip install sk-learn-preprocessing-tools-extra", NULL},
        {"task-0123456789abcdefghijkl", NULL},
    };

    (void)state;
    CHECK_TEXTS(cases);
}

static void what_is_public_stays(void **state)
{
    static const struct text_case cases[] = {
        {"ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL},
        {"/bin/sh -c #(nop) ADD file:" HEX64 " in / ", NULL},
        {"/bin/sh -c #(nop) COPY multi:" HEX64 " in /x/ ", NULL},
        {"ENV GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568", NULL},
        {"ENV PYTHON_SHA256=" HEX64, NULL},
        {"ENV NJS_COMMIT=" HEX40, NULL},
        {"RUN echo \"" HEX64 " *file\" | sha256sum -c -", NULL},
        {"RUN for key in " HEX40 " " HEX40 "; do gpg --keyserver x --recv-keys $key; done", NULL},
        {"sha256:" HEX64, NULL},
        {"busybox@sha256:" HEX64, NULL},
        {"cannot read /var/lib/docker/overlay2/" HEX64 "/diff", NULL},
        {"image " HEX64 " is corrupt", NULL},
        {"MYSQL_ALLOW_EMPTY_PASSWORD=yes", NULL},
        {"MYSQL_PASSWORD_FILE=/run/secrets/db", NULL},
        {"PASSWORD=$PASSWORD run --token ${TOKEN}", NULL},
        {"docker login --password-stdin reg", NULL},
        {"TOKEN= next", NULL},
        {"LABEL maintainer=NGINX Docker Maintainers <docker-maint@nginx.com>", NULL},
        {"org.opencontainers.image.authors=me", NULL},
        {"pull repo/vault-secret:latest", NULL},
        {"PWD=/app OLDPWD=/", NULL},
        {"TOKEN_URL=https://host/token TOKEN_TTL=3600", NULL},
        {"--purpose=server-auth \"$1\"", NULL},
        {"A_COMMIT=" HEX40, NULL},
        {"apt-get install -y libpam0g passwd && rm -rf /var/lib/apt/lists/*", NULL},
        {"/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so and more", NULL},
        {"", NULL},
        {"=", NULL},
        {":", NULL},
        {"://@", NULL},
        {"TOKEN", NULL},
        {"|99999999999999 x", NULL},
    };

    (void)state;
    CHECK_TEXTS(cases);
}

static void cutting_twice_cuts_nothing_more(void **state)
{
    static const char *const texts[] = {
        "ENV API_TOKEN=abc",
        "|2 A=b C=d /bin/sh -c make",
        "curl -u me:pw https://u:p@h --password x",
        "PASSWORD='a b c' run",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint32_t cuts = 0;
        AUTO_FREE char *once = redact_text(texts[i], &cuts);
        AUTO_FREE char *twice = redact_text(once, &cuts);

        assert_string_equal(once, twice);
    }
}

static void names_of_images_keep_their_hashes(void **state)
{
    uint32_t cuts = 0;
    AUTO_FREE char *tag = redact_name("reg.example.com/a/b:" HEX40, &cuts);
    AUTO_FREE char *token = redact_name("a:ghp_0123456789abcdefghijABCDEFGHIJ", &cuts);

    (void)state;
    assert_string_equal(tag, "reg.example.com/a/b:" HEX40);
    assert_string_equal(token, "a:" M);
    assert_int_equal(cuts, 1);
}

/* ---- documents ------------------------------------------------------------------------------- */

static int redact(const char *in, struct buf *out, uint32_t *cuts, struct err *err)
{
    AUTO(buf_close) struct buf b;

    buf_init(&b, 1 << 20);
    assert_int_equal(buf_add_str(&b, in, NULL), 0);
    return redact_document(&b, out, cuts, err);
}

static void check_document(const char *in, const char *want)
{
    AUTO(buf_close) struct buf out;
    struct err err = {0};
    uint32_t cuts = 0;

    buf_init(&out, 1 << 20);
    assert_int_equal(redact(in, &out, &cuts, &err), 0);
    assert_string_equal(buf_str(&out), want);
    assert_int_equal(cuts > 0, strcmp(in, want) != 0);
}

static void a_document_without_secrets_keeps_its_bytes(void **state)
{
    (void)state;
    check_document("{ \"b\" : [1, 2.50, \"x\"],\n \"a\": null }",
                   "{ \"b\" : [1, 2.50, \"x\"],\n \"a\": null }");
}

static void a_cut_document_is_canonical(void **state)
{
    (void)state;
    check_document("{ \"z\": 1, \"config\": { \"Env\": [\"TOKEN=a b\", \"A=b\"] } }",
                   "{\"config\":{\"Env\":[\"TOKEN=" M "\",\"A=b\"]},\"z\":1}");
}

static void secrets_are_cut_anywhere_in_a_document(void **state)
{
    static const struct text_case cases[] = {
        {"{\"config\":{\"Labels\":{\"app.password\":\"x\"}}}",
         "{\"config\":{\"Labels\":{\"app.password\":\"" M "\"}}}"},
        {"{\"container_config\":{\"Cmd\":[\"|1\",\"A=b\",\"/bin/sh\",\"-c\",\"make\"]}}",
         "{\"container_config\":{\"Cmd\":[\"|1\",\"A=" M "\",\"/bin/sh\",\"-c\",\"make\"]}}"},
        {"{\"config\":{\"Entrypoint\":[\"x\",\"--password\",\"y\"]}}",
         "{\"config\":{\"Entrypoint\":[\"x\",\"--password\",\"" M "\"]}}"},
        {"{\"history\":[{\"created_by\":\"RUN |1 A=b /bin/sh -c x # buildkit\"}]}",
         "{\"history\":[{\"created_by\":\"RUN |1 A=" M " /bin/sh -c x # buildkit\"}]}"},
        {"{\"Labels\":{\"ghp_0123456789abcdefghijABCD\":\"x\"}}", "{\"Labels\":{\"" M "\":\"x\"}}"},
        {"{\"moby.buildkit.buildinfo.v1\":\"eyJ4Ijox\"}",
         "{\"moby.buildkit.buildinfo.v1\":\"" M "\"}"},
        {"{\"args\":{\"build-arg:PLAIN\":\"x\"}}", "{\"args\":{\"build-arg:PLAIN\":\"" M "\"}}"},
        {"{\"a\":[[[\"https://u:p@h\"]]]}", "{\"a\":[[[\"https://" M "@h\"]]]}"},
        {"{\"Test\":[\"CMD\",\"redis-cli\",\"-a\",\"hunter2\",\"ping\"]}",
         "{\"Test\":[\"CMD\",\"redis-cli\",\"-a\",\"" M "\",\"ping\"]}"},
        {"{\"Test\":[\"CMD\",\"mysqladmin\",\"ping\",\"-phunter2\"]}",
         "{\"Test\":[\"CMD\",\"mysqladmin\",\"ping\",\"-p" M "\"]}"},
        {"[\"curl\",\"-u\",\"me:hunter2\"]", "[\"curl\",\"-u\",\"me:" M "\"]"},
        {"[\"--token\",\"x\"]", "[\"--token\",\"" M "\"]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_document(cases[i].in, cases[i].out);
}

static void identity_is_never_changed(void **state)
{
    const char *doc = "{\"created\":\"2024-01-01T00:00:00Z\",\"os\":\"linux\","
                      "\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\","
                      "\"diff_ids\":[\"sha256:" HEX64 "\",\"" HEX64 "0\"]},"
                      "\"container\":\"" HEX64 "\",\"config\":{\"Image\":\"sha256:" HEX64 "\"}}";

    (void)state;
    check_document(doc, doc);
}

#define DESCRIPTOR(type, more)                                                                     \
    "{\"mediaType\":\"application/vnd.oci.image." type "\",\"digest\":\"sha256:" HEX64             \
    "\",\"size\":1234" more "}"
#define EMBEDDED "aHVudGVyMg=="

static void a_manifest_keeps_what_names_its_blobs(void **state)
{
    const char *manifest =
        "{ \"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
        "\"config\":" DESCRIPTOR("config.v1+json", "") ",\"layers\":[" DESCRIPTOR(
            "layer.v1.tar+gzip",
            "") "," DESCRIPTOR("layer.v1.tar+zstd",
                               "") "],"
                                   "\"annotations\":{\"org.opencontainers.image.base.name\":"
                                   "\"docker.io/library/debian:12\","
                                   "\"org.opencontainers.image.revision\":"
                                   "\"0123456789abcdef0123456789abcdef01234567\"}}";

    (void)state;
    check_document(manifest, manifest);
}

static void secrets_are_cut_from_a_manifest(void **state)
{
    (void)state;
    check_document(
        "{\"annotations\":{\"app.password\":\"x\",\"url\":\"https://u:p@h/r.git\"},"
        "\"layers\":[" DESCRIPTOR("layer", ",\"annotations\":{\"api-token\":\"x\"}") "]}",
        "{\"annotations\":{\"app.password\":\"" M "\",\"url\":\"https://" M
        "@h/r.git\"},\"layers\":[{\"annotations\":{\"api-token\":\"" M
        "\"},\"digest\":\"sha256:" HEX64
        "\",\"mediaType\":\"application/vnd.oci.image.layer\",\"size\":1234}]}");
}

/* A descriptor may hold the very bytes that it names: a config, with its secrets, in base64. */
static void what_a_descriptor_embeds_does_not_leave(void **state)
{
    (void)state;
    check_document("{\"config\":" DESCRIPTOR("config", ",\"data\":\"" EMBEDDED "\"") "}",
                   "{\"config\":{\"data\":\"" M "\",\"digest\":\"sha256:" HEX64
                   "\",\"mediaType\":\"application/vnd.oci.image.config\",\"size\":1234}}");
    check_document("{\"config\":" DESCRIPTOR("config", ",\"data\":\"e30=\"") "}",
                   "{\"config\":" DESCRIPTOR("config", ",\"data\":\"e30=\"") "}");
}

#define STATEMENT(more)                                                                            \
    "{\"_type\":\"https://in-toto.io/Statement/v0.1\"," more                                       \
    "\"predicateType\":\"https://slsa.dev/provenance/v0.2\"}"
#define MATERIAL                                                                                   \
    "{\"digest\":{\"sha256\":\"" HEX64                                                             \
    "\"},\"uri\":\"pkg:docker/debian@12?platform=linux%2Famd64\"}"

/* Build arguments, the Dockerfile, commands and names of all kinds stay here. */
static void of_an_attestation_only_its_images_leave(void **state)
{
    (void)state;
    check_document(
        STATEMENT("\"subject\":[{\"name\":\"pkg:docker/app@1\",\"digest\":{\"sha256\":\"" HEX64
                  "\",\"sha1\":\"x\"}}],\"predicate\":{\"builder\":{\"id\":\"hunter2\"},"
                  "\"invocation\":{\"parameters\":{\"args\":{\"build-arg:A\":\"hunter2\"}}},"
                  "\"buildConfig\":{\"llbDefinition\":[\"hunter2\"]},\"materials\":[" MATERIAL ","
                  "{\"uri\":\"https://me:hunter2@h/a.git\",\"digest\":{\"sha1\":\"x\"}},7],"
                  "\"metadata\":{\"x\":\"hunter2\"}},\"more\":1,"),
        "{\"_type\":\"https://in-toto.io/Statement/v0.1\",\"predicate\":{\"materials\":[" MATERIAL
        "]},\"predicateType\":\"https://slsa.dev/provenance/v0.2\",\"subject\":[{\"digest\":{"
        "\"sha256\":\"" HEX64 "\"}}]}");
    check_document(
        STATEMENT("\"predicate\":{\"buildDefinition\":{\"externalParameters\":{\"a\":\"hunter2\"},"
                  "\"resolvedDependencies\":[" MATERIAL "]},\"runDetails\":{\"b\":\"hunter2\"}},"),
        "{\"_type\":\"https://in-toto.io/Statement/v0.1\",\"predicate\":{\"buildDefinition\":{"
        "\"resolvedDependencies\":[" MATERIAL
        "]}},\"predicateType\":\"https://slsa.dev/provenance/v0.2\"}");
}

static void an_attestation_with_nothing_to_cut_keeps_its_bytes(void **state)
{
    (void)state;
    check_document(STATEMENT("\"subject\":[],\"predicate\":{\"materials\":[" MATERIAL "]},"),
                   STATEMENT("\"subject\":[],\"predicate\":{\"materials\":[" MATERIAL "]},"));
}

static void an_attestation_of_other_shape_is_cut_to_its_types(void **state)
{
    static const char bare[] = "{\"_type\":\"https://in-toto.io/Statement/v0.1\","
                               "\"predicateType\":\"https://slsa.dev/provenance/v0.2\"}";

    (void)state;
    check_document(STATEMENT("\"subject\":\"hunter2\",\"predicate\":[\"hunter2\"],"), bare);
    check_document(STATEMENT("\"predicate\":\"hunter2\","), bare);
    check_document(STATEMENT("\"subject\":[[\"hunter2\"],\"hunter2\"],"),
                   "{\"_type\":\"https://in-toto.io/Statement/v0.1\","
                   "\"predicateType\":\"https://slsa.dev/provenance/v0.2\",\"subject\":[]}");
    check_document(
        STATEMENT("\"predicate\":{\"materials\":[{\"uri\":[\"hunter2\"],\"digest\":\"x\"},"
                  "{\"digest\":{\"sha256\":\"hunter2\"},"
                  "\"uri\":\"pkg:docker/a@1?x=https://me:hunter2@h\"}]},"),
        "{\"_type\":\"https://in-toto.io/Statement/v0.1\",\"predicate\":{\"materials\":[{"
        "\"digest\":{},\"uri\":\"pkg:docker/a@1?x=https://" M "@h\"}]},"
        "\"predicateType\":\"https://slsa.dev/provenance/v0.2\"}");
}

/* Base64 of JSON; the first with build arguments, a git source with a password, an alias and a
 * broken pin, and what of that may leave. */
#define INFO_FULL                                                                                  \
    "eyJmcm9udGVuZCI6ImRvY2tlcmZpbGUudjAiLCJhdHRycyI6eyJidWlsZC1hcmc6QSI6Imh1bnRl"                 \
    "cjIifSwic291cmNlcyI6W3sidHlwZSI6ImRvY2tlci1pbWFnZSIsInJlZiI6ImRvY2tlci5pby9s"                 \
    "aWJyYXJ5L2RlYmlhbjoxMiIsInBpbiI6InNoYTI1NjowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4"                 \
    "OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIn0seyJ0eXBlIjoiZ2l0Iiwi"                 \
    "cmVmIjoiaHR0cHM6Ly9tZTpodW50ZXIyQGgvYS5naXQiLCJwaW4iOiJhYiJ9LHsidHlwZSI6ImRv"                 \
    "Y2tlci1pbWFnZSIsInJlZiI6ImRvY2tlci5pby9saWJyYXJ5L2dvbGFuZzoxIiwicGluIjoieCIs"                 \
    "ImFsaWFzIjoiaHVudGVyMiJ9LDddLCJkZXBzIjp7IngiOiJodW50ZXIyIn19"
#define INFO_CUT                                                                                   \
    "eyJzb3VyY2VzIjpbeyJwaW4iOiJzaGEyNTY6MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNk"                 \
    "ZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZiIsInJlZiI6ImRvY2tlci5pby9saWJy"                 \
    "YXJ5L2RlYmlhbjoxMiIsInR5cGUiOiJkb2NrZXItaW1hZ2UifSx7InJlZiI6ImRvY2tlci5pby9s"                 \
    "aWJyYXJ5L2dvbGFuZzoxIiwidHlwZSI6ImRvY2tlci1pbWFnZSJ9XX0="
#define INFO_PLAIN                                                                                 \
    "eyJzb3VyY2VzIjpbeyJ0eXBlIjoiZG9ja2VyLWltYWdlIiwicmVmIjoiZG9ja2VyLmlvL2xpYnJh"                 \
    "cnkvZGViaWFuOjEyIiwicGluIjoic2hhMjU2OjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJj"                 \
    "ZGVmMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYifV19"
#define INFO_SECRET                                                                                \
    "eyJzb3VyY2VzIjpbeyJ0eXBlIjoiZG9ja2VyLWltYWdlIiwicmVmIjoiaHR0cHM6Ly9tZTpodW50"                 \
    "ZXIyQGgvYSJ9XX0="
#define INFO_SECRET_CUT                                                                            \
    "eyJzb3VyY2VzIjpbeyJyZWYiOiJodHRwczovL1tyZWRhY3RlZF1AaC9hIiwidHlwZSI6ImRvY2tl"                 \
    "ci1pbWFnZSJ9XX0="
#define INFO_ARRAY "WyJodW50ZXIyIl0="

#define INFO(text) "{\"moby.buildkit.buildinfo.v1\":\"" text "\"}"

static void of_build_info_only_its_images_leave(void **state)
{
    (void)state;
    check_document(INFO(INFO_FULL), INFO(INFO_CUT));
    check_document(INFO(INFO_CUT), INFO(INFO_CUT));
    check_document(INFO(INFO_PLAIN), INFO(INFO_PLAIN));
    check_document(INFO(INFO_SECRET), INFO(INFO_SECRET_CUT));
    check_document(INFO("e30="), INFO("e30="));
}

static void build_info_that_cannot_be_read_goes_as_a_whole(void **state)
{
    (void)state;
    check_document(INFO("aHVudGVyMg=="), INFO(M));
    check_document(INFO("!!!!"), INFO(M));
    check_document(INFO(""), INFO(M));
    check_document(INFO("===="), INFO(M));
    check_document(INFO(INFO_ARRAY), INFO(M));
    check_document("{\"moby.buildkit.buildinfo.v2\":\"" INFO_PLAIN "\"}",
                   "{\"moby.buildkit.buildinfo.v2\":\"" M "\"}");
}

static void what_is_no_document_does_not_leave(void **state)
{
    static const char *const bad[] = {"", "x", "{\"a\":", "\"text\"", "{\"a\":1,\"a\":2}"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        AUTO(buf_close) struct buf out;
        struct err err = {0};
        uint32_t cuts = 0;

        buf_init(&out, 1 << 20);
        assert_int_equal(redact(bad[i], &out, &cuts, &err), -1);
        assert_int_equal(out.len, 0);
        assert_int_not_equal(err.kind, ERR_NONE);
    }
}

/* ---- real configs ---------------------------------------------------------------------------- */

/* Official images that were built without arguments: not a byte of them may change. */
static bool has_build_arguments(const struct buf *b)
{
    for (char n = '1'; n <= '9'; n++) {
        const char mark[] = {'|', n, '\0'};

        if (strstr(buf_str(b), mark) != NULL)
            return true;
    }
    for (const char *arg = buf_str(b); (arg = strstr(arg, "ARG ")) != NULL; arg++)
        if (arg[4 + strcspn(arg + 4, " =\"")] == '=')
            return true;
    return strstr(buf_str(b), "buildinfo") != NULL;
}

static void real_images_without_arguments_stay_untouched(void **state)
{
    const char *dir = getenv("LC_IMAGE_SAMPLES");
    AUTO_DIR DIR *d = dir != NULL ? opendir(dir) : NULL;
    struct dirent *entry;
    int seen = 0;

    (void)state;
    if (d == NULL) {
        print_message("LC_IMAGE_SAMPLES names no directory of image configs: skipped\n");
        skip();
    }
    while ((entry = readdir(d)) != NULL) {
        AUTO(buf_close) struct buf in;
        AUTO(buf_close) struct buf out;
        uint32_t cuts = 0;
        struct err err = {0};

        buf_init(&in, 16 << 20);
        buf_init(&out, 16 << 20);
        if (strncmp(entry->d_name, "config_", 7) != 0 ||
            buf_read_file_at(&in, dirfd(d), entry->d_name, &err) != 0 || has_build_arguments(&in))
            continue;
        if (redact_document(&in, &out, &cuts, &err) != 0)
            fail_msg("%s: %s", entry->d_name, err.text);
        if (cuts > 0)
            print_error("%s: %u cuts: %s\n", entry->d_name, cuts, buf_str(&out));
        assert_int_equal(cuts, 0);
        seen++;
    }
    assert_true(seen > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_build_argument_is_cut),
        cmocka_unit_test(values_of_secret_names_are_cut),
        cmocka_unit_test(commands_that_take_passwords_are_known),
        cmocka_unit_test(tokens_are_known_by_their_form),
        cmocka_unit_test(what_is_public_stays),
        cmocka_unit_test(cutting_twice_cuts_nothing_more),
        cmocka_unit_test(names_of_images_keep_their_hashes),
        cmocka_unit_test(a_document_without_secrets_keeps_its_bytes),
        cmocka_unit_test(a_cut_document_is_canonical),
        cmocka_unit_test(secrets_are_cut_anywhere_in_a_document),
        cmocka_unit_test(identity_is_never_changed),
        cmocka_unit_test(a_manifest_keeps_what_names_its_blobs),
        cmocka_unit_test(secrets_are_cut_from_a_manifest),
        cmocka_unit_test(what_a_descriptor_embeds_does_not_leave),
        cmocka_unit_test(of_an_attestation_only_its_images_leave),
        cmocka_unit_test(an_attestation_with_nothing_to_cut_keeps_its_bytes),
        cmocka_unit_test(an_attestation_of_other_shape_is_cut_to_its_types),
        cmocka_unit_test(of_build_info_only_its_images_leave),
        cmocka_unit_test(build_info_that_cannot_be_read_goes_as_a_whole),
        cmocka_unit_test(what_is_no_document_does_not_leave),
        cmocka_unit_test(real_images_without_arguments_stay_untouched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
