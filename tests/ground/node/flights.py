"""Many replications with calls under way, and the one thing that must be true of them in the end."""

from ground.operator_process import eventually
from ground.story import Story

END_SECONDS = 90.0


class Flights:
    """Replications of one story, each from a vault of its own, whose calls the cloud takes at once and answers late."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._vaults: dict[str, str] = {}

    @property
    def names(self) -> list[str]:
        """The replications."""
        return list(self._vaults)

    def create(self, name: str, *, call_seconds: float) -> None:
        """One more, whose call takes so long."""
        pair = self._story.pair()
        self._vaults[name] = vault = pair["source"]["vaultID"]
        self._story.fault(vault, after=True, latency=call_seconds)
        self._story.create(name, **pair)

    def create_many(self, prefix: str, count: int, *, call_seconds: float) -> None:
        """So many more."""
        for number in range(count):
            self.create(f"{prefix}-{number}", call_seconds=call_seconds)

    def calls(self) -> int:
        """How many calls the cloud has taken."""
        return sum(len(self._story.accepted(vault)) for vault in self._vaults.values())

    def wait_for_calls(self, count: int) -> None:
        """Wait until the cloud has taken so many calls, the last of which it has not answered yet."""
        eventually(lambda: self.calls() >= count, what="calls are under way")

    def each_is_submitted_once(self) -> None:
        """All come to their good end, and the cloud took one call for each."""
        for name in self._vaults:
            self._story.wait_for(name, "AllReplicated", seconds=END_SECONDS)
        taken = {name: len(self._story.accepted(vault)) for name, vault in self._vaults.items()}
        assert taken == dict.fromkeys(taken, 1)
