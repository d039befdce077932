#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/redact.h"
#include "agent/redact_rules.h"

#define WORD_MAX 48 /* a longer word is compared by its first bytes */

/* A word of a name, in lower case. */
struct word {
    char text[WORD_MAX];
    size_t len;
};

/* Takes the next word of name[*at..len) and moves *at behind it; false at the end. */
static bool next_word(const char *name, size_t len, size_t *at, struct word *word)
{
    size_t i = *at;

    word->len = 0;
    while (i < len && !isalnum((unsigned char)name[i]))
        i++;
    for (; i < len && isalnum((unsigned char)name[i]); i++) {
        if (word->len > 0 && isupper((unsigned char)name[i]) && islower((unsigned char)name[i - 1]))
            break;
        if (word->len < WORD_MAX - 1)
            word->text[word->len++] = (char)tolower((unsigned char)name[i]);
    }
    word->text[word->len] = '\0';
    *at = i;
    return word->len > 0;
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

static bool starts_with_one_of(const char *word, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strncmp(word, *list, strlen(*list)) == 0)
            return true;
    return false;
}

static bool ends_with_one_of(const struct word *word, const char *const *list)
{
    for (; *list != NULL; list++) {
        size_t len = strlen(*list);

        if (word->len >= len && strcmp(word->text + word->len - len, *list) == 0)
            return true;
    }
    return false;
}

static bool is_secret_word(const struct word *word)
{
    static const char *const exact[] = {
        "tokens",        "pass",          "pwd",       "pw",        "passcode", "apikey",
        "apikeys",       "cred",          "creds",     "auth",      "oauth",    "bearer",
        "authorization", "cookie",        "jwt",       "dbpass",    "userpass", "rootpass",
        "smtppass",      "mysqlpass",     "pgpass",    "storepass", "keypass",  "passin",
        "passout",       "sig",           "signature", "psk",       "otp",      "htpasswd",
        "sshkey",        "dsn",           "psw",       "pswd",      "pat",      "sshpass",
        "authkey",       "activationkey", NULL,
    };
    static const char *const starts[] = {"password", "passwd",     "passphrase",
                                         "secret",   "credential", NULL};
    static const char *const ends[] = {"password",    "passwd",        "passphrase", "secret",
                                       "secrets",     "token",         "apikey",     "credential",
                                       "credentials", "privatekey",    "accesskey",  "secretkey",
                                       "signingkey",  "encryptionkey", "pwd",        NULL};

    return is_one_of(word->text, exact) || starts_with_one_of(word->text, starts) ||
           ends_with_one_of(word, ends);
}

/* "key" alone is public as often as not (GPG_KEY); with one of these before it, it is not. */
static bool is_secret_pair(const struct word *before, const struct word *word)
{
    static const char *const kinds[] = {
        "api",     "private", "secret",  "access",  "encryption", "encrypt",    "signing",
        "auth",    "account", "license", "ssh",     "master",     "client",     "shared",
        "storage", "deploy",  "service", "session", "crypt",      "cipher",     "rsa",
        "tls",     "ssl",     "admin",   "jwt",     "app",        "activation", NULL,
    };

    return (strcmp(word->text, "key") == 0 || strcmp(word->text, "keys") == 0) &&
           is_one_of(before->text, kinds);
}

bool redact_name_is_secret(const char *name, size_t len)
{
    struct word word, before = {.len = 0};
    size_t at = 0;

    while (next_word(name, len, &at, &word)) {
        if (is_secret_word(&word) || (before.len > 0 && is_secret_pair(&before, &word)))
            return true;
        before = word;
    }
    return false;
}

bool redact_name_is_hash(const char *name, size_t len)
{
    static const char *const starts[] = {"sha",    "md5",      "gpg",    "pgp",
                                         "hash",   "checksum", "commit", "fingerprint",
                                         "digest", "blake",    NULL};
    static const char *const exact[] = {
        "rev",    "revision",  "ref",      "version", "vcs",       "git",      "sum",  "etag",
        "image",  "layer",     "chain",    "blob",    "config",    "manifest", "id",   "ids",
        "parent", "container", "snapshot", "file",    "dir",       "multi",    "keys", "keyserver",
        "diff",   "index",     "entry",    "disturl", "directory", NULL,
    };
    struct word word;
    size_t at = 0;

    while (next_word(name, len, &at, &word))
        if (starts_with_one_of(word.text, starts) || is_one_of(word.text, exact) ||
            (word.len > 3 && strcmp(word.text + word.len - 3, "sum") == 0))
            return true;
    return false;
}

static bool is_digits(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isdigit((unsigned char)value[i]))
            return false;
    return true;
}

/* NAME_FILE=/run/secrets/x says where a secret is, not what it is; NAME_URL and NAME_TTL are none.
 */
static bool points_elsewhere(const char *name, size_t name_len, const char *value, size_t len)
{
    static const char *const places[] = {"file", "path", "dir", "pwd", "oldpwd", NULL};
    static const char *const servers[] = {"url", "uri", "endpoint", NULL};
    static const char *const times[] = {"expiration", "expiry", "ttl", "timeout", NULL};
    struct word word, last = {.len = 0};
    size_t at = 0;

    while (next_word(name, name_len, &at, &word))
        last = word;
    if (is_one_of(last.text, places))
        return len > 0 && (value[0] == '/' || value[0] == '.');
    if (is_one_of(last.text, servers))
        return memmem(value, len, "://", 3) != NULL;
    return strcmp(last.text, "stdin") == 0 ||
           (is_one_of(last.text, times) && is_digits(value, len));
}

/* $NAME and ${NAME}, nothing else. */
static bool is_reference(const char *value, size_t len)
{
    size_t i = 1;
    bool braced = len > 1 && value[1] == '{';

    if (len < 2 || value[0] != '$')
        return false;
    i += braced ? 1 : 0;
    while (i < len && (isalnum((unsigned char)value[i]) || value[i] == '_'))
        i++;
    return braced ? i + 1 == len && value[i] == '}' : i == len;
}

bool redact_value_is_harmless(const char *name, size_t name_len, const char *value, size_t len)
{
    static const char *const plain[] = {"yes", "no", "true", "false", "none",      "null",
                                        "0",   "1",  "on",   "off",   REDACT_MARK, NULL};

    if (len == 0 || is_reference(value, len) || points_elsewhere(name, name_len, value, len))
        return true;
    for (const char *const *p = plain; *p != NULL; p++)
        if (strlen(*p) == len && strncasecmp(*p, value, len) == 0)
            return true;
    return false;
}
