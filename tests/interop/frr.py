# SPDX-License-Identifier: Apache-2.0
from tests.harness import LabCase
from tests.interop.cases import Forwarding
from tests.interop.wire import Captured


class Frr(Captured, Forwarding, LabCase):
    kind = "frr"
