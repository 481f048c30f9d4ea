# SPDX-License-Identifier: Apache-2.0
from tests.harness import LabCase
from tests.interop.cases import Cases


class Frr(Cases, LabCase):
    kind = "frr"
