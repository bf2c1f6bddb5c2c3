"""Indonesian as it is written: dates, times, numbers and lengths of time written in words read back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.intent.test_values import MONTHS, TODAY, indonesian, only

from tuntas.language import Value, values

DAYS = ["senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu"]
NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)  # Wednesday 10:00 in Jakarta
PARTS = {"pagi": range(1, 11), "siang": (11, 12, 1, 2), "sore": range(3, 7), "malam": range(7, 12)}

lively = settings(deadline=None, max_examples=200)


def read(text: str) -> Value:
    return only(text, "id")


def clock(hour: int, minute: int, part: str) -> str:
    """The 24-hour time of an hour of the clock in a part of the day."""
    is_late = part in {"sore", "malam"} or (part == "siang" and hour < 3)
    return f"{hour + 12 if is_late and hour < 12 else hour:02}:{minute:02}"


@lively
@given(st.integers(1, 366), st.sampled_from(["{n} hari lagi", "{n} hari dari sekarang", "dalam {n} hari"]), st.booleans())
def test_days_ahead_count_from_today(ahead: int, form: str, in_words: bool) -> None:
    text = form.format(n=indonesian(ahead) if in_words else ahead)
    assert read(text).value == (TODAY + timedelta(days=ahead)).isoformat()


@lively
@given(st.integers(1, 300), st.sampled_from(["{n} hari lalu", "{n} hari yang lalu"]))
def test_days_past_count_back(back: int, form: str) -> None:
    assert read(form.format(n=indonesian(back))).value == (TODAY - timedelta(days=back)).isoformat()


@lively
@given(st.integers(0, 5), st.sampled_from(["{d} depan", "hari {d} depan", "{d} minggu depan", "minggu depan {d}", "minggu depan hari {d}"]))
def test_a_weekday_of_next_week(number: int, form: str) -> None:
    monday = TODAY - timedelta(days=TODAY.weekday()) + timedelta(days=7)
    assert read(form.format(d=DAYS[number])).value == (monday + timedelta(days=number)).isoformat()


@lively
@given(
    st.dates(date(2000, 1, 1), date(2098, 12, 31)),
    st.sampled_from(["{d} {m} {y}", "tanggal {d} {m} {y}", "tgl {d} {m} tahun {y}", "{w}, {d} {m} {y}", "{d}/{n}/{y}", "{d}.{n}.{y}"]),
)
def test_a_written_date_reads_back(day: date, form: str) -> None:
    text = form.format(d=day.day, m=MONTHS["id"][day.month - 1], y=day.year, n=day.month, w=DAYS[day.weekday()])
    assert read(text).value == day.isoformat()


@lively
@given(st.integers(1, 28), st.sampled_from(["tgl {d} bulan depan", "tanggal {d} bulan depan", "bulan depan tanggal {d}"]))
def test_a_day_of_next_month(day: int, form: str) -> None:
    assert read(form.format(d=day)).value == f"2026-12-{day:02}"


@lively
@given(
    st.integers(1, 20),
    st.integers(1, 7),
    st.integers(0, 11),
    st.sampled_from(["{a}-{b} {m}", "{a} sampai {b} {m}", "dari {a} sampe {b} {m}", "tgl {a} s/d {b} {m}", "antara {a} dan {b} {m}"]),
)
def test_a_range_of_days_has_both_ends(start: int, length: int, month: int, form: str) -> None:
    value = read(form.format(a=start, b=start + length, m=MONTHS["id"][month]))
    assert value.kind == "interval"
    assert (value.value[8:], value.end[8:]) == (f"{start:02}", f"{start + length:02}")
    assert value.value[5:7] == value.end[5:7] == f"{month + 1:02}"


@lively
@given(
    st.sampled_from([(part, hour) for part, hours in PARTS.items() for hour in hours]),
    st.sampled_from(["jam {h} {p}", "pukul {h} {p}", "{p} jam {h}"]),
)
def test_an_hour_takes_the_part_of_the_day(when: tuple[str, int], form: str) -> None:
    part, hour = when
    for said in (str(hour), indonesian(hour)):
        assert read(form.format(h=said, p=part)).value == clock(hour, 0, part)


@lively
@given(st.integers(2, 12), st.integers(1, 29))
def test_minutes_past_before_and_half_hours(hour: int, minute: int) -> None:
    assert read(f"jam {hour} lewat {minute}").value == f"{hour:02}:{minute:02}"
    assert read(f"jam {hour} kurang {minute}").value == f"{hour - 1:02}:{60 - minute:02}"
    assert read(f"jam setengah {indonesian(hour)}").value == f"{hour - 1:02}:30"


@lively
@given(st.sampled_from(["besok", "lusa", "hari ini"]), st.sampled_from([(p, h) for p, hours in PARTS.items() for h in hours]))
def test_a_day_and_an_hour_are_one_instant_in_any_order(day: str, when: tuple[str, int]) -> None:
    part, hour = when
    ahead = {"hari ini": 0, "besok": 1, "lusa": 2}[day]
    wanted = f"{TODAY + timedelta(days=ahead)}T{clock(hour, 0, part)}+07:00"
    for text in (f"{day} jam {hour} {part}", f"{day} {part} jam {hour}", f"jam {hour} {part} {day}"):
        assert (read(text).kind, read(text).value) == ("datetime", wanted), text


@lively
@given(st.integers(1, 999_999_999))
def test_a_number_in_words_reads_back(number: int) -> None:
    value = read(indonesian(number))
    assert value.value == (number * 100 if value.kind == "money" else number)


@lively
@given(st.integers(0, 999), st.lists(st.integers(0, 9), min_size=1, max_size=4))
def test_a_spoken_comma_makes_a_decimal(whole: int, digits: list[int]) -> None:
    text = f"{indonesian(whole)} koma {' '.join(map(indonesian, digits))}"
    assert read(text).value == float(f"{whole}.{''.join(map(str, digits))}")


@lively
@given(st.integers(1, 900), st.sampled_from([("ribu", 1000), ("rb", 1000), ("juta", 1_000_000), ("jt", 1_000_000)]))
def test_a_half_more_belongs_to_the_scale(number: int, scale: tuple[str, int]) -> None:
    name, size = scale
    for text in (f"{number} setengah {name}", f"{number} {name} setengah", f"{number},5 {name}", f"{indonesian(number)} setengah {name}"):
        assert (read(text).value, read(text).unit) == ((number * size + size // 2) * 100, "IDR"), text


@lively
@given(st.integers(1, 9_999_999), st.sampled_from(["Rp {n}", "Rp{n},-", "IDR {n}", "{n} rupiah", "Rp. {n},00"]))
def test_rupiah_reads_back(number: int, form: str) -> None:
    value = read(form.format(n=f"{number:,}".replace(",", ".")))
    assert (value.kind, value.value, value.unit) == ("money", number * 100, "IDR")


@lively
@given(st.integers(1, 40), st.integers(1, 59))
def test_lengths_of_time_add_up_in_the_smaller_unit(hours: int, minutes: int) -> None:
    for text, length, unit in (
        (f"{indonesian(hours)} jam {minutes} menit", 60 * hours + minutes, "minute"),
        (f"{indonesian(hours)} jam setengah", 60 * hours + 30, "minute"),
        (f"{hours} setengah jam", 60 * hours + 30, "minute"),
        (f"{hours} hari", hours, "day"),
    ):
        value = read(text)
        assert (value.kind, value.value, value.unit) == ("duration", length, unit), text


@pytest.mark.parametrize(
    ("text", "part"),
    [("dua pertiga", Fraction(2, 3)), ("tiga perempat", Fraction(3, 4)), ("seperempat", Fraction(1, 4)), ("setengah", Fraction(1, 2))],
)
def test_fractions_are_numbers(text: str, part: Fraction) -> None:
    assert read(text).value == pytest.approx(float(part))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("lebaran", "2027-03-10"),
        ("H-1 lebaran", "2027-03-10"),
        ("imlek", "2027-02-06"),
        ("nyepi", "2027-03-08"),
        ("natal", "2026-12-25"),
        ("tahun baru", "2027-01-01"),
        ("malam takbiran", "2027-03-09"),
        ("lebaran 2028", "2028-02-27"),
        ("tujuh belasan", "2027-08-17"),
    ],
)
def test_holidays_are_the_next_ones(text: str, day: str) -> None:
    assert day in {value.value for value in values(text, now=NOW, tz="Asia/Jakarta", lang="id")}
