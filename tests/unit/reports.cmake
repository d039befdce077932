# What the database means: census over fleets made by hand, and the forms of answers.
add_library(lc_test_census STATIC support/fleet_maker.c)
lc_own(lc_test_census)
target_link_libraries(lc_test_census PUBLIC lc_census)

add_unit(ledger lc_test_census)
add_unit(bases lc_test_census)
add_unit(resolve lc_test_census)
add_unit(read_ids lc_store)
add_unit(export lc_export lc_report)
