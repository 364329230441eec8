"""The PDU layer (3GPP TS 23.040): hex from a modem to frozen values, and values to hex for a modem.

    decode("0791...")  ->  Deliver | Submit | StatusReport     PduError on anything else
    submissions(number, plan, ...)  ->  [Submit, ...]          one a part
    Submit(...).encode()  ->  EncodedPdu(hex, length)

Nothing but PduError comes out of it, whatever goes in, and a text never leaves it but as hexadecimal digits.
"""

from gatewayd.modem.pdu.decoder import decode, destination
from gatewayd.modem.pdu.fields import DataCoding, EnhancedValidity, Validity
from gatewayd.modem.pdu.header import Concat, Element, Header, Ports
from gatewayd.modem.pdu.indications import TYPE_0, Indicated, Indication, indicated
from gatewayd.modem.pdu.messages import (
    Deliver,
    Delivery,
    EncodedPdu,
    Message,
    StatusReport,
    Submit,
    classify_status,
    join,
    submissions,
)

__all__ = [
    "TYPE_0",
    "Concat",
    "DataCoding",
    "Deliver",
    "Delivery",
    "Element",
    "EncodedPdu",
    "EnhancedValidity",
    "Header",
    "Indicated",
    "Indication",
    "Message",
    "Ports",
    "StatusReport",
    "Submit",
    "Validity",
    "classify_status",
    "decode",
    "destination",
    "indicated",
    "join",
    "submissions",
]
