# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Where the official weights come from and under which terms: facts, not legal advice.

Nothing here is downloaded by the package.
"""

from dataclasses import dataclass

from semsplat_ros.errors import ErrorCode, SemsplatError


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

    @property
    def licence(self) -> str:
        """One sentence for the log."""
        kind = "non-commercial" if self.non_commercial else "see the terms"
        return f"{kind}: {self.terms}"


_CC_NC = "CC BY-NC-SA 4.0"
_NO_STATEMENT = "no statement by the publisher"

WEIGHT_SOURCES = {
    source.system: source
    for source in (
        WeightSource(
            "spatialsplat",
            "spatialsplat.ckpt",
            "the SpatialSplat project on GitHub",
            "Google Drive, id 1e4X0J_QyPQRFTLuta7gMrWUqVMf9vw_d, linked on the project page",
            True,
            f"{_NO_STATEMENT}; descends from MASt3R's weights and research-only data",
            "the published configuration takes image semantics from CLIP ViT-B/16 (the paper's "
            "Lite variant), whose file is loaded separately",
        ),
        WeightSource(
            "noposplat",
            "re10k.ckpt, acid.ckpt, mixRe10kDl3dv.ckpt, mixRe10kDl3dv_512x512.ckpt or "
            "re10k_3views.ckpt",
            "the NoPoSplat project on GitHub",
            "Hugging Face, botaoye/NoPoSplat",
            True,
            f"{_NO_STATEMENT}; descends from MASt3R's weights and research-only data",
        ),
        WeightSource(
            "dust3r",
            "DUSt3R_ViTLarge_BaseDecoder_512_dpt.pth",
            "the DUSt3R project on GitHub, naver/dust3r",
            "the project's README; as safetensors on Hugging Face, "
            "naver/DUSt3R_ViTLarge_BaseDecoder_512_dpt",
            True,
            _CC_NC,
        ),
        WeightSource(
            "mast3r",
            "MASt3R_ViTLarge_BaseDecoder_512_catmlpdpt_metric.pth",
            "the MASt3R project on GitHub, naver/mast3r",
            "the project's README; as safetensors on Hugging Face, "
            "naver/MASt3R_ViTLarge_BaseDecoder_512_catmlpdpt_metric",
            True,
            f"{_CC_NC}, and the terms of the training data in MASt3R's notice",
        ),
        WeightSource(
            "splatt3r",
            "epoch=19-step=1200.ckpt",
            "the Splatt3R project on GitHub, btsmart/splatt3r",
            "Hugging Face, brandonsmart/splatt3r_v1.0",
            True,
            "CC BY-NC 4.0",
        ),
        WeightSource(
            "lsm",
            "checkpoint-final.pth",
            "the LSM project on GitHub, NVlabs/LSM",
            "Google Drive, id 1q57nbRJpPhrdf1m7XZTkBfUIskpgnbri, linked on the project page",
            True,
            f"{_NO_STATEMENT}; descends from DUSt3R's weights and ScanNet data",
            "alone its fine-tuned DUSt3R and LSeg parts are used; the public demo takes "
            "DUSt3R's and LSeg's own files instead: put all three into one folder and name it",
        ),
        WeightSource(
            "lseg",
            "demo_e200.ckpt",
            "the lang-seg project on GitHub",
            "the project's README",
            True,
            "MIT code; the weights come under the data terms of ADE20K and others",
        ),
        WeightSource(
            "clip_vitb16",
            "ViT-B-16.pt, or ViT-B-16 as safetensors",
            "OpenAI's CLIP project on GitHub, or OpenCLIP",
            "the links in the CLIP project's sources; as safetensors on Hugging Face, through "
            "OpenCLIP's own download command",
            False,
            "MIT repository",
        ),
        WeightSource(
            "gsemsplat",
            "none",
            "the GSemSplat paper",
            "no official weights are known; semantic heads are trained on a frozen Splatt3R file",
            True,
            "descends from Splatt3R's weights, CC BY-NC 4.0",
        ),
    )
}


def weight_source(name: str) -> WeightSource:
    """The source of one system's weights.

    Raises:
        SemsplatError: INVALID_NAME with the names that are known.
    """
    if name not in WEIGHT_SOURCES:
        known = ", ".join(sorted(WEIGHT_SOURCES))
        raise SemsplatError(
            ErrorCode.INVALID_NAME, f"no official weights are known for {name!r}; known: {known}"
        )
    return WEIGHT_SOURCES[name]
