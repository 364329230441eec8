"""A campaign's report as a page of its own: HTML with a chart in SVG, no script, nothing loaded from anywhere.

Whatever came from outside is escaped. In the organisation's language.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from jinja2 import Environment, StrictUndefined

from gatewayd.domain.campaign import CampaignState
from gatewayd.interfaces.dropfolder import sentences
from gatewayd.services.reporting import Report

_WORDS = {
    "fr": {
        "report": "Compte rendu de la campagne", "purpose": "Finalité :", "state": "État :", "text": "Texte",
        "accepted": "messages préparés", "sent": "envoyés", "delivered": "reçus", "undelivered": "non remis",
        "failed": "refusés", "unknown": "sort inconnu", "blocked": "bloqués", "expired": "périmés",
        "canceled": "annulés", "held": "retenus", "queued": "en attente", "left_out": "N'ont rien reçu", "why": "Motif",
        "people": "personnes", "optouts": "STOP", "replies": "réponses", "parts": "SMS facturés", "cost": "coût",
        "sims": "Par carte SIM", "sim": "SIM", "hours": "Envois par heure", "causes": "Refus, par cause",
        "confidential": "Confidentialité : {n} SMS remis au réseau, pour {messages} messages. Chaque SMS a été relu "
        "avant son départ : un seul destinataire. Vérifié pour ce compte rendu : chaque message n'a qu'un numéro, "
        "celui de la personne pour qui il a été écrit ; aucun texte ne contient le numéro d'une autre.",
        "not_confidential": "{n} SMS remis au réseau, pour {messages} messages ; {bad} textes contenaient le numéro "
        "d'une autre personne ; {strays} messages n'avaient pas le seul numéro de leur destinataire.",
        "unpriced": "inconnu (price_per_sms)", "made": "Établi le", "by": "par", "approved": "Approuvée par",
    },
    "en": {
        "report": "Report of the campaign", "purpose": "Purpose:", "state": "State:", "text": "Text",
        "accepted": "messages made", "sent": "sent", "delivered": "delivered", "undelivered": "undelivered",
        "failed": "refused", "unknown": "unknown", "blocked": "blocked", "expired": "expired", "canceled": "canceled",
        "held": "held", "queued": "waiting", "left_out": "Got nothing", "why": "Reason", "people": "people",
        "optouts": "STOP", "replies": "replies", "parts": "SMS billed", "cost": "cost", "sims": "By SIM", "sim": "SIM",
        "hours": "Sent by hour", "causes": "Refusals, by cause",
        "confidential": "Confidentiality: {n} SMS were given to the network, of {messages} messages. Each was read "
        "back before it went: one destination. Checked for this report: each message has one number, that of the "
        "person it was made for, and no text holds another's.",
        "not_confidential": "{n} SMS were given to the network, of {messages} messages; {bad} texts held another "
        "person's number; {strays} messages had not their recipient's number alone.",
        "unpriced": "not known (price_per_sms)", "made": "Made on", "by": "by", "approved": "Approved by",
    },
}  # fmt: skip
_STANDS = {
    "fr": {
        "draft": "brouillon", "to_test": "à essayer", "tested": "essayée", "approved": "approuvée",
        "scheduled": "programmée", "running": "en cours", "paused": "en pause", "finished": "terminée",
        "canceled": "annulée",
    },
    "en": {str(state): str(state).replace("_", " ") for state in CampaignState},
}  # fmt: skip
_STATES = (
    "sent", "delivered", "undelivered", "failed", "unknown", "blocked", "expired", "canceled", "held", "queued",
)  # fmt: skip

_PAGE = """\
<!DOCTYPE html>
<html lang="{{ language }}"><head><meta charset="utf-8"><title>{{ w.report }} {{ report.campaign.name }}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #ddd}
td.n,th.n{text-align:right}pre{white-space:pre-wrap;background:#f5f5f5;padding:1em}
.proof{border-left:4px solid #2a7;padding:.5em 1em;background:#f2faf6}.proof.bad{border-color:#c22;background:#fdf2f2}
</style></head><body>
<h1>{{ w.report }} {{ report.campaign.name }}</h1>
<p>{{ organisation }}. {{ w.purpose }} {{ purpose }}. {{ w.state }} {{ stands }}.
{{ w.made }} {{ now }}. {% if approved %}{{ w.approved }} {{ approved|join(", ") }}.{% endif %}</p>
<pre>{{ report.campaign.template }}</pre>
<table><tr><td>{{ w.accepted }}</td><td class="n">{{ report.accepted }}</td></tr>
{% for name, count in states %}<tr><td>{{ name }}</td><td class="n">{{ count }}</td></tr>
{% endfor %}<tr><td>{{ w.optouts }}</td><td class="n">{{ report.optouts }} ({{ percent }} %)</td></tr>
<tr><td>{{ w.replies }}</td><td class="n">{{ report.replies }}</td></tr>
<tr><td>{{ w.parts }}</td><td class="n">{{ report.parts }}</td></tr>
<tr><td>{{ w.cost }}</td><td class="n">{{ cost }}</td></tr></table>
<p class="proof{{ "" if report.confidential else " bad" }}">{{ proof }}</p>
{% if chart %}<h2>{{ w.hours }}</h2>
<svg viewBox="0 0 {{ chart.width }} 140" width="100%" role="img" aria-label="{{ w.hours }}">
{% for bar in chart.bars %}<rect x="{{ bar.x }}" y="{{ 110 - bar.height }}" width="{{ chart.bar }}"
 height="{{ bar.height }}" fill="#2a7"><title>{{ bar.label }}: {{ bar.count }}</title></rect>
{% endfor %}<text x="0" y="130" font-size="11">{{ chart.first }}</text>
{% if chart.bars|length > 1 %}<text x="{{ chart.width }}" y="130" font-size="11" text-anchor="end">
{{ chart.last }}</text>{% endif %}</svg>{% endif %}
{% for heading, rows in reasons if rows %}<h2>{{ heading }}</h2><table>
<tr><th>{{ w.why }}</th><th class="n">{{ w.people }}</th></tr>
{% for reason, count in rows %}<tr><td>{{ reason }}</td><td class="n">{{ count }}</td></tr>{% endfor %}
</table>{% endfor %}
{% if report.sims %}<h2>{{ w.sims }}</h2><table><tr><th>{{ w.sim }}</th><th class="n">{{ w.sent }}</th>
<th class="n">{{ w.delivered }}</th><th class="n">{{ w.failed }}</th><th class="n">{{ w.parts }}</th>
<th class="n">{{ w.cost }}</th></tr>
{% for sim in report.sims %}<tr><td>{{ sim.name }}</td><td class="n">{{ sim.sent }}</td>
<td class="n">{{ sim.delivered }}</td><td class="n">{{ sim.failed }}</td>
<td class="n">{{ sim.parts }}</td>
<td class="n">{{ price(sim.price) }}</td></tr>{% endfor %}</table>{% endif %}
</body></html>
"""
_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined)
_BAR, _GAP = 12, 4


def page(
    report: Report,
    *,
    organisation: str,
    purpose: str,
    language: str,
    zone: tzinfo,
    now: datetime,
    approved: Sequence[str] = (),
) -> str:
    """The page, whole; `purpose` as people read it."""

    def figure(value: float, digits: int) -> str:
        return f"{value:.{digits}f}".replace(".", "," if language == "fr" else ".")

    words = _WORDS.get(language, _WORDS["en"])
    counts = {str(state): count for state, count in report.states.items()} | {"sent": report.sent}
    proof = words["confidential"] if report.confidential else words["not_confidential"]
    said = [(sentences.of_person(reason, language), count) for reason, count in report.left_out.items()]
    causes = report.causes.most_common()
    blocked = [(sentences.of_person(reason, language), count) for reason, count in report.blocked.most_common()]
    return _ENVIRONMENT.from_string(_PAGE).render(
        report=report,
        w=words,
        language=language,
        organisation=organisation,
        purpose=purpose,
        stands=_STANDS.get(language, _STANDS["en"])[report.campaign.state],
        percent=figure(report.optout_percent, 1),
        price=lambda cost: "" if cost is None else figure(cost, 2),
        approved=list(approved),
        now=_local(now, zone),
        states=[(words[name], counts[name]) for name in _STATES if counts.get(name)],
        cost=words["unpriced"] if report.cost is None else figure(report.cost, 2),
        proof=proof.format(n=report.submissions, messages=report.submitted, bad=report.betrayed, strays=report.strays),
        chart=_chart(report.hours, zone),
        reasons=[
            (words["left_out"], said),
            (words["blocked"], blocked),
            (words["causes"], causes),
        ],
    )


def _chart(hours: Sequence[tuple[datetime, int]], zone: tzinfo) -> dict[str, object] | None:
    """Bars, one for each hour in which anything was sent."""
    if not hours:
        return None
    most = max(count for _, count in hours)
    bars = [
        {"x": place * (_BAR + _GAP), "height": max(1, round(100 * count / most)), "count": count,
         "label": _local(hour, zone)}
        for place, (hour, count) in enumerate(hours)
    ]  # fmt: skip
    width = max(600, len(bars) * (_BAR + _GAP))
    return {"bars": bars, "bar": _BAR, "width": width, "first": bars[0]["label"], "last": bars[-1]["label"]}


def _local(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%d/%m/%Y %H:%M")
