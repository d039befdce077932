# The collector's server: the registry of wants alone, sessions and the whole server through a real
# gRPC client on a unix socket.
add_unit(wants lc_server)
add_unit(gather lc_server)
add_library(lc_test_collector STATIC support/collector_rig.c)
lc_own(lc_test_collector)
target_link_libraries(lc_test_collector PUBLIC lc_server lc_test_support PkgConfig::CMOCKA PkgConfig::SQLITE)
add_unit(session lc_test_collector lc_test_transport)
add_unit(session_content lc_test_collector)
add_unit(server lc_test_collector)
