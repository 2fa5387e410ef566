"""Decides what media are for when the client did not say (normalisation.md §5)."""

from collections.abc import Sequence

from app.domain.media import Media, MediaType, Role
from app.domain.normalise.media_rows import Draft
from app.domain.normalise.reader import Body
from app.domain.requests import Mode

_FRAMES = (Role.FIRST_FRAME, Role.LAST_FRAME)
_SOURCED = (Mode.EDIT, Mode.EXTEND, Mode.REMIX)
_ALL_REFERENCES = (Mode.R2V, *_SOURCED, Mode.T2V)


def video_media(drafts: Sequence[Draft], mode: Mode | None, body: Body) -> tuple[Media, ...]:
    """The media of a video request, each with a role; `mode` is what the client or the route said."""
    if not drafts:
        return ()
    images = [index for index, draft in enumerate(drafts) if draft.type is MediaType.IMAGE and draft.role is None]
    explicit = {draft.role for draft in drafts if draft.role is not None}
    decided = dict(zip(images, _image_roles(len(images), explicit, mode), strict=False))
    if mode is None and not explicit and len(images) == 2:
        body.note("roles_guessed", "media")
    decided.update(_video_roles(drafts, mode))
    return tuple(_finished(draft, decided.get(index)) for index, draft in enumerate(drafts))


def image_media(drafts: Sequence[Draft]) -> tuple[Media, ...]:
    """The media of an image request, whose pictures have their roles already."""
    return tuple([_finished(draft, None) for draft in drafts])


def _image_roles(count: int, explicit: set[Role], mode: Mode | None) -> list[Role]:
    """Roles for the undecided images, in order."""
    free = [role for role in _FRAMES if role not in explicit]
    if mode in _ALL_REFERENCES:
        frames: list[Role] = []
    elif mode is Mode.FLF2V:
        frames = free
    elif mode is Mode.I2V:
        frames = free if Role.FIRST_FRAME in free else []
        frames = frames[:1]
    else:
        frames = _unasked_frames(count, explicit)
    return (frames + [Role.REFERENCE_IMAGE] * count)[:count]


def _unasked_frames(count: int, explicit: set[Role]) -> list[Role]:
    if Role.FIRST_FRAME in explicit:
        return []
    if Role.LAST_FRAME in explicit:
        return [Role.FIRST_FRAME]
    return [] if explicit or count > 2 else list(_FRAMES)


def _video_roles(drafts: Sequence[Draft], mode: Mode | None) -> dict[int, Role]:
    """The undecided videos: what is worked on in edits and the like, else references."""
    undecided = [index for index, draft in enumerate(drafts) if draft.type is MediaType.VIDEO and draft.role is None]
    if mode not in _SOURCED:
        return {}
    named_otherwise = [index for index in undecided if drafts[index].field != "reference_videos"]
    has_source = bool(named_otherwise) or any(draft.role is Role.SOURCE_VIDEO for draft in drafts)
    return dict.fromkeys(named_otherwise if has_source else undecided, Role.SOURCE_VIDEO)


def _finished(draft: Draft, decided: Role | None) -> Media:
    role = draft.role or decided or Role(f"reference_{draft.type.value}")
    return Media(draft.type, role, draft.src, draft.param)
