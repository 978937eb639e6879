"""What TFLite files answer in a browser: Chromium without a window, and LiteRT.js."""

import functools
import http.server
import json
import pathlib
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence

import numpy as np

from tfqd.export.litert.checking.runtimes import Answers

_PAGE = """<!doctype html>
<script type="importmap">
{"imports": {"@litertjs/core": "/@litertjs/core/dist/index.js",
             "@litertjs/wasm-utils": "/@litertjs/wasm-utils/dist/index.js"}}
</script>
<script type="module">
import {loadLiteRt, loadAndCompile, Tensor} from "@litertjs/core";
const types = {float32: Float32Array, int32: Int32Array};

async function answers(job) {
  const model = await loadAndCompile(job.file, {accelerator: "wasm"});
  const found = [];
  for (const example of job.examples) {
    const inputs = {};
    for (const [name, {type, shape, numbers}] of Object.entries(example))
      inputs[name] = new Tensor(new types[type](numbers), shape);
    const outputs = await model.run(inputs);
    const read = {};
    for (const [name, tensor] of Object.entries(outputs))
      read[name] = Array.from(tensor.toTypedArray());
    found.push(read);
  }
  return found;
}

const results = [];
try {
  await loadLiteRt("/@litertjs/core/wasm/");
  for (const job of await (await fetch("/jobs")).json())
    results.push(await answers(job).catch(error => String(error)));
} catch (error) {
  results.push(String(error));
}
await fetch("/results", {method: "POST", body: JSON.stringify(results)});
</script>
"""


def browser_answers(
    files: Sequence[bytes],
    inputs: Sequence[Mapping[str, np.ndarray]],
    packages: pathlib.Path,
    timeout: float = 600,
) -> list[Answers | str]:
    """What LiteRT.js answers on a CPU, or for what reason it does not.

    Args:
        files: to run.
        inputs: of each, arrays by the names of its signature; examples are fed one by one.
        packages: a folder `node_modules` with @litertjs/core.
        timeout: seconds that the browser gets.
    """
    jobs = [
        {"file": f"/file/{number}", "examples": _examples(arrays)}
        for number, arrays in enumerate(inputs)
    ]
    done = threading.Event()
    results: list = []
    handler = functools.partial(_Handler, files, jobs, results, done, directory=str(packages))
    with (
        http.server.ThreadingHTTPServer(("localhost", 0), handler) as server,
        tempfile.TemporaryDirectory() as profile,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        page = f"http://localhost:{server.server_port}/page"
        log = pathlib.Path(profile, "log")
        with log.open("wb") as output:
            browser = subprocess.Popen(["chromium", *options, page], stdout=output, stderr=output)
        try:
            if not done.wait(timeout):
                raise TimeoutError(f"the browser said nothing for {timeout} s")
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()
    return [each if isinstance(each, str) else _joined(each) for each in results]


def _examples(inputs: Mapping[str, np.ndarray]) -> list[dict]:
    count = len(next(iter(inputs.values())))
    return [
        {
            name: {
                "type": array.dtype.name,
                "shape": [1, *array.shape[1:]],
                "numbers": array[example].reshape(-1).tolist(),
            }
            for name, array in inputs.items()
        }
        for example in range(count)
    ]


def _joined(examples: Sequence[Mapping[str, list[float]]]) -> Answers:
    """[examples, numbers] of each output."""
    return {name: np.array([each[name] for each in examples]) for name in examples[0]}


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the page, the files, what to do with them and the packages; takes the results."""

    def __init__(self, files, jobs, results, done, *args, **options):
        self._files, self._jobs, self._results, self._done = files, jobs, results, done
        super().__init__(*args, **options)

    def do_GET(self):
        if self.path == "/page":
            self._send(_PAGE.encode(), "text/html")
        elif self.path == "/jobs":
            self._send(json.dumps(self._jobs).encode(), "application/json")
        elif self.path.startswith("/file/"):
            self._send(self._files[int(self.path[6:])], "application/octet-stream")
        else:
            super().do_GET()

    def do_POST(self):
        self._results += json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(b"", "text/plain")
        self._done.set()

    def log_message(self, format, *args):
        """Says nothing of each request."""

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
