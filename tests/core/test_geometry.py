"""Maps, rotations, similarities, the camera and meshes: mostly round trips."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.core.geometry import (
    Camera,
    Mesh,
    affine_scale,
    angles_from_rotation,
    apply_affine,
    bounds,
    box_overlap,
    compose_affine,
    fit_similarity,
    invert_affine,
    rotation_from_angles,
    rotation_from_vector,
    square_to_frame,
    turn_to,
    vector_from_rotation,
)

CHECKED = settings(derandomize=True, deadline=None, max_examples=50)
SEEDS = st.integers(0, 2**32 - 1)
ANGLE = st.floats(-3.1, 3.1)
QUARTER = np.pi / 2


@st.composite
def affines(draw: st.DrawFn) -> Array:
    """Maps that are far from flat: a turn, two stretches, a turn or its mirror image, and a shift."""
    turns = [np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in (draw(ANGLE), draw(ANGLE))]
    stretch = np.diag([draw(st.floats(0.1, 10)), draw(st.floats(0.1, 10)) * draw(st.sampled_from([-1, 1]))])
    shift = np.array([[draw(st.floats(-500, 500))], [draw(st.floats(-500, 500))]])
    return np.concatenate([turns[0] @ stretch @ turns[1], shift], axis=1)


def some_points(seed: int, columns: int = 2, count: int = 12) -> Array:
    return np.random.default_rng(seed).uniform(-100, 100, (count, columns))


def some_rotation(rng: np.random.Generator, dimensions: int) -> Array:
    q, _ = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))
    q[:, 0] *= np.sign(np.linalg.det(q))
    return np.asarray(q)


class TestAffine:
    @CHECKED
    @given(affines(), SEEDS)
    def test_inverse_takes_points_back(self, affine: Array, seed: int) -> None:
        points = some_points(seed)
        back = apply_affine(invert_affine(affine), apply_affine(affine, points))
        np.testing.assert_allclose(back, points, atol=1e-8)

    @CHECKED
    @given(affines())
    def test_inverse_is_an_involution_and_composes_to_identity(self, affine: Array) -> None:
        inverse = invert_affine(affine)
        np.testing.assert_allclose(invert_affine(inverse), affine, atol=1e-7)
        np.testing.assert_allclose(compose_affine(inverse, affine), np.eye(2, 3), atol=1e-8)
        np.testing.assert_allclose(compose_affine(affine, inverse), np.eye(2, 3), atol=1e-8)

    @CHECKED
    @given(affines(), affines(), SEEDS)
    def test_composition_is_one_map_after_the_other(self, outer: Array, inner: Array, seed: int) -> None:
        points = some_points(seed)
        np.testing.assert_allclose(
            apply_affine(compose_affine(outer, inner), points),
            apply_affine(outer, apply_affine(inner, points)),
            atol=1e-8,
        )

    @CHECKED
    @given(affines(), affines(), affines())
    def test_composition_is_associative_and_scales_multiply(self, a: Array, b: Array, c: Array) -> None:
        np.testing.assert_allclose(
            compose_affine(a, compose_affine(b, c)), compose_affine(compose_affine(a, b), c), rtol=1e-9, atol=1e-6
        )
        assert affine_scale(compose_affine(a, b)) == pytest.approx(affine_scale(a) * affine_scale(b), rel=1e-6)

    @CHECKED
    @given(affines(), SEEDS)
    def test_depth_scales_with_the_map_and_other_axes_are_as_without_it(self, affine: Array, seed: int) -> None:
        points = some_points(seed, 3)
        moved = apply_affine(affine, points)
        np.testing.assert_array_equal(moved[:, :2], apply_affine(affine, points[:, :2]))
        np.testing.assert_allclose(moved[:, 2], points[:, 2] * affine_scale(affine))
        stacked = np.stack([points, points])
        np.testing.assert_allclose(apply_affine(affine, stacked), np.stack([moved, moved]))

    @pytest.mark.parametrize("flat", [[[1, 2, 0], [2, 4, 5]], [[0, 0, 1], [0, 0, 1]], [[np.nan, 0, 0], [0, 1, 0]]])
    def test_flat_map_has_no_inverse(self, flat: list[list[float]]) -> None:
        with pytest.raises(ValueError, match="flattens the plane"):
            invert_affine(np.array(flat))


class TestSquare:
    @CHECKED
    @given(st.floats(-900, 900), st.floats(-900, 900), st.floats(1, 900), ANGLE, st.integers(1, 512))
    def test_square_has_the_centre_side_and_turn_asked_for(
        self, x: float, y: float, side: float, angle: float, pixels: int
    ) -> None:
        affine = square_to_frame(np.array([x, y]), side, angle, pixels)
        corners = apply_affine(affine, np.array([[0, 0], [pixels, 0], [pixels, pixels], [0, pixels]], np.float64))
        np.testing.assert_allclose(corners.mean(0), [x, y], atol=1e-9)
        np.testing.assert_allclose(np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1), side)
        along = corners[1] - corners[0]
        np.testing.assert_allclose(along / side, [np.cos(angle), np.sin(angle)], atol=1e-9)
        assert affine_scale(affine) == pytest.approx(side / pixels)
        assert affine[0, 0] * affine[1, 1] - affine[0, 1] * affine[1, 0] > 0

    def test_a_turn_is_clockwise_in_the_picture(self) -> None:
        quarter = square_to_frame(np.array([50.0, 50.0]), 100, QUARTER, 100)
        # What lies at the cut's right edge lies at the picture's bottom: y points down.
        np.testing.assert_allclose(apply_affine(quarter, np.array([[100.0, 50.0]])), [[50, 100]], atol=1e-9)


class TestBoxes:
    @CHECKED
    @given(SEEDS)
    def test_bounds_hold_every_point_and_touch_some(self, seed: int) -> None:
        points = some_points(seed, 3)
        x0, y0, x1, y1 = bounds(points)
        assert ((points[:, 0] >= x0) & (points[:, 0] <= x1) & (points[:, 1] >= y0) & (points[:, 1] <= y1)).all()
        assert {x0, x1} <= set(points[:, 0])
        assert {y0, y1} <= set(points[:, 1])

    @CHECKED
    @given(SEEDS)
    def test_overlap_is_symmetric_within_0_and_1_and_1_with_itself(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        least = rng.uniform(-50, 50, (6, 2))
        boxes = np.concatenate([least, least + rng.uniform(0.1, 80, (6, 2))], axis=1)
        table = np.stack([box_overlap(box, boxes) for box in boxes])
        np.testing.assert_allclose(table, table.T, atol=1e-12)
        np.testing.assert_allclose(np.diag(table), 1)
        assert (table >= 0).all()
        assert (table <= 1 + 1e-12).all()

    @CHECKED
    @given(SEEDS, st.floats(0.01, 100), st.floats(-1000, 1000))
    def test_overlap_does_not_change_with_size_or_place(self, seed: int, scale: float, shift: float) -> None:
        rng = np.random.default_rng(seed)
        least = rng.uniform(-50, 50, (6, 2))
        boxes = np.concatenate([least, least + rng.uniform(1, 80, (6, 2))], axis=1)
        np.testing.assert_allclose(
            box_overlap(boxes[0] * scale + shift, boxes * scale + shift), box_overlap(boxes[0], boxes), atol=1e-6
        )

    @pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
    def test_overlap_of_known_boxes(self, dtype: Any) -> None:
        one = np.array([0, 0, 2, 2], dtype)
        many = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [2, 0, 4, 2], [5, 5, 6, 6], [1, 1, 1, 1]], dtype)
        np.testing.assert_allclose(box_overlap(one, many), [1, 1 / 3, 0, 0, 0], atol=1e-7)

    def test_empty_boxes_overlap_nothing(self) -> None:
        empty = np.array([3.0, 3, 3, 3])
        assert box_overlap(empty, empty[None]).tolist() == [0]
        assert box_overlap(empty, np.zeros((0, 4))).shape == (0,)


class TestRotation:
    @CHECKED
    @given(ANGLE, st.floats(-1.56, 1.56), ANGLE)
    def test_angles_come_back_away_from_the_quarter_turn(self, pitch: float, yaw: float, roll: float) -> None:
        rotation = rotation_from_angles(pitch, yaw, roll)
        np.testing.assert_allclose(angles_from_rotation(rotation), [pitch, yaw, roll], atol=1e-8)

    @CHECKED
    @given(ANGLE, st.floats(-7, 7), ANGLE)
    def test_it_is_a_rotation_and_its_angles_make_it_again(self, pitch: float, yaw: float, roll: float) -> None:
        rotation = rotation_from_angles(pitch, yaw, roll)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        angles = angles_from_rotation(rotation)
        assert abs(angles[1]) <= QUARTER
        np.testing.assert_allclose(rotation_from_angles(*angles), rotation, atol=5e-6)

    @CHECKED
    @given(ANGLE, st.sampled_from([-QUARTER, QUARTER]), st.sampled_from([0, 1e-15, -1e-9, 1e-7, -1e-6, 1e-5]), ANGLE)
    def test_angles_at_and_near_the_quarter_turn_make_the_rotation_again(
        self, pitch: float, yaw: float, off: float, roll: float
    ) -> None:
        rotation = rotation_from_angles(pitch, yaw + off, roll)
        angles = angles_from_rotation(rotation)
        np.testing.assert_allclose(rotation_from_angles(*angles), rotation, atol=5e-6)
        if abs(off) < 1e-8:
            assert angles[2] == 0
            only = pitch - roll if yaw > 0 else pitch + roll
            assert np.cos(angles[0] - only) == pytest.approx(1)

    def test_leading_axes_are_kept(self) -> None:
        rng = np.random.default_rng(0)
        angles = rng.uniform(-1.5, 1.5, (2, 4, 3))
        rotations = np.array([[rotation_from_angles(*moment) for moment in row] for row in angles])
        np.testing.assert_allclose(angles_from_rotation(rotations), angles, atol=1e-9)

    def test_of_many_angles_each_turns_as_if_alone(self) -> None:
        pitch, yaw = np.random.default_rng(0).uniform(-2, 2, (2, 2, 3))
        turns = rotation_from_angles(pitch, yaw, 0.3)
        assert turns.shape == (2, 3, 3, 3)
        for k in np.ndindex(2, 3):
            np.testing.assert_array_equal(turns[k], rotation_from_angles(pitch[k], yaw[k], 0.3))

    def test_no_angles_are_the_identity(self) -> None:
        np.testing.assert_array_equal(rotation_from_angles(0, 0, 0), np.eye(3))

    def test_order_is_roll_after_yaw_after_pitch(self) -> None:
        pitch, yaw, roll = 0.3, -0.7, 1.1
        apart = rotation_from_angles(0, 0, roll) @ rotation_from_angles(0, yaw, 0) @ rotation_from_angles(pitch, 0, 0)
        np.testing.assert_allclose(rotation_from_angles(pitch, yaw, roll), apart, atol=1e-12)

    def test_signs_are_as_the_words_say(self) -> None:
        forwards, crown = np.array([0.0, 0, -1]), np.array([0.0, -1, 0])  # out of the face; out of the top of the head
        assert (rotation_from_angles(0.2, 0, 0) @ forwards)[1] > 0.1, "positive pitch nods down: y grows downwards"
        assert (rotation_from_angles(0, 0.2, 0) @ forwards)[0] < -0.1, "positive yaw: the picture's left"
        assert (rotation_from_angles(0, 0, 0.2) @ crown)[0] > 0.1, "positive roll is clockwise in the picture"


class TestFitSimilarity:
    @CHECKED
    @given(SEEDS, st.sampled_from([2, 3]), st.floats(0.01, 100), st.booleans())
    def test_any_similarity_is_found_again(self, seed: int, dimensions: int, scale: float, weighted: bool) -> None:
        rng = np.random.default_rng(seed)
        source = rng.normal(size=(7, dimensions))
        rotation, translation = some_rotation(rng, dimensions), rng.uniform(-50, 50, dimensions)
        target = scale * source @ rotation.T + translation
        found = fit_similarity(source, target, rng.uniform(0.1, 5, 7) if weighted else None)
        assert found.scale == pytest.approx(scale, rel=1e-9)
        np.testing.assert_allclose(found.rotation, rotation, atol=1e-7)
        np.testing.assert_allclose(found.translation, translation, atol=1e-8 * max(scale, 1))

    @CHECKED
    @given(SEEDS, st.sampled_from([2, 3]))
    def test_it_never_reflects(self, seed: int, dimensions: int) -> None:
        rng = np.random.default_rng(seed)
        source = rng.normal(size=(6, dimensions))
        mirrored = source * np.array([-1, *[1] * (dimensions - 1)])
        flat = source * np.array([*[1] * (dimensions - 1), 0])
        for target in (mirrored, rng.normal(size=source.shape), flat, np.zeros_like(source)):
            found = fit_similarity(source, target)
            np.testing.assert_allclose(found.rotation @ found.rotation.T, np.eye(dimensions), atol=1e-9)
            assert np.linalg.det(found.rotation) == pytest.approx(1)
            assert found.scale > -1e-9

    @CHECKED
    @given(SEEDS, st.sampled_from([2, 3]))
    def test_of_many_faces_each_is_fitted_as_if_alone(self, seed: int, dimensions: int) -> None:
        rng = np.random.default_rng(seed)
        source, targets = rng.normal(size=(8, dimensions)), rng.normal(size=(2, 3, 8, dimensions))
        weights = rng.uniform(0.1, 3, 8)
        together = fit_similarity(source, targets, weights)
        for k in np.ndindex(2, 3):
            alone = fit_similarity(source, targets[k], weights)
            assert np.asarray(together.scale)[k] == pytest.approx(alone.scale, rel=1e-9)
            np.testing.assert_allclose(together.rotation[k], alone.rotation, atol=1e-9)
            np.testing.assert_allclose(together.translation[k], alone.translation, atol=1e-9)

    @CHECKED
    @given(SEEDS, st.sampled_from([2, 3]))
    def test_nothing_near_it_fits_better(self, seed: int, dimensions: int) -> None:
        rng = np.random.default_rng(seed)
        source, target = rng.normal(size=(2, 8, dimensions))
        weights = rng.uniform(0.1, 3, 8)
        found = fit_similarity(source, target, weights)

        def cost(scale: float | Array, rotation: Array, translation: Array) -> float:
            return float(weights @ ((scale * source @ rotation.T + translation - target) ** 2).sum(1))

        best = cost(found.scale, found.rotation, found.translation)
        for _ in range(5):
            q, r = np.linalg.qr(np.eye(dimensions) + 0.05 * rng.normal(size=(dimensions, dimensions)))
            near = q * np.sign(np.diag(r))
            other = cost(
                found.scale + 0.05 * rng.normal(),
                near @ found.rotation,
                found.translation + 0.05 * rng.normal(size=dimensions),
            )
            assert other >= best - 1e-9

    @CHECKED
    @given(SEEDS)
    def test_weights_count_as_repetitions_and_nought_as_absence(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        source, target = rng.normal(size=(2, 6, 3))
        counts = np.array([1, 2, 0, 3, 1, 4])
        weighted = fit_similarity(source, target, counts.astype(np.float64))
        repeated = fit_similarity(np.repeat(source, counts, 0), np.repeat(target, counts, 0))
        assert weighted.scale == pytest.approx(repeated.scale)
        np.testing.assert_allclose(weighted.rotation, repeated.rotation, atol=1e-7)
        np.testing.assert_allclose(weighted.translation, repeated.translation, atol=1e-7)

    @CHECKED
    @given(st.integers(1, 40), st.floats(-1e4, 1e4), st.sampled_from([2, 3]))
    def test_one_point_over_and_over_is_refused(self, count: int, place: float, dimensions: int) -> None:
        source = np.full((count, dimensions), place)
        with pytest.raises(ValueError, match="at least two distinct points"):
            fit_similarity(source, np.arange(count * dimensions, dtype=np.float64).reshape(count, dimensions))

    def test_points_close_together_are_no_single_point(self) -> None:
        source = 500 + 1e-6 * np.array([[0.0, 0], [1, 0], [0, 1]])
        assert fit_similarity(source, 3 * source).scale == pytest.approx(3, rel=1e-6)


class TestCamera:
    def test_axis_meets_the_centre_whatever_the_depth(self) -> None:
        camera = Camera(800, np.array([320.0, 240.0]))
        np.testing.assert_allclose(camera.project(np.array([[0, 0, 0.3], [0, 0, 9]])), [[320, 240], [320, 240]])

    @CHECKED
    @given(SEEDS, st.floats(10, 5000))
    def test_projection_is_a_pinholes(self, seed: int, focal_length: float) -> None:
        rng = np.random.default_rng(seed)
        points = np.concatenate([rng.uniform(-1, 1, (5, 4, 2)), rng.uniform(0.2, 3, (5, 4, 1))], axis=-1)
        camera = Camera(focal_length, rng.uniform(0, 2000, 2))
        pixels = camera.project(points)
        assert pixels.shape == (5, 4, 2)
        rays = np.concatenate([(pixels - camera.centre) / focal_length, np.ones((5, 4, 1))], axis=-1)
        np.testing.assert_allclose(rays * points[..., 2:], points, atol=1e-9)
        np.testing.assert_allclose(camera.project(2.5 * points), pixels, atol=1e-8)

    @pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640)])
    def test_assumed_lens_sees_63_degrees_over_the_longer_side(self, width: int, height: int) -> None:
        camera = Camera.of_picture(width, height)
        assert camera.centre.tolist() == [width / 2, height / 2]
        assert np.rad2deg(2 * np.arctan(320 / camera.focal_length)) == pytest.approx(63)
        assert Camera.of_picture(width, height, 123).focal_length == 123

    @pytest.mark.parametrize("focal_length", [0, -1, np.nan, np.inf])
    def test_impossible_focal_length_is_refused(self, focal_length: float) -> None:
        with pytest.raises(ValueError, match="focal_length must be above 0 pixels, got"):
            Camera(focal_length, np.zeros(2))

    def test_impossible_centre_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"centre must have shape \[2\], got \[3\]"):
            Camera(1, np.zeros(3))
        with pytest.raises(ValueError, match="centre holds numbers that are not finite"):
            Camera(1, np.array([0, np.nan]))


class TestMesh:
    def test_mesh_keeps_and_freezes_its_parts(self) -> None:
        mesh = Mesh(
            np.eye(3),
            np.array([[0, 1, 2]]),
            np.zeros((3, 2)),
            normals=np.eye(3),
            colours=np.zeros((3, 3)),
            morph_targets=np.zeros((2, 3, 3)),
            morph_names=("jawOpen", "eyeWideLeft"),
        )
        assert mesh.triangles.dtype == np.int32
        for part in (mesh.vertices, mesh.triangles, mesh.uv, mesh.normals, mesh.colours, mesh.morph_targets):
            assert part is not None
            with pytest.raises(ValueError, match="read-only"):
                part[...] = 0

    def test_mesh_may_have_no_triangles_at_all(self) -> None:
        assert Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32)).uv is None

    def test_a_seam_gives_one_vertex_several_texture_coordinates(self) -> None:
        corners = np.array([[4, 1, 2]])
        mesh = Mesh(np.eye(3), np.array([[0, 1, 2]]), np.zeros((5, 2)), uv_triangles=corners)
        assert mesh.uv_triangles is not None
        np.testing.assert_array_equal(mesh.uv_triangles, corners)

    @pytest.mark.parametrize(
        ("parts", "message"),
        [
            ({"vertices": np.zeros((3, 2))}, r"vertices must have shape \[n, 3\], got \[3, 2\]"),
            ({"triangles": np.zeros((1, 4), int)}, r"triangles must have shape \[n, 3\], got \[1, 4\]"),
            ({"triangles": np.array([[0, 1, 3]])}, r"triangles name vertices outside 0\.\.2"),
            ({"triangles": np.array([[0, 1, -1]])}, r"triangles name vertices outside 0\.\.2"),
            ({"triangles": np.array([[0, 1, 1.5]])}, "triangles must hold whole numbers"),
            ({"uv": np.zeros((4, 2))}, r"uv must have shape \[3, 2\], got \[4, 2\]"),
            ({"uv_triangles": np.array([[0, 1, 2]])}, "uv_triangles need uv"),
            (
                {"uv": np.zeros((3, 2)), "uv_triangles": np.array([[0, 1, 3]])},
                r"uv_triangles name vertices outside 0\.\.2",
            ),
            ({"colours": np.zeros((2, 3))}, r"colours must have shape \[3, 3\], got \[2, 3\]"),
            ({"morph_targets": np.zeros((1, 3, 3))}, "1 morph targets need as many distinct names, got 0"),
            ({"normals": np.zeros((3, 2))}, r"normals must have shape \[3, 3\], got \[3, 2\]"),
            ({"morph_targets": np.zeros((3, 3))}, r"morph_targets must have shape \[n, 3, 3\], got \[3, 3\]"),
            ({"vertices": np.full((3, 3), np.nan)}, "vertices holds numbers that are not finite"),
        ],
    )
    def test_mesh_refuses_parts_that_do_not_fit(self, parts: dict[str, Any], message: str) -> None:
        sound: dict[str, Any] = {"vertices": np.eye(3), "triangles": np.array([[0, 1, 2]])}
        with pytest.raises(ValueError, match=message):
            Mesh(**{**sound, **parts})


@CHECKED
@given(affines(), SEEDS)
def test_a_similar_map_is_told_from_its_points(affine: Array, seed: int) -> None:
    """`fit_similarity` and `square_to_frame` agree on what a turned, scaled square is."""
    angle = float(np.arctan2(affine[1, 0], affine[0, 0]))
    side = affine_scale(affine) * 100
    assume(side > 1)
    square = square_to_frame(affine[:, 2], side, angle, 100)
    points = some_points(seed)
    found = fit_similarity(points, apply_affine(square, points))
    assert found.scale == pytest.approx(side / 100, rel=1e-9)
    np.testing.assert_allclose(
        np.concatenate([found.scale * found.rotation, found.translation[:, None]], 1), square, atol=1e-7
    )


@CHECKED
@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_turning_to_a_ray_leads_the_axis_along_it(ray: list[float]) -> None:
    array = np.array([ray, [0.0, 0.0, 0.0], [1.0, 2.0, -1.0]])
    turns = turn_to(array)
    np.testing.assert_allclose(turns @ np.swapaxes(turns, -1, -2), [np.eye(3)] * 3, atol=1e-9)
    np.testing.assert_allclose(turns[1:], [np.eye(3)] * 2)
    if ray[2] > 1e-3:
        np.testing.assert_allclose(turns[0] @ [0, 0, 1], array[0] / np.linalg.norm(array[0]), atol=1e-9)


@CHECKED
@given(SEEDS, st.sampled_from([0.0, 1e-12, 1e-6, 0.1, 1.0, 3.0, np.pi - 1e-7]))
def test_a_vector_and_its_rotation_are_one(seed: int, angle: float) -> None:
    axis = np.random.default_rng(seed).normal(size=(4, 2, 3))
    vector = angle * axis / np.linalg.norm(axis, axis=-1, keepdims=True)
    rotation = rotation_from_vector(vector)
    np.testing.assert_allclose(
        rotation @ np.swapaxes(rotation, -1, -2), np.broadcast_to(np.eye(3), (4, 2, 3, 3)), atol=1e-12
    )
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(rotation @ axis[..., None], axis[..., None], atol=1e-9)
    np.testing.assert_allclose(vector_from_rotation(rotation), vector, atol=1e-9)


def test_half_a_turn_has_either_axis() -> None:
    half = np.diag([1.0, -1.0, -1.0])
    np.testing.assert_allclose(np.abs(vector_from_rotation(half)), [np.pi, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation_from_vector(vector_from_rotation(half)), half, atol=1e-12)


@pytest.mark.parametrize(
    ("axis", "angles"), [((1, 0, 0), (0.3, 0, 0)), ((0, 1, 0), (0, 0.3, 0)), ((0, 0, 1), (0, 0, 0.3))]
)
def test_a_rotation_about_an_axis_is_right_handed(axis: tuple[float, ...], angles: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(rotation_from_vector(0.3 * np.array(axis)), rotation_from_angles(*angles), atol=1e-12)
