"""Reads pages of metrics as Prometheus does."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Site


def samples(page: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """(name, labels) -> value; a series that is written twice fails."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            place = sample.name, frozenset(sample.labels.items())
            assert place not in found, place
            found[place] = sample.value
    return found


class Page:
    """What one scrape brought."""

    def __init__(self, text: str) -> None:
        self.samples = samples(text)

    def value(self, name: str, **labels: str) -> float:
        """The one series with just these labels; 0 where there is none."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def labelled(self, name: str, label: str) -> set[str]:
        """Every value that this label has."""
        return {dict(labels)[label] for found, labels in self.samples if found == name}

    def series(self, name: str) -> Mapping[frozenset[tuple[str, str]], float]:
        """Every series of this name."""
        return {labels: value for (found, labels), value in self.samples.items() if found == name}


async def scraped(site: Site) -> Page:
    """What `/metrics` says now."""
    answer = await site.client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return Page(answer.text)
