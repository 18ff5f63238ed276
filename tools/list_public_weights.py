"""Write `src/anmok/catalogue/public/<family>.toml`: the public weight files that timm lists for Anmok's presets.

What stands below the line "# By hand." of a file is kept. Needs timm: pip install -c constraints.txt '.[oracle]'
"""

import re
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from anmok.catalogue import list_models, require_model  # noqa: E402
from anmok.catalogue.public import PublicWeights  # noqa: E402
from oracles import reference  # noqa: E402

BY_HAND = "# By hand.\n"
SPDX = {
    "apache-2.0": "Apache-2.0",
    "bsd-3-clause": "BSD-3-Clause",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "dinov3-license": "LicenseRef-DINOv3",
    "fair-noncommercial-research-license": "LicenseRef-FAIR-Noncommercial-Research",
    "mit": "MIT",
}
DATA = {
    "in1k": "ImageNet-1k",
    "in12k": "ImageNet-12k",
    "in21k": "ImageNet-21k",
    "in22k": "ImageNet-22k",
    "ig1b": "Instagram-1B hashtags",
    "ig": "Instagram-1B hashtags",
    "yfcc100m": "YFCC-100M",
    "jft": "JFT-300M",
    "lvd1689m": "LVD-1689M",
    "bamboo": "Bamboo",
    "laion2b": "LAION-2B",
    "laiona": "LAION-Aesthetics",
    "dino": "ImageNet-1k",  # without labels
    "mae": "ImageNet-1k",  # without labels
}
NOTES = {"convit_": "The authors' LICENSE file is Apache-2.0; their README and source files say CC-BY-NC-4.0."}
USUAL = {field.name: field.default for field in fields(PublicWeights)}


def main() -> None:
    """Write every family's file."""
    timm = reference("timm")
    known = set(timm.list_models())
    families: dict[str, list[str]] = {}
    for name in list_models():
        files = timm.models.get_arch_pretrained_cfgs(name).values() if name in known else ()
        rows = [
            row(cfg.to_dict())
            for cfg in sorted(files, key=lambda cfg: not is_default(timm, name, cfg))
            if is_listed(cfg)
        ]
        if rows:
            families.setdefault(require_model(name).family, []).append("\n".join([f"[{name}]", *rows]))
    for family, tables in families.items():
        path = ROOT / f"src/anmok/catalogue/public/{family}.toml"
        _, line, kept = path.read_text().partition(BY_HAND) if path.exists() else ("", "", "")
        path.write_text("\n\n".join(tables) + "\n" + (f"\n{line}{kept}" if line else ""))


def is_default(timm: ModuleType, name: str, cfg: Any) -> bool:
    """Whether timm takes this file where no tag is given."""
    return cfg.tag == timm.models.get_pretrained_cfg(name).tag


def is_listed(cfg: Any) -> bool:
    """Whether it is a file with timm's names for the tensors: other people's repositories have others."""
    return bool(cfg.url) if not cfg.hf_hub_id else cfg.hf_hub_id.startswith("timm/") and not cfg.hf_hub_filename


def row(cfg: dict[str, Any]) -> str:
    """One entry, without what is usual."""
    entry = {
        "hub": cfg.get("hf_hub_id"),
        "url": None if "hf_hub_id" in cfg else cfg["url"],
        "licence": SPDX.get(cfg.get("license", ""), "unknown"),
        "data": trained_on(cfg["tag"]),
        "classes": cfg["num_classes"],
        "size": cfg["input_size"][1],
        "test_size": cfg["test_input_size"][1] if "test_input_size" in cfg else None,
        "crop": cfg["crop_pct"],
        "test_crop": cfg.get("test_crop_pct"),
        "crop_mode": cfg["crop_mode"],
        "interpolation": cfg["interpolation"],
        "mean": tuple(cfg["mean"]),
        "std": tuple(cfg["std"]),
        "source": source(cfg),
        "note": next((note for start, note in NOTES.items() if cfg["architecture"].startswith(start)), None),
    }
    said = {key: value for key, value in entry.items() if value is not None and USUAL.get(key) != value}
    return f"{cfg['tag']} = {{ {', '.join(f'{key} = {toml(value)}' for key, value in said.items())} }}"


def trained_on(tag: str) -> str:
    """Data sets that a tag names, in order; 'ft' stands between them."""
    found = [DATA[word] for word in tag.split("_") if word in DATA]
    return ", then ".join(dict.fromkeys(found)) or "unknown"


def source(cfg: dict[str, Any]) -> str | None:
    """The authors' page or paper, or the address of their file."""
    paper = cfg.get("paper_ids")
    paper = paper if isinstance(paper, str) or paper is None else ", ".join(paper)
    return cfg.get("origin_url") or paper or re.sub(r"/[^/]*$", "", cfg.get("url") or "") or None


def toml(value: Any) -> str:
    """A TOML literal."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    main()
