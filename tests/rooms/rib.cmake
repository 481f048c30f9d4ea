# SPDX-License-Identifier: Apache-2.0
option(PORTER_BENCH "Build the benchmarks" OFF)

if(PORTER_BENCH)
  find_package(benchmark REQUIRED)
  add_executable(rib_bench ${PROJECT_SOURCE_DIR}/tests/bench/rib_bench.cpp)
  target_link_libraries(rib_bench PRIVATE porter_bgp benchmark::benchmark)
  add_executable(plan_bench ${PROJECT_SOURCE_DIR}/tests/bench/plan_bench.cpp)
  target_link_libraries(plan_bench PRIVATE porter_plan benchmark::benchmark)
  add_executable(parts_bench ${PROJECT_SOURCE_DIR}/tests/bench/parts_bench.cpp)
  target_link_libraries(parts_bench PRIVATE porter_manifests benchmark::benchmark)
endif()
