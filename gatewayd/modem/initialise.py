"""From an open port to a modem ready for messages: synchronise, identify, unlock, configure. Each step may be repeated.

Order matters. ESC first, for the last program may have left a prompt. Errors by number (CMEE=1) before the PIN, so that
a wrong PIN is seen as such. The ICCID before the PIN, where the card gives it, for the guard's memory is by SIM. What
is set is read back where modems are known to lie (CNMI). A command that a modem does not know is no error, but for
AT+CMGF=0: without PDU mode nothing works.

Nothing here is fatal for receiving: a SIM without a service centre number still gets its STOPs (`Setup.smsc` is "").
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from gatewayd.errors import ModemBusy, SimLocked
from gatewayd.modem import answers, causes
from gatewayd.modem.at import COMMAND_TIMEOUT, CommandRefused, Modem, NoAnswer
from gatewayd.modem.pin import PinGuard
from gatewayd.modem.quirks import Quirks, for_model

log = structlog.get_logger(__name__)

# After the PIN a SIM needs some seconds until its files can be read.
_SIM_READY_TRIES = 10


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `command`: of what has none of its own.

    `submit`, and `restart` (from AT+CFUN=1,1 until the port answers again), are the model's by default. `submit` stands
    above the network's own timer, TR1M of 35 to 45 s (TS 24.011 clause 10.1): giving up before it makes duplicates.
    `no_reference`: how long to wait on for +CMGS after an OK without it.
    """

    command: float = COMMAND_TIMEOUT
    alive: float = 5.0
    prompt: float = 10.0
    submit: float | None = None
    no_reference: float = 15.0
    pin: float = 30.0
    listing: float = 60.0
    restart: float | None = None
    quiet: float = 0.3
    poll: float = 1.0


@dataclass(frozen=True, slots=True)
class ModemIdentity:
    """What the modem says it is; "" for what it does not say."""

    imei: str
    manufacturer: str
    model: str
    revision: str


@dataclass(frozen=True, slots=True)
class SimIdentity:
    """ICCID (the card) and IMSI (the subscription); "" for what cannot be read."""

    iccid: str
    imsi: str


@dataclass(frozen=True, slots=True)
class Setup:
    """What was negotiated.

    The memory for received messages ("" if the modem tells none), CNMI's parameters ("" if refused: stored messages
    must be polled), whether status reports come, the service centre's number ("" if the SIM has none).
    """

    memory: str
    cnmi: str
    reports: bool
    smsc: str


def synchronise(modem: Modem, timeouts: Timeouts) -> None:
    """Echo off, errors by number, and answers that are ours. ModemBusy when there is no modem to be heard."""
    try:
        modem.resync(quiet=timeouts.quiet, timeout=timeouts.alive)
    except NoAnswer as error:
        raise ModemBusy(
            f"{modem.url} does not answer AT: is it the modem's AT port, and is the speed right? "
            "`gatewayd modems probe` asks all ports"
        ) from error
    modem.attempt("ATE0")
    modem.attempt("AT+CMEE=1")
    # Radio switched off by whoever had the modem before (0, or 4: flight mode); TS 27.007 clause 8.2.
    if answers.value_of(modem.attempt("AT+CFUN?") or (), "+CFUN")[:1] in ("0", "4"):
        log.info("modem.radio_on", port=modem.url)
        modem.attempt("AT+CFUN=1", timeout=timeouts.pin)


def identify(modem: Modem) -> ModemIdentity:
    """AT+CGSN, +CGMI, +CGMM, +CGMR (TS 27.007 clause 5)."""
    ask = modem.attempt
    return ModemIdentity(
        imei=answers.imei(ask("AT+CGSN") or ()),
        manufacturer=answers.plain(ask("AT+CGMI") or ()),
        model=answers.plain(ask("AT+CGMM") or ()),
        revision=answers.plain(ask("AT+CGMR") or ()),
    )


def read_iccid(modem: Modem, quirks: Quirks) -> str:
    """By whichever command the modem knows, at last from the card's file; "" if none works (yet)."""
    for command in quirks.iccid:
        if found := answers.iccid(modem.attempt(command) or ()):
            return found
    return answers.iccid_of_file(modem.attempt("AT+CRSM=176,12258,0,0,10") or ())


def unlock(modem: Modem, pin: str | None, guard: PinGuard, quirks: Quirks, timeouts: Timeouts) -> None:
    """Give the PIN if the SIM wants one, once. SimLocked: the operator must act. ModemBusy: no SIM, or not ready."""
    state = _pin_state(modem, timeouts)
    if state in ("READY", "SIM PIN2", "SIM PUK2"):
        return  # PIN2 guards the fixed dialling list only
    if state.startswith("NOT "):
        raise ModemBusy(f"the SIM is {state.lower()}: is it well seated?")
    if state != "SIM PIN":
        raise SimLocked(_advice_of_lock(state))
    if pin is None:
        raise SimLocked("the SIM wants a PIN and none is configured (modems: pin: NAME of a credential)")
    if not (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 8):
        raise SimLocked("the configured PIN is not one: four to eight digits")
    sim = read_iccid(modem, quirks) or modem.url
    guard.begin(sim, pin, _tries_left(modem, quirks))
    log.info("modem.pin_given", port=modem.url)
    try:
        modem.ask_once(f'AT+CPIN="{pin}"', timeout=timeouts.pin)
    except CommandRefused as refusal:
        raise SimLocked("the SIM refused the PIN; it is not tried again: give the right one") from refusal
    if _pin_state(modem, timeouts) != "READY":
        raise SimLocked("the PIN did not open the SIM; it is not tried again")
    guard.opened(sim, pin)


def read_sim(modem: Modem, quirks: Quirks, timeouts: Timeouts) -> SimIdentity:
    """Who the SIM is; it may need some seconds after the PIN. ModemBusy if that cannot be told."""
    for _ in range(_SIM_READY_TRIES):
        identity = SimIdentity(read_iccid(modem, quirks), answers.imsi(modem.attempt("AT+CIMI") or ()))
        if identity.iccid and identity.imsi:
            break
        modem.pause(timeouts.poll)
    if not (identity.iccid or identity.imsi):
        raise ModemBusy("the SIM does not tell who it is (no ICCID, no IMSI): is it well seated?")
    return identity


def configure(modem: Modem, quirks: Quirks, timeouts: Timeouts) -> Setup:
    """PDU mode, storage, indications, registration; the service centre's number. ModemBusy without PDU mode."""
    for command in quirks.setup:
        modem.attempt(command)
    modem.attempt('AT+CSCS="GSM"')
    # Phase 2+ (1) would want each +CDS acknowledged by AT+CNMA, or the network stops sending them.
    modem.attempt("AT+CSMS=0")
    try:
        modem.ask("AT+CMGF=0")
    except CommandRefused as refusal:
        raise ModemBusy("the modem refuses PDU mode (AT+CMGF=0)") from refusal
    memory = _choose_memory(modem)
    cnmi = _negotiate_indications(modem, quirks)
    # Keeps the radio link open between messages where the network allows; some modems refuse it at any time.
    modem.attempt("AT+CMMS=2")
    modem.attempt("AT+CREG=1")
    modem.attempt("AT+CEREG=1")
    return Setup(memory, cnmi, _reports_come(modem, cnmi), _service_centre(modem, timeouts))


def quirks_of(identity: ModemIdentity, known: Quirks) -> Quirks:
    """The quirks of the modem that answered, given those of its USB numbers."""
    return for_model(identity.manufacturer, identity.model, known)


def _pin_state(modem: Modem, timeouts: Timeouts) -> str:
    try:
        return answers.pin_state(modem.ask("AT+CPIN?", timeout=timeouts.pin))
    except CommandRefused as refusal:
        cause = (
            causes.classify(refusal.family, refusal.code, 0)
            if refusal.code is not None
            else causes.classify_words(refusal.family, refusal.words, 0)
        )
        raise ModemBusy(f"the SIM cannot be used: {cause.text}. {cause.advice}") from refusal
    except NoAnswer as silence:
        # Some Wavecom modems do not end this answer with OK.
        if state := answers.pin_state(silence.lines):
            return state
        raise


def _tries_left(modem: Modem, quirks: Quirks) -> int | None:
    for command in quirks.pin_counters:
        tries = answers.pin_tries(modem.attempt(command) or ())
        if tries is not None:
            return tries
    return None


def _advice_of_lock(state: str) -> str:
    if state == "SIM PUK":
        return "the SIM is blocked and wants its PUK: unblock it in a phone (never done by gatewayd)"
    if state.startswith("PH-"):
        return f"the modem is locked to another SIM or operator ({state})"
    return f"the SIM is locked ({state or 'unreadable state'})"


def _choose_memory(modem: Modem) -> str:
    memory, groups = answers.memory(modem.attempt("AT+CPMS=?") or ())
    if not memory or modem.attempt("AT+CPMS=" + ",".join([f'"{memory}"'] * groups)) is None:
        log.warning("modem.no_storage", port=modem.url)
        return ""
    return memory


def _negotiate_indications(modem: Modem, quirks: Quirks) -> str:
    for parameters in quirks.cnmi:
        if modem.attempt(f"AT+CNMI={parameters}") is not None:
            return parameters
    log.warning("modem.no_indications", port=modem.url)
    return ""


def _reports_come(modem: Modem, cnmi: str) -> bool:
    """What the modem says it does now counts more than that it said OK."""
    said = answers.value_of(modem.attempt("AT+CNMI?") or (), "+CNMI")
    values = [value.strip() for value in (said or cnmi).split(",")]
    return len(values) > 3 and values[3] in ("1", "2")


def _service_centre(modem: Modem, timeouts: Timeouts) -> str:
    for _ in range(_SIM_READY_TRIES):
        if found := answers.smsc(modem.attempt("AT+CSCA?") or ()):
            return found
        modem.pause(timeouts.poll)
    log.warning("modem.no_service_centre", port=modem.url, advice=causes.describe("cms:330")[1])
    return ""
