"""Logs: whatever is fed in, no number and no text comes out, and a line stays a line."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gatewayd import logs
from gatewayd.domain import masking

KEY = b"k" * 32
NUMBER = "+33639980001"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def logged(style: str = "plain", event: str = "attempt.sent", **fields: Any) -> str:
    stream = io.StringIO()
    logs.configure(KEY, stream=stream, style=style)
    structlog.get_logger("gatewayd.test").info(event, **fields)
    return stream.getvalue()


digits = st.text("0123456789", min_size=8, max_size=8)
mobiles = digits.map(lambda rest: "6" + rest)
gaps = st.sampled_from(["", " ", ".", "-", "\u00a0", "\u202f", "/", "\u2011", " \u2013 ", "\u200b", "_", ", "])


@st.composite
def written_numbers(draw: st.DrawFn) -> str:
    """A French mobile number as people and modems write it."""
    plain, gap = draw(mobiles), draw(gaps)
    pairs = gap.join([plain[0], *(plain[i : i + 2] for i in range(1, 9, 2))])
    form = draw(st.sampled_from(["+33{}", "+33 {}", "0033{}", "0{}", "0 {}", "+33 (0){}", "33{}"]))
    return form.format(pairs)


@example(written="0033600000000", around=("\U0001b610", ""), style="plain", where="stdlib-args")
@settings(deadline=None)  # a busy machine is no fault
@given(
    written=written_numbers(),
    around=st.tuples(st.text(max_size=20), st.text(max_size=20)).filter(
        lambda pair: not only_digits(pair[0][-1:] + pair[1][:1])
    ),
    style=st.sampled_from(["plain", "journal", "console"]),
    where=st.sampled_from(["event", "value", "key", "list", "dict", "bytes", "exception", "stdlib", "stdlib-args"]),
)
def test_no_number_fed_anywhere_comes_out(written: str, around: tuple[str, str], style: str, where: str) -> None:
    words = around[0] + written + around[1]
    stream = io.StringIO()
    logs.configure(KEY, stream=stream, style=style)
    log = structlog.get_logger("gatewayd.test")
    feed(log, where, words)
    assert stream.getvalue()
    assert only_digits(written)[-9:] not in only_digits(stream.getvalue())


def only_digits(words: str) -> str:
    return "".join(letter for letter in words if letter in "0123456789")


def feed(log: Any, where: str, words: str) -> None:
    match where:
        case "event":
            log.warning(words)
        case "value":
            log.warning("a.b", why=words)
        case "key":
            log.warning("a.b", **{"k" + words: 1})
        case "list":
            log.warning("a.b", them=[words, {words}])
        case "dict":
            log.warning("a.b", them={words: {"inner": words}})
        case "bytes":
            log.warning("a.b", raw=words.encode("utf-8", "replace"))
        case "exception":
            try:
                int("no number", base=len(words) + 40)  # raises ValueError
            except ValueError as error:
                error.add_note(words)
                log.exception("a.failed")
        case "stdlib":
            logging.getLogger("uvicorn").warning(words.replace("%", ""))
        case _:
            logging.getLogger("uvicorn").warning("called %s from %r", words, [words])


@example("0639980001")
@example("[SQL: ]")
@given(st.text(st.sampled_from("0123456789+.-/:@=, _[]()aZ\n\x1b\u202e"), max_size=12))
def test_what_is_let_through_at_a_glance_would_not_have_been_changed(words: str) -> None:
    if masking._HARMLESS.match(words):
        assert not any(
            pattern.search(words) for pattern in (masking._STATEMENTS, masking._NUMBERS, masking._PDUS, masking._UNSAFE)
        )


@pytest.mark.parametrize("written", ["０６３９９８０００１", "＋３３６３９９８０００１", "٠٦٣٩٩٨٠٠٠١"])
def test_a_number_in_other_digits_is_one_too(written: str) -> None:
    assert "why=[number]" in logged(why=written)


def test_a_number_becomes_the_same_pseudonym_everywhere() -> None:
    first, second = logged(recipient=NUMBER), logged(style="journal", sender=NUMBER, numbers=[NUMBER])
    word = logs.Pseudonyms(KEY).of(NUMBER)
    assert word in first
    assert second.count(word) == 2
    assert word != logs.Pseudonyms(b"j" * 32).of(NUMBER)
    assert logs.Pseudonyms(KEY).in_trail(NUMBER).startswith(word), "journal and trail can be laid side by side"


@example("0" * 64)
@given(st.text(st.sampled_from("0123456789abcdef"), min_size=64, max_size=64))
def test_a_hash_is_no_number(digest: str) -> None:
    assert f"hash={digest}" in logged(hash=digest)
    assert NUMBER.removeprefix("+") not in logged(hash=NUMBER.removeprefix("+"))


@settings(deadline=None)
@given(text=st.text(min_size=5, max_size=60).filter(lambda words: words.strip() not in "plain info attempt.sent"))
def test_a_text_does_not_come_out(text: str) -> None:
    marked = f"@@{text}@@"
    assert "@@" not in logged(text=marked, pdu=marked, body=marked, TEXT=marked, more={"text": marked})


def test_a_pdu_is_masked_wherever_it_stands() -> None:
    pdu = "0791334399990000010B913336899910F00000AA0548656C6C6F"
    assert "6899910" not in logged(error=f"bad PDU {pdu!r}")


def test_a_database_error_keeps_its_parameters_to_itself() -> None:
    words = "(sqlite3.IntegrityError) UNIQUE\n[SQL: INSERT INTO t]\n[parameters: ('Bonjour Zoé', 3)]\n(Background"
    out = logged(error=words)
    assert "Zoé" not in out
    assert "IntegrityError" in out


@settings(deadline=None)
@given(
    st.text(max_size=30).map(lambda words: words + "\r\n<0>forged\x1b[2J\u202e"),
    st.sampled_from(["plain", "journal"]),
)
def test_a_line_stays_a_line(words: str, style: str) -> None:
    out = logged(style, error=words)
    assert out.count("\n") == 1
    assert out.endswith("\n")
    assert len(out.splitlines()) == 1
    assert not set(out) & set("\x1b\u202e\r\x85\u2028")


def test_the_journal_reads_the_level_from_the_prefix() -> None:
    stream = io.StringIO()
    logs.configure(KEY, stream=stream, style="journal", level="debug")
    log = structlog.get_logger("gatewayd.test")
    log.debug("a.a")
    log.info("a.b", sim="accueil", seconds=0.12345, found=None)
    log.error("a.c", why="two words")
    assert stream.getvalue().splitlines() == [
        "<7>a.a",
        "<6>a.b sim=accueil seconds=0.123 found=-",
        '<3>a.c why="two words"',
    ]


def test_a_traceback_is_one_line_too() -> None:
    stream = io.StringIO()
    logs.configure(KEY, stream=stream, style="journal")
    feed(structlog.get_logger("gatewayd.test"), "exception", "why")
    assert stream.getvalue().startswith('<3>a.failed exception="Traceback')
    assert "ValueError: int() base must be" in stream.getvalue()
    assert "why" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_libraries_speak_through_the_same_door_and_only_of_trouble() -> None:
    stream = io.StringIO()
    logs.configure(KEY, stream=stream, style="plain")
    logging.getLogger("apscheduler").info("nothing to say")
    logging.getLogger("apscheduler").error("job for %s failed", NUMBER)
    assert stream.getvalue().splitlines()[0].endswith(" error   job for [number] failed logger=apscheduler")


def test_times_and_identities_of_sims_stay_readable() -> None:
    out = logged(
        iccid="89330123456789012345", until="2026-11-24T02:07:55.123456+00:00", port="/dev/ttyUSB0", id=1234567
    )
    for word in ("89330123456789012345", "2026-11-24T02:07:55.123456+00:00", "/dev/ttyUSB0", "1234567"):
        assert word in out


@pytest.mark.parametrize(
    ("environment", "style"),
    [({"JOURNAL_STREAM": "8:1"}, "journal"), ({"INVOCATION_ID": "x"}, "journal"), ({}, "plain")],
)
def test_the_style_follows_the_place(environment: dict[str, str], style: str) -> None:
    assert logs.style_for(io.StringIO(), environment) == style


class Unprintable:
    """Fails when it is asked for its words."""

    def __str__(self) -> str:
        raise RuntimeError(f"no words for {NUMBER}")


def test_a_line_that_cannot_be_made_does_not_come_out_raw(capsys: pytest.CaptureFixture[str]) -> None:
    out = logged(recipient=NUMBER, text="Bonjour Zoé", value=Unprintable())
    assert out.startswith("log.failed place=test_logs:")
    said = out + "".join(capsys.readouterr())
    assert "39980001" not in said
    assert "Zoé" not in said


def test_a_stream_that_takes_nothing_is_no_failure_of_the_caller(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    logs.configure(KEY, stream=stream, style="plain")
    stream.close()
    structlog.get_logger("gatewayd.test").warning("a.b", recipient=NUMBER, text="Bonjour Zoé")
    assert "39980001" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("where", ["main", "thread", "clean-up"])
def test_an_exception_that_nobody_caught_is_redacted_too(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    logs.configure(KEY, stream=stream, style="journal")

    def fail() -> None:
        raise ValueError(f"bad number {NUMBER}")

    class Cleaned:
        def __del__(self) -> None:
            fail()

    if where == "thread":
        thread = threading.Thread(target=fail, name="a thread")
        thread.start()
        thread.join()
    elif where == "clean-up":
        Cleaned()
    else:
        with pytest.raises(ValueError, match="bad number") as caught:
            fail()
        sys.excepthook(caught.type, caught.value, caught.tb)
    said = stream.getvalue()
    assert said.startswith("<2>program.failed thread=")
    assert "ValueError: bad number [number]" in said
    assert said.count("\n") == 1
    assert "39980001" not in said + "".join(capsys.readouterr())
