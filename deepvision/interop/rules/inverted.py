"""Names in an inverted residual of torchvision's MobileNetV3 and EfficientNets, which numbers its steps."""

from __future__ import annotations


def inverted_residual(ours: str, theirs: str, expands: bool, squeezes: bool) -> dict[str, str]:
    """Returns the names of the modules of an `InvertedResidual`.

    Args:
        ours: our name of the block, a regular expression.
        theirs: their name of its row of steps, a template.
        expands: whether it has an expansion.
        squeezes: whether it has squeeze and excitation.
    """
    modules = {f"{ours}/expand/conv": f"{theirs}.0.0", f"{ours}/expand/norm": f"{theirs}.0.1"} if expands else {}
    depthwise = int(expands)
    project = depthwise + 1 + int(squeezes)
    return modules | {
        f"{ours}/depthwise/conv": f"{theirs}.{depthwise}.0",
        f"{ours}/depthwise/norm": f"{theirs}.{depthwise}.1",
        f"{ours}/attention/reduce/dense": f"{theirs}.{depthwise + 1}.fc1",
        f"{ours}/attention/expand": f"{theirs}.{depthwise + 1}.fc2",
        f"{ours}/project/conv": f"{theirs}.{project}.0",
        f"{ours}/project/norm": f"{theirs}.{project}.1",
    }
