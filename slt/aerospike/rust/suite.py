"""Runs the Rust client's integration suite and compares what failed with what is expected to.

    suite.py BINARY THREADS EXPECTED

Lines of EXPECTED, each with a reason after the colon:

    test name: why              it fails; if it passes, its line is to be removed
    sometimes test name: why    it may fail and may pass
    skip prefix: why            the tests with this in their names are not run

A failure of any other test fails this program.
"""

import collections
import re
import subprocess
import sys

#: One test's line; what the test prints itself may stand in front of its result.
LINE = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (?:.*?)(ok|FAILED|ignored)\b", re.M)
#: What a test said, as far as it goes into a report.
SAID = re.compile(r"^---- (\S+) stdout ----\n(.*?)(?=\n---- |\nfailures:|\nsuccesses:)", re.M | re.S)
#: How a test says that the server is not one for it.
SKIPPED = re.compile(r"\bskip(?:ping|ped)?\b", re.I)


def read_expected(path):
    """The reasons, by kind of line and name."""
    expected = {"fails": {}, "sometimes": {}, "skip": {}}
    for line in open(path):
        line = line.strip()
        if line and not line.startswith("#"):
            name, _, why = line.partition(": ")
            assert why, f"{path}: no reason in {line!r}"
            kind, _, of = name.partition(" ")
            expected[kind if of else "fails"][of or name] = why
    return expected


def main(binary, threads, path):
    expected = read_expected(path)
    fails, sometimes = expected["fails"], expected["sometimes"]
    skip = [word for prefix in expected["skip"] for word in ("--skip", prefix)]
    command = [binary, "--test-threads", threads, "--show-output", *skip]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    found = dict(LINE.findall(done.stdout))
    counts = collections.Counter(found.values())
    said = dict(SAID.findall(done.stdout))
    skipped = sum(found.get(name) == "ok" and bool(SKIPPED.search(text)) for name, text in said.items())
    failed = {name for name, result in found.items() if result == "FAILED"}
    new = sorted(failed - fails.keys() - sometimes.keys())

    for name in new:
        print(f"---- {name}\n" + "\n".join(said.get(name, "").splitlines()[:12]))
    wrong = [f"fails, and is not in the list: {name}" for name in new]
    for name in sorted(fails.keys() - failed):
        wrong.append(f"is in the list, and {found.get(name, 'is no test')}: {name}")
    if not counts["ok"]:
        wrong.append(f"nothing passed (status {done.returncode}):\n{done.stdout[-2000:]}")
    print("\n".join(wrong))
    reasons = collections.Counter((fails | sometimes)[name] for name in failed - set(new))
    for why, tests in reasons.most_common():
        print(f"{tests:4} fail as expected: {why}")
    for prefix, why in expected["skip"].items():
        print(f"   not run, {prefix}: {why}")
    print(
        f"rust suite: {counts['ok']} passed ({skipped} of them skipped themselves), "
        f"{counts['FAILED']} failed ({len(failed) - len(new)} expected), {counts['ignored']} ignored"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
