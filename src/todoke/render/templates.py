"""Go templates in the texts of a document, evaluated by the render worker."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from todoke.model.errors import Blocked
from todoke.render.no_files import NoFiles
from todoke.render.worker import EngineFailed, Workers

Evaluate = Callable[[Any, Mapping[str, Any], Sequence[str]], Awaitable[Any]]


def evaluator(workers: Workers) -> Evaluate:
    """What evaluates Go templates: of a document, the data (what `.` is), and options such as `missingkey=error`.

    It gives the document with every text and every key in it that holds `{{` rendered, with the functions of Argo CD's
    ApplicationSets. It raises Blocked where one fails; the field is the place in the document, "" for a document that
    is one text.
    """

    async def evaluate(document: Any, data: Mapping[str, Any], options: Sequence[str]) -> Any:
        request = {"engine": "template", "document": document, "data": data, "options": options}
        try:
            output = await workers.run(request, NoFiles())
        except EngineFailed as error:
            place, problem = _told(error.text, document)
            next_step = "Correct the template" if place or problem.startswith("template: ") else ""
            raise Blocked("the Go template", problem, field=place, next_step=next_step) from error
        return msgspec.json.decode(output.data)

    return evaluate


def _told(text: str, document: Any) -> tuple[str, str]:
    """The place that the worker names, and the problem. Of a text it names none, and none where it was ended itself."""
    place, separator, problem = text.partition(": ")
    named = separator and not isinstance(document, str) and place != "template" and " " not in place
    return (place, problem) if named else ("", text)
