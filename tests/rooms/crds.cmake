# SPDX-License-Identifier: Apache-2.0
# deploy/crds against the tables of src/model.
porter_test(crds_golden_test SOURCES ${PROJECT_SOURCE_DIR}/tests/golden/crds_test.cpp DEPENDS model LABEL golden)
target_compile_definitions(crds_golden_test PRIVATE PORTER_SOURCE_DIR="${PROJECT_SOURCE_DIR}")

# Any Tree gives an answer, and what converts comes back.
porter_fuzz(review_fuzz DEPENDS model)
