# SPDX-License-Identifier: Apache-2.0
"""docs/quickstart.md, command by command, as a stranger types them. There is no registry here: what is called nginx is the lab's own Pod."""
import os
import re
import subprocess

from lab import porter

from .real_case import RealCase

PAGE = "docs/quickstart.md"


def commands(text):
    """[(command, what the page says it prints)], over several lines where a here-document follows."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.S | re.M):
        for chunk in re.split(r"^\$ ", block, flags=re.M)[1:]:
            if "<<END" in chunk:
                command, _, printed = chunk.partition("\nEND\n")
                command += "\nEND\n"
            else:
                command, _, printed = chunk.partition("\n")
            found.append((command, printed))
    return found


def blurred(text):
    """Without what differs from run to run: ages, ports, addresses of the cluster, random names."""
    text = re.sub(r"-[a-z0-9]{8,10}-[a-z0-9]{5}\b|(?<=speaker)-[a-z0-9]{5}\b", "-X", text)
    text = re.sub(r"\b10\.(96|244)\.\d+\.\d+\b", "IP", text)
    text = re.sub(r":\d{5}/TCP", ":PORT/TCP", text)
    text = re.sub(r"\b\d+ ?(ms|s|seconds?)\b", "N", text)
    text = re.sub(r"(LAST DEPLOYED: ).*", r"\1T", text)
    text = re.sub(r"Waiting for deployment .* to finish: .*\n", "", text)
    return re.sub(r"[ \t]+", " ", text).strip()


class QuickStart(RealCase):
    @classmethod
    def install(cls, *_):
        """By hand."""

    def sweep(self):
        pass

    def run_command(self, command):
        bin_ = os.path.join(self.folder, "bin")
        if not os.path.isdir(bin_):
            os.makedirs(bin_)
            for name, target in (("helm", self.helm_program.program), ("kubectl", self.lab.cluster.programs["kubectl"]),
                                 ("kubectl-porter", porter.binary())):
                os.symlink(target, os.path.join(bin_, name))
        environment = {**self.helm_program.env, "PATH": f"{bin_}:{os.environ['PATH']}", "KUBECONFIG": self.lab.cluster.admin_kubeconfig,
                       "HOME": self.folder}
        return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, env=environment)

    def test_every_command_works_and_prints_what_the_page_shows(self):
        with open(PAGE) as file:
            text = file.read()
        update = os.environ.get("UPDATE_GOLDEN")
        for command, expected in commands(text):
            done = self.run_command(command)
            self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")
            if update:
                text = text.replace(f"$ {command.rstrip()}\n{expected}", f"$ {command.rstrip()}\n{done.stdout}", 1)
            else:
                self.assertEqual(blurred(done.stdout), blurred(expected), command)
        if update:
            with open(PAGE, "w") as file:
                file.write(text)
        self.wait("an answer at the address the page names", lambda: self.fetch("198.51.100.10"))
        self.wait_hops("198.51.100.10", self.hops())
