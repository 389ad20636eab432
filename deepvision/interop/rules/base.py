"""How one network's variables are named in another library."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Rules:
    """How one network's variables are named elsewhere.

    A rule maps the path of one of our modules, a regular expression to match in whole, to the name of theirs, a
    template:

        r"layer(\\d)_(\\d+)/conv(\\d)/norm": r"layer\\1.\\2.bn\\3"

    The name of an array is that of the module, a dot, and "weight", "bias" ...; behind a name that ends in "_" comes no
    dot. How the axes of kernels are ordered is the same for all and stands in `convert`.

    Attributes:
        modules: path of our module -> name of theirs, or several names, whose arrays follow each other along the
            outputs in ours. The first that matches counts.
        classes: name of their array whose first axis counts the classes.
        arrays: path of our variable (regular expression) -> name of their array (template), of the same shape or one
            that differs by axes of length one, for what belongs to no layer.
        flattened: path of our dense layer behind a flattened image -> the channels of that image.
        spatial: path of our layer, or of our variable among `arrays` (regular expression) -> how many axes of positions
            theirs has, where it is not as many as ours: 2 for a dense layer that is a 1x1 convolution of theirs.
        transposed: paths of our transposed convolutions (regular expressions), whose kernels elsewhere are
            [inputs, outputs, kh, kw].
        ignored: names (regular expressions) of their arrays that hold no weights, such as tables of indices.
        biased: their convolutions own a bias in front of norms, where ours own none.
        norm_follows: the norm of a unit stands behind its convolution, so that a bias can be folded into its mean.
    """

    modules: Mapping[str, str | tuple[str, ...]]
    classes: str
    arrays: Mapping[str, str] = dataclasses.field(default_factory=dict)
    flattened: Mapping[str, int] = dataclasses.field(default_factory=dict)
    spatial: Mapping[str, int] = dataclasses.field(default_factory=dict)
    transposed: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    biased: bool = False
    norm_follows: bool = True
