"""Names for the tensors that cross borders, with their axes.

`b` batch, `c` channels, `h w` rows and columns of a map, `height width` pixels of an image, `n` tokens,
`d` width, `k` classes. The same words stand in annotations and in einops patterns.
"""

from typing import TypeAlias

from jaxtyping import Float, Int, UInt8
from torch import Tensor

Images: TypeAlias = Float[Tensor, "b c height width"]
Pixels: TypeAlias = UInt8[Tensor, "b c height width"]
FeatureMap: TypeAlias = Float[Tensor, "b c h w"]
Tokens: TypeAlias = Float[Tensor, "b n d"]
Embedding: TypeAlias = Float[Tensor, "b d"]
Logits: TypeAlias = Float[Tensor, "b k"]
LogitMaps: TypeAlias = Float[Tensor, "b k rows columns"]
Labels: TypeAlias = Int[Tensor, " b"]
TokenIds: TypeAlias = Int[Tensor, "b n"]
TargetIds: TypeAlias = Int[Tensor, "b m"]
