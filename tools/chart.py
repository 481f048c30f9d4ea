#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the Helm chart shares with deploy/, written from there, and what deploy/ has of the chart, rendered from it.

  tools/chart.py           write charts/porter/templates/{crds/*,rbac,webhook}.yaml from deploy/, then deploy/porter.yaml with Helm
  tools/chart.py --check   say which of the templates are not what deploy/ makes of them, and fail; takes no Helm

deploy/crds, deploy/rbac.yaml and deploy/webhook.yaml are the sources: they are what is built into the binary and what the tests run
with. Only names and namespaces are replaced, so that a right added there is in the chart too.
"""
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
CHART = os.path.join(ROOT, "charts/porter")
RENDERED = os.path.join(ROOT, "deploy/porter.yaml")
sys.path.insert(0, ROOT)

NAMESPACE = "{{ .Release.Namespace }}"
LABELS = "    {{- include \"porter.labels\" . | nindent 4 }}\n"
ANNOTATIONS = """  {{- with .Values.webhookAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
"""
CRD_ANNOTATIONS = """  {{- if or .Values.crds.keep .Values.webhookAnnotations }}
  annotations:
    {{- if .Values.crds.keep }}
    helm.sh/resource-policy: keep
    {{- end }}
    {{- with .Values.webhookAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
"""


def read(path):
    with open(os.path.join(ROOT, path)) as file:
        return file.read()


def replaced(text, *pairs):
    """Each pattern has to be there: what deploy/ no longer says must not be left out of the chart in silence."""
    for pattern, by in pairs:
        text, count = re.subn(pattern, by.replace("\\", "\\\\"), text, flags=re.M)
        if count == 0:
            raise SystemExit(f"chart.py: nothing in deploy/ is like {pattern}")
    return text


def head(path):
    return f"# SPDX-License-Identifier: Apache-2.0\n# From {path}, by tools/chart.py.\n"


def body(text):
    """Without the first comment, which is about the file in deploy/."""
    return re.sub(r"\A(#.*\n)+", "", text)


def crd(path):
    text = replaced(body(read(path)), (r"^    app\.kubernetes\.io/name: porter\n", LABELS + CRD_ANNOTATIONS))
    if "conversion:" in text:
        text = replaced(text, (r"^(          namespace: )porter-system$", f"          namespace: {NAMESPACE}"))
    return f"{{{{- if .Values.crds.install }}}}\n{head(path)}{text}{{{{- end }}}}\n"


def rbac(path="deploy/rbac.yaml"):
    """Without the Namespace: Helm is told which one. Lease, Secret and webhooks are called what the binary calls them."""
    documents = body(read(path)).split("---\n")
    kept = [d for d in documents if not re.search(r"^kind: Namespace$", d, re.M)]
    assert len(kept) == len(documents) - 1
    text = replaced("---\n".join(kept), (r"^    app\.kubernetes\.io/name: porter\n", LABELS),
                    (r"(?<=namespace: )porter-system$", NAMESPACE),
                    (r"(?<=  name: )porter-controller$", '{{ include "porter.controller" . }}'),
                    (r"(?<=  name: )porter-speaker$", '{{ include "porter.speaker" . }}'))
    return head(path) + text


def webhook(path="deploy/webhook.yaml"):
    text = replaced(body(read(path)),
                    (r"^(  labels:\n)    app\.kubernetes\.io/name: porter\n", "  labels:\n" + LABELS),
                    (r"^(webhooks:\n)", "webhooks:\n"), (r"(?<=namespace: )porter-system$", NAMESPACE),
                    ("system:serviceaccount:porter-system:porter-",
                     "system:serviceaccount:{{ .Release.Namespace }}:{{ .Values.fullnameOverride }}-"))
    first, middle, last = text.partition("\nwebhooks:\n")
    return head(path) + first + "\n" + ANNOTATIONS + middle.lstrip("\n") + last


def templates():
    """{path: content}"""
    out = {"rbac.yaml": rbac(), "webhook.yaml": webhook()}
    for path in sorted(glob.glob(os.path.join(ROOT, "deploy/crds/*.yaml"))):
        out["crds/" + os.path.basename(path)] = crd(os.path.relpath(path, ROOT))
    return {os.path.join(CHART, "templates", name): text for name, text in out.items()}


def stale():
    """Templates that differ, are missing, or have no source any more."""
    wanted = templates()
    there = set(glob.glob(os.path.join(CHART, "templates/crds/*.yaml")))
    changed = [path for path, text in wanted.items() if not os.path.exists(path) or read(path) != text]
    return sorted(os.path.relpath(path, ROOT) for path in {*changed, *(there - set(wanted))})


def render(helm):
    """deploy/porter.yaml: the chart with its own values, for kubectl apply."""
    done = subprocess.run([helm, "template", "porter", CHART, "--namespace", "porter-system", "--set", "namespace.create=true",
                           "--set", "crds.keep=false"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"chart.py: {done.stderr.strip()}")
    text = re.sub(r"^# (Source: |SPDX-License-Identifier|From deploy/).*\n", "", done.stdout, flags=re.M)
    of_helm = r"(helm\.sh/chart: |app\.kubernetes\.io/managed-by: Helm|app\.kubernetes\.io/instance: )"
    text = re.sub(rf"^.*{of_helm}.*\n", "", text, flags=re.M)
    text = re.sub(r"[ ]+$", "", text, flags=re.M)
    return ("# SPDX-License-Identifier: Apache-2.0\n# Everything of Porter's, rendered from charts/porter by tools/chart.py:\n"
            "#   kubectl apply --server-side -f deploy/porter.yaml\n" + text)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def main(arguments):
    if arguments == ["--check"]:
        for path in (found := stale()):
            print(f"{path}: not what deploy/ makes of it; run tools/chart.py", file=sys.stderr)
        return 1 if found else 0
    if arguments:
        print(__doc__)
        return 2
    wanted = templates()
    for path in stale():
        if os.path.join(ROOT, path) not in wanted:
            os.unlink(os.path.join(ROOT, path))
    for path, text in wanted.items():
        write(path, text)
    from tools.kube import build
    try:
        write(RENDERED, render(build.provide(("helm3",))["helm3"]))
    except build.NotAvailable as reason:
        print(f"chart.py: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
