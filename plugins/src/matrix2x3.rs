//! Matrix2x3Plugin: affine maps of the plane.
//!
//! Owns composition and the mapping of points and rectangles. Must not know objects. Facts:
//! `Matrix2x3Plugin.class.st` of VMMaker: six single-precision numbers, row by row; the arithmetic
//! in double precision; answers are rounded by adding one half and cutting off towards zero, and
//! refused outside the SmallInteger range.

/// An affine map; `(x, y)` goes to `(m0 x + m1 y + m2, m3 x + m4 y + m5)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix2x3(pub [f32; 6]);

/// A point.
pub type Point = (f64, f64);

impl Matrix2x3 {
    /// The map that changes nothing.
    pub const IDENTITY: Matrix2x3 = Matrix2x3([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);

    /// Reads the content of a word object, little-endian; `None` unless it has 24 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Matrix2x3> {
        let bytes: &[u8; 24] = bytes.try_into().ok()?;
        let (words, _) = bytes.as_chunks::<4>();
        let mut entries = [0.0; 6];
        for (entry, word) in entries.iter_mut().zip(words) {
            *entry = f32::from_le_bytes(*word);
        }
        Some(Matrix2x3(entries))
    }

    /// The content of a word object, little-endian.
    pub fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        for (chunk, entry) in bytes.chunks_exact_mut(4).zip(self.0) {
            chunk.copy_from_slice(&entry.to_le_bytes());
        }
        bytes
    }

    /// The map that applies `inner` first, then the receiver.
    pub fn compose(self, inner: Matrix2x3) -> Matrix2x3 {
        let (a, b) = (self.0.map(f64::from), inner.0.map(f64::from));
        let row = |x: f64, y: f64, column: usize| x * b[column] + y * b[column + 3];
        Matrix2x3([
            row(a[0], a[1], 0) as f32,
            row(a[0], a[1], 1) as f32,
            (row(a[0], a[1], 2) + a[2]) as f32,
            row(a[3], a[4], 0) as f32,
            row(a[3], a[4], 1) as f32,
            (row(a[3], a[4], 2) + a[5]) as f32,
        ])
    }

    /// The image of a point.
    pub fn transform(self, (x, y): Point) -> Point {
        let m = self.0.map(f64::from);
        (x * m[0] + y * m[1] + m[2], x * m[3] + y * m[4] + m[5])
    }

    /// The point whose image is given; `None` for a singular matrix.
    pub fn invert(self, (x, y): Point) -> Option<Point> {
        let m = self.0.map(f64::from);
        let (x, y) = (x - m[2], y - m[5]);
        let determinant = m[0] * m[4] - m[1] * m[3];
        if determinant == 0.0 {
            return None;
        }
        let factor = 1.0 / determinant;
        Some(((x * m[4] - m[1] * y) * factor, (m[0] * y - x * m[3]) * factor))
    }

    /// The bounding box (origin, corner) of the image of a rectangle.
    pub fn transform_rectangle(self, origin: Point, corner: Point) -> (Point, Point) {
        bounds(corners(origin, corner).map(|point| self.transform(point)))
    }

    /// The bounding box of the points whose image is the rectangle; `None` for a singular matrix.
    pub fn invert_rectangle(self, origin: Point, corner: Point) -> Option<(Point, Point)> {
        let mut points = corners(origin, corner);
        for point in &mut points {
            *point = self.invert(*point)?;
        }
        Some(bounds(points))
    }

    /// Whether the map changes nothing.
    pub fn is_identity(self) -> bool {
        self == Matrix2x3::IDENTITY
    }

    /// Whether the map only moves.
    pub fn is_pure_translation(self) -> bool {
        let m = self.0;
        [m[0], m[1], m[3], m[4]] == [1.0, 0.0, 0.0, 1.0]
    }
}

/// Rounds a coordinate to a SmallInteger; `None` outside of its range and for NaN.
pub fn rounded(coordinate: f64) -> Option<i64> {
    const LIMIT: f64 = (1u64 << 60) as f64;
    let value = coordinate + 0.5;
    (-LIMIT..LIMIT).contains(&value).then_some(value as i64)
}

fn corners(origin: Point, corner: Point) -> [Point; 4] {
    [origin, corner, (corner.0, origin.1), (origin.0, corner.1)]
}

fn bounds(points: [Point; 4]) -> (Point, Point) {
    let mut low = points[0];
    let mut high = points[0];
    for (x, y) in points {
        low = (low.0.min(x), low.1.min(y));
        high = (high.0.max(x), high.1.max(y));
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Doubles, turns by a right angle, and moves.
    const TURN: Matrix2x3 = Matrix2x3([0.0, -2.0, 10.0, 2.0, 0.0, 20.0]);

    #[test]
    fn points_go_there_and_back() {
        assert_eq!(TURN.transform((1.0, 3.0)), (4.0, 22.0));
        assert_eq!(TURN.invert((4.0, 22.0)), Some((1.0, 3.0)));
        assert_eq!(Matrix2x3([1.0, 1.0, 0.0, 1.0, 1.0, 0.0]).invert((1.0, 1.0)), None);
    }

    #[test]
    fn composition_applies_the_argument_first() {
        let shift = Matrix2x3([1.0, 0.0, 5.0, 0.0, 1.0, 7.0]);
        let both = TURN.compose(shift);
        assert_eq!(both.0, [0.0, -2.0, -4.0, 2.0, 0.0, 30.0]);
        assert_eq!(both.transform((1.0, 1.0)), TURN.transform((6.0, 8.0)));
    }

    #[test]
    fn rectangles_are_bounded() {
        let image = TURN.transform_rectangle((0.0, 0.0), (1.0, 3.0));
        assert_eq!(image, ((4.0, 20.0), (10.0, 22.0)));
        let back = TURN.invert_rectangle(image.0, image.1);
        assert_eq!(back, Some(((0.0, 0.0), (1.0, 3.0))));
    }

    #[test]
    fn kinds_are_recognised() {
        assert!(Matrix2x3::IDENTITY.is_identity());
        assert!(Matrix2x3([1.0, 0.0, 5.0, 0.0, 1.0, 7.0]).is_pure_translation());
        assert!(!TURN.is_pure_translation());
        assert_eq!(Matrix2x3::from_bytes(&TURN.to_bytes()), Some(TURN));
        assert_eq!(Matrix2x3::from_bytes(&[0; 20]), None);
    }

    #[test]
    fn rounding_cuts_off_towards_zero() {
        assert_eq!(rounded(2.5), Some(3));
        assert_eq!(rounded(-2.7), Some(-2));
        assert_eq!(rounded(f64::NAN), None);
        assert_eq!(rounded(1e19), None);
        assert_eq!(rounded(-(2f64.powi(60))), Some(-(1 << 60)));
    }
}
