"""What a guarded question takes along to another host."""

from __future__ import annotations

import pytest

from tests.source.charts.servers import HelmServer
from todoke.model.errors import Unreachable
from todoke.source.keyring import Login
from todoke.source.remote.guard import Guard, networks_of
from todoke.source.smart_http import Door, SmartHttp
from todoke.source.urls import locate


@pytest.mark.parametrize("name", ["Authorization", "authorization"])
async def test_a_login_does_not_follow_a_redirect_to_another_host(web: HelmServer, name: str) -> None:
    there = web.url.replace("127.0.0.1", "localhost")
    web.moved["/here"], web.files["/there"] = f"{there}/there", b"a"
    guard = Guard(lambda _url: False, networks_of("127.0.0.0/8, ::1/128"))
    door = Door(web.url, Login(), True, {name: "Bearer s3cret", "Accept": "x"}, guard=guard)
    http = SmartHttp(10)
    answer = await http.ask(locate(web.url), door, "GET", f"{web.url}/here", None)
    assert (answer.body, answer.url) == (b"a", f"{there}/there")
    assert [request.authorization for request in web.requests] == ["Bearer s3cret", ""]
    await http.close()


async def test_a_redirect_in_circles_ends(web: HelmServer) -> None:
    web.moved["/here"] = f"{web.url}/here"
    door = Door(web.url, Login(), True, {}, guard=Guard(lambda _url: True))
    http = SmartHttp(10)
    with pytest.raises(Unreachable, match="in circles"):
        await http.ask(locate(web.url), door, "GET", f"{web.url}/here", None)
    await http.close()
