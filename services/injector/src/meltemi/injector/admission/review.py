"""AdmissionReviews of Kubernetes: read within limits, and answered.

Source:
    Kubernetes, "Dynamic Admission Control"; k8s.io/api/admission/v1.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.json_text import NotStrictJsonError, load
from meltemi.injector.admission.pod import Pod
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"
PODS: Final = ("", "v1", "Pod")
LONGEST_WARNING: Final = 256
"""Characters of a warning that kubectl shows whole."""
MOST_WARNINGS: Final = 10


class BadReviewError(MeshError):
    """What was sent is no review that can be answered."""

    code = "injector.bad-review"
    blame = Blame.CALLER


class _Kind(msgspec.Struct, frozen=True):
    group: str
    version: str
    kind: str


class _User(msgspec.Struct, frozen=True):
    username: str = ""


class _Request(msgspec.Struct, frozen=True, rename="camel"):
    uid: str
    kind: _Kind
    operation: str = "CREATE"
    namespace: str = ""
    name: str = ""
    dry_run: bool = False
    user_info: _User = _User()
    object: msgspec.Raw = msgspec.Raw(b"null")


class _Review(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    kind: str
    request: _Request


@dataclass(frozen=True, slots=True)
class Review:
    """What the API server asks.

    Attributes:
        uid: To be said in the answer.
        namespace: Where the pod will be.
        user: Who makes it.
        dry_run: Whether it will not be made after all.
        pod: It; None: the review is of something else.

    """

    uid: str
    namespace: str
    user: str
    dry_run: bool
    pod: Pod | None


def review_of(data: bytes) -> Review:
    """Return the review that ``data`` spells.

    Raises:
        BadReviewError: If it is none of admission.k8s.io/v1, or exceeds a limit.

    """
    try:
        load(data.decode())  # what other readers of JSON take differently is refused
        found = msgspec.json.decode(data, type=_Review)
    except UnicodeDecodeError as error:
        raise BadReviewError(f"byte {error.start} is not UTF-8") from error
    except (NotStrictJsonError, msgspec.DecodeError) as error:
        raise BadReviewError(f"no {KIND}: {error}") from error
    if (found.api_version, found.kind) != (VERSION, KIND):
        raise BadReviewError(
            f"{found.api_version} {found.kind} found, expected {VERSION} {KIND}: name "
            "it in admissionReviewVersions"
        )
    request = found.request
    return Review(
        request.uid,
        request.namespace,
        request.user_info.username,
        request.dry_run,
        _pod(request),
    )


def _pod(request: _Request) -> Pod | None:
    kind = request.kind
    if (kind.group, kind.version, kind.kind) != PODS or request.operation != "CREATE":
        return None
    try:
        return msgspec.json.decode(bytes(request.object), type=Pod)
    except msgspec.DecodeError as error:
        raise BadReviewError(f"no Pod: {error}") from error


def allowed(
    review: Review,
    patch: Sequence[Mapping[str, object]] = (),
    warnings: Sequence[str] = (),
) -> dict[str, object]:
    """Return the answer that lets the pod be, changed by ``patch``."""
    response: dict[str, object] = {"uid": review.uid, "allowed": True}
    if patch:
        text = json.dumps(patch, separators=(",", ":"), ensure_ascii=False)
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(text.encode()).decode()
    if warnings:
        shown = [each[:LONGEST_WARNING] for each in warnings[:MOST_WARNINGS]]
        response["warnings"] = shown
    return _answer(response)


def refused(review: Review, problems: Sequence[str]) -> dict[str, object]:
    """Return the answer that the pod cannot be made, and why."""
    status = {"code": 422, "reason": "Invalid", "message": "; ".join(problems)}
    return _answer({"uid": review.uid, "allowed": False, "status": status})


def _answer(response: dict[str, object]) -> dict[str, object]:
    return {"apiVersion": VERSION, "kind": KIND, "response": response}
