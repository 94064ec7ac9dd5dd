"""What all the programs of the other scenarios' stack have logged."""

from logfmt import pairs


def test_every_line_is_logfmt_to_a_strict_reader(stack):
    wrong, lines = [], 0
    for log in ("sequencer", "relay", "cell", "webhooks"):
        path = stack.log / f"{log}.log"
        for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
            if "deploy/keep: line" in line:  # bash, of a process that was killed
                continue
            lines += 1
            try:
                if not {"ts", "level", "proc", "event"} <= pairs(line).keys():
                    wrong.append(line)
            except ValueError as error:
                wrong.append(str(error))
    assert lines > 10 and not wrong, "\n".join(wrong[:20])
