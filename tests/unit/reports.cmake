# What the database means: census over fleets made by hand, and the forms of answers.
add_library(lc_test_census STATIC support/census_rig.c support/fleet_maker.c
  support/lineage_rig.c)
lc_own(lc_test_census)
target_link_libraries(lc_test_census PUBLIC lc_census)

add_unit(ledger lc_test_census)
add_unit(bases lc_test_census)
add_unit(versions lc_test_census)
add_unit(diversity lc_census)
add_unit(catalogue lc_test_census)
add_unit(naming lc_test_census)
add_unit(naming_forms lc_test_census)
add_unit(lineage lc_test_census)
add_unit(lineage_declared lc_test_census)
add_unit(lineage_inherited lc_test_census)
add_unit(lineage_weak lc_test_census)
add_unit(lineage_story lc_test_census)
add_unit(resolve lc_test_census)
add_unit(read_ids lc_store)
add_unit(export lc_export lc_report)
add_unit(forest lc_test_census)
add_unit(forest_export lc_export lc_report)

# The operators' files.
add_unit(yaml lc_rules)
add_unit(policy_file lc_rules)
add_unit(catalogue_file lc_rules lc_test_support)
add_unit(layout lc_rules lc_test_support)

# Policy: verdicts over fleets made by hand, and the reports over a database.
add_library(lc_test_court STATIC support/court.c)
lc_own(lc_test_court)
target_link_libraries(lc_test_court PUBLIC lc_test_census)
add_unit(policy lc_test_court)
add_unit(policy_trust lc_test_court)
add_unit(policy_declared lc_test_court)
add_unit(policy_crowd lc_census)
add_unit(policy_report lc_report lc_rules lc_test_store)
