/*
 * banned: calls that this project does not use become compile errors. Included by every .c file
 * through the build (-include).
 */
#ifndef COMMON_BANNED_H
#define COMMON_BANNED_H

/* The system headers that declare them come first, so that only uses fail. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok atoi atol atoll
#pragma GCC poison localtime gmtime ctime asctime
#pragma GCC poison system popen mktemp tmpnam

#endif
