"""Dates, times, numbers and money come back as they were written, in three languages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuntas.language import Value, values

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)  # Wednesday 10:00 in Jakarta
TODAY = date(2026, 11, 25)
JAKARTA = "Asia/Jakarta"
MONTHS = {
    "en": ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    "id": ["Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli", "Agustus", "September", "Oktober", "November", "Desember"],
}
EN_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
EN_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
ID_SMALL = ["nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan", "sepuluh", "sebelas"]
HAN = "零一二三四五六七八九"

lively = settings(deadline=None, max_examples=150)


def found(text: str, lang: str, tz: str = JAKARTA) -> list[Value]:
    read = values(text, now=NOW, tz=tz, lang=lang)
    for value in read:
        assert text[slice(*value.span)] == value.text
    return read


def only(text: str, lang: str, tz: str = JAKARTA) -> Value:
    read = found(text, lang, tz)
    assert len(read) == 1, (text, read)
    return read[0]


def english(n: int) -> str:
    for size, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if n >= size:
            head, rest = divmod(n, size)
            return f"{english(head)} {name}" + (f" {english(rest)}" if rest else "")
    if n < 20:
        return EN_SMALL[n]
    return EN_TENS[n // 10] + (f" {EN_SMALL[n % 10]}" if n % 10 else "")


def indonesian(n: int) -> str:
    for size, name in ((1_000_000, "juta"), (1000, "ribu"), (100, "ratus")):
        if n >= size:
            head, rest = divmod(n, size)
            first = f"se{name}" if head == 1 and size < 1_000_000 else f"{indonesian(head)} {name}"
            return first + (f" {indonesian(rest)}" if rest else "")
    if n < 12:
        return ID_SMALL[n]
    if n < 20:
        return f"{ID_SMALL[n - 10]} belas"
    return f"{ID_SMALL[n // 10]} puluh" + (f" {ID_SMALL[n % 10]}" if n % 10 else "")


def chinese(n: int) -> str:
    for size, name in ((10_000, "万"), (1000, "千"), (100, "百"), (10, "十")):
        if n >= size:
            head, rest = divmod(n, size)
            gap = "零" if rest and rest < size // 10 else ""
            return chinese(head) + name + (gap + chinese(rest) if rest else "")
    return HAN[n]


WRITE = {"en": english, "id": indonesian, "zh": chinese}


def full_date(day: date, form: int) -> tuple[str, str]:
    """A date in one of the common forms, and the language of the form."""
    en, ind = MONTHS["en"][day.month - 1], MONTHS["id"][day.month - 1]
    forms = [
        (day.isoformat(), "en"),
        (f"{day.day} {en} {day.year}", "en"),
        (f"{en} {day.day}, {day.year}", "en"),
        (f"{en[:3]} {day.day}th {day.year}", "en"),
        (f"tgl {day.day} {ind} {day.year}", "id"),
        (f"{day.day} {ind} {day.year}", "id"),
        (f"{day.day}/{day.month}/{day.year}", "id"),
        (f"{day.day}-{day.month}-{day.year}", "id"),
        (f"{day.year}年{day.month}月{day.day}日", "zh"),
        (f"{day.year}/{day.month}/{day.day}", "zh"),
        (f"{chinese_year(day.year)}年{chinese(day.month)}月{chinese(day.day)}号", "zh"),
    ]
    return forms[form % len(forms)]


def chinese_year(year: int) -> str:
    return "".join(HAN[int(digit)] for digit in str(year))


@lively
@given(st.dates(date(2000, 1, 1), date(2098, 12, 31)), st.integers(0, 10))
def test_a_date_with_its_year_reads_back_in_every_common_form(day: date, form: int) -> None:
    text, lang = full_date(day, form)
    assert only(text, lang).value == day.isoformat()


@lively
@given(st.integers(0, 364), st.sampled_from(["{d} {en}", "{en} {d}", "tgl {d} {id}", "{m}月{d}号", "the {d}th of {en}"]))
def test_a_date_without_a_year_is_the_next_one(ahead: int, form: str) -> None:
    day = TODAY + timedelta(days=ahead)
    names = {"en": MONTHS["en"][day.month - 1], "id": MONTHS["id"][day.month - 1]}
    lang = "zh" if "月" in form else "id" if "tgl" in form else "en"
    assert only(form.format(d=day.day, m=day.month, **names), lang).value == day.isoformat()


@lively
@given(
    st.integers(1, 27), st.integers(1, 12), st.sampled_from(["{a}-{b} {en}", "{en} {a} to {b}", "{a} sampai {b} {id}", "{m}月{a}日到{b}日"])
)
def test_a_range_of_days_has_both_ends(start: int, month: int, form: str) -> None:
    names = {"en": MONTHS["en"][month - 1], "id": MONTHS["id"][month - 1]}
    value = only(form.format(a=start, b=start + 1, m=month, **names), "zh" if "月" in form else "id" if "sampai" in form else "en")
    assert (value.value[5:], value.end[5:]) == (f"{month:02}-{start:02}", f"{month:02}-{start + 1:02}")


@lively
@given(st.integers(0, 9_999_999), st.sampled_from(["en", "id", "zh"]))
def test_a_number_in_words_reads_back(n: int, lang: str) -> None:
    value = only(WRITE[lang](n), lang)
    assert value.value == (n * 100 if value.kind == "money" else n)


@lively
@given(st.integers(0, 999_999_999), st.sampled_from(["en", "id", "zh"]))
def test_a_grouped_number_reads_back(n: int, lang: str) -> None:
    text = f"{n:,}".replace(",", "." if lang == "id" else ",")
    read = found(text, lang)
    assert [v.value for v in read] == [n]


@lively
@given(st.integers(1, 99_999_999), st.integers(0, 99))
def test_money_reads_back_in_minor_units(major: int, cents: int) -> None:
    grouped = f"{major:,}"
    dotted = grouped.replace(",", ".")
    expected = {
        f"Rp {dotted}": (major * 100, "IDR", "id"),
        f"Rp{dotted},{cents:02}": (major * 100 + cents, "IDR", "id"),
        f"{dotted} rupiah": (major * 100, "IDR", "id"),
        f"${grouped}.{cents:02}": (major * 100 + cents, "USD", "en"),
        f"{grouped} dollars": (major * 100, "USD", "en"),
        f"¥{major}": (major * 100, "CNY", "zh"),
        f"{major}块钱": (major * 100, "CNY", "zh"),
        f"{major} yen": (major, "JPY", "en"),
        f"S${grouped}": (major * 100, "SGD", "en"),
        f"RM {grouped}": (major * 100, "MYR", "en"),
    }
    for text, (minor, currency, lang) in expected.items():
        value = only(text, lang)
        assert (value.kind, value.value, value.unit) == ("money", minor, currency), text


@lively
@given(st.integers(1, 999), st.integers(0, 9))
def test_scale_words_make_money_of_the_language(n: int, tenth: int) -> None:
    amount = n * 10 + tenth
    for text, lang, unit, currency in (
        (f"{n},{tenth} juta", "id", 100_000, "IDR"),
        (f"{n},{tenth}jt", "id", 100_000, "IDR"),
        (f"{n}.{tenth}万", "zh", 1000, "CNY"),
        (f"{n}.{tenth} million", "en", 100_000, "IDR"),
    ):
        value = only(text, lang)
        assert (value.value, value.unit) == (amount * unit * 100, currency), text


@lively
@given(st.integers(0, 23), st.integers(0, 59))
def test_a_time_on_the_24_hour_clock_reads_back(hour: int, minute: int) -> None:
    for text, lang in (
        (f"{hour:02}:{minute:02}", "en"),
        (f"at {hour}:{minute:02}", "en"),
        (f"jam {hour}.{minute:02}", "id"),
        (f"pukul {hour}:{minute:02}", "id"),
        (f"{hour}点{minute}分", "zh"),
    ):
        value = only(text, lang)
        assert (value.kind, value.value) == ("time", f"{hour:02}:{minute:02}"), text


@pytest.mark.parametrize(
    ("text", "lang", "value"),
    [
        ("tomorrow", "en", "2026-11-26"),
        ("tmrw", "en", "2026-11-26"),
        ("besok", "id", "2026-11-26"),
        ("lusa", "id", "2026-11-27"),
        ("后天", "zh", "2026-11-27"),
        ("大后天", "zh", "2026-11-28"),
        ("Friday", "en", "2026-11-27"),
        ("next Fri", "en", "2026-12-04"),
        ("Jumat depan", "id", "2026-12-04"),
        ("下周五", "zh", "2026-12-04"),
        ("下个星期五", "zh", "2026-12-04"),
        ("周五", "zh", "2026-11-27"),
        ("Wednesday", "en", "2026-12-02"),
        ("this Wednesday", "en", "2026-11-25"),
        ("hari Minggu", "id", "2026-11-29"),
        ("in 3 days", "en", "2026-11-28"),
        ("3 hari lagi", "id", "2026-11-28"),
        ("三天后", "zh", "2026-11-28"),
        ("in a week", "en", "2026-12-02"),
        ("tgl 17", "id", "2026-12-17"),
        ("tanggal 28", "id", "2026-11-28"),
        ("17号", "zh", "2026-12-17"),
        ("the 3rd", "en", "2026-12-03"),
        ("tgl 5 bulan depan", "id", "2026-12-05"),
        ("下个月5号", "zh", "2026-12-05"),
        ("Christmas", "en", "2026-12-25"),
        ("元旦", "zh", "2027-01-01"),
        ("12/17", "en", "2026-12-17"),
        ("17/12", "en", "2026-12-17"),
        ("Saturday, 5 December", "en", "2026-12-05"),
    ],
)
def test_relative_days_count_from_now(text: str, lang: str, value: str) -> None:
    assert only(text, lang).value == value


@pytest.mark.parametrize(
    ("text", "lang", "start", "end", "grain"),
    [
        ("this weekend", "en", "2026-11-28", "2026-11-29", "weekend"),
        ("akhir pekan depan", "id", "2026-12-05", "2026-12-06", "weekend"),
        ("周末", "zh", "2026-11-28", "2026-11-29", "weekend"),
        ("minggu depan", "id", "2026-11-30", "2026-12-06", "week"),
        ("next week", "en", "2026-11-30", "2026-12-06", "week"),
        ("bulan depan", "id", "2026-12-01", "2026-12-31", "month"),
        ("月底", "zh", "2026-11-25", "2026-11-30", "part"),
        ("mid December", "en", "2026-12-11", "2026-12-20", "part"),
        ("Monday to Friday", "en", "2026-11-30", "2026-12-04", "day"),
        ("28 Dec - 3 Jan", "en", "2026-12-28", "2027-01-03", "day"),
        ("12.20-12.25", "zh", "2026-12-20", "2026-12-25", "day"),
    ],
)
def test_longer_stretches_have_an_end_and_a_grain(text: str, lang: str, start: str, end: str, grain: str) -> None:
    value = only(text, lang)
    assert (value.value, value.end, value.grain) == (start, end, grain)


def test_the_order_of_day_and_month_follows_the_person() -> None:
    assert only("5/6", "en", "America/New_York").value == "2027-05-06"
    assert only("5/6", "en", "Europe/London").value == "2027-06-05"
    assert only("5/6", "id").value == "2027-06-05"
    assert only("5/6", "zh").value == "2027-05-06"


@pytest.mark.parametrize(
    ("text", "lang", "value"),
    [
        ("jam 7 malem", "id", "19:00"),
        ("jam setengah 8", "id", "07:30"),
        ("setengah 8 malam", "id", "19:30"),
        ("jam 2 siang", "id", "14:00"),
        ("jam 11 siang", "id", "11:00"),
        ("jam 12 malam", "id", "00:00"),
        ("jam 5 sore", "id", "17:00"),
        ("jam 8 lewat 15", "id", "08:15"),
        ("jam 9 kurang 10", "id", "08:50"),
        ("malam jam 8", "id", "20:00"),
        ("晚上七点半", "zh", "19:30"),
        ("下午3点", "zh", "15:00"),
        ("凌晨2点", "zh", "02:00"),
        ("中午12点", "zh", "12:00"),
        ("早上八点一刻", "zh", "08:15"),
        ("7pm", "en", "19:00"),
        ("12am", "en", "00:00"),
        ("noon", "en", "12:00"),
        ("half seven", "en", "07:30"),
        ("half past six pm", "en", "18:30"),
        ("quarter to nine", "en", "08:45"),
        ("7 o'clock in the evening", "en", "19:00"),
        ("setengah 1 siang", "id", "12:30"),
    ],
)
def test_times_are_read_as_they_are_said(text: str, lang: str, value: str) -> None:
    read = only(text, lang)
    assert (read.kind, read.value, read.end) == ("time", value, None)


@pytest.mark.parametrize(
    ("text", "lang", "start", "end"),
    [
        ("after 5pm", "en", "17:00", None),
        ("before noon", "en", None, "12:00"),
        ("setelah jam 5 sore", "id", "17:00", None),
        ("3点以后", "zh", "03:00", None),
        ("5 to 7pm", "en", "17:00", "19:00"),
        ("pagi", "id", "05:00", "11:00"),
    ],
)
def test_times_may_be_open_or_a_part_of_the_day(text: str, lang: str, start: str | None, end: str | None) -> None:
    read = only(text, lang)
    assert (read.value, read.end) == (start, end)


@pytest.mark.parametrize(
    ("text", "lang", "kind", "value", "unit"),
    [
        ("goceng", "id", "money", 500_000, "IDR"),
        ("ceban", "id", "money", 1_000_000, "IDR"),
        ("50rb", "id", "money", 5_000_000, "IDR"),
        ("3jt", "id", "money", 300_000_000, "IDR"),
        ("dua juta lima ratus ribu", "id", "money", 250_000_000, "IDR"),
        ("Rp. 1.250.000,-", "id", "money", 125_000_000, "IDR"),
        ("setengah juta", "id", "money", 50_000_000, "IDR"),
        ("两千五百块", "zh", "money", 250_000, "CNY"),
        ("两千五", "zh", "money", 250_000, "CNY"),
        ("3万", "zh", "money", 3_000_000, "CNY"),
        ("一千二百万", "zh", "money", 1_200_000_000, "CNY"),
        ("two hundred bucks", "en", "money", 20_000, "USD"),
        ("2.5k usd", "en", "money", 250_000, "USD"),
        ("half a million dollars", "en", "money", 50_000_000, "USD"),
        ("two nights", "en", "duration", 2, "night"),
        ("seminggu", "id", "duration", 1, "week"),
        ("三个小时", "zh", "duration", 3, "hour"),
        ("2 kamar", "id", "number", 2, "room"),
        ("五星级", "zh", "number", 5, "star"),
    ],
)
def test_amounts_have_their_unit(text: str, lang: str, kind: str, value: int, unit: str) -> None:
    read = only(text, lang)
    assert (read.kind, read.value, read.unit) == (kind, value, unit)


@pytest.mark.parametrize(
    ("text", "lang", "adults", "children"),
    [
        ("two adults and a kid", "en", 2, 1),
        ("for two", "en", 2, 0),
        ("me and my wife and 2 kids", "en", 2, 2),
        ("berdua", "id", 2, 0),
        ("2 dewasa 1 anak", "id", 2, 1),
        ("sama istri", "id", 2, 0),
        ("两大一小", "zh", 2, 1),
        ("三个大人两个小孩", "zh", 3, 2),
        ("4人", "zh", 4, 0),
    ],
)
def test_people_are_counted_as_adults_and_children(text: str, lang: str, adults: int, children: int) -> None:
    read = only(text, lang)
    assert (read.kind, read.value) == ("people", {"adults": adults, "children": children})


def test_a_range_of_money_counts_both_ends_in_one_scale() -> None:
    read = only("1-2 juta", "id")
    assert (read.value, read.end, read.unit) == (100_000_000, 200_000_000, "IDR")


def test_two_amounts_in_a_row_stay_two() -> None:
    assert [v.value for v in found("50rb dua juta", "id")] == [5_000_000, 200_000_000]


@pytest.mark.parametrize(("tz", "currency"), [("Asia/Jakarta", "IDR"), ("Asia/Singapore", "SGD"), ("America/Chicago", "USD")])
def test_unmarked_english_money_is_of_the_time_zone(tz: str, currency: str) -> None:
    assert only("under 2k", "en", tz).unit == currency


def test_a_day_and_a_time_beside_it_are_one_instant() -> None:
    read = only("besok jam 7 malam", "id")
    assert (read.kind, read.value) == ("datetime", "2026-11-26T19:00+07:00")


def test_the_day_is_the_day_where_the_person_is() -> None:
    late = datetime(2026, 11, 25, 18, tzinfo=UTC)  # already the 26th in Jakarta
    assert values("besok", now=late, tz=JAKARTA)[0].value == "2026-11-27"


ANY = st.text(max_size=200) | st.text(alphabet="0123456789.,-/: 一二三十百千万零点月日号年到晚上周下rpjtkm$¥", max_size=80)


@settings(deadline=None, max_examples=300)
@given(ANY)
def test_any_text_is_read_without_failing_and_spans_slice_it(text: str) -> None:
    for lang in ("en", "id", "zh"):
        read: list[Any] = found(text, lang)
        assert all(a.span[1] <= b.span[0] or a.span == b.span for a, b in pairwise(read))
