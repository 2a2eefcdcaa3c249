"""The report as one page that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files

from tsmigrate.advise.advice import Advice
from tsmigrate.advise.judge.preview import newest_chunks
from tsmigrate.advise.judge.verdict import Choice
from tsmigrate.advise.judge.words import bytes_, date, number
from tsmigrate.advise.names import shown
from tsmigrate.advise.report.report import Report
from tsmigrate.advise.report.sections import facts, sections
from tsmigrate.capability import described
from tsmigrate.finding import Finding

_BARS = 100  # tables with a bar; the others are small
_HIGH, _WIDE = 60, 600  # of the picture of chunks


def html(report: Report) -> str:
    return "\n".join(_page(report)) + "\n"


def _page(report: Report) -> Iterator[str]:
    style = (files("tsmigrate.advise.report") / "style.css").read_text()
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>Tables to convert: {escape(report.evidence.server.database)}</title>\n<style>\n{style}</style>"
    yield "</head>\n<body>\n<h1>Which tables to convert to hypertables</h1>"
    yield f'<p class="soft">{escape(report.database)}<br>{escape(described(report.evidence.server))}'
    yield f"<br>{report.evidence.now:%Y-%m-%d %H:%M} UTC</p>"
    found = {choice: report.chosen(choice) for choice in Choice}
    yield '<div class="tiles">'
    for choice, advices in found.items():
        yield f'<div class="tile"><b class="{choice}">{len(advices):,}</b>to {choice}</div>'
    yield "</div>"
    yield from _findings(report.general)
    if report.advices:
        yield "<h2>Size and growth</h2>"
        yield from _bars([advice for advices in found.values() for advice in advices])
    for choice in (Choice.CONVERT, Choice.CONSIDER):
        if found[choice]:
            yield f"<h2>To {choice}</h2>"
        for advice in found[choice]:
            yield from _table(report, advice)
    yield "</body>\n</html>"


def _bars(advices: list[Advice]) -> Iterator[str]:
    largest = max(advice.table.size for advice in advices) or 1
    fastest = max((_a_day(advice) for advice in advices), default=0) or 1
    for advice in advices[:_BARS]:
        choice, a_day = advice.verdict.choice, _a_day(advice)
        yield f'<div class="row"><div><b class="{choice}">{choice}</b> {escape(shown(advice.table.relation))}</div>'
        yield f"<div>{bytes_(advice.table.size)}{_bar(advice.table.size / largest)}</div>"
        grows = f"{bytes_(a_day)} a day" if a_day else '<span class="soft">growth not known, or none</span>'
        yield f"<div>{grows}{_bar(a_day / fastest, 'grow') if a_day else ''}</div></div>"
    if len(advices) > _BARS:
        yield f'<p class="soft">and {len(advices) - _BARS:,} more, which are in the JSON report</p>'


def _a_day(advice: Advice) -> float:
    return 0 if advice.growth is None or advice.growth.idle else advice.growth.bytes_a_day


def _bar(share: float, kind: str = "") -> str:
    return f'<div class="bar {kind}"><i style="width:{max(1, 100 * share):.1f}%"></i></div>'


def _table(report: Report, advice: Advice) -> Iterator[str]:
    choice = advice.verdict.choice
    yield f'<article>\n<h3><span class="{choice}">{choice}</span> {escape(shown(advice.table.relation))}</h3>'
    yield f'<p class="soft">{escape(facts(advice))}</p>'
    yield from _chunks(advice)
    yield "<dl>"
    for section in sections(advice, report.saving(advice)):
        lines = "".join(f"<p>{escape(line)}</p>" for line in section.lines)
        yield f"<dt>{escape(section.head)}</dt><dd>{lines}</dd>"
    yield "</dl>"
    yield from _findings(report.of_table(advice))
    yield "</article>"


def _chunks(advice: Advice) -> Iterator[str]:
    """The newest chunks as columns, as high as they hold rows."""
    if advice.plan is None or advice.growth is None:
        return
    chunks = newest_chunks(advice.growth, advice.plan.interval, advice.table.known_rows or 0)
    highest = max(chunk.rows for chunk in chunks) or 1
    step = _WIDE / len(chunks)
    label = f"the newest {len(chunks)} chunks of {advice.plan.interval.text}, up to {number(highest)} rows each"
    yield f'<svg viewBox="0 0 {_WIDE} {_HIGH}" preserveAspectRatio="none" role="img" aria-label="{escape(label)}">'
    for place, chunk in enumerate(chunks):
        high = _HIGH * chunk.rows / highest
        yield (
            f'<rect x="{place * step:.1f}" y="{_HIGH - high:.1f}" width="{max(0.8, step * 0.85):.1f}" '
            f'height="{high:.1f}"><title>from {date(chunk.begin)}: {number(chunk.rows)} rows</title></rect>'
        )
    yield f'</svg>\n<p class="soft">{escape(label)}, from {date(chunks[0].begin)} on</p>'


def _findings(findings: list[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield "<ul>"
    for finding in findings:
        head = f"<b>{finding.severity}</b> {escape(finding.check)}"
        yield f'<li class="{finding.severity}">{head}: {escape(finding.seen)}'
        if finding.why:
            yield f'<p class="soft">{escape(finding.why)}</p>'
        if finding.mend:
            yield f"<p>mend: {escape(finding.mend)}</p>"
        yield "</li>"
    yield "</ul>"
