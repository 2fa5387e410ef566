"""What Google's two hosts share: which model speaks which protocol, and how each is asked and read."""

from typing import ClassVar
from urllib.parse import quote

from app.adapters._fields import text
from app.adapters._google_errors import error_of
from app.adapters._google_images import content_body, imagen_body, read_content, read_predictions
from app.adapters._google_interactions import STATUSES, file_state, interaction_snapshot
from app.adapters._google_media import file_of
from app.adapters._google_omni import omni_body
from app.adapters._google_veo import operation_snapshot, veo_body
from app.adapters.base import Adapter, Call, Reply, status_of
from app.adapters.registry import catalogue
from app.domain.capabilities import ModelCard
from app.domain.errors import UpstreamError, UpstreamUnreadable
from app.domain.jobs import Failure, Job, JobStatus, Snapshot
from app.domain.json import JsonObject
from app.domain.requests import ImageRequest, VideoRequest

_CREATE_SECONDS = 120.0  # a body may hold tens of megabytes
_IMAGE_SECONDS = 300.0  # a picture takes up to a minute, Imagen's four of them longer
_ASK_SECONDS = 60.0  # an answer may hold the whole clip as base64


class Google(Adapter):
    """Veo as operations, Omni as interactions, Gemini's pictures by `generateContent`, Imagen by `predict`.

    There is no `build_lookup`: a create carries no id of ours and nothing lists what was made.
    """

    statuses = STATUSES
    vertex: ClassVar[bool]
    models_path: ClassVar[str]
    interactions_path: ClassVar[str]

    def build_request(self, job: Job) -> Call:
        request, card = job.request, catalogue(self.name).find(job.upstream_model)
        if isinstance(request, ImageRequest):
            return self._image_call(job, request, card)
        if speaks_operations(job):
            body = veo_body(job, request, vertex=self.vertex)
            return Call(method="POST", path=self._model(job, "predictLongRunning"), json=body, timeout=_CREATE_SECONDS)
        body = omni_body(job, request, vertex=self.vertex)
        return Call(method="POST", path=self.interactions_path, json=body, timeout=_CREATE_SECONDS)

    def parse_submit(self, job: Job, reply: Reply) -> Snapshot:
        if isinstance(job.request, ImageRequest):
            return read_predictions(job, reply) if _is_imagen(job) else read_content(job, reply)
        answer = reply.object()
        upstream_id = text(answer.get("name" if speaks_operations(job) else "id"))
        if upstream_id is None:
            raise UpstreamUnreadable("Google took the job and gave no name.", status=reply.status, body=reply.excerpt())
        snapshot = self._read(job, answer)
        if snapshot.status is JobStatus.COMPLETED and file_of(snapshot.outputs[0].url):
            return Snapshot(status=JobStatus.IN_PROGRESS, upstream_id=upstream_id)  # the next question looks for the file
        return snapshot

    def build_status(self, job: Job) -> Call:
        """An interaction; operations are asked about in each host's own way."""
        return self._interaction(job)

    def parse_status(self, job: Job, reply: Reply) -> Snapshot | Call:
        answer = reply.object()
        if speaks_operations(job):
            return operation_snapshot(job, answer)
        snapshot = interaction_snapshot(job, answer, status_of(self, answer.get("status")))
        file = file_of(snapshot.outputs[0].url) if snapshot.outputs else None
        # an interaction may be complete before its file can be fetched
        return Call(path=file, headers=self.extra_headers(job), timeout=_ASK_SECONDS) if file else snapshot

    def parse_result(self, job: Job, reply: Reply) -> Snapshot | Call:
        """A file that is there leads back to its interaction, which alone knows the usage."""
        answer = reply.object()
        if "steps" in answer:
            return interaction_snapshot(job, answer, status_of(self, answer.get("status")))
        state = file_state(answer)
        if state == "FAILED":
            failure = Failure("upstream_error", "The vendor made the video and could not store it.", state)
            return Snapshot(status=JobStatus.FAILED, failure=failure)
        return self._interaction(job) if state == "ACTIVE" else Snapshot(status=JobStatus.IN_PROGRESS)

    def parse_error(self, job: Job | None, reply: Reply) -> UpstreamError:
        return error_of(job, reply)

    def build_cancel(self, job: Job) -> Call | None:
        """Interactions can be cancelled, operations cannot."""
        if isinstance(job.request, ImageRequest) or speaks_operations(job):
            return None
        return Call(method="POST", path=f"{self._interaction(job).path}/cancel", headers=self.extra_headers(job), timeout=30)

    def extra_headers(self, job: Job) -> dict[str, str]:
        """Headers that the channel's settings ask for on every call."""
        return {}

    def _read(self, job: Job, answer: JsonObject) -> Snapshot:
        """The answer to a create: a job that only has a name yet is queued, whatever its status word."""
        if speaks_operations(job):
            snapshot = operation_snapshot(job, answer)
            return snapshot if snapshot.status.final else Snapshot(status=JobStatus.QUEUED, upstream_id=snapshot.upstream_id)
        word = (text(answer.get("status")) or "").lower()
        return interaction_snapshot(job, answer, self.statuses.get(word, JobStatus.QUEUED))

    def _image_call(self, job: Job, request: ImageRequest, card: ModelCard | None) -> Call:
        if _is_imagen(job):
            body = imagen_body(job, request, card, vertex=self.vertex)
            return Call(method="POST", path=self._model(job, "predict"), json=body, timeout=_IMAGE_SECONDS)
        body = content_body(request, card, vertex=self.vertex)
        return Call(method="POST", path=self._model(job, "generateContent"), json=body, timeout=_IMAGE_SECONDS)

    def _model(self, job: Job, verb: str) -> str:
        return f"{self.models_path}/{quote(job.upstream_model, safe='')}:{verb}"

    def _interaction(self, job: Job) -> Call:
        path = f"{self.interactions_path}/{quote(job.upstream_id or '', safe='')}"
        return Call(path=path, headers=self.extra_headers(job), timeout=_ASK_SECONDS)


def speaks_operations(job: Job) -> bool:
    """Veo is an operation, everything newer an interaction; the channel setting `video_api` knows better."""
    said = job.settings.get("video_api")
    if said in ("operations", "interactions"):
        return said == "operations"
    return isinstance(job.request, VideoRequest) and "veo" in job.upstream_model.lower()


def _is_imagen(job: Job) -> bool:
    return "imagen" in job.upstream_model.lower()
