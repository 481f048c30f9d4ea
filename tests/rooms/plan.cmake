porter_test(plan_golden_test SOURCES ${PROJECT_SOURCE_DIR}/tests/golden/reasons_test.cpp DEPENDS plan LABEL golden)
target_compile_definitions(plan_golden_test PRIVATE PORTER_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
