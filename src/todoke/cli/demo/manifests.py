"""The service of the story: a Deployment, a Service, an Ingress and a certificate, which is a custom resource."""

from typing import Any

FOLDER = "shop"
FIRST, SECOND, BROKEN = "registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.10", "registry.k8s.io/pause::3.11"
"""Images: two that exist, and one whose name has a typing error."""

WEB, SERVICE, INGRESS, CERTIFICATE = (f"{FOLDER}/{name}.yaml" for name in ("web", "service", "ingress", "certificate"))
_WEB = f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {{app: shop}}
spec:
  replicas: 2
  selector:
    matchLabels: {{app: shop}}
  template:
    metadata:
      labels: {{app: shop}}
    spec:
      containers:
        - name: web
          image: {FIRST}
"""
_SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: shop}
  ports:
    - port: 80
      targetPort: 8080
"""
_INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
spec:
  tls:
    - hosts: [shop.example.com]
      secretName: shop-tls
  rules:
    - host: shop.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: web
                port: {number: 80}
"""
_CERTIFICATE = """\
apiVersion: demo.todoke.dev/v1
kind: Certificate
metadata:
  name: shop
spec:
  secretName: shop-tls
  dnsNames: [shop.example.com]
"""


def manifests(*, ingress: bool) -> dict[str, str]:
    """Text by path in the repository. An Ingress only where somebody would give it an address."""
    files = {WEB: _WEB, SERVICE: _SERVICE, CERTIFICATE: _CERTIFICATE}
    return files | ({INGRESS: _INGRESS} if ingress else {})


def certificate_definition() -> dict[str, Any]:
    """The definition of the story's own kind."""
    fields = {
        "secretName": {"type": "string"},
        "dnsNames": {"type": "array", "items": {"type": "string"}},
    }
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "certificates.demo.todoke.dev", "labels": {"app.kubernetes.io/part-of": "todoke"}},
        "spec": {
            "group": "demo.todoke.dev",
            "names": {
                "kind": "Certificate",
                "listKind": "CertificateList",
                "plural": "certificates",
                "singular": "certificate",
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }
