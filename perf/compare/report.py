"""The table: medians of all rounds, ours beside theirs."""

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
        other = _median(results, theirs, self.theirs, self.number)
        ratio = mine / other if mine is not None and other else None
        verdict = ""
        if self.target is not None and ratio is not None:
            verdict = f"<= {self.target:.2f}x {'met' if ratio <= self.target else 'MISSED'}"
        if self.limit is not None and mine is not None:
            verdict = f"<= {self.form.format(self.limit)} {'met' if mine <= self.limit else 'MISSED'}"
        cells = (self._cell(mine), self._cell(other), f"{ratio:.2f}x" if ratio is not None else "-")
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

IDLE = [
    Row("an idle connection, bytes of memory (PSS)", "idle", "pss", "{:.0f}", limit=8192),
    Row("an idle connection, bytes of memory (RSS)", "idle", "rss", "{:.0f}"),
    Row("both proxies before, MB (PSS)", "idle", "base-mb", "{:.1f}"),
]


def print_table(title, rows, results, ours, theirs):
    print(f"\n{title}\n  {'':<58}{ours:>12}{theirs:>12}{'ratio':>12}")
    for row in rows:
        row.print(results, ours, theirs)


def _median(results, pair, load, number):
    values = [entry[number] for entry in results.get((pair, load), []) if number in entry]
    return median(values) if values else None
