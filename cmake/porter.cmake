option(PORTER_FUZZ "Build the libFuzzer targets (clang only)" OFF)
option(PORTER_WERROR "Warnings are errors" ON)
set(PORTER_SANITIZE "" CACHE STRING "Value for -fsanitize=, e.g. address,undefined")
set(PORTER_SANITIZE_NOT "" CACHE STRING "Value for -fno-sanitize=: what of it another preset checks, and costs much to compile")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(PORTER_CCACHE ccache)
if(PORTER_CCACHE)
  # Paths are relative to the checkout, so that a second clone finds what the first one built.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${PORTER_CCACHE})
endif()

# clang takes the newest libstdc++ it finds; ours is that of g++ 12, wherever it lies.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  if(CMAKE_CROSSCOMPILING)
    set(gcc_install_dir ${CMAKE_SYSROOT}/usr/lib/gcc/${CMAKE_CXX_COMPILER_TARGET}/12)
  else()
    find_program(PORTER_GXX g++-12 REQUIRED)
    execute_process(COMMAND ${PORTER_GXX} -print-libgcc-file-name OUTPUT_VARIABLE libgcc COMMAND_ERROR_IS_FATAL ANY)
    cmake_path(GET libgcc PARENT_PATH gcc_install_dir)
  endif()
  add_compile_options(--gcc-install-dir=${gcc_install_dir})
  add_link_options(--gcc-install-dir=${gcc_install_dir} -fuse-ld=lld)
endif()

# What the linker made of a module it makes once for all programs, and for the next build.
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  set(cache "$ENV{XDG_CACHE_HOME}")
  if(NOT cache)
    set(cache "$ENV{HOME}/.cache")
  endif()
  add_link_options(LINKER:--thinlto-cache-dir=${cache}/porter/thinlto
                   LINKER:--thinlto-cache-policy=cache_size_bytes=2g)
endif()

add_library(porter_options INTERFACE)
target_include_directories(porter_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(porter_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Wimplicit-fallthrough $<$<BOOL:${PORTER_WERROR}>:-Werror>)
target_compile_definitions(porter_options INTERFACE PORTER_VERSION="${PROJECT_VERSION}"
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_BEAST_SEPARATE_COMPILATION)

add_compile_definitions(_GLIBCXX_ASSERTIONS)  # in release too
if(PORTER_SANITIZE)
  add_compile_options(-fsanitize=${PORTER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(PORTER_SANITIZE_NOT)
    add_compile_options(-fno-sanitize=${PORTER_SANITIZE_NOT})
  endif()
  add_link_options(-fsanitize=${PORTER_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
    $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection>
    $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},aarch64>:-mbranch-protection=standard>)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
if(PORTER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# What a preset builds and runs: all of it (dev, gcc, release), only the tests of libraries that are not
# PURE (tsan: threads can only be there), only those that are (arm64, under qemu), or only the fuzzers.
add_custom_target(effect_tests)
add_custom_target(pure_tests)
add_custom_target(golden_tests)
add_custom_target(fuzzers)

# porter_library(name [PURE] [DEPENDS libs...] [LIBS imported targets...])
# src/<name>/**.cpp becomes porter_<name>, and its *_test.cpp become the test program <name>_test.
# Folder, namespace, include prefix and target share one name. main.cpp belongs to porter_program().
function(porter_library name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "PURE" "" "DEPENDS;LIBS")
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "porter_library(${name}): what is ${ARG_UNPARSED_ARGUMENTS}?")
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS src/${name}/*.cpp)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS src/${name}/*_test.cpp)
  list(REMOVE_ITEM sources ${tests} ${PROJECT_SOURCE_DIR}/src/${name}/main.cpp)
  list(TRANSFORM ARG_DEPENDS PREPEND porter_ OUTPUT_VARIABLE depends)
  if(sources)
    add_library(porter_${name} STATIC ${sources})
    target_link_libraries(porter_${name} PUBLIC porter_options ${depends} ${ARG_LIBS})
  else()
    add_library(porter_${name} INTERFACE)
    target_link_libraries(porter_${name} INTERFACE porter_options ${depends} ${ARG_LIBS})
  endif()
  if(tests)
    set(label effect)
    if(ARG_PURE)
      set(label pure)
    endif()
    porter_test(${name}_test SOURCES ${tests} DEPENDS ${name} LABEL ${label})
  endif()
endfunction()

# porter_program(name DEPENDS libs...): src/app/main.cpp, linked in the root of the build folder.
function(porter_program name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "DEPENDS")
  list(TRANSFORM ARG_DEPENDS PREPEND porter_)
  add_executable(${name} src/app/main.cpp)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
endfunction()

# With g++ every test program shares one precompiled header: GoogleTest and RapidCheck, nothing of ours. That of clang
# names the folder it lies in, so that ccache would know nothing of what uses it in another clone.
function(porter_test name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "LABEL" "SOURCES;DEPENDS")
  find_package(GTest REQUIRED)
  find_package(rapidcheck REQUIRED)
  if(NOT TARGET porter_test_main)
    file(WRITE ${PROJECT_BINARY_DIR}/test_main.cpp "// The test programs' main() is gtest_main's.\n")
    add_library(porter_test_main OBJECT ${PROJECT_BINARY_DIR}/test_main.cpp)
    target_link_libraries(porter_test_main PUBLIC porter_options GTest::gtest_main rapidcheck Threads::Threads)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_precompile_headers(porter_test_main PRIVATE <rapidcheck.h> <gtest/gtest.h> <rapidcheck/gtest.h>)
    endif()
  endif()
  list(TRANSFORM ARG_DEPENDS PREPEND porter_)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE porter_test_main ${ARG_DEPENDS})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_precompile_headers(${name} REUSE_FROM porter_test_main)
  endif()
  # Half of what a build takes is tests, and the linker optimizes what they take from the libraries anyway.
  if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" AND NOT PORTER_SANITIZE)
    target_compile_options(${name} PRIVATE -O1 -g0)
  endif()
  # One process for all its tests: starting a sanitized program costs more than most tests do.
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT 300)
  add_dependencies(${ARG_LABEL}_tests ${name})
endfunction()

# porter_fuzz(name DEPENDS libs...): tests/fuzz/<name>.cpp and its corpus tests/fuzz/corpus/<name>/.
# A libFuzzer program in the fuzz preset; everywhere else a plain program that replays the corpus.
function(porter_fuzz name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "DEPENDS")
  list(TRANSFORM ARG_DEPENDS PREPEND porter_)
  set(folder ${PROJECT_SOURCE_DIR}/tests/fuzz)
  add_executable(${name} ${folder}/${name}.cpp)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS})
  if(PORTER_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/corpus/${name})  # finds go here, never into the sources
    add_test(NAME ${name} COMMAND ${name} -max_total_time=10 -timeout=5 -rss_limit_mb=1024 -print_final_stats=1
      ${PROJECT_BINARY_DIR}/corpus/${name} ${folder}/corpus/${name})
    add_dependencies(fuzzers ${name})
  else()
    target_sources(${name} PRIVATE ${folder}/replay.cpp)
    add_test(NAME ${name} COMMAND ${name} ${folder}/corpus/${name})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS fuzz)
endfunction()
