# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Where the official weights come from and under which terms: facts, not legal advice.

Nothing here is downloaded by the package.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightSource:
    """One official file."""

    system: str
    """Also the value of the parameter ``model.name``, where the system is a model of its own."""
    file: str
    """The file's official name."""
    publisher: str
    """Project page."""
    where: str
    """Where the publisher offers the file."""
    non_commercial: bool
    terms: str
    """One sentence."""
    remark: str = ""
    short: str = ""
    """The terms in a few words, where "non-commercial" says too little."""

    @property
    def short_terms(self) -> str:
        """For a table."""
        return self.short or ("non-commercial" if self.non_commercial else self.terms)

    @property
    def licence(self) -> str:
        """One sentence for the log."""
        kind = "non-commercial" if self.non_commercial else "see the terms"
        return f"{kind}: {self.terms}"


CC_NC = "CC BY-NC-SA 4.0"
NO_STATEMENT = "no statement by the publisher"
UNKNOWN_TERMS = "unknown: ask whoever made the file"

LSEG = WeightSource(
    "lseg",
    "demo_e200.ckpt",
    "the lang-seg project on GitHub",
    "the project's README",
    True,
    "MIT code; the weights come under the data terms of ADE20K and others",
)

CLIP = WeightSource(
    "clip_vitb16",
    "ViT-B-16.pt, or ViT-B-16 as safetensors",
    "OpenAI's CLIP project on GitHub, or OpenCLIP",
    "the links in the CLIP project's sources; as safetensors on Hugging Face, through "
    "OpenCLIP's own download command",
    False,
    "MIT repository",
)
PARTS = (LSEG, CLIP)
"""Files that models take beside their own."""
