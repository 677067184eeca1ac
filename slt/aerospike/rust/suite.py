"""Runs the Rust client's integration suite and compares what failed with what is expected to.

    suite.py BINARY THREADS EXPECTED

EXPECTED has a line `test name: why it fails` for each test that cannot pass yet. A failure that is not
listed fails this program, and so does a listed test that passes: its line is to be removed.
"""

import collections
import re
import subprocess
import sys

#: One test's line; what the test prints itself may stand in front of its result.
LINE = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (?:.*?)(ok|FAILED|ignored)\b", re.M)
#: What a failed test said, as far as it goes into a report.
SAID = re.compile(r"^---- (\S+) stdout ----\n(.*?)(?=\n---- |\nfailures:)", re.M | re.S)
#: How a test says that the server is not one for it.
SKIPPED = re.compile(r"\bskip(?:ping|ped)?\b", re.I)


def read_expected(path):
    expected = {}
    for line in open(path):
        line = line.strip()
        if line and not line.startswith("#"):
            name, _, why = line.partition(": ")
            assert why, f"{path}: no reason in {line!r}"
            expected[name] = why
    return expected


def main(binary, threads, path):
    expected = read_expected(path)
    command = [binary, "--test-threads", threads, "--show-output"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    found = dict(LINE.findall(done.stdout))
    counts = collections.Counter(found.values())
    said = dict(SAID.findall(done.stdout))
    skipped = sum(found.get(name) == "ok" and bool(SKIPPED.search(text)) for name, text in said.items())
    failed = {name for name, result in found.items() if result == "FAILED"}

    for name in sorted(failed - expected.keys()):
        print(f"---- {name}\n" + "\n".join(said.get(name, "").splitlines()[:12]))
    wrong = [f"fails, and is not in the list: {name}" for name in sorted(failed - expected.keys())]
    for name in sorted(expected.keys() - failed):
        wrong.append(f"is in the list, and {found.get(name, 'is no test')}: {name}")
    if not counts["ok"]:
        wrong.append(f"nothing passed (status {done.returncode}):\n{done.stdout[-2000:]}")
    print("\n".join(wrong))
    reasons = collections.Counter(expected[name] for name in failed & expected.keys())
    for why, tests in reasons.most_common():
        print(f"{tests:4} fail as expected: {why}")
    print(
        f"rust suite: {counts['ok']} passed ({skipped} of them skipped themselves), "
        f"{counts['FAILED']} failed ({len(failed & expected.keys())} expected), {counts['ignored']} ignored"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
