/*
 * check(cond): an invariant of this program. It stays on in release builds and
 * means "bug". Input from peers, disks and engines is never checked with it.
 */
#ifndef COMMON_CHECK_H
#define COMMON_CHECK_H

#define check(cond) ((cond) ? (void)0 : check_failed(#cond, __FILE__, __LINE__, __func__))

/* Prints where and what to stderr, then abort()s. Any thread. */
_Noreturn void check_failed(const char *cond, const char *file, int line, const char *func);

#endif
