/*
 * capture: what a piece of code writes to a file descriptor, as text.
 */
#ifndef TESTS_SUPPORT_CAPTURE_H
#define TESTS_SUPPORT_CAPTURE_H

struct capture {
    int fd;    /* private: the descriptor that is diverted */
    int saved; /* private: what it was */
    int file;  /* private: where it goes meanwhile */
};

/* Diverts `fd` (1, 2) until capture_end(). Ends the program where the machine refuses. */
void capture_begin(struct capture *c, int fd);

/* Puts the descriptor back. Returns what was written, for the caller to free. */
char *capture_end(struct capture *c);

#endif
