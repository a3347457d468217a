"""Measures pairs of proxies on the same work and prints their ratios. Started by ./run in namespaces of its own."""

import argparse
import json
import os
import sys
import tempfile
import time

import gateway
import loads
from lab import Failed, Network
from pairs import Certificates, Haproxy, SameNode, Ztunnel
from report import IDLE, LOADS, SAME_NODE, print_table

PAIRS = ["ztunnel", "haproxy"]
SAME_NODE_PAIRS = ["direct", "tunnel"]
WARM_UP = 2  # Seconds of every load before the first round.


def arguments():
    parser = argparse.ArgumentParser(prog="perf/compare/run", description="Two ztunnel nodes beside two haproxies: same work, same TLS, same links.")
    parser.add_argument("--quick", action="store_true", help="one short round: a look, not a measurement")
    parser.add_argument("--rounds", type=int, help="rounds of every load (3; quick 1); one less for all but the first of --threads")
    parser.add_argument("--seconds", type=int, help="length of one load (3; quick 2)")
    parser.add_argument("--threads", type=int, nargs="+", help="worker threads of each proxy, one table for each (2 1; quick 2)")
    parser.add_argument("--connections", type=int, default=5000, help="idle connections (5000)")
    parser.add_argument("--access-log", choices=["none", "text"], default="none", help="ours; haproxy never logs (none)")
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=PAIRS, help="what to measure")
    parser.add_argument("--only", nargs="+", choices=["upload", "download", "requests", "connects", "idle"], help="these loads only")
    parser.add_argument("--same-node", action="store_true", help="instead: two pods of one node, handed over and through a tunnel")
    parser.add_argument("--gateway", action="store_true", help="instead: a gateway as ingress and as waypoint, beside nginx and haproxy")
    parser.add_argument("--ztunnel", help="the executable; built when not given")
    parser.add_argument("--probe", help="what tells of a gateway's managed memory (Ztunnel.Compare.Probe.dll); built when not given")
    parser.add_argument("--json", help="write all numbers of all rounds to this file")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (2 if options.quick else 3)
    options.threads = options.threads or ([2] if options.quick else [2, 1])
    return options


def steps(pair, seconds, only):
    """The loads of one round, by name."""
    work = {
        "upload": lambda: loads.bulk(pair, seconds, download=False),
        "download": lambda: loads.bulk(pair, seconds, download=True),
        "requests": lambda: loads.requests(pair, seconds),
        "connects": lambda: loads.connects(pair, seconds),
    }
    if isinstance(pair, Haproxy):
        work["connects-full"] = lambda: loads.connects(pair, seconds, full_handshake=True)
    return {name: load for name, load in work.items() if not only or name.split("-")[0] in only}


def measure(pairs, threads, rounds, options, results):
    """All rounds of all loads; the pairs take turns, and turns at going first."""
    for pair in pairs:
        pair.start(threads)
        pair.wait_until_it_carries()
    try:
        for pair in pairs:
            for load in steps(pair, WARM_UP, options.only).values():
                load()  # Just-in-time compilation, memory pools and tunnels are there before anything counts.
        for number in range(rounds):
            order = pairs if number % 2 == 0 else pairs[::-1]
            for name in dict.fromkeys(name for pair in pairs for name in steps(pair, options.seconds, options.only)):
                for pair in order:
                    load = steps(pair, options.seconds, options.only).get(name)
                    if load:
                        record(results, pair.name, name, load())
    finally:
        for pair in pairs:
            pair.stop()


def measure_idle(pairs, threads, options, results):
    """Memory of idle connections, each time in fresh processes: what was freed and kept would hide the next growth."""
    for _ in range(min(options.rounds, 2)):
        for pair in pairs:
            pair.start(threads)
            try:
                pair.wait_until_it_carries()
                loads.idle(pair, 100)
                loads.requests(pair, 1)
                numbers = loads.idle(pair, options.connections)
                record(results, pair.name, "idle", {**numbers, "base-mb": numbers["base"] / 1e6})
            finally:
                pair.stop()


def record(results, pair, name, numbers):
    results.setdefault((pair, name), []).append(numbers)
    print(f"  {pair:<8} {name:<14} " + "  ".join(f"{key} {value:.3f}" for key, value in numbers.items()), file=sys.stderr, flush=True)


def main():
    options = arguments()
    started = time.monotonic()
    everything = {}
    with tempfile.TemporaryDirectory(prefix="compare-") as directory:
        if options.gateway:
            require_executable(options)
            everything[options.threads[0]] = gateway.compare(options, directory, record)
            write_json(options, everything)
            return
        certificates = Certificates(directory)
        if options.same_node:
            same_node(options, certificates, directory, started)
            return
        network = Network(options.pairs)
        pairs = []
        if "ztunnel" in options.pairs:
            require_executable(options)
            pairs.append(Ztunnel(network, directory, certificates, os.path.abspath(options.ztunnel), options.access_log))
        if "haproxy" in options.pairs:
            pairs.append(Haproxy(network, directory, certificates))
        for pair in pairs:
            loads.start_servers(pair)
        for threads in options.threads:
            results = everything.setdefault(threads, {})
            # The first number of threads is the one that is judged; the others get a round less to keep the run short.
            rounds = options.rounds if threads == options.threads[0] else max(options.rounds - 1, 1)
            if options.only != ["idle"]:
                measure(pairs, threads, rounds, options, results)
        if not options.only or "idle" in options.only:
            measure_idle(pairs, options.threads[0], options, everything[options.threads[0]])

    describe(options)
    for threads, results in everything.items():
        print_table(f"{threads} worker thread{'s' * (threads > 1)} in each proxy", LOADS, results, *PAIRS)
    print_table(f"{options.connections} idle connections, both ends together", IDLE, everything[options.threads[0]], *PAIRS)
    print(f"\nmeasured in {time.monotonic() - started:.0f} s")
    write_json(options, everything)


def write_json(options, everything):
    if options.json:
        with open(options.json, "w", encoding="ascii") as out:
            json.dump({str(threads): {f"{pair} {load}": rounds for (pair, load), rounds in results.items()}
                       for threads, results in everything.items()}, out, indent=2)


def same_node(options, certificates, directory, started):
    """Two pods of one node: from socket to socket beside a tunnel between them."""
    require_executable(options)
    network = Network(SAME_NODE_PAIRS, on_one_node=SAME_NODE_PAIRS)
    pairs = [SameNode(network, directory, certificates, os.path.abspath(options.ztunnel), options.access_log, name) for name in SAME_NODE_PAIRS]
    for pair in pairs:
        loads.start_servers(pair)
    everything = {}
    for threads in options.threads:
        measure(pairs, threads, options.rounds, options, everything.setdefault(threads, {}))
    print("\n[client] -> [one ztunnel] -> [server] on one node; CPU is that of the agent alone.")
    for threads, results in everything.items():
        print_table(f"{threads} worker thread{'s' * (threads > 1)}", SAME_NODE, results, *SAME_NODE_PAIRS)
    print(f"\nmeasured in {time.monotonic() - started:.0f} s")


def require_executable(options):
    if not options.ztunnel or not os.path.exists(options.ztunnel):
        raise Failed("there is no ztunnel executable; give --ztunnel")


def describe(options):
    with open("/proc/cpuinfo", encoding="ascii") as cpuinfo:
        model = next((line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")), "unknown CPU")
    print(f"\n[client] -> [proxy A] == mutual TLS 1.3, ECDSA P-256, AES-128-GCM == [proxy B] -> [server], on {os.cpu_count()} x {model}.\n"
          f"Median of {options.rounds} round(s) of {options.seconds} s, taken in turn. CPU is user and system time of both proxies\n"
          f"together, from /proc; the load's own is not in it. Access log: {options.access_log}; haproxy does not log.")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"perf/compare: {failure}")
