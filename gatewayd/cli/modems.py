"""`gatewayd modems`: what is plugged in, what it is, and simulated ones to rehearse with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from gatewayd.cli import context, options, output, states
from gatewayd.cli.options import AsJson
from gatewayd.config import ModemSettings
from gatewayd.daemon import lock, status, storage
from gatewayd.daemon.storage import REFUSED_PINS
from gatewayd.errors import ConfigurationError, ModemError, UsageError
from gatewayd.modem import discovery, simulator
from gatewayd.modem.discovery import CandidatePort
from gatewayd.modem.pin import PinGuard, RefusedPinsFile
from gatewayd.modem.session import open_session
from gatewayd.modem.simulator.options import Options
from gatewayd.modem.simulator.pty_server import PortReady, serve_pty

app = options.noun("What is plugged in, and simulated modems.")


@app.command("list")
def list_(ctx: typer.Context, json: AsJson = False) -> None:
    """List the configured ports with what the daemon makes of them, and other ports that may be modems."""
    here = context.of(ctx)
    told, silent = _told(here.settings.state_directory)
    lines = {line.port: line for line in told.lines} if told else {}
    rows: list[dict[str, object]] = []
    for modem in here.settings.modems:
        line = lines.get(modem.port)
        state = silent if told is None else "starting" if line is None else line.why or "ok"
        rows.append(_row(modem.port, configured=True, sim=line.sim if line else "", state=state))
    known = {modem.port for modem in here.settings.modems}
    for port in discovery.scan():
        if port.url not in known and port.device not in known:
            words = port.advice or port.description
            rows.append(_row(port.url or port.device, configured=False, sim="", state="not configured", words=words))
    if json:
        output.as_json(rows)
        return
    if not rows:
        output.say("No modem is configured, and none is plugged in.")
        return
    cells = [(row["port"], row["sim"] or "", _state(str(row["state"])), row["description"] or "") for row in rows]
    output.show(output.table(("PORT", "SIM", "STATE", ""), cells))
    states.explain(str(row["state"]) for row in rows)


def _told(directory: Path) -> tuple[status.Status | None, str]:
    """What the daemon says of itself, or, in a word for each port, why nothing is known of it."""
    try:
        return status.read(directory), "not running"
    except PermissionError:
        output.note("Only root and the user of the service may know what the daemon does: type sudo first.")
        return None, "not known"


def _row(port: str, *, configured: bool, sim: str, state: str, words: str = "") -> dict[str, object]:
    return {"port": port, "configured": configured, "sim": sim or None, "state": state, "description": words or None}


def _state(words: str) -> Text:
    dim = dict.fromkeys(("not running", "not known", "not configured"), "dim")
    style = {"ok": "green", "starting": "cyan", **dim}.get(words, "yellow")
    return Text(words, style=style)


@dataclass(frozen=True, slots=True)
class Probed:
    """What a port answered; `error` is the sentence where it did not."""

    port: str
    error: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    revision: str | None = None
    imei: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    registered: bool | None = None
    roaming: bool | None = None
    signal_dbm: int | None = None
    smsc: str | None = None
    status_reports: bool | None = None


@app.command()
def probe(
    ctx: typer.Context,
    ports: Annotated[list[str] | None, typer.Argument(help="Ports to ask; else the configured ones, or all.")] = None,
    json: AsJson = False,
) -> None:
    """Open ports and tell what is there: model, IMEI, ICCID, network, signal, service centre."""
    here = context.of(ctx)
    running: int | None = None
    with contextlib.suppress(PermissionError):  # whoever may open the ports may ask: those in use say so
        running = lock.holder(here.settings.state_directory)
    configured = {modem.port: modem for modem in here.settings.modems}
    wanted = ports or list(configured)
    if any(modem.pin for modem in here.settings.modems):
        storage.make_state_directory(here.settings)  # a PIN that is refused is remembered there
    guard = PinGuard(RefusedPinsFile(here.settings.state_directory / REFUSED_PINS))
    found: list[Probed] = []
    for port in wanted:
        if running is not None and port in configured:
            found.append(
                Probed(port, error=f"the daemon (process {running}) holds it; `gatewayd modems list` tells its state")
            )
        else:
            found.append(_probe(here, configured.get(port) or ModemSettings(port), guard))
    if not wanted:
        found.extend(_probe_all(here, guard))
    context.hand_over(here.settings.state_directory / REFUSED_PINS)
    if json:
        output.as_json([{name: getattr(one, name) for name in Probed.__dataclass_fields__} for one in found])
    else:
        _print(found, configured)
    if not any(one.error is None for one in found):
        raise typer.Exit(1)


def _probe_all(here: context.Context, guard: PinGuard) -> Iterator[Probed]:
    """Each device's ports in turn, until one answers."""
    for device in discovery.group(discovery.scan()):
        answers = [_probe_candidate(here, port, guard) for port in device]
        yield next((answer for answer in answers if answer.error is None), answers[0])


def _probe_candidate(here: context.Context, port: CandidatePort, guard: PinGuard) -> Probed:
    if not port.url:
        return Probed(port.device or port.usb_path, error=port.advice)
    return _probe(here, ModemSettings(port.url), guard)


def _probe(here: context.Context, modem: ModemSettings, guard: PinGuard) -> Probed:
    if modem.port.startswith("sim://"):
        simulator.install()
    try:
        pin = here.credentials.text(modem.pin) if modem.pin else None
        session = open_session(
            modem.port,
            baudrate=modem.baudrate,
            pin=pin,
            clock=here.clock,
            pin_guard=guard,
            on_notice=lambda _notice: None,
        )
    except (ModemError, ConfigurationError) as error:
        return Probed(modem.port, error=str(error))
    try:
        health = session.check()
        return Probed(
            modem.port,
            manufacturer=session.modem.manufacturer or None,
            model=session.modem.model or None,
            revision=session.modem.revision or None,
            imei=session.modem.imei or None,
            iccid=session.sim.iccid or None,
            imsi=session.sim.imsi or None,
            registered=health.registered,
            roaming=health.roaming,
            signal_dbm=health.signal,
            smsc=session.smsc or None,
            status_reports=session.reports,
        )
    except ModemError as error:
        return Probed(modem.port, error=str(error))
    finally:
        session.close()


def _print(found: Sequence[Probed], configured: dict[str, ModemSettings]) -> None:
    if not found:
        output.say("No port looks like a modem's. Plug one in, or name a port: gatewayd modems probe /dev/ttyUSB0")
    for one in found:
        output.show(Text(output.visible(one.port), style="bold"))
        if one.error is not None:
            output.show(Text.assemble("  ", (output.visible(one.error), "yellow")))
            continue
        network = "no" if not one.registered else "roaming" if one.roaming else "home"
        signal = "" if one.signal_dbm is None else f", signal {one.signal_dbm} dBm"
        output.say(
            f"  modem    {one.manufacturer or ''} {one.model or '?'} {one.revision or ''}, IMEI {one.imei or '?'}"
        )
        output.say(f"  SIM      ICCID {one.iccid or '?'}, IMSI {one.imsi or '?'}")
        output.say(f"  network  registered: {network}{signal}")
        reports = "yes" if one.status_reports else "no"
        output.say(f"  SMS      service centre {one.smsc or 'MISSING: nothing can be sent'}, status reports: {reports}")
    fresh = [one for one in found if one.error is None and one.port not in configured]
    if fresh:
        output.say("For the configuration:")
        output.say("modems:")
        for one in fresh:
            output.say(f"  - port: {one.port}")
        output.say("sims:")
        for number, one in enumerate(fresh, start=1):
            output.say(f'  - {{name: sim{number}, iccid: "{one.iccid}", line: {{allows: [information, alert]}}}}')


@app.command()
def simulate(
    names: Annotated[list[str], typer.Argument(help="A name for each simulated SIM, as accueil.")],
    directory: Annotated[Path, typer.Option(help="Where the ports appear, as DIRECTORY/NAME.")] = Path("simulated"),
    chosen: Annotated[str, typer.Option("--options", help='As in a sim:// URL: "latency=3&report=1".')] = "",
    ledger: Annotated[
        Path | None, typer.Option(help="The file of what was accepted; else DIRECTORY/ledger.jsonl.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Simulate modems as serial ports for any program, until Ctrl-C."""
    for name in names:
        if not name.replace("-", "").replace("_", "").isalnum():
            raise UsageError(f"{name!r} is no name for a SIM: letters, digits, - and _")
    directory.mkdir(parents=True, exist_ok=True)
    record = ledger or directory / "ledger.jsonl"

    def announce(ready: PortReady) -> None:
        if json:
            output.as_json_line(
                {"sim": ready.sim, "port": ready.port, "iccid": ready.iccid, "imsi": ready.imsi, "imei": ready.imei}
            )
        else:
            output.say(f"{ready.sim}: {ready.port} (ICCID {ready.iccid})")

    serve_pty(names, Options.parse(chosen), record, directory, announce=announce)
