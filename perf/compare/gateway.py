"""A ztunnel gateway beside nginx and haproxy as reverse proxies: `run --gateway`."""

import os
import time

import loads
from gateway_manifests import HOST, Token
from lab import Network
from pairs import Certificates
from proxies import PATH, Haproxy, Nginx, Ztunnel, ZtunnelWaypoint
from report import GATEWAY, print_table

CONTENDERS = ["ztunnel", "nginx", "haproxy"]
WARM_UP = {"ztunnel": 5, "nginx": 1, "haproxy": 1}  # Seconds: just-in-time compilation takes some.
STEADY = 30  # Seconds of load over which memory may not grow.


class Work:
    """One load, and the proxies it is put through."""

    def __init__(self, name, proxies, tls=False, connections=50, *options):
        self.name = name
        self.proxies = proxies
        self.tls = tls
        self._connections = connections
        self._options = options

    def run(self, proxy, seconds):
        middle, counters = sum(proxy.middle.cpu()), proxy.counters()
        numbers = self.put(proxy, seconds)
        numbers["middle"] = (sum(proxy.middle.cpu()) - middle) / numbers["requests"] * 1e6
        if counters:
            after = proxy.counters()
            numbers["allocated"] = (after["allocated"] - counters["allocated"]) / numbers["requests"]
            numbers["collections"] = after["gen0"] - counters["gen0"]
        return numbers


    def put(self, proxy, seconds):
        return loads.http(proxy, proxy.url(self.tls), seconds, self._connections, *proxy.options(), *self._options)


class Resumptions(Work):
    """Connections that resume a session, for which wrk has no option."""

    def put(self, proxy, seconds):
        return loads.resumptions(proxy, proxy.host, HOST, PATH, seconds)


def compare(options, directory, record):
    """Measures and prints the table."""
    started = time.monotonic()
    certificates = Certificates(directory)
    token = Token(directory)
    works = build(options, directory, certificates, token)
    proxies = list(dict.fromkeys(proxy for work in works for proxy in work.proxies))
    threads = options.threads[0]
    results, load = {}, [os.getloadavg()[0]]
    for proxy in proxies:
        loads.start_web_server(proxy)
        proxy.start(threads)
    try:
        for work in works:
            for proxy in work.proxies:
                proxy.wait_until_it_carries(proxy.url(work.tls))
                work.run(proxy, WARM_UP[proxy.contender])
        for number in range(options.rounds):
            for work in works:
                for proxy in work.proxies if number % 2 == 0 else work.proxies[::-1]:
                    record(results, proxy.contender, work.name, work.run(proxy, options.seconds))
            load.append(os.getloadavg()[0])
        for proxy in works[0].proxies:
            record(results, proxy.contender, "memory", {"pss": proxy.middle.memory()[0] / 1e6})
        steady = measure_steady(works[0], 5 if options.quick else STEADY)
    finally:
        for proxy in proxies:
            proxy.stop()
    describe(options, load)
    print_table(f"{threads} worker threads in each proxy", GATEWAY, results, *CONTENDERS)
    print_steady(*steady)
    print(f"\nmeasured in {time.monotonic() - started:.0f} s")
    return results


def build(options, directory, certificates, token):
    names = [f"{place}-{contender}" for place in ("ingress", "mesh") for contender in CONTENDERS] + ["guarded-ztunnel", "guarded-haproxy"]
    network = Network(names)
    gateways = {name: network.pod(f"gateway-{name}", network.node_a) for name in names}
    ours = os.path.abspath(options.ztunnel), os.path.abspath(options.probe)

    def make(kind, place, contender, *arguments, **options):
        return kind(place, network, gateways[f"{place}-{contender}"], directory, certificates, *arguments, **options)

    ingress = [make(Ztunnel, "ingress", "ztunnel", *ours), make(Nginx, "ingress", "nginx"), make(Haproxy, "ingress", "haproxy")]
    guarded = [make(Ztunnel, "guarded", "ztunnel", *ours, token=token), make(Haproxy, "guarded", "haproxy", token=token)]
    mesh = [make(ZtunnelWaypoint, "mesh", "ztunnel", *ours), make(Nginx, "mesh", "nginx", mesh=True), make(Haproxy, "mesh", "haproxy", mesh=True)]
    return [
        Work("plain", ingress),
        Work("tls", ingress, tls=True),
        Work("handshakes", ingress, True, 16, "-H", "Connection: close"),
        Resumptions("resumptions", ingress, tls=True),
        Work("policy", guarded),
        Work("waypoint", mesh),
    ]


def measure_steady(work, seconds):
    """A long load on our proxy: what it held before and after, and what was collected in between."""
    proxy = work.proxies[0]
    before = {**proxy.counters(collect=True), "pss": proxy.middle.memory()[0]}
    numbers = work.run(proxy, seconds)
    after = {**proxy.counters(), "pss": proxy.middle.memory()[0]}
    after["live"] = proxy.counters(collect=True)["live"]
    return numbers["requests"], before, after


def print_steady(requests, before, after):
    collections = [after[generation] - before[generation] for generation in ("gen0", "gen1", "gen2")]
    print(f"\n{requests} more requests through our ingress gateway: live managed heap {before['live'] / 1e6:.1f} MB before, "
          f"{after['live'] / 1e6:.1f} MB after;\nPSS {before['pss'] / 1e6:.1f} MB before, {after['pss'] / 1e6:.1f} MB after; "
          f"{(after['allocated'] - before['allocated']) / requests:.0f} bytes allocated a request,\n"
          f"{collections[0]} collections ({collections[1]} of generation 1 and more, {collections[2]} of 2), "
          f"{after['pause'] - before['pause']:.0f} ms paused in all.")


def describe(options, load):
    print(f"\n[client] -> [proxy] -> [nginx, one worker, three bytes of body]: 100 routes by path, connections kept on both sides, the\n"
          f"same headers added. Median of {options.rounds} round(s) of {options.seconds} s, taken in turn; CPU is user and system time of the proxy from\n"
          f"/proc. HTTPS: TLS 1.3, ECDSA P-256, AES-128-GCM, HTTP/1.1. Token and policies: RS256; a DENY and an ALLOW policy by claim;\n"
          f"haproxy verifies each time, ours remembers. Waypoint: [client] -> [node] = [waypoint] = [node] -> [server] with captured pods\n"
          f"and tunnels beside haproxy (TCP) = mutual TLS = nginx or haproxy (HTTP) = mutual TLS = haproxy (TCP).\n"
          f"No access logs. Load of the machine: {', '.join(f'{value:.1f}' for value in load)} on {os.cpu_count()} processors.")
