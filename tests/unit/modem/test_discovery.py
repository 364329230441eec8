"""What is plugged in: ports grouped by device, in the order in which they should be asked."""

from __future__ import annotations

from pathlib import Path

from serial.tools.list_ports_common import ListPortInfo

from gatewayd.modem import discovery


def port(device: str, vid: int | None = None, pid: int | None = None, location: str = "") -> ListPortInfo:
    info = ListPortInfo(device, skip_link_detection=True)
    info.vid, info.pid, info.location = vid, pid, location
    return info


def scanned(tmp_path: Path, *ports: ListPortInfo) -> list[discovery.CandidatePort]:
    return discovery.scan(lambda: ports, tmp_path / "by-path", tmp_path / "usb")


def test_a_quectel_is_asked_on_its_third_port_first(tmp_path: Path) -> None:
    found = scanned(tmp_path, *(port(f"/dev/ttyUSB{n}", 0x2C7C, 0x0125, f"1-1.2:1.{n}") for n in range(4)))
    assert [(p.device, p.interface) for p in found][:2] == [("/dev/ttyUSB2", 2), ("/dev/ttyUSB3", 3)]
    assert {p.usb_path for p in found} == {"1-1.2"}


def test_a_huawei_stick_is_asked_on_its_last_port_first(tmp_path: Path) -> None:
    found = scanned(tmp_path, *(port(f"/dev/ttyUSB{n}", 0x12D1, 0x1506, f"1-1:1.{n}") for n in range(3)))
    assert [p.device for p in found] == ["/dev/ttyUSB2", "/dev/ttyUSB1", "/dev/ttyUSB0"]


def test_two_identical_sticks_stay_apart(tmp_path: Path) -> None:
    ports = [port(f"/dev/ttyUSB{4 * s + n}", 0x2C7C, 0x0125, f"1-{s}:1.{n}") for s in (1, 2) for n in range(4)]
    devices = discovery.group(scanned(tmp_path, *ports))
    assert [device[0].device for device in devices] == ["/dev/ttyUSB10", "/dev/ttyUSB6"]


def test_stable_names_are_preferred(tmp_path: Path) -> None:
    device, links = tmp_path / "ttyUSB0", tmp_path / "by-path"
    device.touch()
    links.mkdir()
    (links / "platform-usb-0:1.2:1.2-port0").symlink_to(device)
    (found,) = scanned(tmp_path, port(str(device), 0x0403, 0x6001, "1-1"))
    assert found.url == found.by_path == str(links / "platform-usb-0:1.2:1.2-port0")


def test_known_modems_come_before_unknown_adapters(tmp_path: Path) -> None:
    found = scanned(
        tmp_path, port("/dev/ttyUSB0", 0x0403, 0x6001, "1-1"), port("/dev/ttyUSB1", 0x2C7C, 0x0125, "1-2:1.2")
    )
    assert [p.device for p in found] == ["/dev/ttyUSB1", "/dev/ttyUSB0"]


def test_ports_of_the_board_without_hardware_are_left_out(tmp_path: Path) -> None:
    assert scanned(tmp_path, port("/dev/ttyS0")) == []
    assert [p.device for p in scanned(tmp_path, port("/dev/ttyAMA0"))] == ["/dev/ttyAMA0"]


def test_a_stick_in_hilink_mode_has_no_port_but_advice(tmp_path: Path) -> None:
    stick = tmp_path / "usb" / "1-1.4"
    stick.mkdir(parents=True)
    (stick / "idVendor").write_text("12d1\n")
    (stick / "idProduct").write_text("14dc\n")
    (tmp_path / "usb" / "1-1.4:1.0").mkdir()
    (found,) = scanned(tmp_path)
    assert found.url == ""
    assert "HiLink" in found.advice


def test_urls_have_no_usb_numbers() -> None:
    assert discovery.usb_numbers("sim://accueil") == (None, None)
    assert discovery.usb_numbers("/dev/null") == (None, None)
