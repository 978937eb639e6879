"""What is missing is asked for in one clear sentence."""

import sys

import keras
import pytest

import tfqd
from tfqd.wrapping.version import version_named
from tfqd_command.main import main


@pytest.fixture
def without(monkeypatch):
    """Makes a package one that is not installed."""

    def hide(package):
        monkeypatch.setitem(sys.modules, package, None)
        for name in [*sys.modules]:
            if name.startswith("tfqd.wrapping.tf_keras"):
                monkeypatch.delitem(sys.modules, name)
        version_named.cache_clear()

    yield hide
    version_named.cache_clear()


def model():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])


@pytest.mark.parametrize(
    ("package", "use"),
    [
        ("tf_keras", lambda: tfqd.to_tf_keras(model())),
        ("tf_keras", lambda: version_named("tf_keras")),
        ("tensorflow_model_optimization", lambda: version_named("tf_keras")),
    ],
)
def test_tf_keras_models_need_the_extra_tfmot(package, use, without):
    without(package)
    with pytest.raises(ImportError) as raised:
        use()
    needed = f"need the package {package}: pip install 'tfqd[tfmot]'"
    assert str(raised.value) == f"tf_keras (Keras 2) models {needed}"
    assert raised.value.name == package


def test_plots_need_the_extra_plot(without):
    without("matplotlib")
    without("matplotlib.figure")
    with pytest.raises(ImportError, match=r"pip install 'tfqd\[plot\]'"):
        tfqd.allocation.Allocation([]).plot()


def test_safetensors_need_the_extra_of_that_name(without, tmp_path):
    without("safetensors.numpy")
    with pytest.raises(ImportError, match=r"pip install 'tfqd\[safetensors\]'"):
        tfqd.export.safetensors(tfqd.quantize_model(model(), 4), tmp_path / "m.safetensors")


def test_the_demo_needs_the_extra_of_that_name(without, tmp_path, monkeypatch, capsys):
    without("sklearn")
    without("sklearn.datasets")
    monkeypatch.delitem(sys.modules, "tfqd.demo", raising=False)
    monkeypatch.delattr(tfqd, "demo", raising=False)
    assert main(["demo", f"--output={tmp_path}"]) != 0
    assert "need the package sklearn" in capsys.readouterr().err
