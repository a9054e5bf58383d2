# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The one entry: images in, a scene with its objects out, and answers to words.

>>> perceiver = load_perceiver()  # doctest: +SKIP
>>> perception = perceiver.perceive(perceiver.prepare([left_rgb, right_rgb]))
>>> answer = perceiver.query(perception, "find the chair")
>>> print(answer.found, [(m.score, m.instance.box_center) for m in answer.matches])
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import SceneModel, TextEncoder
from semsplat_ros.geometry.metric_scale import in_known_metres
from semsplat_ros.geometry.views import prepare_views
from semsplat_ros.language.commands import parse_concept
from semsplat_ros.language.relevancy import Relevancy
from semsplat_ros.objects.instances import SegmentationSettings, segment
from semsplat_ros.objects.queries import rank
from semsplat_ros.scene import (
    CameraPrior,
    Perception,
    QueryResult,
    SemanticField,
    SemanticScene,
    Views,
    Vocabulary,
    field_branches,
)
from semsplat_ros.view_layout import ViewLayout

MAX_LABELS = 512
MAX_LABEL_CHARS = 256
MAX_BROKEN_SHARE = 0.1
"""More Gaussians than this that are not finite make a scene unusable."""


class Perceiver:
    """A model with everything around it that makes its scenes answer.

    Holds no state of a scene: it may be queried from several threads while one thread perceives.

    Args:
        model: what turns views into scenes.
        text_encoder: the encoder of the model's semantic space, if the model brings none of its
            own; None loads the one that the model's language profile names, when it is first
            needed.
    """

    def __init__(self, model: SceneModel, text_encoder: TextEncoder | None = None) -> None:
        self.model = model
        self._relevancy: Relevancy | None = None
        profile = model.language
        if profile is not None:
            source = text_encoder or model.text_encoder or profile.encoder
            self._relevancy = Relevancy(profile, source)
        self._default_vocabulary: Vocabulary | None = None
        if profile is not None and profile.class_names:
            self._default_vocabulary = self.make_vocabulary(profile.class_names, version=1)

    @property
    def default_vocabulary(self) -> Vocabulary | None:
        """The classes of a model that was trained on a list of them; None for all other models."""
        return self._default_vocabulary

    def prepare(self, images: Sequence[ndarray], prior: CameraPrior = CameraPrior()) -> Views:
        """Crop and resize the RGB uint8 images of one moment to what the model takes.

        See :func:`semsplat_ros.geometry.views.prepare_views` for the arguments and errors.
        """
        return prepare_views(images, self.model.info, prior)

    def perceive(
        self,
        views: Views,
        vocabulary: Vocabulary | None = None,
        settings: SegmentationSettings | None = None,
    ) -> Perception:
        """Predict the scene that some views show and find the objects in it.

        Args:
            views: from :meth:`prepare`.
            vocabulary: the labels to choose from; None takes :attr:`default_vocabulary`.
            settings: how Gaussians are grouped; None takes the defaults.

        Raises:
            SemsplatError: INTERNAL if more than a tenth of the Gaussians is not finite; what the
                model raises.
        """
        vocabulary = vocabulary or self._default_vocabulary
        watch = _StopWatch()
        scene = in_known_metres(_finite(self.model.predict(views)), views.prior)
        if views.prior.world_from_first is not None:
            pose = torch.as_tensor(views.prior.world_from_first).detach().cpu().double()
            scene = replace(scene, world_from_first=pose, world_frame=views.prior.world_frame)
        watch.lap("predict")
        probabilities = None
        if self._relevancy and scene.semantics is not None and vocabulary is not None:
            probabilities = self._relevancy.probabilities(scene.semantics, vocabulary)
        watch.lap("label")
        segmentation = segment(
            scene, probabilities, vocabulary, settings or SegmentationSettings()
        )
        watch.lap("segment")
        return Perception(
            scene=scene,
            instances=segmentation.instances,
            instance_ids=segmentation.instance_ids,
            label_ids=segmentation.label_ids,
            label_scores=segmentation.label_scores,
            vocabulary=vocabulary if probabilities is not None else None,
            stages_ms=watch.stages_ms,
        )

    def make_vocabulary(self, labels: Iterable[str], version: int) -> Vocabulary:
        """A vocabulary of `labels` in the given order; "unlabelled" is put before them.

        Raises:
            SemsplatError: INVALID_ARGUMENT naming blank, repeated or very long labels, or more
                than 512 of them; NO_LANGUAGE_MODEL if the model has no language.
        """
        names = [" ".join(label.split()) for label in labels]
        reasons = rejected_labels(names)
        if reasons:
            raise SemsplatError(ErrorCode.INVALID_ARGUMENT, "; ".join(reasons))
        embeddings = self._language().embed_labels(names)
        return Vocabulary(version, ("unlabelled", *names), embeddings)

    def query(
        self,
        perception: Perception,
        text: str,
        top_k: int = 5,
        min_score: float = 0.25,
        max_chars: int = 256,
        adaptive_threshold: bool = False,
    ) -> QueryResult:
        """Which objects of a perception a text means, best first.

        Args:
            perception: from :meth:`perceive`.
            text: "chair" or "please find the red chair".
            top_k: at most this many matches, at least 1.
            min_score: calibrated score below which an object does not count as found, 0..1.
            max_chars: longest text, in characters.
            adaptive_threshold: for models with open language, also take objects below `min_score`
                whose response is clear (the GSemSplat paper's failure case 1); not evaluated yet.

        Returns:
            `found` is True if the best object scores at least `min_score`; then `matches` holds
            all that do. Otherwise it holds the single best object below, if there is any, and
            `message` says so.

        Raises:
            SemsplatError: EMPTY_TEXT, TEXT_TOO_LONG, INVALID_ARGUMENT, NO_LANGUAGE_MODEL.
        """
        concept = parse_concept(text, max_chars)
        if not 0.0 <= min_score <= 1.0 or top_k < 1:
            raise SemsplatError(
                ErrorCode.INVALID_ARGUMENT,
                f"min_score {min_score} and top_k {top_k} given; min_score is 0..1, top_k at "
                f"least 1",
            )
        language = self._language()
        if perception.scene.semantics is None:
            raise _no_language(self.model.info.name)
        return rank(perception, language, text, concept, top_k, min_score, adaptive_threshold)

    def relevancy(self, perception: Perception, text: str) -> Float[Tensor, " n"]:
        """How relevant a text is to every Gaussian of a perception, 0..1, not calibrated, on the
        CPU.

        Raises:
            SemsplatError: EMPTY_TEXT, NO_LANGUAGE_MODEL.
        """
        language = self._language()
        if perception.scene.semantics is None:
            raise _no_language(self.model.info.name)
        return language.score(perception.scene.semantics, parse_concept(text))

    def _language(self) -> Relevancy:
        if self._relevancy is None:
            raise _no_language(self.model.info.name)
        return self._relevancy


def load_perceiver(
    name: str = "room",
    checkpoint: str = "",
    device: str = "auto",
    precision: str = "auto",
    sha256: str = "",
    threads: int = 0,
    view_layout: ViewLayout = ViewLayout.SEPARATE,
) -> Perceiver:
    """A perceiver with a model of the zoo; see :func:`semsplat_ros.families.registry.load_model`.

    Args:
        name: a model of the zoo; "room" is the embedded default and needs no file.
        checkpoint: file of the weights, for models that are not embedded.
        device: "auto", "cpu" or "cuda:N".
        precision: "auto", "fp32", "fp16" or "bf16".
        sha256: 64 hex digits that the file must have; empty = not checked.
        threads: PyTorch's on a CPU, in this process; 0 = what suits the model.
        view_layout: how SpatialSplat and NoPoSplat read more than two views.

    Raises:
        SemsplatError: what `load_model` raises.
    """
    from semsplat_ros.families.registry import load_model

    return Perceiver(
        load_model(
            name,
            checkpoint,
            device,
            precision,
            sha256,
            threads=threads,
            view_layout=view_layout,
        )
    )


def rejected_labels(labels: list[str]) -> list[str]:
    """Why labels cannot be a vocabulary, as "label: reason"; empty if they can."""
    reasons = []
    if not labels:
        reasons.append("no labels given; give at least one")
    if len(labels) > MAX_LABELS:
        reasons.append(f"{len(labels)} labels given; at most {MAX_LABELS} are allowed")
    seen: set[str] = set()
    for label in labels:
        key = label.casefold().strip()
        fault = label_fault(label)
        if fault:
            reasons.append(fault)
        elif key in seen or key == "unlabelled":
            reasons.append(f"{label}: given twice or reserved")
        seen.add(key)
    return reasons


def label_fault(label: str) -> str:
    """Why a text cannot be a label, as "label: reason"; empty if it can."""
    if len(label) > MAX_LABEL_CHARS:
        return f"{label[:20]!r}...: has {len(label)} characters; must have <= {MAX_LABEL_CHARS}"
    if not label.strip() or not label.isprintable():
        return f"{label!r}: blank or not printable"
    return ""


def _finite(scene: SemanticScene) -> SemanticScene:
    """The scene without the Gaussians that are not finite; raises INTERNAL if they are too
    many."""
    g = scene.gaussians
    parts = (g.means, g.scales, g.quats_wxyz, g.opacities[:, None], g.sh.flatten(1))
    # A sum is finite only if all its terms are: one pass and one bit a Gaussian.
    good = torch.isfinite(torch.stack([part.sum(1) for part in parts]).sum(0))
    broken = len(g) - int(good.sum())
    if broken == 0:
        return scene
    if broken > MAX_BROKEN_SHARE * len(g):
        raise SemsplatError(
            ErrorCode.INTERNAL,
            f"{broken} of {len(g)} Gaussians are not finite; the pair is dropped. If this "
            f"repeats, try "
            "precision fp32 or check the checkpoint",
        )
    features = scene.instance_features
    return replace(
        scene,
        gaussians=g.select(good),
        semantics=None if scene.semantics is None else _Selected(scene.semantics, good),
        instance_features=None if features is None else features[good],
    )


class _Selected:
    """A semantic field of some of the Gaussians of another one."""

    def __init__(self, field, keep: Tensor) -> None:
        self._field, self._keep = field, keep

    @property
    def dimension(self) -> int:
        return self._field.dimension

    @property
    def branches(self) -> tuple[SemanticField, ...]:
        branches = field_branches(self._field)
        if len(branches) == 1:
            return (self,)
        return tuple(_Selected(branch, self._keep) for branch in branches)

    def similarity(self, text: Float[Tensor, "t d"]) -> Float[Tensor, "n t"]:
        return self._field.similarity(text)[self._keep]

    def features(self) -> Float[Tensor, "n d"]:
        return self._field.features()[self._keep]


class _StopWatch:
    """Milliseconds from lap to lap."""

    def __init__(self) -> None:
        self.stages_ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages_ms[stage] = (now - self._last) * 1e3
        self._last = now


def _no_language(model: str) -> SemsplatError:
    return SemsplatError(
        ErrorCode.NO_LANGUAGE_MODEL,
        f"model {model} carries no language features; load one that does, for example room",
    )
