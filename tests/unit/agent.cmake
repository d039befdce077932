# Engines' stores and measuring: stores of a test's own making, the real du, a daemon in a thread.
add_library(lc_test_engines STATIC support/docker_store.c support/du.c support/http_peer.c)
lc_own(lc_test_engines)
target_link_libraries(lc_test_engines PUBLIC lc_test_support lc_common Threads::Threads)

add_unit(engines lc_engines lc_test_support)
add_unit(image_config lc_engines)
add_unit(docker lc_engines lc_test_engines)
add_unit(docker_formats lc_engines)
add_unit(docker_use lc_engines lc_test_engines)
add_unit(docker_find lc_engines lc_test_engines)
add_unit(docker_check lc_engines lc_test_engines)
add_unit(docker_moving lc_engines lc_test_engines)
add_unit(docker_again lc_engines lc_test_engines)
add_unit(measure lc_engines lc_test_engines)
add_unit(account lc_engines lc_test_engines)

# The daemon above the engines: against an engine and a collector of the tests' own making.
add_library(lc_test_agent STATIC support/fake_engine.c support/fake_collector.c
  support/uplink_rig.c)
lc_own(lc_test_agent)
target_link_libraries(lc_test_agent PUBLIC lc_agent lc_common Threads::Threads PRIVATE PkgConfig::CMOCKA)

add_unit(redact lc_agent)
add_unit(agent_options lc_agent)
add_unit(host lc_agent lc_test_support)
add_unit(inventory lc_test_agent lc_agent)
add_unit(memory lc_test_agent lc_agent lc_test_support)
add_unit(scan_agent lc_test_agent lc_agent lc_test_support)
add_unit(measurer lc_agent lc_test_engines)
add_unit(uplink lc_test_agent lc_agent)
add_unit(uplink_content lc_test_agent lc_agent)
add_unit(tls_uplink lc_agent lc_test_transport)
