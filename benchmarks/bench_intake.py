"""A spreadsheet of 100,000 rows through the drop folder, and 10,000 and 100,000 files of one message: seconds of CPU
and of the wall, and the most memory.

    python -m benchmarks.bench_intake [--quick] [--rows 100000]

Each kind of file has a process of its own, so that the memory is its own. The database is a real file at full
durability; what is measured are turns of the drop folder: look, claim, read, judge, accept, report, file. It waits for
the disk of the temporary folder (TMPDIR), where each file is synced.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import structlog

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gatewayd.clock import SystemClock
from tests.security.dropping import Office

SECONDS, MEBIBYTES = 30.0, 200.0
FILES_A_SECOND = 100.0


def members(rows: int) -> Iterator[tuple[str, str, str, str]]:
    """First name, number, date, text; Ireland keeps 100,000 mobile numbers for fiction, France 10,000."""
    for count in range(rows):
        number = f"06 39 98 {count // 100:02} {count % 100:02}" if count < 10_000 else f"+353 20 91 {count:05}"
        yield f"Zoé{count}", number, "mardi 1er", f"Bonjour Zoé{count}, la réunion du bureau est mardi à 19 h. Amicale"


def csv_file(rows: int, encoding: str) -> bytes:
    lines = "".join(";".join(member) + "\r\n" for member in members(rows))
    return f"Prénom;Téléphone;Date;Message\r\n{lines}".encode(encoding)


def xlsx_file(rows: int) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["Prénom", "Téléphone", "Date", "Message"])
    for member in members(rows):
        sheet.append(list(member))
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


CASES: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "CSV, text in a column, UTF-8": ("a.csv", lambda rows: csv_file(rows, "utf-8-sig")),
    "CSV, text in a column, cp1252": ("a.csv", lambda rows: csv_file(rows, "cp1252")),
    "CSV, template": ("rappels/a.csv", lambda rows: csv_file(rows, "utf-8-sig")),
    "XLSX, text in a column": ("a.xlsx", xlsx_file),
}


def measure(case: str, content: Path) -> None:
    """In a process of its own: one turn, and what it took, as JSON."""
    name = CASES[case][0]
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder))
        office.drop(name, content.read_bytes())
        take(office)


def measure_files(count: int) -> None:
    """In a process of its own: as many turns as it takes."""
    with tempfile.TemporaryDirectory() as folder:
        office, long_ago = Office(Path(folder)), time.time() - 3600
        vars(office)["clock"] = SystemClock()  # by which it knows when to look again, and how long a transaction takes
        office.restart()
        for index in range(count):
            path = office.root / "drop" / f"alert-{index}"
            path.write_bytes(b"To: 35320910%04d\n\nServer down\n" % (index % 10_000))
            os.utime(path, (long_ago, long_ago))
        take(office)


def take(office: Office) -> None:
    wall, cpu, accepted, more = time.perf_counter(), time.process_time(), 0, True
    while more:
        turn = office.turn()
        accepted, more = accepted + turn.accepted, turn.filed > 0
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "accepted": accepted}
    print(json.dumps(took | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
    office.close()


def apart(*words: str) -> dict[str, float]:
    """What a process of its own measures."""
    done = subprocess.run([sys.executable, __file__, *words], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(case: str, took: dict[str, float], more: str = "") -> None:
    figures = f"{took['accepted']:>10}{took['cpu']:>8.1f}{took['wall']:>8.1f}{took['peak']:>10.0f}"
    print(f"{case:34}{figures}{more}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    options = parser.parse_args()
    rows = options.rows // 10 if options.quick else options.rows
    print(f"{'one file of ' + format(rows, ',') + ' rows':34}{'accepted':>10}{'CPU s':>8}{'wall s':>8}{'peak MiB':>10}")
    good = True
    for case, (_, write) in CASES.items():
        with tempfile.NamedTemporaryFile() as content:
            content.write(write(rows))
            content.flush()
            took = apart("--measure", case, content.name)
        show(case, took)
        good &= took["cpu"] < SECONDS and took["peak"] < MEBIBYTES and took["accepted"] == rows
    for count in (1_000, 10_000) if options.quick else (10_000, 100_000):
        took = apart("--files", str(count))
        rate = count / took["wall"]
        show(f"{count:,} files of one message", took, f"{rate:>8.0f} files/s")
        good &= rate > FILES_A_SECOND and took["peak"] < MEBIBYTES and took["accepted"] == count
    print(
        f"wanted: all accepted, a list in less than {SECONDS:.0f} s of CPU, {FILES_A_SECOND:.0f} files/s, less than "
        f"{MEBIBYTES:.0f} MiB: {'yes' if good else 'NO'}"
    )
    return 0 if good else 1


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(open(os.devnull, "w")))  # noqa: SIM115  (to the end)
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2], Path(sys.argv[3]))
    elif sys.argv[1:2] == ["--files"]:
        measure_files(int(sys.argv[2]))
    else:
        sys.exit(main())
