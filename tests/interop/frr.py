# SPDX-License-Identifier: Apache-2.0
from tests.harness import LabCase
from tests.interop.cases import Forwarding, Restarting
from tests.interop.wire import Captured


class Frr(Captured, Restarting, Forwarding, LabCase):
    kind = "frr"
