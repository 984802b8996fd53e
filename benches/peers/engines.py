"""The engines as processes that are asked, in turn, how long a case takes."""

import json
import os
import queue
import subprocess
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class Failed(Exception):
    """An engine did not answer, or said that it cannot."""


def environment(threads: int) -> dict[str, str]:
    """Of every engine: the same number of threads, and no shaders from earlier runs."""
    names = ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS"]
    # A layer of Mesa complains where there is no desktop.
    mesa = {"MESA_SHADER_CACHE_DISABLE": "true", "MESA_GLSL_CACHE_DISABLE": "true", "NODEVICE_SELECT": "1"}
    return os.environ | {name: str(threads) for name in names} | mesa


class Unperturb:
    """`unperturb bench`, a process for each request."""

    label = key = "unperturb"

    def __init__(self, binary: Path, device: str, threads: int):
        self.binary, self.device, self.environment = binary, device, environment(threads)
        version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
        self.version = version.strip()

    def measure(self, case, batch: int, patience: float) -> dict:
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            command = [self.binary, "bench", case.name, "--batch", str(batch), "--device", self.device]
            command += ["--quiet", "--json", file.name]
            try:
                subprocess.run(
                    command, env=self.environment, stdout=subprocess.DEVNULL, timeout=patience, check=True
                )
            except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
                raise Failed(str(error)) from error
            (measured,) = json.loads(Path(file.name).read_text())["measurements"]
        return {"seconds": measured["median_seconds"], "first": measured["first_seconds"]}

    def check(self, batch: int, patience: float) -> None:
        """Its own tests hold it to the golden file."""

    def close(self):
        pass


class Peer:
    """A program that answers as `common/src/serve.rs` says."""

    def __init__(self, key: str, label: str, command: list, threads: int):
        self.key, self.label, self.command, self.threads = key, label, command, threads
        self.process, self.version = None, key

    def start(self, patience: float):
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(self.threads),
        )
        self.answers = queue.Queue()
        threading.Thread(target=self.listen, args=(self.process, self.answers), daemon=True).start()
        self.version = self.answer(patience)["engine"]

    @staticmethod
    def listen(process, answers):
        for line in process.stdout:
            answers.put(line)
        answers.put(None)

    def ask(self, request: str, patience: float) -> dict:
        if self.process is None:
            self.start(patience)
        self.process.stdin.write(f"{request}\n")
        self.process.stdin.flush()
        return self.answer(patience)

    def answer(self, patience: float) -> dict:
        try:
            line = self.answers.get(timeout=patience)
        except queue.Empty:
            self.close()
            raise Failed(f"no answer within {patience:.0f} s") from None
        if line is None:
            self.close()
            raise Failed("the program ended")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def measure(self, case, batch: int, patience: float) -> dict:
        answer = self.ask(f"measure {batch} {case.name}", patience)
        samples = sorted(answer["samples"])
        middle = len(samples) // 2
        median = (samples[middle] + samples[-1 - middle]) / 2
        return {"seconds": median} | ({"first": answer["first"]} if "first" in answer else {})

    def check(self, batch: int, patience: float) -> dict[str, list[float]]:
        return self.ask(f"check {batch}", patience)["checks"]

    def close(self):
        """Ends the process, whatever it does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
