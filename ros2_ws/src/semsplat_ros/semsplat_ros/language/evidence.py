# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What a network that knows photographs says, together with what the scene's own network says.

The rule and its two numbers are explained, with what else was tried, in docs/experiments.md.
"""

from jaxtyping import Float
from torch import Tensor

from semsplat_ros.scene import ClassEvidence

KEPT = 0.3
"""Weight of a class's own probability where the second network sees nothing of the class, relative
to where it surely does: generated things do not look like photographs to it."""
TRUST = 0.9
"""Probability of a class of which the second network alone is sure."""


def with_evidence(
    probabilities: Float[Tensor, "n c"], evidence: ClassEvidence
) -> Float[Tensor, "n c"]:
    """Probabilities of all classes; rows sum to 1 at most, the rest is something else.

    A class that both networks know: either of them is enough, the scene's own one less so without
    the other. A class that only the scene's own network knows loses where the second one sees an
    object that it knows, whichever.
    """
    seen = evidence.probabilities.to(probabilities)
    known = list(evidence.classes)
    out = probabilities * (1.0 - evidence.any_object.to(probabilities))[:, None]
    own = probabilities[:, known] * (seen + KEPT) / (1.0 + KEPT)
    out[:, known] = 1.0 - (1.0 - own) * (1.0 - TRUST * seen)
    return out / out.sum(1, keepdim=True).clamp_min(1.0)
