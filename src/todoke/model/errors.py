"""Every failure that a person may read.

DeliveryError           something about the user's object, source or cluster is wrong
├── Blocked             retrying will not help: a person must change something
│   ├── Missing         a kind, namespace or object that was named is not there (yet)
│   ├── Forbidden       a right is missing (yet)
│   └── Unrenderable    the source does not render (now): tried again when an input changes, or after a while
├── NotReady            retry later, nothing is broken yet
└── Unreachable         a neighbour did not answer: retry with back-off
Anything else that escapes is a bug in todoke and is logged with its traceback.
"""


class DeliveryError(Exception):
    """Names the object, the field, the problem and the next step."""

    def __init__(self, subject: str, problem: str, *, field: str = "", next_step: str = "") -> None:
        self.subject, self.problem, self.field, self.next_step = subject, problem, field, next_step
        where = f"{subject} {field}".rstrip()
        problem = problem.rstrip(".")
        stop = "" if problem.endswith("?") else "."
        super().__init__(f"{where}: {problem}" + (f"{stop} {next_step}" if next_step else ""))


class Blocked(DeliveryError):
    """Only a change by a person helps."""


class Missing(Blocked):
    """What was named does not exist in the cluster; its appearance lifts this without a person."""


class Forbidden(Blocked):
    """A right is missing; once it is granted this lifts without anything else."""


class Unrenderable(Blocked):
    """What the source says cannot be rendered. Attributes: retry_after: seconds after which it is tried again."""

    def __init__(self, error: Blocked, retry_after: float) -> None:
        super().__init__(error.subject, error.problem, field=error.field, next_step=error.next_step)
        self.retry_after = retry_after


class NotReady(DeliveryError):
    """Try again after `retry_after` seconds."""

    def __init__(self, subject: str, problem: str, *, retry_after: float) -> None:
        super().__init__(subject, problem, next_step=f"Trying again in {retry_after:.0f} s")
        self.retry_after = retry_after


class Unreachable(DeliveryError):
    """The Git server or the API server did not answer, or answered that it is overloaded."""
