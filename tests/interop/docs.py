# SPDX-License-Identifier: Apache-2.0
"""docs/troubleshooting.md shows what Porter really prints for six set-ups that do not work."""
import re
import unittest

from lab import broken


def without_times(text):
    return re.sub(r"\b\d+ ?(s|ms|minutes?)\b", "N s", text)


class Troubleshooting(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        with open("docs/troubleshooting.md") as page:
            cls.blocks = dict(re.findall(r"<!-- (\w+) -->\n```\n(.*?)```\n", page.read(), re.S))

    def check(self, setup):
        self.assertEqual(without_times(self.blocks[setup.__name__]), without_times(broken.printed(setup)))


for setup in broken.SETUPS:
    setattr(Troubleshooting, f"test_{setup.__name__}_is_explained_as_the_page_says",
            lambda self, setup=setup: self.check(setup))
del setup
