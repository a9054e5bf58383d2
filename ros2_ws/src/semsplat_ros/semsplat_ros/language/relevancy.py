# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""How much a text means each Gaussian, 0..1, for models with open and with closed language."""

import threading
import weakref

import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.families.base import Calibration, LanguageKind, LanguageProfile, TextEncoder
from semsplat_ros.language.encoders import CachedTextEncoder
from semsplat_ros.language.evidence import with_evidence
from semsplat_ros.language.routing import ClassRouter
from semsplat_ros.scene import SemanticField, Vocabulary, class_evidence, field_branches

CANONICAL_PHRASES = ("object", "things", "stuff", "texture")
"""What a text must beat (LERF paper)."""
LERF_TEMPERATURE = 10.0
OPEN_CALIBRATION = Calibration((0.5, 1.0), (0.0, 1.0))
"""A relevancy of 0.5 is one that says no more than the canonical phrases do."""
KEPT_FIELDS = 3
"""The scene that is asked about, the one that is being made, and one more."""


class Relevancy:
    """Scores texts against the semantic fields of one model. Safe to call from any thread.

    Args:
        profile: what the model's language is like.
        encoder: text to the space of its semantic fields, or the name of such an encoder, which
            is then loaded when a text needs it; see
            :func:`semsplat_ros.language.encoders.load_text_encoder`.
    """

    def __init__(self, profile: LanguageProfile, encoder: TextEncoder | str) -> None:
        self.profile = profile
        self._encoder = CachedTextEncoder(encoder)
        self._router = ClassRouter(profile, self._encoder) if self._closed else None
        self._lock = threading.Lock()
        self._known: list[tuple[weakref.ref, Tensor]] = []

    @property
    def calibration(self) -> Calibration:
        """From pooled scores to the scores that users see."""
        if self.profile.calibration is not None:
            return self.profile.calibration
        return Calibration() if self._closed else OPEN_CALIBRATION

    def score(self, field: SemanticField, text: str) -> Float[Tensor, " n"]:
        """Relevancy of a text for every Gaussian, 0..1, on the CPU.

        Open language: LERF paper, section 3.3, the least over the canonical phrases of
        sigmoid(10 (f.q - f.n)); of a field with several branches the one whose highest score is
        the highest answers. Closed language: the probability of each class at the Gaussian, summed
        with the weights that :class:`semsplat_ros.language.routing.ClassRouter` gives to the text.

        Raises:
            SemsplatError: NO_LANGUAGE_MODEL if the text needs an encoder that cannot be loaded.
        """
        if self._router is not None:
            return self._class_probabilities(field) @ self._router.weights(text)
        phrases = self._encoder.encode([text, *CANONICAL_PHRASES])
        answers = [_lerf_score(branch, phrases) for branch in field_branches(field)]
        return max(answers, key=lambda score: float(score.max()) if len(score) else 0.0)

    def similarity(self, field: SemanticField, text: str) -> Float[Tensor, " n"]:
        """Plain cosine of a text with every Gaussian, -1..1, on the CPU."""
        return _similarity(field, self.embed_labels([text]))[:, 0]

    def embed_labels(self, labels: list[str]) -> Float[Tensor, "l d"]:
        """Unit embeddings of labels; a trained class has the one it was trained with."""
        if self._router is None:
            return self._encoder.encode(labels)
        return self._router.embed(labels)

    def probabilities(self, field: SemanticField, vocabulary: Vocabulary) -> Float[Tensor, "n l"]:
        """Probability of each label but "unlabelled" at every Gaussian, on the CPU; rows sum to 1
        at most.

        Open language: softmax over the labels of temperature times cosine. Closed language: as in
        :meth:`score`; a label far from all classes gets nothing.
        """
        if self._router is None:
            cosines = _similarity(field, vocabulary.embeddings)
            return torch.softmax(self.profile.temperature * cosines, 1)
        classes = self._class_probabilities(field)
        labels = vocabulary.labels[1:]
        if labels == self.profile.class_names:
            return classes
        shares = torch.stack([self._router.weights(label) for label in labels], 1)
        # Two names of one class share its probability: a vocabulary's rows stay below 1.
        return classes @ (shares / shares.sum(1, keepdim=True).clamp_min(1.0))

    @property
    def _closed(self) -> bool:
        return self.profile.kind is LanguageKind.CLOSED_SET

    def _class_probabilities(self, field: SemanticField) -> Float[Tensor, "n c"]:
        """Kept for the newest fields: a scene is queried more often than it changes, and still is
        while the next one is being labelled."""
        with self._lock:
            for known, probabilities in self._known:
                if known() is field:
                    return probabilities
        cosines = _similarity(field, self.profile.class_embeddings)
        probabilities = torch.softmax(self.profile.temperature * cosines, 1)
        evidence = class_evidence(field)
        if evidence is not None:
            probabilities = with_evidence(probabilities, evidence)
        with self._lock:
            alive = [entry for entry in self._known if entry[0]() is not None]
            self._known = [*alive, (weakref.ref(field), probabilities)][-KEPT_FIELDS:]
        return probabilities


def _lerf_score(field: SemanticField, phrases: Float[Tensor, "t d"]) -> Float[Tensor, " n"]:
    """Of the first phrase against all others."""
    cosines = _similarity(field, phrases)
    margin = cosines[:, 0] - cosines[:, 1:].amax(1)
    return torch.sigmoid(LERF_TEMPERATURE * margin)


def _similarity(field: SemanticField, text: Float[Tensor, "t d"]) -> Float[Tensor, "n t"]:
    with torch.inference_mode():
        return field.similarity(text).float().cpu()
