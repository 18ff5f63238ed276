"""Files of Inception-v3: timm's and torchvision's, which have the same names."""

from anmok.catalogue.adapters import Adapter, Layout


def _steps(pattern: str, branch: int) -> tuple[tuple[str, str], ...]:
    """The convolutions of a path, which are numbered from 1 in theirs."""
    return tuple((rf"\.{pattern}_{i + 1}\.", f".branches.{branch}.{i}.") for i in range(5))


ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"^Mixed_5b\.",
            renames=(
                (r"\.bn\.", ".norm."),
                (r"^Conv2d_(1a|2a|2b)_3x3\.", r"stem.\1."),
                (r"^Conv2d_(3b|4a)_\dx\d\.", r"stages.0.\1."),
                (r"^Mixed_5", "stages.1.5"),
                (r"^Mixed_6", "stages.2.6"),
                (r"^Mixed_7", "stages.3.7"),
                # In 6a and 7a, which halve the map, there is no branch of a single 1x1 convolution before the others.
                (r"\.6a\.branch3x3\.", ".6a.branches.0.0."),
                (r"\.6a\.branch3x3dbl_", ".6a.branch7x7_"),
                (r"\.7a\.branch3x3_1\.", ".7a.branches.0.0."),
                (r"\.7a\.branch3x3_2\.", ".7a.branches.0.1."),
                (r"\.7a\.branch7x7x3_", ".7a.branch7x7_"),
                (r"\.branch1x1\.", ".branches.0.0."),
                *_steps("branch5x5", 1),
                *_steps("branch7x7", 1),
                *_steps("branch3x3", 1),
                *_steps("branch3x3dbl", 2),
                *_steps("branch7x7dbl", 2),
                (r"\.branch3x3_2([ab])\.", r".branches.1.1.branches.\1."),
                (r"\.branch3x3dbl_3([ab])\.", r".branches.2.2.branches.\1."),
                (r"\.branches\.a\.", ".branches.0."),
                (r"\.branches\.b\.", ".branches.1."),
                (r"\.branch_pool\.", ".branches.3."),
                (r"^AuxLogits\.fc\.", "auxiliary.6e.head."),
                (r"^AuxLogits\.", "auxiliary.6e.features."),
                (r"^fc\.", "head."),
            ),
        ),
    ),
)
