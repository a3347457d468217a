"""The table: medians of all rounds, ours beside theirs. A target is about the first of theirs."""

from statistics import median


class Row:
    """One line: a load, one of its numbers, how to print it, and at most how many times theirs ours may be."""

    def __init__(self, text, load, number, form, target=None, theirs=None, limit=None):
        self.text = text
        self.load = load
        self.number = number
        self.form = form
        self.target = target
        self.theirs = theirs or load
        self.limit = limit

    def print(self, results, ours, theirs):
        mine = _median(results, ours, self.load, self.number)
        others = [_median(results, name, self.theirs, self.number) for name in theirs]
        ratios = [mine / other if mine is not None and other else None for other in others]
        verdict = ""
        if self.target is not None and ratios[0] is not None:
            verdict = f"<= {self.target:.2f}x {'met' if ratios[0] <= self.target else 'MISSED'}"
        if self.limit is not None and mine is not None:
            verdict = f"<= {self.form.format(self.limit)} {'met' if mine <= self.limit else 'MISSED'}"
        cells = [self._cell(mine), *map(self._cell, others), *("-" if ratio is None else f"{ratio:.2f}x" for ratio in ratios)]
        print(f"  {self.text:<58}" + "".join(f"{cell:>12}" for cell in cells) + f"  {verdict}".rstrip())

    def _cell(self, value):
        return "-" if value is None else self.form.format(value)


LOADS = [
    Row("bulk upload, CPU s/GB", "upload", "cpu", "{:.3f}", target=1.25),
    Row("bulk download, CPU s/GB", "download", "cpu", "{:.3f}", target=1.25),
    Row("bulk upload, Gbit/s", "upload", "rate", "{:.2f}"),
    Row("bulk download, Gbit/s", "download", "rate", "{:.2f}"),
    Row("small requests on 50 connections, CPU us/request", "requests", "cpu", "{:.1f}", target=1.25),
    Row("small requests, requests/s", "requests", "rate", "{:.0f}"),
    Row("small requests, p50 ms", "requests", "p50", "{:.2f}"),
    Row("small requests, p99 ms", "requests", "p99", "{:.2f}"),
    Row("new connection beside a full handshake, CPU us", "connects", "cpu", "{:.0f}", target=0.5, theirs="connects-full"),
    Row("new connections beside full handshakes, 1/s", "connects", "rate", "{:.0f}", theirs="connects-full"),
    Row("new connection beside a resumed handshake, CPU us", "connects", "cpu", "{:.0f}"),
    Row("new connections beside resumed handshakes, 1/s", "connects", "rate", "{:.0f}"),
]

SAME_NODE = [
    Row("bulk upload, CPU s/GB", "upload", "cpu", "{:.3f}", target=0.4),
    Row("bulk download, CPU s/GB", "download", "cpu", "{:.3f}", target=0.4),
    Row("bulk upload, Gbit/s", "upload", "rate", "{:.2f}"),
    Row("bulk download, Gbit/s", "download", "rate", "{:.2f}"),
    Row("small requests on 50 connections, CPU us/request", "requests", "cpu", "{:.1f}"),
    Row("small requests, requests/s", "requests", "rate", "{:.0f}"),
    Row("small requests, p50 ms", "requests", "p50", "{:.2f}"),
    Row("small requests, p99 ms", "requests", "p99", "{:.2f}"),
    Row("new connection, CPU us", "connects", "cpu", "{:.0f}"),
    Row("new connections, 1/s", "connects", "rate", "{:.0f}"),
]

GATEWAY = [
    Row("HTTP, 50 kept connections, CPU us/request", "plain", "cpu", "{:.1f}", target=2.0),
    Row("  requests/s", "plain", "rate", "{:.0f}"),
    Row("  p50 ms", "plain", "p50", "{:.2f}"),
    Row("  p99 ms", "plain", "p99", "{:.2f}"),
    Row("  bytes allocated a request", "plain", "allocated", "{:.0f}"),
    Row("HTTPS, 50 kept connections, CPU us/request", "tls", "cpu", "{:.1f}"),
    Row("  requests/s", "tls", "rate", "{:.0f}"),
    Row("  p50 ms", "tls", "p50", "{:.2f}"),
    Row("  p99 ms", "tls", "p99", "{:.2f}"),
    Row("HTTPS, a connection and handshake a request, CPU us", "handshakes", "cpu", "{:.0f}"),
    Row("  connections/s", "handshakes", "rate", "{:.0f}"),
    Row("HTTPS, a connection and resumption a request, CPU us", "resumptions", "cpu", "{:.0f}"),
    Row("HTTP with a token and policies, CPU us/request", "policy", "cpu", "{:.1f}"),
    Row("  bytes allocated a request", "policy", "allocated", "{:.0f}"),
    Row("waypoint between two nodes, its CPU us/request", "waypoint", "middle", "{:.1f}"),
    Row("  CPU us/request of all three", "waypoint", "cpu", "{:.1f}"),
    Row("  requests/s", "waypoint", "rate", "{:.0f}"),
    Row("  p50 ms", "waypoint", "p50", "{:.2f}"),
    Row("  p99 ms", "waypoint", "p99", "{:.2f}"),
    Row("  bytes allocated a request", "waypoint", "allocated", "{:.0f}"),
    Row("memory of the ingress gateway after all of it, MB (PSS)", "memory", "pss", "{:.1f}"),
]

IDLE = [
    Row("an idle connection, bytes of memory (PSS)", "idle", "pss", "{:.0f}", limit=8192),
    Row("an idle connection, bytes of memory (RSS)", "idle", "rss", "{:.0f}"),
    Row("both proxies before, MB (PSS)", "idle", "base-mb", "{:.1f}"),
]


def print_table(title, rows, results, ours, *theirs):
    ratios = ["ratio"] if len(theirs) == 1 else [f"to {name}" for name in theirs]
    print(f"\n{title}\n  {'':<58}" + "".join(f"{name:>12}" for name in [ours, *theirs, *ratios]))
    for row in rows:
        row.print(results, ours, theirs)


def _median(results, pair, load, number):
    values = [entry[number] for entry in results.get((pair, load), []) if number in entry]
    return median(values) if values else None
