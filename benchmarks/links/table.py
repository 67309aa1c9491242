"""What do the numbers say? A Markdown table for each link, and whether the goals are met."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.links.record import LinkFacts, Record, Result

PEERS = ("DDP", "DDP fp16")
AUTO = "auto"
GOALS = (("1gbit", "mlp", "DDP", 4.0), ("1gbit", "mlp", "DDP fp16", 2.5))
"""The fastest scheme should be so many times as fast as a peer on this link and network."""
SLOWER_AT_MOST = 0.05
"""By how much `auto` may be slower than the fastest scheme that was measured beside it."""

_COLUMNS = ("network", "contender", "samples/s", "ms a step", "× sum", "× DDP", "× DDP fp16", "kB sent", "kB counted")


def page(record: Record, links: Sequence[str], networks: Sequence[str]) -> str:
    """The tables and the goals, as Markdown."""
    parts = [table(record, link, networks) for link in links if link in record.links]
    said = [f"- {line}" for link in links for network in networks for line in goals(record, link, network)]
    return "\n\n".join([*parts, *(["Goals:\n\n" + "\n".join(said)] if said else [])])


def overview(record: Record, links: Sequence[str], networks: Sequence[str]) -> str:
    """All links side by side: samples/s of each contender on each network, and ratios to the peers."""
    head, rule = ["network", "contender"], ["---", "---"]
    for link in links:
        head += [link, *(f"× {peer}" for peer in PEERS)]
        rule += ["--:"] * (1 + len(PEERS))
    rows = [head, rule]
    for network in networks:
        contenders = dict.fromkeys(result.contender for result in record.results if result.network == network)
        for contender in contenders:
            name = contender if contender in PEERS else f"`{contender}`"
            row = [network, name]
            for link in links:
                rate = record.rate(link, network, contender)
                row.append(f"{rate:,.0f}" if rate else "–")
                for peer in PEERS:
                    compared = record.rate(link, network, peer)
                    row.append(f"{rate / compared:.2f}" if rate and compared else "–")
            rows.append(row)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def table(record: Record, link: str, networks: Sequence[str]) -> str:
    """One link: a row for each contender on each network; sent and counted are a host's, in a step."""
    rows = [_COLUMNS, ("---", "---", *["---:"] * (len(_COLUMNS) - 2))]
    notes = []
    for result in record.results:
        if result.link == link and result.network in networks:
            rows.append(_row(record, result))
            if result.note:
                notes.append(f"{result.contender} on {result.network}: {result.note}")
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([heading(record.links[link]), "", *lines, *([""] if notes else []), *notes])


def heading(facts: LinkFacts) -> str:
    """The link in a line."""
    each_way = f"{facts.bytes_per_second / 1e6:,.0f} MB/s each way and {facts.latency_seconds * 1e6:.0f} µs a message"
    return f"**{facts.rate}**: {each_way} between two ranks of MPI; TCP with {facts.control}"


def goals(record: Record, link: str, network: str) -> Iterator[str]:
    """A line for each goal that can be judged."""
    schemes = [
        result
        for result in record.results
        if (result.link, result.network) == (link, network) and result.rates and result.contender not in PEERS
    ]
    if not schemes:
        return
    best = max(schemes, key=lambda result: result.samples_per_second)
    for of_link, of_network, peer, goal in GOALS:
        rate = record.rate(link, network, peer)
        if (of_link, of_network) == (link, network) and rate:
            ratio = best.samples_per_second / rate
            yield f"{network} at {link}: {best.contender} is {ratio:.2f} × {peer}, goal {goal}: {_met(ratio >= goal)}"
    auto = record.rate(link, network, AUTO)
    others = [result for result in schemes if result.contender != AUTO]
    if auto and others:
        best = max(others, key=lambda result: result.samples_per_second)
        ratio = auto / best.samples_per_second
        met = _met(ratio >= 1 - SLOWER_AT_MOST)
        yield f"{network} at {link}: auto is {ratio:.2f} × {best.contender}, goal {1 - SLOWER_AT_MOST}: {met}"


def _met(is_met: bool) -> str:
    return "met" if is_met else "missed"


def _row(record: Record, result: Result) -> tuple[str, ...]:
    rate = result.samples_per_second
    name = f"`{result.contender}`" if result.contender not in PEERS else result.contender
    if not rate:
        return (result.network, name, *["–"] * (len(_COLUMNS) - 2))
    ratios = []
    for other in ("sum", *PEERS):
        compared = record.rate(result.link, result.network, other)
        ratios.append(f"{rate / compared:.2f}" if compared else "–")
    sent = f"{max(result.bytes_a_step) / 1e3:,.1f}" if result.bytes_a_step else "–"
    counted = f"{result.counted / 1e3:,.1f}" if result.counted is not None else "–"
    return (result.network, name, f"{rate:,.0f}", f"{result.batch / rate * 1e3:,.1f}", *ratios, sent, counted)
