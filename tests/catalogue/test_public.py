import re

import pytest

from anmok.catalogue import list_models
from anmok.catalogue.public import find_public, read_public
from anmok.errors import RequestError
from oracles import reference

FILES = [weights for files in read_public().values() for weights in files]


def test_every_entry_belongs_to_a_preset_and_can_be_used():
    assert set(read_public()) <= set(list_models())
    for weights in FILES:
        assert (weights.hub is None) is (weights.url is not None), weights
        assert weights.hub is None or re.fullmatch(r"[\w.-]+/[\w.-]+(@\w+)?", weights.hub), weights
        assert weights.url is None or weights.url.startswith("https://"), weights
        assert weights.layout in ("timm", "torchvision", "transformers", "authors")
        assert 0.5 < weights.crop <= 1
        assert weights.interpolation in ("bicubic", "bilinear")
        assert len(weights.mean) == len(weights.std) == 3
        assert weights.data


def test_the_first_entry_is_the_default_and_a_tag_chooses():
    assert str(find_public("resnet50")) == "resnet50.a1_in1k"
    assert find_public("resnet50", "tv_in1k").licence == "BSD-3-Clause"
    assert find_public("googlenet").mean == (0.5, 0.5, 0.5)


def test_licences_filter():
    assert find_public("resnet50", "a1_in1k").is_licensed("permissive")
    assert find_public("resnet50", "a1_in1k").is_licensed("apache-2.0")
    assert not find_public("resnet50", "fb_swsl_ig1b_ft_in1k").is_licensed("permissive")
    assert find_public("resnet50", "fb_swsl_ig1b_ft_in1k").is_licensed("CC-BY-NC-4.0")
    with pytest.raises(RequestError, match=r"A licence is permissive, apache-2.0 or .*: got 'free'."):
        find_public("resnet50").is_licensed("free")


@pytest.mark.oracle
def test_defaults_and_preprocessing_are_timms():
    models = reference("timm").models
    keys = ("mean", "std", "interpolation", "crop_pct", "crop_mode", "test_input_size", "test_crop_pct", "num_classes")
    for name, files in read_public().items():
        for weights in files:
            if weights.layout == "timm":
                theirs = models.get_pretrained_cfg(str(weights)).to_dict()
                assert {k: weights.provenance.get(k) for k in keys} == {k: theirs.get(k) for k in keys}
                assert weights.size == theirs["input_size"][1]
        if files[0].layout == "timm":
            assert models.get_pretrained_cfg(name).tag == files[0].tag
