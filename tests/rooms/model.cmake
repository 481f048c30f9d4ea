# The tables of src/model against the page that is generated from them.
porter_test(model_golden_test SOURCES ${PROJECT_SOURCE_DIR}/tests/golden/configuration_test.cpp DEPENDS model LABEL golden)
target_compile_definitions(model_golden_test PRIVATE PORTER_SOURCE_DIR="${PROJECT_SOURCE_DIR}")

# Any Tree gives a Decoded.
porter_fuzz(model_decode_fuzz DEPENDS model)
