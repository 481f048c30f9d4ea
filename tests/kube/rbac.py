# SPDX-License-Identifier: Apache-2.0
"""The roles that are delivered: enough for everything, and each right that is missing is named."""
import copy
import os

from lab.kube_topology import CONTROLLER, NAMESPACE, SPEAKER
from tests.kube.case import KubeCase

FIRST = "198.51.100.0"


class Roles(KubeCase):
    nodes = 1
    limit = 580

    def roles_of(self, account):
        """The ClusterRoles and Roles bound to one of our ServiceAccounts."""
        found = []
        for kind in ("ClusterRoleBinding", "RoleBinding"):
            for binding in self.api.list(kind):
                if any(s.get("name") == account and s.get("namespace") == NAMESPACE for s in binding.get("subjects", [])):
                    ref = binding["roleRef"]
                    role = self.api.get(ref["kind"], ref["name"], binding["metadata"].get("namespace", NAMESPACE))
                    self.assertIsNotNone(role, ref)
                    found.append(role)
        self.assertTrue(found, f"no role for {account}")
        return found

    def rights(self, account):
        """(role, rule number, verb) of everything that is granted."""
        return [(role, i, verb) for role in self.roles_of(account) for i, rule in enumerate(role["rules"]) for verb in rule["verbs"]]

    def test_nothing_is_granted_that_is_broader_than_needed(self):
        for account in (CONTROLLER, SPEAKER):
            for role in self.roles_of(account):
                for rule in role["rules"]:
                    words = [*rule.get("apiGroups", []), *rule.get("resources", []), *rule["verbs"], *rule.get("nonResourceURLs", [])]
                    self.assertNotIn("*", words, role["metadata"]["name"])
                    if "secrets" in rule.get("resources", []):
                        self.assertEqual(role["kind"], "Role", "Secrets are read in our own namespace only")
                        self.assertFalse({"list", "watch"} & set(rule["verbs"]) and not rule.get("resourceNames"),
                                         "Secrets are read by name")
        speaker = {(r, v) for role in self.roles_of(SPEAKER) for rule in role["rules"] for r in rule.get("resources", []) for v in rule["verbs"]}
        writes = {r for r, v in speaker if v in ("create", "update", "patch", "delete")}
        self.assertFalse(writes & {"services", "services/status", "eipaddresses", "eips", "eips/status", "bgppeers/status", "leases"}, writes)

    def test_everything_works_with_them_and_nothing_is_refused(self):
        proxy = self.lab.proxy()
        self.begin(controllers=2, proxy=proxy)
        self.lab.add_service("web")
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.lab.delete_service("web")
        self.wait_hops(f"{FIRST}/32", [])
        self.api.delete("Eip", "lan")
        self.wait("the pool is gone", lambda: self.api.get("Eip", "lan") is None)
        refused = {(r.method, r.target.partition("?")[0]) for r in proxy.seen() if r.status == 403}
        self.assertEqual(refused, set())

    def without(self, role, number, verb):
        """Writes the role with one verb less; the returned function puts it back."""
        less = copy.deepcopy(role)
        less["rules"][number]["verbs"].remove(verb)
        if not less["rules"][number]["verbs"]:
            del less["rules"][number]
        self.write_role(less)
        return lambda: self.write_role(role)

    def write_role(self, role):
        fresh = {k: v for k, v in role.items() if k != "metadata"}
        fresh["metadata"] = {k: v for k, v in role["metadata"].items() if k in ("name", "namespace", "labels")}
        self.api.replace(fresh)

    def test_every_verb_of_the_controller_that_is_missing_is_named(self):
        self.check_each(CONTROLLER, lambda: self.lab.start_controllers(wait=False)[0])

    def test_every_verb_of_the_speaker_that_is_missing_is_named(self):
        self.check_each(SPEAKER, lambda: self.lab.start_speakers(wait=False)["n1"])

    def check_each(self, account, start):
        """One verb after the other is taken away, and put back."""
        unnamed = []
        for role, number, verb in self.rights(account):
            rule = role["rules"][number]
            wanted = {f"may not {verb} {resource}" for resource in rule["resources"]}
            restore = self.without(role, number, verb)
            command = start()
            try:
                self.wait("all are named", lambda: wanted <= lines_of(*command.fetch("/readyz")), 25, pause=0.1)
                missing = [line for line in wanted if line not in command.log_text()]
                self.assertEqual(missing, [], "in the log")
            except Exception as why:
                unnamed.append(f"{verb} {','.join(rule['resources'])}: {why}")
            finally:
                self.lab.reset_porter()
                restore()
                os.truncate(command.log, 0)
        self.assertEqual(unnamed, [])


def lines_of(status, text):
    """The first four words of each line of a page that says 503: {"may not patch services/status"}."""
    return {" ".join(line.split()[:4]).rstrip(":") for line in text.splitlines()} if status == 503 else set()
