# SPDX-License-Identifier: Apache-2.0
"""The alerts and the dashboard of the chart, with a real Prometheus that scrapes a real controller and speaker."""
import json
import os
import re
import tempfile
import urllib.parse

from lab.kube_topology import CONTROL
from lab.space import stop
from tests.kube.case import KubeCase

MONITORING = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "charts/porter/monitoring")
CONTROLLER, SPEAKER, PROMETHEUS = f"{CONTROL}:7471", "172.30.0.11:7472", f"{CONTROL}:9090"
METRIC = re.compile(r"\bporter_\w+")
OF_A_HISTOGRAM = re.compile(r"_(bucket|count|sum)$")


class Monitoring(KubeCase):
    nodes, controllers_of_kubernetes = 1, False

    def setUp(self):
        super().setUp()
        self.begin(controllers=0, speakers=False)
        self.lab.start_controllers(flags=("--metrics-listen", CONTROLLER))
        self.lab.start_speakers(flags=("--metrics-listen", SPEAKER))
        self.router.wait_established(self.lab.address(self.lab.nodes[0]))
        folder = tempfile.TemporaryDirectory(prefix="porter-prometheus-")
        self.addCleanup(folder.cleanup)
        settings = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                    "rule_files": [os.path.join(MONITORING, "rules.yaml")],
                    "scrape_configs": [{"job_name": "porter", "static_configs": [{"targets": [CONTROLLER, SPEAKER]}]}]}
        with open(os.path.join(folder.name, "prometheus.yaml"), "w") as file:
            json.dump(settings, file)
        process = self.lab.control.spawn("prometheus", f"--config.file={file.name}", f"--storage.tsdb.path={folder.name}/data",
                                         f"--web.listen-address={PROMETHEUS}", log=os.path.join(folder.name, "log"))
        self.addCleanup(stop, process)
        self.wait("both are scraped", lambda: len(self.query("up == 1")) == 2, 30)

    def ask(self, path, **query):
        done = self.lab.control.exec("curl", "-sf", "-m", "5", f"http://{PROMETHEUS}/api/v1/{path}?{urllib.parse.urlencode(query)}", check=False)
        return json.loads(done.stdout or '{"status": "nobody answers"}')

    def query(self, expression):
        answer = self.ask("query", query=expression)
        return answer["data"]["result"] if answer["status"] == "success" else []

    def alerts(self):
        return {a["labels"]["alertname"]: a for a in self.ask("alerts").get("data", {}).get("alerts", [])}

    def exported(self):
        """The names that the two tell of, with a series of theirs or without."""
        pages = (self.lab.control.exec("curl", "-s", f"http://{address}/metrics").stdout for address in (CONTROLLER, SPEAKER))
        return {name for page in pages for name in re.findall(r"^# TYPE (\S+)", page, re.M)}

    def check_names(self, where, text):
        names = {OF_A_HISTOGRAM.sub("", name) for name in METRIC.findall(text)}
        self.assertGreater(len(names), 5)
        self.assertEqual(names - self.exported(), set(), f"{where} asks for what nobody exports")

    def test_alerts_are_evaluated_and_raised(self):
        with open(os.path.join(MONITORING, "rules.yaml")) as file:
            self.check_names("an alert", file.read())
        self.wait("the rules are evaluated", lambda: all(
            rule["health"] == "ok" for group in self.ask("rules")["data"]["groups"] for rule in group["rules"]), 30)
        self.wait("all is well", lambda: self.alerts() == {})
        self.lab.add_service("lost", annotations={"eip.porter.kubesphere.io/v1alpha2": "nowhere"})
        self.wait("a Service waits", lambda: "PorterServicesWait" in self.alerts())
        self.assertEqual(self.alerts()["PorterServicesWait"]["annotations"]["summary"], "1 Services wait for an address")
        self.router.stop()
        self.wait("a session is down", lambda: "PorterSessionDown" in self.alerts())
        self.assertEqual(self.alerts()["PorterSessionDown"]["annotations"]["summary"], f"BGP session router of {SPEAKER} is down")
        self.router.start()
        self.wait("it is up again", lambda: "PorterSessionDown" not in self.alerts(), 60)
        self.lab.controllers[0].kill()
        self.wait("nobody leads", lambda: "PorterNobodyLeads" in self.alerts())

    def test_every_panel_of_the_dashboard_asks_what_there_is(self):
        with open(os.path.join(MONITORING, "dashboard.json")) as file:
            dashboard = json.load(file)
        expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        self.check_names("a panel", "\n".join(expressions))
        for expression in expressions:
            answer = self.ask("query", query=expression.replace("$instance", ".*"))
            self.assertEqual(answer["status"], "success", f"{expression}: {answer.get('error')}")
        self.assertEqual(len({panel["id"] for panel in dashboard["panels"]}), len(dashboard["panels"]))
