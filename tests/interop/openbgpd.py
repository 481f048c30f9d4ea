# SPDX-License-Identifier: Apache-2.0
"""TCP MD5 is not tested: OpenBGPD asks the kernel for it by PF_KEY, which Linux does not offer to it."""
from tests.harness import LabCase
from tests.interop.cases import Helping, Limiting, Refreshing, RibOnly, Speaking


class OpenBgpd(RibOnly, Speaking, Limiting, Refreshing, Helping, LabCase):
    kind = "openbgpd"
