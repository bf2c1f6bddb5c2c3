"""Plays all stories at once, shows them going through, then receipts, the auditor's word and a summary."""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tuntas.cli import show
from tuntas.cli.profile import Profile
from tuntas.local.demo.billing import billed
from tuntas.local.demo.daily import daily
from tuntas.local.demo.engines import used
from tuntas.local.demo.paying import paying
from tuntas.local.demo.shopping import shopping
from tuntas.local.demo.stage import TERMINAL, Play, Stage
from tuntas.local.demo.stories import Story, stories

AUDIT = Path(__file__).resolve().parents[5] / "tests" / "audit.py"
STORY_SECONDS = 75.0
Document = dict[str, Any]


@dataclass
class Played:
    """How a story went."""

    story: Story
    task: UUID
    run: str
    fault: str = ""
    receipt: Document = field(default_factory=dict)
    done: bool = False

    def identity(self) -> str:
        """Return the submission id; unique for each run."""
        return f"{self.run}-{self.story.name}"


class Demo:
    """One run of the demo against a running platform."""

    def __init__(self, profile: Profile, worlds: dict[str, str], *, quiet: bool) -> None:
        self.run = f"{int(time.time())}"
        self.console = Console(stderr=quiet, highlight=False)
        self.quiet = quiet
        self.stage = Stage(profile, worlds, lambda: None)
        self.worlds = worlds
        self.billing: Document = {}
        self.played = [self._cast(story) for story in (*stories(), *daily(), *shopping(), *paying())]

    def _cast(self, story: Story) -> Played:
        name = f"{self.run}-{story.name}"
        return Played(story, self.stage.identity(name, words=story.words is not None), self.run)

    async def play(self) -> None:
        """Play all stories side by side."""
        async with self.stage.open():
            with Live(self._table(), console=self.console, refresh_per_second=4, transient=self.quiet) as live:
                self.stage._changed = lambda: live.update(self._table())  # noqa: SLF001 - the view is made after the stage
                await asyncio.gather(*(self._story(played) for played in self.played))
                live.update(self._table())
            for played in self.played:
                if "closing" in str(self.stage.told(played.task).events):
                    played.receipt = await Play(self.stage, played.task, "").receipt()
            self.billing = await billed(self.stage, [p.receipt for p in self.played if p.receipt])

    async def _story(self, played: Played) -> None:
        play = Play(self.stage, played.task, played.story.name)
        try:
            async with asyncio.timeout(STORY_SECONDS):
                await self._act(played, play)
        except TimeoutError:
            played.fault = f"not {played.story.ends} in {STORY_SECONDS:.0f} s"
        except RuntimeError as error:
            played.fault = str(error)
        played.done = True

    async def _act(self, played: Played, play: Play) -> None:
        story, name = played.story, played.identity()
        person = f"{self.run}-{story.name}"
        await self.stage.mandate(person, story.mandate)
        await story.before(play)
        asker: Document = {"person": person, "instrument": story.instrument, "travellers": story.travellers, "reference": story.name}
        if story.words is not None:
            await self.stage.ask(name, story.words, asker)
        else:
            body = json.dumps({"asker": asker, "goals": story.goals}).encode()
            await self.stage.publish(name, body, headers=story.headers)
        if story.headers:
            played.task = await self._refused(played)
            play = Play(self.stage, played.task, person)
        await story.act(play)
        await self._judge(played, play)

    async def _refused(self, played: Played) -> UUID:
        """A submission that was not let in has an id of its own; it is known by its source's id."""
        while True:
            for task, told in self.stage.tasks.items():
                if any(e["source_id"] == played.identity() for e in told.events):
                    return task
            await asyncio.sleep(0.1)

    async def _judge(self, played: Played, play: Play) -> None:
        story, times = played.story, 1
        end = await play.until(story.ends)
        while end.get("closing", 0) < story.closing:
            times += 1
            end = await play.until(story.ends, times=times)
        if story.code and end.get("code") != story.code:
            played.fault = f"code {end.get('code')}, not {story.code}"

    def _table(self) -> Table:
        table = Table("story", "domain", "by", "what happens", "now", box=None, padding=(0, 2, 0, 0))
        for played in self.played:
            told = self.stage.told(played.task).events
            now = told[-1]["type"] if told else "..."
            colour = "red" if played.fault else "green" if played.done else "yellow"
            by, domains = played.story.lang or "event", ", ".join(played.story.domains)
            state = f"[{colour}]{now}[/]{' ' + played.fault if played.fault else ''}"
            table.add_row(played.story.name, domains, by, played.story.title, state)
        return table

    def judge(self, spoil: str | None, folder: Path) -> tuple[Document, bool]:
        """Print receipts, let the outside auditor compare them with the world, and sum up; False if anything is not as it must be."""
        receipts = [p.receipt for p in self.played if p.receipt]
        if not self.quiet:
            for played in self.played:
                self._show(played)
        audited = self._audit(_spoiled(receipts, spoil), folder)
        summary = self._summary(audited)
        fine = audited["exit"] == 0 and not any(p.fault for p in self.played) and "fault" not in self.billing
        summary["engines"] = asyncio.run(used(self.stage.profile.operations_url, [played.task for played in self.played]))
        return summary, fine

    def _show(self, played: Played) -> None:
        self.console.rule(f"{played.story.name}: {played.story.title}", align="left")
        if played.receipt:
            show.receipt(played.receipt, as_json=False)
        for event in self.stage.told(played.task).events:
            if event["type"] in {"cancel_refused", "rejected", "question", "approval_needed", "reopened"}:
                show.event(event, as_json=False)

    def _audit(self, receipts: list[Document], folder: Path) -> Document:
        path = folder / "receipts.json"
        path.write_text(json.dumps(receipts))
        command = [sys.executable, str(AUDIT), "--receipts", str(path), *self.worlds.values()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own script
        if not done.stdout:
            raise RuntimeError(done.stderr)
        found: Document = json.loads(done.stdout)
        return found | {"exit": done.returncode}

    def _summary(self, audited: Document) -> Document:
        told = [self.stage.told(p.task) for p in self.played]
        last = Counter(next((e["type"] for e in reversed(t.events) if e["type"] in TERMINAL | {"needs_attention"}), "open") for t in told)
        return {
            "tasks": len(self.played),
            "domains": dict(Counter(domain for p in self.played for domain in p.story.domains)),
            "languages": dict(Counter(p.story.lang for p in self.played if p.story.lang)),
            "completed": last["completed"],
            "compensated": last["compensated"],
            "saved_by_ladder": sum(1 for p in self.played if p.receipt.get("outcome") == "completed" and p.receipt.get("rungs")),
            "asked": sum(1 for t in told if {"approval_needed", "question"} & set(t.names)),
            "needs_attention": last["needs_attention"],
            "answered": last["answered"],
            "rejected": last["rejected"],
            "stray_effects": audited["stray_effects"],
            "missing_effects": audited["missing_effects"],
            "postings_sum": audited["postings_sum"],
            "billing": self.billing,
            "unexpected": {p.story.name: p.fault for p in self.played if p.fault},
            "audit": {
                k: v
                for k, v in audited.items()
                if k in {"wrong_amounts", "unbalanced_receipts", "unpaid", "stray", "missing", "wrong"} and v
            },
        }


def _spoiled(receipts: list[Document], spoil: str | None) -> list[Document]:
    """Return the receipts for the auditor; with a spoiler, as a liar would hand them over."""
    if spoil == "receipt":
        kept = next(n for n, r in enumerate(receipts) if r["outcome"] == "completed")
        return [r for n, r in enumerate(receipts) if n != kept]
    if spoil == "posting":
        spoiled: list[Document] = json.loads(json.dumps(receipts))
        next(r for r in spoiled if r["postings"])["postings"][0]["amount_minor"] += 1
        return spoiled
    return receipts
