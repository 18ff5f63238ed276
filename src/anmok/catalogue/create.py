"""A name and a few wishes -> a network."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

from anmok.backbone import Backbone, FeatureList, Spec
from anmok.catalogue.fetch import FILES, fetch, fetch_from_hub
from anmok.catalogue.foreign import ForeignSpec
from anmok.catalogue.names import Preset, require_model, split_tag
from anmok.catalogue.public import find_public, read_public
from anmok.catalogue.weights import SUFFIXES, count_classes, fit_weights, read_weights
from anmok.errors import RequestError, SpecError, WeightsError


@overload
def create_model(
    name: str,
    pretrained: bool | str | Path = ...,  # noqa: FBT001
    *,
    spec: Spec | None = ...,
    num_classes: int | None = ...,
    in_chans: int = ...,
    img_size: int | tuple[int, int] | None = ...,
    drop_rate: float | None = ...,
    drop_path_rate: float | None = ...,
    auxiliary: bool | None = ...,
    features_only: Literal[False] = ...,
    out_indices: None = ...,
) -> Backbone: ...
@overload
def create_model(
    name: str,
    pretrained: bool | str | Path = ...,  # noqa: FBT001
    *,
    spec: Spec | None = ...,
    in_chans: int = ...,
    img_size: int | tuple[int, int] | None = ...,
    drop_rate: float | None = ...,
    drop_path_rate: float | None = ...,
    features_only: Literal[True],
    out_indices: int | Sequence[int] | None = ...,
) -> FeatureList: ...
def create_model(  # noqa: PLR0913 - timm's signature
    name: str,
    pretrained: bool | str | Path = False,  # noqa: FBT001, FBT002 - timm's
    *,
    spec: Spec | None = None,
    num_classes: int | None = None,
    in_chans: int = 3,
    img_size: int | tuple[int, int] | None = None,
    drop_rate: float | None = None,
    drop_path_rate: float | None = None,
    auxiliary: bool | None = None,
    features_only: bool = False,
    out_indices: int | Sequence[int] | None = None,
) -> Backbone | FeatureList:
    """Build a preset in training mode, with random weights unless `pretrained`.

    What is left out is as the preset has it. `pretrained` is True for public weights, whose tag may follow the name
    ('resnet50.a1_in1k'), or names a weight file, a folder with one, or a repository of the Hugging Face hub
    (owner/name[@revision]). The network has the weights' classes unless `num_classes` says other; without weights it
    has 1000. `img_size` is what it is built for; other sizes that the architecture can take work all the same.
    `spec` has other numbers than the preset's, such as `scale` gives; no weights fit them. `auxiliary` adds the
    classifiers that only training uses, where the paper has some: `training_logits`. `features_only` gives a
    `FeatureList`. `anmok models` lists the names; beside them there are timm:NAME, hf:ID (of transformers) and
    module:callable, which runs code of the user's own.
    """
    if not features_only and out_indices is not None:
        raise RequestError(f"out_indices chooses among feature maps: got {out_indices}. Add features_only=True.")
    name, tag = split_tag(name)
    preset = require_model(name)
    build = preset.architecture.model
    if not issubclass(build, Backbone):
        raise RequestError(f"'{name}' segments images and is no backbone. Build it with create_segmenter.")
    if spec not in (None, preset.spec) and pretrained:
        raise RequestError(
            f"Weights fit the numbers of a preset: got another spec and pretrained={pretrained}. Drop one."
        )
    numbers = wished_spec(
        preset, spec=spec, img_size=img_size, drop_rate=drop_rate, drop_path_rate=drop_path_rate, auxiliary=auxiliary
    )
    usual_classes = 1000
    if isinstance(numbers, ForeignSpec) and pretrained is True:  # its maker brings the weights
        numbers, pretrained, usual_classes = replace(numbers, pretrained=True), False, numbers.own_classes
    provenance, path = _find_weights(name, tag, pretrained)
    tensors = read_weights(path, preset.family) if path else None
    if num_classes is None:
        num_classes = usual_classes if tensors is None else count_classes(tensors)
    model = build(numbers, num_classes=num_classes, in_chans=in_chans)
    if tensors is not None and path:
        fit_weights(model, tensors, preset.family, source=path)
    model.provenance = {"architecture": name} | provenance
    return FeatureList(model, out_indices) if features_only else model


def _find_weights(name: str, tag: str, source: bool | str | Path) -> tuple[dict[str, Any], Path | None]:  # noqa: FBT001
    """What is known of the weights, and the file to read; of other people's files, the preset's usual preprocessing."""
    known = read_public().get(name, ())
    usual = known[0].preprocessing if known else {}
    if isinstance(source, bool):
        if not (source or tag):
            return usual, None
        public = find_public(name, tag)
        return (public.provenance, fetch(public)) if source else (public.preprocessing, None)
    if tag:
        raise RequestError(f"Weights have one source: got the tag '{tag}' and pretrained='{source}'. Drop one.")
    path = Path(source)
    if path.is_dir():
        return usual, _file_in(path)
    if isinstance(source, Path) or path.exists() or path.suffix in SUFFIXES:
        return usual, path
    listed = [weights.provenance for weights in known if weights.hub == source]
    return (listed[0] if listed else usual), fetch_from_hub(source)


def _file_in(folder: Path) -> Path:
    path = next((folder / file for file in FILES if (folder / file).is_file()), None)
    if path is None:
        raise WeightsError(f"There is no {' and no '.join(FILES)} in '{folder}'. Name the weight file itself.")
    return path


def wished_spec(
    preset: Preset[Spec],
    *,
    spec: Spec | None = None,
    img_size: int | tuple[int, int] | None,
    drop_rate: float | None,
    drop_path_rate: float | None,
    auxiliary: bool | None = None,
) -> Any:
    """The preset's numbers, or those of another spec, but for those that are wished otherwise."""
    if spec is not None and type(spec) is not type(preset.spec):
        raise SpecError(
            f"{preset.name} is built from numbers of its own kind, {type(preset.spec).__name__}: "
            f"got {type(spec).__name__}. Scale a preset of the same family."
        )
    if drop_path_rate is not None and not hasattr(preset.spec, "drop_path_rate"):
        raise SpecError(
            f"{preset.name} has no residual branch to drop: got drop_path_rate={drop_path_rate}. Leave it out."
        )
    if auxiliary is not None and not hasattr(preset.spec, "auxiliary"):
        raise SpecError(f"{preset.name} has no auxiliary classifiers: got auxiliary={auxiliary}. Leave it out.")
    wishes: dict[str, Any] = {
        "img_size": (img_size, img_size) if isinstance(img_size, int) else img_size,
        "drop_rate": drop_rate,
        "drop_path_rate": drop_path_rate,
        "auxiliary": auxiliary,
    }
    return replace(spec or preset.spec, **{name: wish for name, wish in wishes.items() if wish is not None})
