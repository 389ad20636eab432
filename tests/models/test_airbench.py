"""What is particular to airbench: whitened patches, a pooling in front of the norm, the identity at first."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_sample_image

import deepvision as dv
from deepvision.errors import UserError
from deepvision.layers.initializers import dirac
from deepvision.layers.layers import Layers
from deepvision.layers.whitening import Whitening, whitening_kernel


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """Squares of two photographs, normalized per channel, [n, 32, 32, 3]."""
    planes = [load_sample_image(name)[:416, :640] / 255 for name in ("china.jpg", "flower.jpg")]
    squares = np.stack(planes).reshape(2, 13, 32, 20, 32, 3).swapaxes(2, 3).reshape(-1, 32, 32, 3)
    return ((squares - squares.mean((0, 1, 2))) / squares.std((0, 1, 2))).astype(np.float32)


def whitened(images: np.ndarray, epsilon: float) -> np.ndarray:
    """Returns the outputs for all patches, [patches, 24]."""
    kernel = whitening_kernel(images, epsilon=epsilon)
    variables = {"params": {"bias": np.zeros(24, np.float32)}, "constants": {"kernel": kernel}}
    return np.asarray(Whitening().apply(variables, images), np.float64).reshape(-1, 24)


def test_whitened_patches_of_photographs_are_uncorrelated_and_of_one_size(photos: np.ndarray):
    y = whitened(photos, epsilon=0.0)
    np.testing.assert_allclose(y[:, :12].T @ y[:, :12] / len(y), np.eye(12), atol=2e-4)
    np.testing.assert_allclose(y[:, 12:], -y[:, :12], atol=1e-5)


def test_epsilon_bounds_the_gain_of_directions_that_hardly_vary(photos: np.ndarray):
    patches = np.lib.stride_tricks.sliding_window_view(photos.astype(np.float64), (2, 2), axis=(1, 2))
    flat = patches.reshape(-1, 12)
    values = np.linalg.eigvalsh(flat.T @ flat / len(flat))[::-1]
    y = whitened(photos, epsilon=0.01)
    np.testing.assert_allclose(y[:, :12].T @ y[:, :12] / len(y), np.diag(values / (values + 0.01)), atol=2e-4)
    assert values[-1] < 0.01 < values[0]


def test_the_kernel_does_not_depend_on_the_sign_of_eigenvectors(photos: np.ndarray):
    """Nor on how the images are cut into chunks: the same sums in another order."""
    kernel = whitening_kernel(photos)
    np.testing.assert_allclose(whitening_kernel(photos[::-1]), kernel, rtol=1e-5, atol=1e-6)
    filters = kernel.reshape(12, 24)[:, :12]
    assert np.all(np.take_along_axis(filters, np.abs(filters).argmax(axis=0)[None], axis=0) > 0)


def test_whitening_learns_its_bias_alone_and_starts_from_the_patches_themselves():
    x = jax.random.normal(jax.random.key(0), (1, 4, 4, 3))
    y, variables = Whitening().init_with_output(jax.random.key(1), x)
    assert jax.tree.map(jnp.shape, variables["params"]) == {"bias": (24,)}
    corner = np.asarray(x[0, 1:3, 2:4]).ravel()
    np.testing.assert_allclose(y[0, 1, 2], np.concatenate([corner, -corner]), atol=1e-6)


def test_with_dirac_a_convolution_passes_on_its_inputs():
    L = Layers(init="dirac").bind(train=False)
    x = jax.random.normal(jax.random.key(0), (2, 5, 6, 3))
    y, variables = L.conv(8, 3, use_bias=False, name="conv").init_with_output(jax.random.key(1), x)
    np.testing.assert_array_equal(y[..., :3], x)
    others = variables["params"]["kernel"][..., 3:]
    assert 0 < np.abs(others).max() <= 27**-0.5


@pytest.mark.parametrize(("shape", "filters"), [((3, 3, 4, 2), 2), ((5, 1, 2, 6), 2), ((1, 1, 3, 3), 3)])
def test_dirac_fills_as_many_filters_as_there_are_inputs(shape: tuple[int, ...], filters: int):
    kernel = dirac()(jax.random.key(0), shape)
    expected = np.zeros((*shape[:-1], filters))
    for i in range(filters):
        expected[(shape[0] - 1) // 2, (shape[1] - 1) // 2, i, i] = 1
    np.testing.assert_array_equal(kernel[..., :filters], expected)


def test_dirac_leaves_dense_layers_random_with_the_variance_of_their_scheme():
    kernel = dirac()(jax.random.key(0), (300, 200))
    np.testing.assert_allclose(np.var(kernel), 1 / 900, rtol=0.02)
    assert np.abs(kernel).max() <= 300**-0.5


def test_the_pooling_stands_in_front_of_the_norm_but_where_the_placement_asks_for_it_there():
    def order(placement: str) -> list[str]:
        sites = dv.describe(dv.create_model("airbench94", placement=placement), (32, 32, 3)).sites
        return [site.kind for site in sites if site.path.startswith("conv2_1")]

    assert order("post") == ["kernel", "pool", "norm", "act"]
    assert order("post_act") == ["kernel", "pool", "act", "norm"]
    assert order("post_pool") == ["kernel", "act", "pool", "norm"]
    assert order("pre") == ["norm", "act", "kernel", "pool"]


def test_no_norm_has_a_scale_and_a_learned_first_layer_has_a_norm():
    def parameters(**fields: object) -> dict:
        model = dv.create_model("airbench94", overrides=fields)
        return jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))["params"]

    assert {name: set(module["norm"]) for name, module in parameters().items() if "norm" in module} == {
        f"conv{stage}_{place}": {"bias"} for stage in (1, 2, 3) for place in (1, 2)
    }
    assert set(parameters(whiten=False)["whiten"]) == {"conv", "norm"}


def test_a_kernel_that_is_calibrated_to_the_first_batch_is_refused():
    kernel = "weight_norm(data_dependent=True)"
    with pytest.raises(UserError, match="is fitted to its images after it would be calibrated"):
        dv.describe(dv.create_model("airbench94", kernel=kernel), (32, 32, 3))
    assert dv.describe(dv.create_model("airbench94", kernel=kernel, overrides={"whiten": False}), (32, 32, 3)).macs


def test_the_network_is_fitted_to_the_images_it_is_given(photos: np.ndarray):
    model = dv.create_model("airbench94")
    assert model.sample == 5000
    ((path, kernel),) = model.fitted(photos).items()
    assert path == ("constants", "whiten", "kernel")
    np.testing.assert_array_equal(kernel, whitening_kernel(photos))
    assert dv.create_model("airbench94", overrides={"whiten": False}).sample == 0
