# The database: the file, the writer thread, what each report does to it, and check.
add_library(lc_test_store STATIC support/store_rig.c)
lc_own(lc_test_store)
target_link_libraries(lc_test_store PUBLIC lc_store lc_test_support PkgConfig::SQLITE
  PkgConfig::CMOCKA)

add_unit(config_parse lc_test_store)
add_unit(store lc_test_store)
add_unit(migrate lc_test_store)
add_unit(writer lc_test_store)
add_unit(apply lc_test_store)
add_unit(apply_hosts lc_test_store)
add_unit(apply_content lc_test_store)
add_unit(apply_document lc_test_store)
add_unit(apply_random lc_test_store)
add_unit(check lc_test_store)
