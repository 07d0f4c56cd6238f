import numpy as np
import pytest
from made_digests import made_digest, made_frame, made_photo, made_weights, reading_of

from mien.core.basis import ARKIT
from mien.digest.gather import MOST_FACES, Digester
from mien.digest.moments import SIDE
from mien.digest.ranks import SHOWN_FACES, blinks_text, clock, more_faces, shown_faces, spans, strongest
from mien.digest.record import ACTIVE_FROM


def test_statistics_are_those_of_all_frames_in_which_the_face_was_seen() -> None:
    digest = made_digest(frames=200, unseen=range(50, 60))
    (face,) = digest.faces
    kept = [k for k in range(200) if k not in range(50, 60)]
    weights = np.stack([reading_of(0, k, made_weights(k)).state.expression.weights for k in kept]).astype(float)
    told = face.statistics
    np.testing.assert_allclose(told.mean, weights.mean(0), atol=1e-9)
    np.testing.assert_allclose(told.deviation, weights.std(0), atol=1e-7)
    np.testing.assert_array_equal(told.most, weights.max(0))
    smile = ARKIT.index("mouthSmileLeft")
    assert told.most_at[smile] == kept[int(weights[:, smile].argmax())] / 25
    np.testing.assert_allclose(told.active, (weights >= ACTIVE_FROM).mean(0))
    assert (digest.frames, digest.without_face, face.frames) == (200, 10, 190)
    assert [digest.start, digest.end] == pytest.approx([0, 8.0])
    assert [face.first, face.last] == pytest.approx([0, 199 / 25])


def test_blinks_are_counted_and_their_rate_is_of_the_time_seen() -> None:
    (face,) = made_digest(frames=500).faces
    assert [round(blink.time, 1) for blink in face.blinks or ()] == [1 + 2 * k for k in range(10)]
    assert face.blink_rate == pytest.approx(30)
    assert blinks_text(face) == "10 blinks, 30.0 per minute"
    (short,) = made_digest(frames=100).faces
    assert blinks_text(short) == "2 blinks, too short for a rate"
    (slow,) = made_digest(frames=50, rate=5).faces
    assert blinks_text(slow) == "blinks not counted: too few frames a second"
    (photo,) = made_photo().faces
    assert photo.blinks is None


def test_a_gap_is_where_nobody_was_seen() -> None:
    digest = made_digest(frames=100, unseen=(*range(20, 30), 99))
    (face,) = digest.faces
    assert spans(face.seen == 0, digest.starts, digest.ends) == [(0.8, 1.2), (99 / 25, pytest.approx(4.0))]


def test_the_strongest_moments_have_their_pictures() -> None:
    (face,) = made_digest(frames=120).faces
    times = {moment.name: moment.time for moment in face.moments}
    assert set(times) == {"first seen", "smile", "eyes closed"}
    assert times["first seen"] == 0
    assert times["eyes closed"] in (1.0, 3.0)
    assert abs(times["smile"] - np.pi) < 0.5  # a slow rise is not followed to the last hundredth
    assert [moment.time for moment in face.moments] == sorted(times.values())
    for moment in (*face.moments, face.portrait):
        assert moment.picture.shape == (SIDE, SIDE, 3)
        inside = (moment.points > 0) & (moment.points < SIDE)
        assert inside.all(1).mean() > 0.95


def test_points_lie_on_the_picture_where_they_lay_in_the_frame() -> None:
    frame = made_frame()
    pixels = np.array(frame.pixels)
    reading = reading_of(0, 0, {"jawOpen": 0.9})
    x, y = reading.landmarks.points[4, :2].astype(int)
    pixels[y - 3 : y + 4, x - 3 : x + 4] = (0, 255, 0)
    digester = Digester("a.png")
    digester.add(type(frame)(pixels), [reading])
    moment = digester.digest().faces[0].portrait
    green = np.argwhere((moment.picture[..., 1] > 200) & (moment.picture[..., 0] < 90))
    assert np.abs(green.mean(0)[::-1] + 0.5 - moment.points[4]).max() < 3


def test_many_faces_are_bounded_and_those_seen_longest_stay() -> None:
    digester = Digester("crowd.mp4", 0, True, 25.0)
    frame = made_frame()
    for k in range(30):
        frame = type(frame)(frame.pixels, k / 25, k)
        digester.add(frame, [reading_of(0, k, {}), reading_of(1, k, {}), reading_of(2 + k, k, {})])
    digest = digester.digest()
    assert len(digest.faces) == MOST_FACES
    assert digest.left_out == 32 - MOST_FACES
    assert [face.face for face in digest.faces[:2]] == [0, 1]
    assert [face.frames for face in digest.faces[:2]] == [30, 30]
    assert [face.face for face in shown_faces(digest)][:2] == [0, 1]
    assert len(shown_faces(digest)) == SHOWN_FACES
    assert more_faces(digest) == f"and {32 - SHOWN_FACES} more faces, seen more briefly"


def test_what_moves_most_is_shown_first_and_what_rests_is_not() -> None:
    (face,) = made_digest(frames=200).faces
    rows = strongest(face, 12)
    assert rows[:2] == [("mouthSmileLeft", "mouthSmileRight"), ("eyeBlinkLeft", "eyeBlinkRight")]
    assert ("browInnerUp",) in rows
    assert ("jawOpen",) not in rows
    assert len(strongest(face, 1)) == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.00 s"), (3.254, "3.25 s"), (59.99, "59.99 s"), (60, "1:00"), (62.5, "1:02.5"), (3723.04, "1:02:03"),
     (119.97, "2:00"), (-61, "-1:01")],
)  # fmt: skip
def test_times_are_read_as_people_read_them(seconds: float, text: str) -> None:
    assert clock(seconds) == text
