# What more than one test uses.
add_library(lc_test_support STATIC support/tempdir.c support/capture.c)
lc_own(lc_test_support)

add_unit(error)
add_unit(buf lc_test_support)
add_unit(digest)
add_unit(imageref)
add_unit(log lc_test_support)
add_unit(json)
add_unit(clock)
add_unit(backoff)
add_unit(uvx lc_test_support)
add_unit(cli lc_test_support)
