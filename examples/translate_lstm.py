"""German to English: an LSTM student of half its teacher's layers, quantized.

    pip install sacrebleu tokenizers
    python examples/translate_lstm.py --data_dir=DATA

The paper's translation experiment on Multi30k: an encoder-decoder with attention, 2+2 layers
of 500 units for the teacher, 1+1 for the student. All kernels are quantized, embeddings,
recurrent kernels and the output layer included. For every seed:

* teacher, labels: the teacher, and the student from labels alone;
* word: the student from labels and the teacher's answers, token by token;
* sequence: the same, on the sentences that the teacher writes for the sources;
* post_training_Nbit: the `word` student quantized once, in buckets of 256 weights;
* quantized_Nbit: it trained on, quantized, against the teacher (Algorithm 1);
* learned_Nbit: the same on grids whose steps are trained, one for each channel;
* even_Nbit: those with as many levels below 0 as above;
* codebook_Nbit: those whose levels are trained as well, the same levels in all channels;
* entropy_Nbit: it trained on with codes chosen with their length in view, to the bytes of the
  `quantized_Nbit` archive;
* continued: it trained on for as long in floats, what the quantized ones are to be held against;
* points_Nbit: points of it trained, weights frozen (Algorithm 2).

Measured are perplexity, and by sacrebleu BLEU of lower-cased sentences written by beam
search, on each test set; of the next tokens calibration, and agreement with the teacher.
Where the paper trained by SGD from rate 1 this trains by Adam with a falling rate, and there
is no input feeding. `serving/` of a quantized student is a SavedModel with text in and text
out, which takes the likeliest word at each place, not a beam; `translate_client.py` asks it.

DATA holds ``translation/multi30k.*.tsv.gz``. Without --data_dir the program runs on a few
hundred invented sentences, to try it out; `--smoke` makes the shortest of all trials. A run
that is interrupted goes on from its last whole epoch, and one that is in the results is not
repeated; several processes may share the results.
"""

import os
import pathlib
import sys
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import consoles
import keras
import numpy as np
import translation_data
from absl import app, flags
from learning_rates import Cosine
from results_file import ResultsFile, seeds_of
from rich.table import Table
from text_translator import text_translator
from trainings import Trainer, Training
from translation_data import PairBatches, Pairs, Subwords, kept_array, token_accuracy
from translation_measures import BATCH, Judge
from translation_methods import QUANTIZED, method_and_bits, spec_of
from translation_networks import network, with_dropout

import tfqd
from tfqd.callbacks import ByteBudget
from tfqd.distillation import SequenceDistillation

FROM_SCRATCH = ("teacher", "labels", "word", "sequence")
FLOAT_RUNS = (*FROM_SCRATCH, "continued")
# What epochs and Dropout of students that are trained on say nothing of.
NOT_TRAINED_ON = (*FROM_SCRATCH, *(run for run in QUANTIZED if run.startswith("post_training")))
RUNS = (*FLOAT_RUNS, *QUANTIZED)
SMOKE_RUNS = ("teacher", "word", "quantized_4bit")
LESSONS = ("train", "val")
TESTS = ("test_2016_flickr", "test_2017_flickr", "test_2017_mscoco", "test_2018_flickr")
LENGTH = 40
DROPOUT = 0.3

_DATA = flags.DEFINE_string("data_dir", None, "folder with Multi30k")
_OUTPUT = flags.DEFINE_string("output", "translate_lstm", "folder for checkpoints and models")
_RESULTS = flags.DEFINE_string("results", None, "results file; default OUTPUT/results.json")
_RUNS = flags.DEFINE_list("runs", list(RUNS), "names of the runs to make")
_SEEDS = flags.DEFINE_list("seeds", ["1"], "seeds of each run")
_TEACHER_SEED = flags.DEFINE_integer(
    "teacher_seed", None, "seed of the teacher of all students; default each student's own"
)
_EPOCHS = flags.DEFINE_integer("epochs", 15, "epochs of each training", lower_bound=1)
_FLOAT_EPOCHS = flags.DEFINE_integer(
    "float_epochs", None, "those of teacher, labels, word, sequence; default as --epochs", 1
)
_DROPOUT = flags.DEFINE_float(
    "dropout", DROPOUT, "Dropout of students that are trained on; 0.3 of others", 0.0, 1.0
)
_RATE = flags.DEFINE_float("rate", 1e-3, "largest learning rate", lower_bound=0.0)
_VOCABULARY = flags.DEFINE_integer("vocabulary", 8000, "number of subwords", lower_bound=100)
_TEACHER_UNITS = flags.DEFINE_integer("teacher_units", 500, "units of each of its LSTMs", 1)
_STUDENT_UNITS = flags.DEFINE_integer("student_units", 256, "units of each of its LSTMs", 1)
_BEAM = flags.DEFINE_integer("beam", 5, "sentences that the search keeps", lower_bound=1)
_SMOKE = flags.DEFINE_bool("smoke", False, "the shortest trial: invented sentences, tiny networks")


def main(argv) -> None:
    del argv
    console = consoles.console()
    if _SMOKE.value:
        _make_smoke()
    try:
        seeds = _checked_seeds()
        train, held_out, tests, source = _pairs()
        path = pathlib.Path(_RESULTS.value or f"{_OUTPUT.value}/results.json")
        command = "python examples/translate_lstm.py --data_dir=DATA"
        results = ResultsFile(path, {"command": command, "data": source})
    except (ValueError, OSError) as error:
        sys.exit(f"translate_lstm: {error}")
    console.print(f"Data: {source}")
    shelf = f"{source.replace(' ', '_')}_{_VOCABULARY.value}"
    file = pathlib.Path(_OUTPUT.value, shelf, "vocabulary.json")
    subwords = Subwords.kept(file, train, _VOCABULARY.value)

    def students_of(seed: int, teachers: Students | None = None) -> Students:
        data = PairBatches(subwords, train, held_out, seed, min(BATCH, len(train) // 9), LENGTH)
        return Students(subwords, data, tests, source, seed, teachers)

    for seed in seeds:
        others = _TEACHER_SEED.value not in (None, seed)
        students = students_of(seed, students_of(_TEACHER_SEED.value) if others else None)
        for run in _RUNS.value:
            key = {"run": run, **students.settings_of(run)}
            if results.find(key) is None:
                row = {**key, **students.row(run)}
                if results.add(row, key):
                    console.print(f"seed {seed}, {run}: BLEU {row['bleu']}")
    console.print(_table(results.rows))


def _make_smoke() -> None:
    values = flags.FLAGS
    if not values["runs"].present:
        values.runs = list(SMOKE_RUNS)
    values.epochs, values.vocabulary, values.rate = 8, 200, 2e-2
    values.float_epochs = None
    values.teacher_units, values.student_units, values.beam = 32, 24, 2


def _checked_seeds() -> list[int]:
    unknown = [name for name in _RUNS.value if name not in RUNS]
    if unknown:
        raise ValueError(f"--runs: no {unknown[0]!r}; there are {', '.join(RUNS)}")
    return seeds_of(_SEEDS.value)


def _pairs() -> tuple[Pairs, Pairs, dict[str, Pairs], str]:
    """Pairs to train on, held-out ones, those of the test sets by name, and their source."""
    if _DATA.value is None or _SMOKE.value:
        train, test = translation_data.invented()
        return train, test, {"invented": test}, "invented sentences"
    parts = {part: translation_data.load(_DATA.value, f"multi30k.{part}") for part in TESTS}
    train, held_out = (translation_data.load(_DATA.value, f"multi30k.{part}") for part in LESSONS)
    return train, held_out, parts, "Multi30k"


class Students:
    """The teacher and the students of one seed.

    Args:
        subwords: the vocabulary of both languages.
        data: what all learn from, in the order of the seed.
        tests: test sets by name.
        source: what the data are called.
        seed: of networks and dropout.
        teachers: whose teacher the students have, where that is not of this seed.
    """

    def __init__(
        self,
        subwords: Subwords,
        data: PairBatches,
        tests: dict[str, Pairs],
        source: str,
        seed: int,
        teachers: "Students | None" = None,
    ):
        self._subwords, self._data, self._tests, self.seed = subwords, data, tests, seed
        self._judge = Judge(subwords, tests, LENGTH, _BEAM.value)
        self._teachers = teachers or self
        self._from_scratch = {
            "seed": seed,
            "teacher_seed": seed if teachers is None else teachers.seed,
            "float_epochs": _FLOAT_EPOCHS.value or _EPOCHS.value,
            "rate": _RATE.value,
            "vocabulary": len(subwords.pieces),
            "teacher_units": _TEACHER_UNITS.value,
            "student_units": _STUDENT_UNITS.value,
            "batch": data.size,
            "data": source,
            "vocabulary_digest": subwords.digest,
        }
        self._trained_on = {"epochs": _EPOCHS.value, "dropout": _DROPOUT.value}
        name = "_".join(map(str, self._from_scratch.values())).replace(" ", "_")
        self._folder = pathlib.Path(_OUTPUT.value, name)

    def settings_of(self, run: str) -> dict[str, Any]:
        """What the run's row says of its settings."""
        trained_on = {} if run in NOT_TRAINED_ON else self._trained_on
        return {**self._from_scratch, **trained_on, "beam": _BEAM.value}

    def row(self, run: str) -> dict[str, Any]:
        """Makes a run and gives what was measured; quantized models go to the folder."""
        start = time.perf_counter()
        model = self.model(run)
        row: dict[str, Any] = {"bytes": 4 * model.count_params()}
        if run not in FLOAT_RUNS:
            folder = self._home(run)
            folder.mkdir(parents=True, exist_ok=True)
            tfqd.save(model, folder / "student.tfqd", facts={"run": run})
            row["bytes"] = (folder / "student.tfqd").stat().st_size
            if not (folder / "serving").exists():
                self._export(model, folder / "serving")
        row |= self._judge.row(model, self._teachers.model("teacher"))
        return {**row, "seconds": round(time.perf_counter() - start)}

    def model(self, run: str) -> keras.Model:
        """What the run trains, trained."""
        if run == "teacher":
            return self._train(run, lambda: self._network(2, _TEACHER_UNITS.value), distil=False)
        if run in FROM_SCRATCH:
            data = self._retold() if run == "sequence" else self._data
            return self._train(
                run, lambda: self._network(1, _STUDENT_UNITS.value), run != "labels", data
            )
        self.model("word")  # Trained by now: a training begins by setting the seed.
        if run == "continued":
            return self._train(run, self._lighter)
        method, bits = method_and_bits(run)

        def student() -> keras.Model:
            return tfqd.quantize_model(self._lighter(), spec_of(run))

        if method == "post_training":
            return student()
        budgets = [self._bytes_of(f"quantized_{bits}bit")] if method == "entropy" else []
        return self._train(run, student, callbacks=budgets)

    def _lighter(self) -> keras.Model:
        """The `word` student with the Dropout that it is trained on with."""
        return with_dropout(self.model("word"), _DROPOUT.value)

    def _bytes_of(self, run: str) -> ByteBudget:
        """What trains to the bytes of the run's archive."""
        return ByteBudget(tfqd.size_report(self.model(run)).archive_bytes, verbose=0)

    def _network(self, layers: int, units: int) -> keras.Model:
        return network(len(self._subwords.pieces), layers, units, DROPOUT, f"{layers}_layers")

    def _train(self, run, student, distil: bool = True, data=None, callbacks=()) -> keras.Model:
        name = "float_epochs" if run in FROM_SCRATCH else "epochs"
        epochs = self.settings_of(run)[name]
        training = Training(epochs, _RATE.value, Cosine(epochs), adam=True)
        soft_loss = SequenceDistillation(temperature=1.0)
        trainer = Trainer(data or self._data, self.seed, soft_loss, 0.3, score=token_accuracy)
        title = f"seed {self.seed}, {run}"

        def teacher() -> keras.Model | None:
            return self._teachers.model("teacher") if distil else None

        return trainer.train(student, teacher, training, self._home(run), title, callbacks)

    def _home(self, run: str) -> pathlib.Path:
        """The run's folder; what a beam has written is learnt in `sequence` alone."""
        if run in NOT_TRAINED_ON:
            return self._folder / (f"{run}_{_BEAM.value}" if run == "sequence" else run)
        name = "_".join(f"{value}_{name}" for name, value in self._trained_on.items())
        return self._folder / name / run

    def _retold(self) -> PairBatches:
        """The training pairs with the teacher's own sentences as the targets."""
        file = self._home("sequence") / "targets.npy"
        teacher = self._teachers.model
        return self._data.retold(
            kept_array(file, lambda: self._judge.write(teacher("teacher"), self._data.sources))
        )

    def _export(self, model: keras.Model, folder: pathlib.Path) -> None:
        texts = [german for german, _ in next(iter(self._tests.values()))[:3]]
        translator = text_translator(model, self._subwords.pieces, LENGTH)
        tfqd.export.saved_model(translator, folder, probes=np.array(texts, object))


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(
        title="German to English", caption="bytes: the .tfqd file; of float models, the weights"
    )
    for heading in ("run", "seed", "test set", "BLEU", "perplexity", "bytes"):
        table.add_column(heading, justify="left" if heading in ("run", "test set") else "right")
    for row in rows:
        for name, bleu in row["bleu"].items():
            perplexity = f"{row['perplexity'][name]:.2f}"
            table.add_row(
                row["run"], str(row["seed"]), name, f"{bleu:.2f}", perplexity, f"{row['bytes']:,}"
            )
    return table


if __name__ == "__main__":
    app.run(main)
