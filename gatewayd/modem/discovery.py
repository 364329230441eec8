"""What is plugged in: serial ports, grouped by the USB device they belong to, and which of them speaks AT.

`scan()` looks and opens nothing. A stick has several ports (modem, diagnostics, AT, GPS); the table of quirks says
which to take, by USB interface number; where it does not, each must be asked. Names are those of by-path: by-id
collides for identical sticks without serial number, and ttyUSBn moves with every replug. The SIM is then known by
ICCID, wherever it is plugged in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from gatewayd.modem.quirks import HUAWEI_HILINK, Quirks, for_usb

BY_PATH = Path("/dev/serial/by-path")
_USB_DEVICES = Path("/sys/bus/usb/devices")
_INTERFACE = re.compile(r":\d+\.(\d+)")
# What pyserial says of the PC's own UARTs, where nothing need be connected.
_NO_HARDWARE = (None, "n/a", "PNP0501")


@dataclass(frozen=True, slots=True)
class CandidatePort:
    """A serial port that may be a modem's.

    `url`: the name to open, and to configure ("" if there is none to open: read `advice`); `device`: the kernel's name
    of today; `by_path`: the stable name ("" without one); `interface`: the USB interface number; `usb_path`: the place
    of its USB device, the same for all ports of one stick.
    """

    url: str
    device: str
    by_path: str = ""
    vid: int | None = None
    pid: int | None = None
    interface: int | None = None
    usb_path: str = ""
    description: str = ""
    advice: str = ""


def scan(
    list_all: Callable[[], Iterable[ListPortInfo]] = list_ports.comports,
    by_path: Path = BY_PATH,
    usb_devices: Path = _USB_DEVICES,
) -> list[CandidatePort]:
    """All ports in the order in which they should be asked, a device's together; at last sticks in HiLink mode."""
    stable = _stable_names(by_path)
    ports = [_candidate(info, stable) for info in list_all() if _may_be_modem(info)]
    return [port for device in group(ports) for port in device] + hilink_sticks(usb_devices)


def group(ports: Sequence[CandidatePort]) -> list[tuple[CandidatePort, ...]]:
    """The ports of each device, best first; devices whose AT port is known come first."""
    devices: dict[str, list[CandidatePort]] = {}
    for port in ports:
        devices.setdefault(port.usb_path or port.device, []).append(port)
    ordered = [order(device, for_usb(device[0].vid, device[0].pid)) for device in devices.values()]
    return sorted(ordered, key=lambda device: (not _is_known(device[0]), device[0].url))


def order(ports: Sequence[CandidatePort], quirks: Quirks) -> tuple[CandidatePort, ...]:
    """The ports of one device in the order in which they should be asked."""
    by_interface = sorted(ports, key=lambda port: (port.interface is None, port.interface or 0, port.device))
    if quirks.at_port_is_last:
        return tuple(reversed(by_interface))
    rank: dict[int | None, int] = {interface: place for place, interface in enumerate(quirks.at_interfaces)}
    return tuple(sorted(by_interface, key=lambda port: rank.get(port.interface, len(rank))))


def usb_numbers(url: str) -> tuple[int | None, int | None]:
    """Vendor and product of the USB device behind a port's name; (None, None) for all else."""
    if "://" in url:
        return None, None
    device = os.path.realpath(url)
    for info in list_ports.comports():
        if info.device == device:
            return info.vid, info.pid
    return None, None


def hilink_sticks(usb_devices: Path = _USB_DEVICES) -> list[CandidatePort]:
    """Sticks that present themselves as network cards: they have no port to list, so sysfs is searched."""
    found = []
    for folder in sorted(usb_devices.glob("*")):
        try:
            vid = int((folder / "idVendor").read_text(), 16)
            pid = int((folder / "idProduct").read_text(), 16)
        except (OSError, ValueError):
            continue  # an interface or a hub's port, not a device
        if for_usb(vid, pid) is HUAWEI_HILINK:
            found.append(CandidatePort("", "", vid=vid, pid=pid, usb_path=folder.name, advice=HUAWEI_HILINK.advice))
    return found


def _is_known(port: CandidatePort) -> bool:
    quirks = for_usb(port.vid, port.pid)
    return bool(quirks.at_interfaces) or quirks.at_port_is_last


def _may_be_modem(info: ListPortInfo) -> bool:
    return info.vid is not None or not info.device.startswith("/dev/ttyS") or info.hwid not in _NO_HARDWARE


def _stable_names(by_path: Path) -> dict[str, str]:
    try:
        links = sorted(by_path.iterdir())
    except OSError:
        return {}
    return {os.path.realpath(link): str(link) for link in links}


def _candidate(info: ListPortInfo, stable: dict[str, str]) -> CandidatePort:
    location = info.location or ""
    interface = _INTERFACE.search(location)
    return CandidatePort(
        url=stable.get(info.device, info.device),
        device=info.device,
        by_path=stable.get(info.device, ""),
        vid=info.vid,
        pid=info.pid,
        interface=int(interface[1]) if interface else None,
        usb_path=location.partition(":")[0],
        description=info.description if info.description not in (None, "n/a") else "",
        advice=for_usb(info.vid, info.pid).advice,
    )
