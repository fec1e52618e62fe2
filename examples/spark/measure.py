"""What the job of archive.py costs on one executor and on two, beside one iotcap over the same files.

    measure.py --iotcap PATH [--spark target/spark/bin] [--connections 60000] [--folder /tmp]

Makes an archive of connections of iotcap's lab, in files of a ring; runs a standalone master and workers of one core each on
loopback; prints a table in Markdown. Only a machine that has nothing else to do gives figures that say something: at least one core
more than executors is best. Needs editcap (Wireshark), Java, and PySpark where --spark says.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCENARIOS = ["healthy-with-name-tls13", "client-certificate-refused-tls12", "client-gave-up-tls13"]
FILES = 20
SHARES = 8
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def main():
    arguments = parsed()
    with tempfile.TemporaryDirectory(prefix="iotcap-measure-", dir=arguments.folder) as folder:
        folder = Path(folder)
        files = recorded(arguments, folder)
        size = sum(file.stat().st_size for file in files)
        print(f"{arguments.connections} connections, {size / 1e6:.0f} MB in {len(files)} files, {SHARES} shares\n")
        print("| | clock | processor | times as fast |\n|---|---|---|---|")
        rows, first = set(), None
        for threads in (1, 2):
            report = folder / "rows.jsonl"
            command = [arguments.iotcap, "-q", f"--threads={threads}", f"--report=jsonl={report}", *files]
            clock, processor = measured(lambda: subprocess.run(command, check=True))
            first = first or clock
            told(f"one `iotcap --threads {threads}` over all files", clock, processor, first)
            rows.add(lines(report) - 1)
            report.unlink()
        alone = None
        for executors in (1, 2):
            dataset = folder / f"dataset-{executors}"
            with Cluster(Path(arguments.spark), folder, executors) as cluster:
                clock, _ = measured(lambda: cluster.submit(arguments.iotcap, folder / "archive", dataset))
            alone = alone or clock
            told(f"the job on {executors} executor{'s'[:executors - 1]} of one core", clock, None, alone)
            rows.add(sum(lines(part) for part in dataset.rglob("*.jsonl")))
        if len(rows) != 1:
            sys.exit(f"the runs differ in their number of rows: {rows}")


def parsed():
    parser = argparse.ArgumentParser()
    parser.add_argument("--iotcap", required=True, type=os.path.abspath)
    parser.add_argument("--spark", default="target/spark/bin", type=os.path.abspath)
    parser.add_argument("--connections", type=int, default=60_000)
    parser.add_argument("--folder", default=None)
    return parser.parse_args()


def recorded(arguments, folder):
    """An archive of one sensor, in files of a ring."""
    whole, inside = folder / "whole.pcapng", folder / "archive" / "gateway"
    inside.mkdir(parents=True)
    copies = arguments.connections // len(SCENARIOS)
    subprocess.run([arguments.iotcap, "lab", *SCENARIOS, f"--multiply={copies}", "-w", whole], check=True, stdout=subprocess.DEVNULL)
    counted = subprocess.run(["capinfos", "-c", "-T", "-r", "-M", whole], check=True, capture_output=True, text=True)
    frames = int(counted.stdout.split("\t")[1])
    subprocess.run(["editcap", "-c", str(frames // FILES + 1), whole, inside / "ring.pcapng"], check=True)
    whole.unlink()
    return sorted(inside.iterdir())


def measured(run):
    """Seconds of the clock and of the processor, of what was run and waited for."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    run()
    clock, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def told(what, clock, processor, first):
    processor = "" if processor is None else f"{processor:.1f} s"
    print(f"| {what} | {clock:.1f} s | {processor} | {first / clock:.2f} |", flush=True)


def lines(path):
    with open(path, "rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


class Cluster:
    """A master and its workers on loopback, each in a process group of its own."""

    def __init__(self, spark, folder, workers):
        self.spark, self.folder, self.workers, self.processes = spark, folder, workers, []

    def __enter__(self):
        port = self.daemon("master.Master", ["--port", "0"], "Successfully started service 'sparkMaster' on port ")
        self.master = f"spark://127.0.0.1:{port.rstrip('.')}"
        for _ in range(self.workers):
            options = ["--cores", "1", "--memory", "1g", "--work-dir", str(self.folder / "work"), self.master]
            self.daemon("worker.Worker", options, "Successfully registered with master ")
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()

    def daemon(self, name, arguments, words):
        command = [self.spark / "spark-class", f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", "--webui-port", "0"]
        log = self.folder / f"{len(self.processes)}.log"
        with open(log, "w") as to:
            process = subprocess.Popen([*command, *arguments], stdout=to, stderr=to, env=self.environment(), start_new_session=True)
        self.processes.append(process)
        while process.poll() is None:
            for line in log.read_text().splitlines():
                if words in line:
                    return line.split(words, 1)[1]
            time.sleep(0.1)
        sys.exit(f"{name} did not start: {log.read_text()}")

    def submit(self, iotcap, archive, dataset):
        conf = ["spark.executor.cores=1", "spark.executor.memory=1g", "spark.ui.enabled=false", "spark.driver.host=127.0.0.1"]
        command = [self.spark / "spark-submit", "--master", self.master]
        command += [word for setting in conf for word in ("--conf", setting)]
        command += [Path(__file__).with_name("archive.py"), archive, dataset, "--iotcap", iotcap]
        command += ["--shares", str(SHARES), "--group-bytes", str(size_of(archive) // FILES)]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment())
        if done.returncode != 0:
            sys.exit(done.stderr)

    def environment(self):
        ours = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(self.folder), "SPARK_DAEMON_JAVA_OPTS": QUICK}
        ours["PYSPARK_PYTHON"] = str(self.spark / "python")
        return {**{name: value for name, value in os.environ.items() if name != "SPARK_HOME"}, **ours}


def size_of(archive):
    return sum(file.stat().st_size for file in archive.rglob("*") if file.is_file())


if __name__ == "__main__":
    main()
