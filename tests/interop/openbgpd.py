# SPDX-License-Identifier: Apache-2.0
"""TCP MD5 is not tested: OpenBGPD asks the kernel for it by PF_KEY, which Linux does not offer to it. It keeps the routes of others
over their restart, and promises nothing for one of its own."""
from tests.harness import LabCase
from tests.interop.cases import Helping, Limiting, Refreshing, RibOnly, Speaking
from tests.interop.wire import Captured


class OpenBgpd(Captured, RibOnly, Speaking, Limiting, Refreshing, Helping, LabCase):
    kind = "openbgpd"
