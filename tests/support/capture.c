#include "tests/support/capture.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void capture_begin(struct capture *c, int fd)
{
    fflush(NULL);
    c->fd = fd;
    c->saved = dup(fd);
    c->file = memfd_create("capture", MFD_CLOEXEC);
    if (c->saved < 0 || c->file < 0 ||
        fcntl(c->file, F_SETFL, O_APPEND) != 0 || /* so that threads do not overwrite */
        dup2(c->file, fd) < 0)
        err(1, "divert descriptor %d", fd);
}

char *capture_end(struct capture *c)
{
    struct stat st;
    char *text;

    fflush(NULL);
    if (dup2(c->saved, c->fd) < 0 || fstat(c->file, &st) != 0)
        err(1, "put descriptor %d back", c->fd);
    text = calloc(1, (size_t)st.st_size + 1);
    if (text == NULL || pread(c->file, text, (size_t)st.st_size, 0) != st.st_size)
        err(1, "read what was written");
    close(c->saved);
    close(c->file);
    return text;
}
