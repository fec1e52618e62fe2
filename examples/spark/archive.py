"""An archive of captures, analysed by iotcap on the executors of a Spark cluster, as one dataset.

    spark-submit archive.py ARCHIVE DATASET [options] [-- options of iotcap]

ARCHIVE/SENSOR/… holds the captures of each sensor (those of ARCHIVE itself are of the sensor "archive"; what does not fit in a
path of a dataset becomes "_" in its name, as iotcap does it); DATASET gets
sensor=SENSOR/part-00001.jsonl and so on, a connection a line as in iotcap.report/1, or with --format parquet the tables
of docs/archive.md; and _SUCCESS when it is complete.

    captures ──split──▶ pieces, a share each ──Spark's shuffle──▶ analysis of each share ──▶ staged parts ──▶ DATASET

No connection is cut: whatever files its frames are in, they meet in one share before anything is told. docs/scale.md says
why the rows are those of one iotcap over all files of the sensor.
"""

import argparse
import bisect
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

CAPTURE = re.compile(r"\.(pcap|pcapng|cap)\d*(\.(gz|zst))?$", re.IGNORECASE)

# A piece goes through the shuffle in chunks of so many bytes, so that no task holds one in memory.
CHUNK = 1 << 20

# The most files that one run of iotcap can tell apart.
MAX_FILES = 65_535


@dataclass(frozen=True)
class Group:
    """Consecutive files of a sensor, which one task splits."""

    sensor: int
    number: int
    first_file: int
    files: tuple


@dataclass(frozen=True)
class Job:
    """What every task has to know."""

    iotcap: str
    options: tuple
    shares: int
    format: str
    events: bool
    staging: str
    sensors: tuple

    def sensor(self, index):
        return self.sensors[index // self.shares]

    def part(self, index):
        """What the files of a share are called, behind "part-"."""
        return f"{index % self.shares + 1:05}"

    def staged(self, index, again):
        """Where a task leaves the files of a share, as they are to lie in the dataset."""
        return Path(self.staging) / f"{index}{'-again' if again else ''}"


def main():
    arguments = parsed(sys.argv[1:])
    captures = found(Path(arguments.archive))
    if not captures:
        sys.exit(f"{arguments.archive}: no captures there")
    dataset = Path(arguments.dataset).absolute()
    job = Job(
        iotcap=arguments.iotcap,
        options=tuple(arguments.options),
        shares=arguments.shares,
        format=arguments.format,
        events=arguments.events,
        staging=str(dataset / f"_staging-{uuid.uuid4().hex}"),
        sensors=tuple(captures),
    )
    groups = grouped(captures, arguments.group_bytes)
    from pyspark import SparkContext

    context = SparkContext(appName="iotcap archive")
    try:
        again = run(context, job, groups)
        commit(dataset, [job.staged(index, index in again) for index in range(job.shares * len(job.sensors))])
    finally:
        context.stop()
        shutil.rmtree(job.staging, ignore_errors=True)
    files = sum(len(group.files) for group in groups)
    print(f"{files} captures in {len(groups)} groups, {len(job.sensors)} sensors, {len(again)} shares told twice")


def parsed(words):
    own, _, options = partition(words, "--")
    parser = argparse.ArgumentParser(usage="%(prog)s ARCHIVE DATASET [options] [-- options of iotcap]")
    parser.add_argument("archive")
    parser.add_argument("dataset")
    parser.add_argument("--iotcap", default="iotcap", help="the program, at the same place on every executor")
    parser.add_argument("--shares", type=int, default=8, help="tasks that analyse each sensor, at most 64")
    parser.add_argument("--group-bytes", type=int, default=1 << 30, help="bytes of captures that one task splits")
    parser.add_argument("--format", choices=["jsonl", "parquet"], default="jsonl")
    parser.add_argument("--events", action="store_true", help="events too, as a table of their own in parquet")
    arguments = parser.parse_args(own)
    arguments.options = options
    return arguments


def partition(words, separator):
    """What stands before the separator, and behind it."""
    place = words.index(separator) if separator in words else len(words)
    return words[:place], separator, words[place + 1 :]


def found(archive):
    """The captures of each sensor, in the order of their names: 2 before 10."""
    sensors, folders = defaultdict(list), {}
    for path in sorted(archive.absolute().rglob("*"), key=natural):
        if path.is_file() and CAPTURE.search(path.name):
            inside = path.relative_to(archive.absolute()).parts
            folder = inside[0] if len(inside) > 1 else "archive"
            sensor = in_a_path(folder)
            if folders.setdefault(sensor, folder) != folder:
                sys.exit(f"{folders[sensor]!r} and {folder!r} would both be the sensor {sensor}: rename one of them")
            sensors[sensor].append(path)
    for sensor, files in sensors.items():
        if len(files) > MAX_FILES:
            sys.exit(f"{sensor}: {len(files)} files are more than {MAX_FILES}: make it several sensors")
    return dict(sorted(sensors.items()))


def in_a_path(name):
    """What iotcap calls the sensor whose captures lie in this folder."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:100]


def natural(path):
    return [int(word) if word.isdecimal() else word for word in re.split(r"(\d+)", str(path))]


def grouped(captures, group_bytes):
    """Files that follow one another, as many as have so many bytes."""
    groups = []
    for sensor, files in enumerate(captures.values()):
        begin, size = 0, 0
        for end, path in enumerate(files, 1):
            size += path.stat().st_size
            if size >= group_bytes or end == len(files):
                number = len(groups)
                groups.append(Group(sensor, number, begin, tuple(map(str, files[begin:end]))))
                begin, size = end, 0
    return groups


def run(context, job, groups):
    """Analyses all shares, and those again whose verdicts another one bears on; gives which these are."""
    partitions = len(job.sensors) * job.shares
    chunks = context.parallelize(groups, len(groups)).flatMap(lambda group: split(job, group))
    pieces = chunks.repartitionAndSortWithinPartitions(partitions, lambda key: key[0])
    carried = dict(pieces.mapPartitionsWithIndex(lambda index, of: analyse(job, index, of, {})).collect())
    others = borne_upon(job, carried)
    if others:
        known = context.broadcast(others)
        again = pieces.mapPartitionsWithIndex(lambda index, of: analyse(job, index, of, known.value))
        context.runJob(again, list, sorted(others))
    return set(others)


def split(job, group):
    """The pieces of a group: ((partition, group, chunk), bytes)."""
    with tempfile.TemporaryDirectory(prefix="iotcap-") as folder:
        selection = [f"--into={job.shares}", f"--to={folder}", f"--first-file={group.first_file}"]
        call([job.iotcap, "split", *selection, *job.options, *group.files])
        for share in range(job.shares):
            with open(Path(folder) / f"{share + 1}.pcapng", "rb") as piece:
                for number, chunk in enumerate(iter(lambda: piece.read(CHUNK), b"")):
                    yield (group.sensor * job.shares + share, group.number, number), chunk


def analyse(job, index, chunks, others):
    """Tells the connections of a share, and gives what the others may have to know."""
    with tempfile.TemporaryDirectory(prefix="iotcap-") as folder:
        folder = Path(folder)
        pieces = []
        for (_, group, _), chunk in chunks:
            piece = folder / f"{group}.pcapng"
            if piece not in pieces:
                pieces.append(piece)
            with open(piece, "ab") as file:
                file.write(chunk)
        carry = [f"--carry-out={folder / 'carry'}"]
        if index in others:
            (folder / "others").write_bytes(zlib.decompress(others[index]))
            carry.append(f"--carry-in={folder / 'others'}")
        files = folder / "files"
        share = f"--share={index % job.shares + 1}/{job.shares}"
        report = [f"--report=parquet={files}/", f"--sensor={job.sensor(index)}", f"--part={job.part(index)}"]
        if job.format == "jsonl":
            rows = files / f"sensor={job.sensor(index)}" / f"part-{job.part(index)}.jsonl"
            rows.parent.mkdir(parents=True)
            report = [f"--report=jsonl={rows}"]
        if job.events:
            report.append("--events")
        call([job.iotcap, "-q", *report, "--pieces", share, *carry, *job.options, *pieces])
        if job.format == "jsonl":
            drop_last_line(rows)
        publish(files, job.staged(index, index in others))
        yield index, zlib.compress((folder / "carry").read_bytes())


def borne_upon(job, carried):
    """The shares with a session that a client of another share may have taken over, each with what it has to know."""
    arrivals, ended = defaultdict(list), []
    for index, packed in carried.items():
        for text in zlib.decompress(packed).splitlines():
            line = json.loads(text)
            if arrival := line.get("arrival"):
                key = (index // job.shares, arrival["server"])
                arrivals[key].append((arrival["connack"][0], index, text))
            else:
                ended.append((index, line["ended"]))
    for known in arrivals.values():
        known.sort()
    others = defaultdict(set)
    for index, end in ended:
        known = arrivals[index // job.shares, end["server"]]
        first = bisect.bisect_left(known, (end["from"],))
        last = bisect.bisect_left(known, (end["to"] + 1,))
        others[index].update(text for _, other, text in known[first:last] if other != index)
    return {index: zlib.compress(b"\n".join(sorted(texts))) for index, texts in others.items() if texts}


def drop_last_line(path):
    """The last line of jsonl is of the run, not of a connection."""
    with open(path, "r+b") as file:
        end = file.seek(0, os.SEEK_END) - 1
        while end > 0:
            begin = max(0, end - CHUNK)
            file.seek(begin)
            place = file.read(end - begin).rfind(b"\n")
            if place >= 0:
                file.truncate(begin + place + 1)
                return
            end = begin
        file.truncate(0)


def publish(files, staged):
    """Whoever does a task again leaves the same files: all are there or none."""
    beside = staged.with_name(f"_{uuid.uuid4().hex}")
    shutil.copytree(files, beside)
    try:
        beside.rename(staged)
    except OSError:
        # Another attempt was first.
        shutil.rmtree(beside)
        if not staged.is_dir():
            raise


def commit(dataset, staged):
    """The driver alone changes the dataset: what a task that nobody waits for any more still writes is never part of it."""
    complete, contents = dataset / "_SUCCESS", dataset / "_files"
    files = {file.relative_to(share): file for share in staged for file in share.rglob("*") if file.is_file()}
    complete.unlink(missing_ok=True)
    earlier = contents.read_text().splitlines() if contents.exists() else []
    for old in set(earlier) - set(map(str, files)):
        (dataset / old).unlink(missing_ok=True)
    contents.write_text("".join(f"{file}\n" for file in sorted(files)))
    for name, file in files.items():
        (dataset / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, dataset / name)
    complete.touch()


def call(command):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"iotcap ended with {done.returncode}")


if __name__ == "__main__":
    main()
