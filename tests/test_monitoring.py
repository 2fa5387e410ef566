"""What is written for monitoring (the page of metrics, the dashboard, the alerts) names metrics and labels that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own

from app.api.metrics import ENDPOINT
from app.engine.metric_table import METRICS
from app.settings import Settings

ROOT = Path(__file__).parent.parent
KNOWN = {entry.name: entry for entry in METRICS}
OF_PROMETHEUS = {"le", "job", "instance"}
ROW = re.compile(r"^\| `(filmgate_\w+)` \| (\w+) \| (.+?) \| (.+) \|$", re.MULTILINE)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text_of("deploy/grafana/filmgate.json"))
    return found


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(text_of("deploy/prometheus/alerts.yml"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def targets() -> Iterator[tuple[str, str, str]]:
    """Title, expression and legend of everything that the dashboard draws."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target["legendFormat"]


def metrics_in(expression: str) -> set[str]:
    """The metrics of an expression; of a histogram's series the histogram."""
    found = set()
    for name in re.findall(r"\bfilmgate_\w+", expression):
        base = re.sub(r"_(bucket|count|sum)$", "", name)
        found.add(base if base in KNOWN and KNOWN[base].kind == "histogram" else name)
    return found


def labels_in(expression: str) -> set[str]:
    """The labels by which an expression chooses or groups."""
    chosen = {name for inside in re.findall(r"\{(.*?)\}", expression) for name in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside)}
    grouped = {name for inside in re.findall(r"\bby \((.*?)\)", expression) for name in re.split(r",\s*", inside) if name}
    return chosen | grouped


EXPRESSIONS = [(title, expression) for title, expression, _ in targets()] + [(rule["alert"], rule["expr"]) for rule in rules()]


def test_the_page_of_metrics_is_the_table_of_the_program() -> None:
    written = [
        (name, kind, tuple(re.findall(r"`(\w+)`", labels)), meaning)
        for name, kind, labels, meaning in ROW.findall(text_of("docs/metrics.md"))
    ]
    assert written == [
        (entry.name, entry.kind, entry.labels, entry.meaning) for entry in sorted(METRICS, key=lambda one: not one.counted)
    ]


def test_the_page_names_settings_that_exist() -> None:
    named = set(re.findall(r"\bFILMGATE_(\w+)", text_of("docs/metrics.md")))
    assert {"METRICS_TOKEN", "OTLP_ENDPOINT", "ACCESS_LOG_SAMPLE"} <= named
    assert named <= {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS, ids=[title for title, _ in EXPRESSIONS])
def test_an_expression_names_metrics_and_labels_that_exist(title: str, expression: str) -> None:
    names = metrics_in(expression)
    assert names, title
    assert names <= set(KNOWN)
    assert labels_in(expression) <= {label for name in names for label in KNOWN[name].labels} | OF_PROMETHEUS
    assert expression.count("(") == expression.count(")")


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS, ids=[title for title, _ in EXPRESSIONS])
def test_a_counter_is_read_as_a_rate_and_what_every_machine_tells_is_not_summed(title: str, expression: str) -> None:
    for name in metrics_in(expression):
        entry = KNOWN[name]
        if entry.counted and entry.kind != "gauge":
            assert re.search(rf"(?:rate|increase)\({name}\w*[{{\[]", expression), title
        if not entry.counted:
            assert re.search(rf"(?:max|min|absent)(?: by \([\w, ]+\))? ?\({name}\b", expression), title


def test_each_panel_s_legend_shows_labels_by_which_it_groups() -> None:
    for title, expression, legend in targets():
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= labels_in(expression), title


def test_the_dashboard_draws_most_of_what_is_measured() -> None:
    drawn = {name for _, expression, _ in targets() for name in metrics_in(expression)}
    assert len(drawn) > len(METRICS) * 2 // 3


def test_panels_have_an_id_of_their_own_and_do_not_overlap() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_each_alert_says_how_urgent_it_is_what_happened_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in rules()}) == len(rules()) > 10
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
        assert rule["annotations"]["description"].endswith("."), rule["alert"]
        shown = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        assert shown <= labels_in(rule["expr"]), rule["alert"]


def test_the_example_of_a_scrape_reads_our_endpoint_and_our_alerts() -> None:
    document = yaml.safe_load(text_of("deploy/prometheus/prometheus.yml"))
    (scrape,) = document["scrape_configs"]
    assert scrape["metrics_path"] == ENDPOINT
    assert scrape["job_name"] == "filmgate"
    assert [(ROOT / "deploy/prometheus" / name).is_file() for name in document["rule_files"]] == [True]


@pytest.mark.parametrize("planted", ["rate(filmgate_http_request_total[5m])", "sum by (chanel) (filmgate_jobs_open)"])
def test_a_planted_mistake_is_noticed(planted: str) -> None:
    with pytest.raises(AssertionError):
        test_an_expression_names_metrics_and_labels_that_exist("planted", planted)
