"""What the gateways compared serve, as Kubernetes objects: 100 HTTPRoutes to one service, and what they need."""

import base64
import json
import os

from lab import run
from pairs import pod_manifest

HOST = "perf.test"
ROUTES = 100

NAMESPACE = """apiVersion: v1
kind: Namespace
metadata: {{name: perf, labels: {{istio.io/dataplane-mode: {mode}}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: istio}}
spec: {{controllerName: istio.io/gateway-controller}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: istio-waypoint}}
spec: {{controllerName: istio.io/mesh-controller}}
"""

SERVICE = """---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: perf, labels: {{{labels}}}}}
spec:
  clusterIP: {ip}
  clusterIPs: [{ip}]
  ports: [{{name: http, port: 80, targetPort: {port}}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: web-1, namespace: perf, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
ports: [{{name: http, port: {port}}}]
endpoints: [{{addresses: [{server}], conditions: {{ready: true}}}}]
"""

ROUTE = """---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: service-{number}, namespace: perf}}
spec:
  parentRefs: [{parent}]
{hosts}  rules:
  - matches: [{{path: {{type: PathPrefix, value: /service-{number}}}}}]
    backendRefs: [{{name: web, port: 80}}]
"""

INGRESS = """---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: perf}}
spec:
  gatewayClassName: istio
  listeners:
  - {{name: http, port: 80, protocol: HTTP}}
  - {{name: https, port: 443, protocol: HTTPS, tls: {{certificateRefs: [{{name: edge}}]}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: edge, namespace: perf}}
type: kubernetes.io/tls
data: {{tls.crt: {certificate}, tls.key: {key}}}
"""

WAYPOINT = """---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: perf, labels: {{istio.io/waypoint-for: service}}}}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{{name: mesh, port: 15008, protocol: HBONE}}]
status:
  addresses: [{{type: IPAddress, value: {address}}}]
"""

POLICIES = """---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: tokens, namespace: perf}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: edge}}]
  jwtRules: [{{issuer: {issuer}, jwks: '{keys}'}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: allowed, namespace: perf}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: edge}}]
  rules:
  - from: [{{source: {{requestPrincipals: ["{issuer}/*"]}}}}]
    when: [{{key: "request.auth.claims[groups]", values: [staff]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: denied, namespace: perf}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: edge}}]
  action: DENY
  rules: [{{to: [{{operation: {{paths: ["/service-{denied}/*"]}}}}]}}]
"""

GATEWAY_LABELS = "istio.io/dataplane-mode: none, gateway.networking.k8s.io/gateway-name: edge"


class Token:
    """A JSON Web Token of an issuer of our own, signed with RS256, and the keys to verify it with."""

    ISSUER = "perf-issuer"

    def __init__(self, directory):
        key = os.path.join(directory, "token-key.pem")
        self.public_key = os.path.join(directory, "token-public.pem")
        run("openssl", "genrsa", "-out", key, "2048")
        run("openssl", "rsa", "-in", key, "-pubout", "-out", self.public_key)
        modulus = bytes.fromhex(run("openssl", "rsa", "-in", key, "-noout", "-modulus").strip().split("=")[1])
        self.keys = json.dumps({"keys": [{"kty": "RSA", "kid": "k", "n": _base64url(modulus), "e": "AQAB"}]})
        claims = {"iss": self.ISSUER, "sub": "alice", "groups": "staff", "exp": 4102444800}
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "k"}, claims))
        text, signature = os.path.join(directory, "token"), os.path.join(directory, "token.sig")
        with open(text, "w", encoding="ascii") as out:
            out.write(signed)
        run("openssl", "dgst", "-sha256", "-sign", key, "-out", signature, text)
        with open(signature, "rb") as raw:
            self.text = f"{signed}.{_base64url(raw.read())}"


def ingress(gateway, server, port, leaf, token):
    """An ingress gateway with a certificate, before a server outside the mesh; with a token also policies that ask for it."""
    with open(leaf, encoding="ascii") as both:
        certificate, key = both.read().split("-----BEGIN EC PRIVATE KEY", 1)
    text = NAMESPACE.format(mode="none") + pod_manifest(gateway, "node-a", GATEWAY_LABELS)
    text += SERVICE.format(labels="", ip="10.96.0.1", port=port, server=server.address)
    text += INGRESS.format(certificate=_base64(certificate), key=_base64("-----BEGIN EC PRIVATE KEY" + key))
    text += _routes("{name: edge}", f"  hostnames: [{HOST}]\n")
    return text + (POLICIES.format(issuer=Token.ISSUER, keys=token.keys, denied=ROUTES - 1) if token else "")


def waypoint(gateway, client, server, virtual_ip, port):
    """A waypoint for a service of the mesh, and client and server on their nodes."""
    text = NAMESPACE.format(mode="ambient") + pod_manifest(gateway, "node-a", GATEWAY_LABELS)
    text += pod_manifest(client, "node-a") + pod_manifest(server, "node-b")
    text += SERVICE.format(labels="istio.io/use-waypoint: edge", ip=virtual_ip, port=port, server=server.address)
    return text + WAYPOINT.format(address=gateway.address) + _routes('{group: "", kind: Service, name: web, port: 80}', "")


def _routes(parent, hosts):
    return "".join(ROUTE.format(number=number, parent=parent, hosts=hosts) for number in range(ROUTES))


def _base64(text):
    return base64.b64encode(text.encode("ascii")).decode("ascii")


def _base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
