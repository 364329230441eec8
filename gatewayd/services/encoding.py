"""From a claimed part to the PDU that carries it.

The plan of a text is a function of the text alone, so part 3 is the same octets whoever sends it and whenever: a
message resumed after a restart joins its first parts by the reference that was fixed when it was accepted.

What was encoded is read back before it goes: a PDU has one destination, and it must be the recipient of its message.
"""

from __future__ import annotations

from datetime import timedelta

from gatewayd.domain.text import plan
from gatewayd.errors import PduError
from gatewayd.modem.pdu import EncodedPdu, destination, submissions
from gatewayd.store.outbox import Work

VALIDITY = timedelta(hours=24)
"""How long the network keeps trying: after it, a message without report will never be delivered."""


class Encoder:
    """Encodes a message once, for all its parts. Used by one line."""

    def __init__(self) -> None:
        self._message_id: int | None = None
        self._pdus: list[EncodedPdu] = []

    def pdu(self, work: Work, *, status_report: bool) -> EncodedPdu:
        """The PDU of this part. TextError or PduError if the text is not what was accepted."""
        if work.message_id != self._message_id:
            submits = submissions(
                work.recipient,
                plan(work.text),
                concat_reference=work.concat_reference,
                wide_reference=False,
                status_report=status_report,
                validity=VALIDITY,
            )
            if len(submits) != work.parts:
                raise PduError(f"{len(submits)} parts where {work.parts} were accepted")
            pdus = [submit.encode() for submit in submits]
            if any(destination(pdu.hex) != work.recipient for pdu in pdus):
                raise PduError("a part would go to another number than its message")
            self._message_id, self._pdus = work.message_id, pdus
        return self._pdus[work.part - 1]
