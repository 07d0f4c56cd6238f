from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made_capture, made_reading
from receivers import made_moment

from mien.core.basis import ARKIT, PERFECT_SYNC
from mien.core.errors import InputError, UsageError
from mien.core.face import Expression, FaceState
from mien.formats.stream import (
    LEAST_WEIGHT,
    MOST_WEIGHT,
    Destination,
    Moment,
    Protocol,
    check_angles,
    check_weights,
    refuse_packet,
)

# --- moments ----------------------------------------------------------------------------------------------------------


def test_a_moment_is_one_face_over_arkit_at_a_time() -> None:
    state = made_reading().state
    assert Moment(1.5, state, "mien-0").state is state
    with pytest.raises(ValueError, match="one moment at a time"):
        Moment(0.0, made_capture().takes[0].state)
    other = FaceState(Expression(state.expression.weights, PERFECT_SYNC), state.pose, state.gaze)
    with pytest.raises(ValueError, match="weights over arkit, got perfectsync"):
        Moment(0.0, other)
    for time in (np.nan, np.inf):
        with pytest.raises(ValueError, match="finite"):
            Moment(time, state)


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "protocol", "host", "port"),
    [
        ("vmc://127.0.0.1:39540", Protocol.VMC, "127.0.0.1", 39540),
        ("vmc://127.0.0.1", Protocol.VMC, "127.0.0.1", 39539),
        ("livelink://studio-pc.local", Protocol.LIVE_LINK, "studio-pc.local", 11111),
        ("ifacialmocap://localhost/", Protocol.IFACIALMOCAP, "localhost", 49983),
        ("VMC://LocalHost:1", Protocol.VMC, "LocalHost", 1),
        ("vmc://[::1]:65535", Protocol.VMC, "::1", 65535),
        ("livelink://[fe80::1%eth0]", Protocol.LIVE_LINK, "fe80::1%eth0", 11111),
        ("livelink://[::ffff:10.0.0.1]", Protocol.LIVE_LINK, "::ffff:10.0.0.1", 11111),
    ],
)
def test_addresses_are_read(text: str, protocol: Protocol, host: str, port: int) -> None:
    assert Destination.parse(text) == Destination(protocol, host, port)


def test_vmc_may_spell_the_weights_as_arkit_does() -> None:
    assert Destination.parse("vmc://h").names is PERFECT_SYNC
    assert Destination.parse("vmc://h:1?names=arkit").names is ARKIT
    assert Destination.parse("vmc://h:1/?names=perfectsync") == Destination.parse("vmc://h:1")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "names no receiver"),
        ("127.0.0.1:39539", "names no receiver"),
        ("vmc://", "names no receiver"),
        ("vmc://:39539", "names no receiver"),
        ("vmc://host:", "names no receiver"),
        ("vmc://host:-1", "names no receiver"),
        ("vmc://host:٣", "names no receiver"),
        ("vmc://host:123456", "names no receiver"),
        ("vmc://ho st", "names no receiver"),
        ("vmc://host\n", "names no receiver"),
        ("vmc://me@host", "names no receiver"),
        ("vmc://host/path", "names no receiver"),
        ("vmc://host#1", "names no receiver"),
        ("vmc://::1:39539", "names no receiver"),
        ("vmc://[]:1", "names no receiver"),
        ("http://host", "no stream is called http"),
        ("osc://host", "no stream is called osc"),
        ("vmc://host:0", "port 0 is outside 1..65535"),
        ("vmc://host:65536", "port 65536 is outside 1..65535"),
        ("vmc://[1:2:3]", "1:2:3 is no IPv6 address"),
        ("vmc://[127.0.0.1]", "127.0.0.1 is no IPv6 address"),
        ("vmc://host?names=facs", "names=facs is not for vmc; vmc takes perfectsync or arkit"),
        ("livelink://host?names=arkit", "names=arkit is not for livelink"),
    ],
)
def test_a_wrong_address_is_refused_with_what_is_allowed(text: str, cause: str) -> None:
    with pytest.raises(UsageError) as caught:
        Destination.parse(text)
    said = str(caught.value)
    assert cause in said
    assert "allowed: vmc://HOST[:39539], livelink://HOST[:11111], ifacialmocap://HOST[:49983]" in said
    assert "\n" not in said


hosts = st.one_of(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.-]{0,20}", fullmatch=True),
    st.ip_addresses().map(lambda address: str(address)),
)
destinations = st.builds(
    Destination, st.sampled_from(Protocol), hosts, st.integers(1, 65535), st.just(PERFECT_SYNC)
) | st.builds(Destination, st.just(Protocol.VMC), hosts, st.integers(1, 65535), st.sampled_from([ARKIT, PERFECT_SYNC]))


@given(destinations)
@settings(derandomize=True, deadline=None)
def test_an_address_as_printed_names_the_same_receiver(destination: Destination) -> None:
    assert Destination.parse(str(destination)) == destination


@given(st.text(max_size=40) | st.from_regex(r"\A(vmc|livelink)://.{0,20}\Z"))
@settings(derandomize=True, deadline=None)
def test_any_text_is_an_address_or_a_mistake_of_usage(text: str) -> None:
    with suppress(UsageError):
        assert 1 <= Destination.parse(text).port <= 65535


# --- what a packet may hold -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [LEAST_WEIGHT, -0.1, 0.0, 1.05, MOST_WEIGHT])
def test_weights_that_real_recordings_hold_are_taken(weight: float) -> None:
    check_weights(made_moment(jawOpen=weight).state.expression.weights, "VMC")


@pytest.mark.parametrize("weight", [-0.51, 2.01, np.nan, np.inf, -np.inf])
def test_absurd_weights_are_refused_by_name(weight: float) -> None:
    weights = np.zeros(len(ARKIT))
    weights[ARKIT.index("jawOpen")] = weight
    with pytest.raises(InputError, match=r"VMC datagram: E_FORMAT: jawOpen is .*, outside -0\.5\.\.2"):
        check_weights(weights, "VMC")


@pytest.mark.parametrize("angle", [7.0, -7.0, np.nan, np.inf])
def test_absurd_angles_are_refused(angle: float) -> None:
    check_angles(np.array([6.2, -6.2]), "VMC")
    with pytest.raises(InputError, match="VMC datagram: E_FORMAT"):
        check_angles(np.array([0.0, angle]), "VMC")


def test_a_refused_packet_is_one_line() -> None:
    assert "\n" not in str(refuse_packet("VMC", "a\nb"))
