"""Packaging of tfqd; the settings of pytest, ruff and mypy are in pyproject.toml."""

import pathlib
import re

from setuptools import find_packages, setup

ROOT = pathlib.Path(__file__).parent

# TensorFlow 2.21 is the only version the tests have run on; no upper bounds, so
# that tfqd never holds back a user's environment. Where tensorflow-cpu stands in
# for tensorflow, requirements-cpu.txt says how to install. CONTRIBUTING.md says what
# has run on the lowest Keras.
REQUIRED = [
    "absl-py",
    "constriction>=0.4",
    "flatbuffers",
    "keras>=3.12",
    "ml-dtypes",
    "numpy",
    "rich",
    "tensorflow>=2.21",
]

EXTRAS = {
    # `tfqd demo` trains on scikit-learn's bundled digits.
    "demo": ["scikit-learn"],
    "plot": ["matplotlib"],
    "safetensors": ["safetensors"],
    "tensorboard": ["tensorboard"],
    "tflite": ["ai-edge-litert"],
    # Keras 2 models; brings absl-py below 2, which tfmot asks for.
    "tfmot": ["tensorflow-model-optimization>=0.8.1", "tf-keras>=2.21"],
}
EXTRAS["all"] = sorted(requirement for extra in EXTRAS.values() for requirement in extra)
EXTRAS["test"] = [*EXTRAS["all"]]
EXTRAS["test"] += ["hypothesis", "pytest>=8", "pytest-xdist>=3.7", "setuptools>=77"]
# The notebooks of docs/notebooks.
EXTRAS["test"] += ["ipykernel", "nbclient"]
# Other readers of TFLite files; the last has wheels for Linux on x86-64 alone.
EXTRAS["test"] += ["ai-edge-quantizer>=0.10", "openvino>=2026.4"]
EXTRAS["test"] += ["tflite-micro; sys_platform == 'linux' and platform_machine == 'x86_64'"]
# What examples/translate_lstm.py needs, which the tests run.
EXTRAS["translation"] = ["sacrebleu", "tokenizers"]
EXTRAS["test"] += EXTRAS["translation"]
# The series of examples/series_gru.py; only its data files are used, so --no-deps will do.
EXTRAS["examples"] = ["aeon", *EXTRAS["translation"]]
# The formatter's style, and what the type checker finds, may change between minor versions.
EXTRAS["lint"] = ["mypy>=2.4,<2.5", "ruff>=0.17,<0.18"]
# `make dist`.
EXTRAS["dist"] = ["build", "setuptools>=77", "twine"]
# `make docs`.
EXTRAS["docs"] = ["mkdocs-material>=9.8,<10", "mkdocstrings[python]>=1,<2"]
EXTRAS["dev"] = [*EXTRAS["test"], *EXTRAS["lint"], *EXTRAS["dist"], *EXTRAS["docs"]]


def read(name: str) -> str:
    """The text of a file of the project; empty if the file is not there."""
    path = ROOT / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def version() -> str:
    """The version, read without importing tfqd and so TensorFlow."""
    return re.search(r'^__version__ = "(.+)"$', read("tfqd/version.py"), re.MULTILINE)[1]


setup(
    name="tfqd",
    version=version(),
    description="Keras models compressed by quantized distillation and differentiable quantization",
    long_description=read("README.md"),
    long_description_content_type="text/markdown",
    author="The tfqd developers",
    keywords=[
        "codebook",
        "distillation",
        "keras",
        "model compression",
        "quantization",
        "quantization-aware training",
        "tensorflow",
        "tflite",
    ],
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["tfqd", "tfqd.*", "tfqd_command", "tfqd_command.*"]),
    package_data={"tfqd": ["py.typed", "page/page.css"]},
    install_requires=REQUIRED,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["tfqd = tfqd_command.main:run"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Software Development :: Libraries :: Python Modules",
        "Typing :: Typed",
    ],
)
