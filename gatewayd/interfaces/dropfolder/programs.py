"""Tells a program what became of the message that it dropped as a file of smstools3: in the file, and by a call.

    accepted --left or ended--> headers in the file, SENT or FAILED owed --the network's word--> REPORT owed

REPORT comes after SENT, where the file asked for a report, with a file in incoming/ as that program writes it. The call
is owed in the transaction that notes the report beside the file as written; a crash before it writes the same again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gatewayd.domain.message import MessageState
from gatewayd.interfaces.dropfolder import answered
from gatewayd.interfaces.dropfolder.contents import Kind
from gatewayd.interfaces.dropfolder.report import ReportStyle
from gatewayd.interfaces.dropfolder.spool import Spool, write_whole
from gatewayd.interfaces.eventhandler import REPORT, SENT
from gatewayd.interfaces.incoming import FOLDER, file_name
from gatewayd.interfaces.spreadsheet.table import DONE
from gatewayd.store.batches import Batch, Batches, Fate
from gatewayd.store.handler_calls import NewCall

_STATUS = {
    MessageState.DELIVERED: "Ok,short message received by the SME",
    MessageState.UNDELIVERED: "Error,the network gave up",
}


class Programs:
    """`handled`: whether there is an event handler."""

    def __init__(self, spool: Spool, batches: Batches, style: ReportStyle, *, handled: bool) -> None:
        self._spool, self._batches, self._style, self._handled = spool, batches, style, handled

    def tell(self, batch: Batch, now: datetime) -> tuple[str, Sequence[NewCall]]:
        """Write what is known into the file; the event, if there is a new one, and the calls that it makes owed."""
        if batch.kind != Kind.SMSTOOLS or batch.told == REPORT:
            return "", ()
        fate = self._batches.fate(batch.id)
        event = "" if fate is None else answered.event_of(fate.state)
        if fate is None or not event:
            return "", ()
        path = self._spool.root / DONE / batch.filed_as
        own = answered.add(path, answered.headers_of(fate, self._style.timezone, now))
        calls = [] if batch.told or own is None else [self._call(batch, event, f"{DONE}/{batch.filed_as}", fate)]
        told = batch.told or event
        if told == SENT and fate.state in _STATUS and own is not None and answered.asked_for_report(own):
            calls.append(self._call(batch, REPORT, self._write_report(fate, now), fate))
            told = REPORT
        return told if told != batch.told else "", calls if self._handled else ()

    def _call(self, batch: Batch, event: str, file: str, fate: Fate) -> NewCall:
        return NewCall(f"{batch.claim}:{event}", event, file, answered.message_id(fate))

    def _write_report(self, fate: Fate, now: datetime) -> str:
        """A file in incoming/, as smstools3 writes a status report; its name below the spool."""
        name = f"{FOLDER}/{file_name(fate.sim, fate.message_id, 'r')}"
        at = (fate.delivered_at or now).astimezone(self._style.timezone).strftime(answered.TIME)
        headers = [
            ("From", fate.recipient.removeprefix("+")), ("Received", at), ("Subject", fate.sim), ("Modem", fate.sim),
            ("IMSI", fate.imsi), ("IMEI", fate.imei), ("Report", "yes"), ("Alphabet", "ISO"),
        ]  # fmt: skip
        body = f"SMS STATUS REPORT\nMessage_id: {answered.message_id(fate)}\nDischarge_timestamp: {at}\n"
        body += f"Status: {fate.tp_status or 0},{_STATUS[fate.state]}\n"
        folder = self._spool.root / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        with write_whole(self._spool.root / name) as output:
            output.write(_file(headers, body))
        return name


def _file(headers: Sequence[tuple[str, str]], body: str) -> bytes:
    return ("".join(f"{name}: {value}\n" for name, value in headers if value) + "\n" + body).encode()
