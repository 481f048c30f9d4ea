# SPDX-License-Identifier: Apache-2.0
option(PORTER_BENCH "Build the benchmarks: the target `bench`" OFF)

if(PORTER_BENCH)
  find_package(benchmark REQUIRED)
  add_custom_target(bench DEPENDS porter)
  # porter_bench(name source libraries...): tests/bench/<source>.cpp as a program.
  function(porter_bench name source)
    add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/bench/${source}.cpp)
    target_link_libraries(${name} PRIVATE ${ARGN})
    add_dependencies(bench ${name})
  endfunction()
  porter_bench(rib_bench rib_bench porter_bgp benchmark::benchmark)
  porter_bench(plan_bench plan_bench porter_plan benchmark::benchmark)
  porter_bench(parts_bench parts_bench porter_manifests benchmark::benchmark)
  porter_bench(porter-core synthetic porter_speaker)
  # Both ends of the rig have nothing of Porter's in them.
  porter_bench(sink sink porter_options)
  porter_bench(blast blast porter_options)
endif()
