/*
 * schema: the files of schema/ as texts, put into the program when it is built.
 *
 * Threads: constants.
 */
#ifndef COLLECTOR_STORE_SCHEMA_H
#define COLLECTOR_STORE_SCHEMA_H

extern const char schema_001[];
extern const char schema_002[];
extern const char schema_003[];
extern const char schema_004[];
extern const char schema_005[];
extern const char schema_views[];

#endif
