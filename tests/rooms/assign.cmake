# SPDX-License-Identifier: Apache-2.0
# Stage 1 of the engine: any bytes as a script of facts, answers and deaths.
porter_fuzz(assign_fuzz DEPENDS plan)
