"""What `deploy/` and the compose file say fits the program: settings, ports, probes, patience, metrics."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own

from app.engine.metric_table import METRICS
from app.settings import Settings
from tests.test_documents import ROOT, text_of, understand

KUBERNETES = ROOT / "deploy" / "kubernetes"
NGINX = "deploy/nginx/nginx.conf"
UNIT = "deploy/systemd/filmgate.service"
COMPOSE: dict[str, Any] = yaml.safe_load(text_of("docker-compose.yml"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
FIELDS = Settings.model_fields


def started(*profiles: str, named: str = "") -> set[str]:
    """Which services `docker compose --profile … up [named]` starts: all of these profiles, or one with what it depends on."""
    if named:
        needed = SERVICES[named].get("depends_on", ())
        return {named}.union(*(started(named=other) for other in needed))
    return {name for name, service in SERVICES.items() if not service.get("profiles") or set(service["profiles"]) & {*profiles}}


def kinds(kind: str) -> list[dict[str, Any]]:
    return [document for document in manifests() if document["kind"] == kind]


def manifests() -> Iterator[dict[str, Any]]:
    for path in sorted(KUBERNETES.glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def unit() -> list[tuple[str, str]]:
    """The lines of the unit, in order; a name may come more than once."""
    pairs = [line.partition("=") for line in text_of(UNIT).splitlines() if re.match(r"[A-Z]\w+=", line)]
    return [(name, value) for name, _, value in pairs]


def setting_names(names: Iterator[str] | list[str]) -> set[str]:
    return {name.removeprefix("FILMGATE_").lower() for name in names if name.startswith("FILMGATE_")}


def test_every_command_of_the_compose_file_starts_what_it_says() -> None:
    assert started() == {"gateway", "database"}
    assert started("single", named="single") == {"single"}
    assert started("scale", named="proxy") == {"proxy", "replica", "redis", "database"}
    assert started("observe", named="grafana") == {"grafana", "prometheus"}
    for command in re.findall(r"docker compose (.*?up -d.*?)(?:   |$)", text_of("docker-compose.yml"), re.MULTILINE):
        assert {word for word in command.split() if not word.startswith("-")} - {"up"} <= {*SERVICES, "single", "scale", "observe"}


def test_three_gateways_share_postgresql_and_redis_behind_a_proxy() -> None:
    replica, environment = SERVICES["replica"], SERVICES["replica"]["environment"]
    assert replica["deploy"]["replicas"] == 3
    assert "ports" not in replica
    assert environment["FILMGATE_DATABASE_URL"].startswith("postgresql+asyncpg://")
    assert environment["FILMGATE_REDIS_URL"] == "redis://redis:6379/0"
    assert environment["FILMGATE_TRUSTED_PROXIES"] == "${FILMGATE_TRUSTED_PROXIES:-1}"
    assert "results:/data" in replica["volumes"]
    assert "results:/data:ro" in SERVICES["proxy"]["volumes"]


def test_the_single_gateway_is_on_sqlite() -> None:
    assert "FILMGATE_DATABASE_URL" not in SERVICES["single"]["environment"]
    assert SERVICES["single"]["volumes"] == ["results:/data"]


@pytest.mark.parametrize("name", ["gateway", "single", "replica"])
def test_a_gateway_of_the_compose_file_is_given_settings_that_exist_and_time_to_drain(name: str) -> None:
    service = SERVICES[name]
    assert setting_names(list(service["environment"])) <= set(FIELDS)
    assert ":?" in service["environment"]["FILMGATE_SECRET_KEY"]
    assert int(service["stop_grace_period"].removesuffix("s")) > FIELDS["drain_seconds"].default
    assert service["read_only"] is True


def test_every_file_that_the_compose_file_mounts_is_there() -> None:
    used = {config["source"] for service in SERVICES.values() for config in service.get("configs", ())}
    assert used == set(COMPOSE["configs"])
    assert [config["file"] for config in COMPOSE["configs"].values() if not (ROOT / config["file"]).is_file()] == []


def test_the_proxy_waits_lets_through_and_sends_what_the_gateways_say() -> None:
    text = re.sub(r"#.*", "", text_of(NGINX))
    prefix = SERVICES["replica"]["environment"]["FILMGATE_ACCEL_PREFIX"]
    location = re.search(rf"location {prefix}/ {{(.*?)}}", text, re.DOTALL)
    assert location is not None
    assert "internal;" in location[1]
    assert "alias /data/files/;" in location[1]
    assert Settings(accel_prefix=prefix, _env_file=None).accel_prefix == prefix
    assert f"client_max_body_size {FIELDS['max_body_mb'].default}m;" in text
    assert int(re.findall(r"proxy_read_timeout (\d+)s;", text)[0]) > FIELDS["image_minutes"].default * 60
    for directive in ("proxy_buffering off;", "proxy_request_buffering off;", "sendfile on;", "proxy_http_version 1.1;"):
        assert directive in text
    assert "non_idempotent" not in text
    assert {"Host", "X-Forwarded-For", "X-Forwarded-Proto"} <= set(re.findall(r"proxy_set_header ([\w-]+)", text))
    assert "server replica:8000 resolve;" in text


def test_prometheus_asks_every_gateway() -> None:
    (job,) = yaml.safe_load(text_of("deploy/observe/prometheus.yml"))["scrape_configs"]
    gateways = {name for name, service in SERVICES.items() if service.get("image") == "filmgate"}
    assert set(job["dns_sd_configs"][0]["names"]) == gateways
    assert job["dns_sd_configs"][0]["port"] == 8000
    assert yaml.safe_load(text_of("deploy/observe/datasource.yml"))["datasources"][0]["url"] == "http://prometheus:9090"


def test_the_dashboard_shows_metrics_that_exist_from_the_source_that_is_provisioned() -> None:
    text = text_of("deploy/grafana/filmgate.json")
    named = {re.sub("_(?:bucket|sum|count)$", "", name) for name in re.findall(r"\bfilmgate_[a-z_]+", text)}
    known = {re.sub("_(?:bucket|sum|count)$", "", entry.name) for entry in METRICS}
    assert len(named) > 10
    assert named - known == set()
    assert "__inputs" not in json.loads(text)  # those are asked for at an import by hand, never at a start


def test_the_pods_are_three_that_leave_one_after_the_other() -> None:
    (deployment,) = kinds("Deployment")
    (budget,) = kinds("PodDisruptionBudget")
    template = deployment["spec"]["template"]
    assert deployment["spec"]["replicas"] == 3
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    for selector in (deployment["spec"]["selector"], budget["spec"]["selector"]):
        assert selector["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert kinds("Service")[0]["spec"]["selector"].items() <= template["metadata"]["labels"].items()


def test_a_pod_is_asked_for_its_health_and_has_time_to_drain() -> None:
    pod = kinds("Deployment")[0]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    drain = float(kinds("ConfigMap")[0]["data"]["FILMGATE_DRAIN_SECONDS"])
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > drain + pause
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert container["ports"] == [{"name": "http", "containerPort": 8000}]
    understand(container["args"])


def test_a_pod_is_nobody_in_particular_on_a_read_only_root() -> None:
    pod = kinds("Deployment")[0]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert f"--uid {pod['securityContext']['runAsUser']} " in text_of("Dockerfile")
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_the_manifests_give_settings_that_exist_and_no_secret() -> None:
    shared, secret = kinds("ConfigMap")[0]["data"], kinds("Secret")[0]["stringData"]
    assert setting_names([*shared, *secret]) <= set(FIELDS)
    assert all(isinstance(value, str) for value in (*shared.values(), *secret.values()))
    assert {name for name, value in secret.items() if value and "CHANGE-ME" not in value} == set()
    assert {"FILMGATE_DATABASE_URL", "FILMGATE_SECRET_KEY"} <= set(secret)


def test_every_manifest_is_applied_or_says_how() -> None:
    (listed,) = (document["resources"] for document in kinds("Kustomization"))
    here = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed) == here - {"volume.yaml"}
    assert "Add this file to kustomization.yaml" in text_of("deploy/kubernetes/volume.yaml")


def test_kustomize_understands_the_manifests() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl on this machine")
    made = subprocess.run(["kubectl", "kustomize", str(KUBERNETES)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert "image: registry.example.com/filmgate:" in made.stdout


def test_the_unit_reloads_without_a_pause_and_drains() -> None:
    lines = dict(unit())
    words = lines["ExecStart"].split()
    understand(words[1:])
    assert int(words[words.index("--workers") + 1]) > 1  # a single worker ends at SIGHUP
    assert lines["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert int(lines["TimeoutStopSec"]) > FIELDS["drain_seconds"].default
    assert (lines["KillMode"], lines["KillSignal"], lines["Restart"]) == ("mixed", "SIGTERM", "always")
    assert setting_names(re.findall(r"(FILMGATE_\w+)=", lines["Environment"])) <= set(FIELDS)
    assert lines["StateDirectory"] in lines["Environment"]


@pytest.mark.parametrize("option", ["NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "CapabilityBoundingSet="])
def test_the_unit_may_do_little(option: str) -> None:
    assert option in [f"{name}={value}" for name, value in unit()]


def test_systemd_understands_the_unit(tmp_path: Any) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    copy = tmp_path / "filmgate.service"
    copy.write_text(text_of(UNIT).replace("/opt/filmgate/bin/filmgate", "/bin/true"), encoding="utf-8")
    checked = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    "words", [["backup", "/backups/", "--files"], ["restore", "--force", str(ROOT / "README.md")], ["doctor", "--no-channels"]]
)
def test_the_command_line_has_what_the_page_for_operators_writes(words: list[str]) -> None:
    assert f"filmgate {words[0]}" in text_of("docs/operations.md")
    understand(words)
