# SPDX-License-Identifier: Apache-2.0
from tests.harness import LabCase
from tests.interop.cases import Forwarding


class Frr(Forwarding, LabCase):
    kind = "frr"
