porter_test(bgp_sim_test SOURCES ${PROJECT_SOURCE_DIR}/tests/sim/bgp_sim_test.cpp DEPENDS bgp LABEL pure)
porter_test(rib_sim_test SOURCES ${PROJECT_SOURCE_DIR}/tests/sim/rib_sim_test.cpp DEPENDS bgp LABEL pure)
# Begun first, lest all wait for them in the end.
set_tests_properties(bgp_sim_test rib_sim_test PROPERTIES COST 10)

porter_fuzz(bgp_peer_fuzz DEPENDS bgp)
