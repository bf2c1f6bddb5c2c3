"""What a reading promises, beside being right: types, spans, sharing between goals, honest leftovers, bounded work."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuntas.language import Goal, Reading, grammar, lexicon, missing, read, reader, tokens

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)
BOTH = "a flight to Bali on Friday and a hotel near the beach for two nights, under 5 million"


def reading(text: str, tz: str = "Asia/Jakarta") -> Reading:
    return read(text, now=NOW, tz=tz)


def goal(text: str, label: str | None = None) -> Goal:
    goals = reading(text).goals
    return next(g for g in goals if label in {None, g.label})


def canonical(text: str, slot: str, label: str | None = None) -> Any:
    return goal(text, label).slots[slot].canonical


def test_a_hotel_takes_place_and_dates_from_the_flight() -> None:
    flight, hotel = reading(BOTH).goals
    assert (flight.label, hotel.label) == ("travel.flight.book", "travel.hotel.book")
    assert hotel.slots["location"].canonical == flight.slots["destination"].canonical
    assert hotel.slots["check_in"].canonical == flight.slots["depart_date"].canonical == "2026-11-27"
    assert hotel.slots["check_out"].canonical == "2026-11-29"
    assert hotel.slots["hotel"].canonical == {"name": None, "stars": None, "features": ["beach"]}


def test_a_budget_of_its_own_clause_is_one_budget_for_all() -> None:
    flight, hotel = reading(BOTH).goals
    assert flight.slots["budget"] == hotel.slots["budget"]
    assert flight.slots["budget"].canonical == {"amount_minor": 500_000_000, "currency": "IDR"}


def test_a_budget_right_after_its_topic_is_that_topics_alone() -> None:
    flight, hotel = reading("a flight to Bali on Friday and a hotel under 1 million for two nights").goals
    assert "budget" not in flight.slots
    assert hotel.slots["budget"].canonical["amount_minor"] == 100_000_000


def test_people_said_once_travel_and_stay() -> None:
    flight, hotel = reading("tiket ke Bali besok berdua sama hotel 2 malam").goals
    assert flight.slots["passengers"].canonical == hotel.slots["guests"].canonical == {"adults": 2, "children": 0}


def test_the_end_of_a_stay_is_the_way_back_of_a_round_trip() -> None:
    flight, _ = reading("tiket pp ke Bali besok sama hotel 3 malam").goals
    assert flight.slots["return_date"].canonical == "2026-11-29"


def test_a_place_has_a_code_a_name_and_where_it_is() -> None:
    assert canonical("tiket dari Jakarta ke DPS besok", "origin") == {
        "kind": "city",
        "code": "CGK",
        "name": "Jakarta",
        "country": "ID",
        "lat": -6.2088,
        "lon": 106.8456,
    }
    assert canonical("tiket dari Jakarta ke DPS besok", "destination")["kind"] == "airport"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("fly to Bali tomorrow", "DPS"),
        ("飞巴厘岛 明天", "DPS"),
        ("terbang ke Denpasar besok", "DPS"),
        ("terbang ke jogja besok", "YIA"),
        ("fly to singapor tomorrow", "SIN"),
        ("fly to Edinburgh tomorrow", "EDI"),
        ("fly to KL tomorrow", "KUL"),
        ("fly to Nice tomorrow", "NCE"),
        ("terbang ke sby besok", "SUB"),
        ("明天飞三亚的机票", "SYX"),
        ("明天飞乌鲁木齐的机票", "URC"),
        ("tiket ke kno besok", "KNO"),
    ],
)
def test_places_are_known_by_the_names_people_use(text: str, code: str) -> None:
    assert canonical(text, "destination")["code"] == code


def test_a_short_word_is_no_airport() -> None:
    assert "place" not in json.dumps([list(g.slots) for g in reading("can you get the hotel for me").goals])


@pytest.mark.parametrize("text", ["filght to Bali tomorrow", "penerbagnan ke Bali besok", "a hotle in Bali tomorrow"])
def test_misspelt_words_still_name_their_topic(text: str) -> None:
    assert reading(text).goals[0].label.startswith("travel.")
    assert reading(text).goals[0].confidence < 0.95


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("send $20 to Sarah", "Sarah"),
        ("transfer 50rb ke Budi ya", "Budi"),
        ("给小王转500块", "小王"),
        ("给张三转100", "张三"),
        ("pay my mom 20 dollars", "mom"),
        ("kirim 1jt ke rekening BCA 1234567890 atas nama Siti Aminah", "Siti Aminah"),
    ],
)
def test_money_goes_to_the_one_who_was_named(text: str, name: str) -> None:
    assert canonical(text, "recipient", "pay.transfer") == {"name": name}


def test_a_digit_in_a_name_is_no_amount() -> None:
    assert canonical("给张三和李四各转100", "amount")["amount_minor"] == 10_000
    assert "amount" not in goal("给张三转账").slots


def test_an_account_number_is_no_amount() -> None:
    slots = goal("kirim 250 ribu ke rekening mandiri 1370012345678").slots
    assert slots["account"].canonical == {"number": "1370012345678", "bank": "Mandiri"}
    assert slots["amount"].canonical == {"amount_minor": 25_000_000, "currency": "IDR"}


def test_a_round_eight_digit_number_is_an_amount() -> None:
    slots = goal("kirim 10000000 ke Budi").slots
    assert slots["amount"].canonical["amount_minor"] == 1_000_000_000
    assert "account" not in slots


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("show me flights to Bali tomorrow", "travel.flight.search"),
        ("book a flight to Bali tomorrow", "travel.flight.book"),
        ("flights to Bali tomorrow", "travel.flight.search"),
        ("a flight to Bali tomorrow", "travel.flight.book"),
        ("a flight to Bali", "travel.flight.search"),
        ("find me a flight to Bali tomorrow and book it", "travel.flight.book"),
        ("ada tiket ke Bali besok ga", "travel.flight.search"),
        ("明天去上海的机票多少钱", "travel.flight.search"),
    ],
)
def test_asking_shows_choices_and_ordering_books(text: str, label: str) -> None:
    assert reading(text).goals[0].label == label


def test_a_topic_that_is_not_wanted_is_no_goal() -> None:
    for text in (
        "book a flight to Bali tomorrow, no hotel",
        "ga usah hotel, tiket pesawat aja ke Bali besok",
        "不要酒店，订明天去上海的机票",
    ):
        assert [g.label for g in reading(text).goals] == ["travel.flight.book"], text


def test_cancelling_one_booking_is_not_cancelling_the_task() -> None:
    assert reading("cancel it").goals[0].label == "task.cancel"
    assert reading("cancel the hotel").goals[0].label == "booking.cancel"


def test_other_transport_is_no_flight() -> None:
    for text in ("book a train from Jakarta to Bandung", "tiket kereta jakarta bandung besok", "买一张去上海的高铁票"):
        assert [g.label for g in reading(text).goals] == ["travel.train.book"], text


def test_a_choice_among_offers_is_an_answer() -> None:
    for text in ("the second one", "nomor 2", "第二个"):
        assert (goal(text).label, canonical(text, "choice")) == ("task.answer", 2)


@pytest.mark.parametrize(
    "text",
    ["yes", "yes please 🙏", "sure, go ahead and book it", "oke lanjut", "gas aja bro", "iya boleh", "好的，可以", "没问题", "👍"],
)
def test_a_plain_yes_approves(text: str) -> None:
    assert goal(text).label == "task.approve"


@pytest.mark.parametrize(
    "text",
    [
        "cuaca di bali besok gimana ya",
        "中国的首都是哪里",
        "还没好吗",
        "ok but make it business class",
        "yes but only if it is refundable",
        "is it ok?",
        "ya tapi jam berapa",
        "好不好",
        "oke ganti jadi 3 malam",
        "ok who is the president",
        "good question",
        "not ok",
        "不是",
        "yes on Friday",
        "not sure",
        "sure?",
        "好贵",
        "是吗",
        "ya ampun",
        "fine print?",
    ],
)
def test_anything_more_than_a_yes_does_not_approve(text: str) -> None:
    assert all(g.label != "task.approve" for g in reading(text).goals)


def test_a_way_back_lies_after_the_way_there() -> None:
    slots = goal("berangkat tanggal 20 dari jakarta ke surabaya balik tanggal 25").slots
    assert (slots["depart_date"].canonical, slots["return_date"].canonical) == ("2026-12-20", "2026-12-25")
    slots = goal("tiket ke bali senin depan pulang minggu").slots
    assert (slots["depart_date"].canonical, slots["return_date"].canonical) == ("2026-11-30", "2026-12-06")


def test_a_change_is_an_answer_with_the_new_value() -> None:
    assert canonical("ok but make it business class", "cabin_class", "task.answer") == "business"
    assert canonical("改成三晚", "nights", "task.answer") == {"count": 3, "unit": "night"}


def test_a_longer_word_hides_the_words_in_it() -> None:
    assert canonical("转3000给房东，微信支付", "payment_method", "pay.transfer") == "wechat_pay"


def test_what_was_not_read_is_said() -> None:
    unread = reading("book a flight to Bali tomorrow with my surfboard").unread
    assert [text for _, _, text in unread] == ["surfboard"]


def test_a_round_trip_misses_its_return() -> None:
    found = goal("round trip from Jakarta to Bali tomorrow")
    assert missing(found) == ("return_date",)
    assert missing(goal("a flight to Bali tomorrow")) == ("origin",)


def test_a_language_tag_overrides_what_is_detected() -> None:
    assert read("Bali", now=NOW, tz="UTC", lang="zh-CN").lang == "zh"
    assert read("besok berdua", now=NOW, tz="UTC", lang="fr").lang == "id"


def test_a_naive_now_is_the_persons_own_clock() -> None:
    naive = datetime(2026, 11, 25, 23)  # noqa: DTZ001
    assert read("a flight to Bali tomorrow", now=naive, tz="Asia/Jakarta").goals[0].slots["depart_date"].canonical == "2026-11-26"


PIECES = [
    "flight",
    "hotel",
    "tiket",
    "机票",
    "酒店",
    "to",
    "ke",
    "去",
    "Bali",
    "上海",
    "besok",
    "明天",
    "2 nights",
    "两晚",
    "under",
    "5 juta",
    "transfer",
    "50rb",
    "给",
    "Budi",
    "three",
    "adults",
    ",",
    "and",
    "no",
    "cancel",
    "12/17",
    "jam 7",
    "PP",
    "😀",
    "return",
    "from",
    "Ⅷ",
    "ﬁ",
    "½",
]


@settings(deadline=None, max_examples=300)
@given(
    st.text(max_size=120)
    | st.lists(st.sampled_from(PIECES), max_size=15).map(" ".join)
    | st.lists(st.sampled_from(PIECES), max_size=15).map("".join)
)
def test_any_text_is_read_without_failing(text: str) -> None:
    found = reading(text)
    assert bool(found.goals) != bool(found.out_of_scope)
    for one in found.goals:
        assert 0 < one.confidence < 1
        for name, slot in one.slots.items():
            assert slot.slot == name
            assert text[slice(*slot.span)] == slot.value
            json.dumps(slot.canonical)
    assert all(text[start:end] == words for start, end, words in found.unread)


WORST = [
    "1 ",
    "1.",
    "一",
    "零",
    "百",
    "1-",
    "Bali ",
    "from Bali ",
    "next ",
    "十一",
    "half a ",
    "5/6/",
    "上海",
    "flight and hotel ",
    "给三",
    "two hundred and ",
    "jam 7 malam ",
    "unknownx ",
    "1234-",
    "tgl 5 sampai ",
    "two adults and ",
]


@pytest.mark.parametrize("piece", WORST)
def test_work_grows_no_faster_than_the_text(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = count()
    plain = lexicon.Lattice.by

    def counting(self: lexicon.Lattice, i: int, category: str) -> list[tuple[Any, int]]:
        next(steps)
        return plain(self, i, category)

    monkeypatch.setattr(lexicon.Lattice, "by", counting)
    text = (piece * 2000)[:2000]
    reading(text)
    assert next(steps) < 1500 * reader.MAX_TOKENS


def test_text_behind_the_bound_is_reported_as_unread() -> None:
    text = "hotel " * 1000 + "please a trombone"
    assert reading(text).unread[-1][2].endswith("trombone")


def test_rules_join_in_order() -> None:
    lattice = lexicon.build("two nights", tokens.tokenize("two nights"), now=NOW, tz="UTC", lang="en")
    rule = grammar.seq(lambda _s, n, unit: (n, unit), grammar.word("digit"), grammar.word("unit"))
    assert rule(lattice, 0) == [((2, "night"), 2)]
    assert rule(lattice, 1) == []
